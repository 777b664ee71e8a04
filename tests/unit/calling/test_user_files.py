from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from error_sequence_model.calling import ODD, UNDERSTOOD, WRONG, Finding, check_files
from error_sequence_model.genome import SPLICE_TYPES
from error_sequence_model.settings import complete_config
from tiny_calls import scored, write_gtf, write_tracks
from tiny_genome import TinyGenome, make_tiny_genome


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome(genes=40)


def check(
    genome: TinyGenome,
    folder: Path,
    predictor: dict[str, Any],
    aliases: Path | None = None,
    **more: Any,
) -> list[Finding]:
    fasta = genome.write_fasta(folder / "genome.fa")
    annotation = write_gtf(genome, folder / "genes.gtf")
    entry = {"fasta": str(fasta), "annotation": str(annotation)}
    if aliases:
        entry["aliases"] = str(aliases)
    config = {
        "genomes": {"g": entry},
        "predictors": {"mine": {"genome": "g", **predictor}},
        # The tiny tables have no other false calls.
        "contrasts": {
            "fp": {"like": "fp_vs_tp", "splice_types": ["donor"]},
            "fn": {"like": "fn_vs_tp", "splice_types": ["acceptor"]},
        },
        **more,
    }
    return list(check_files(complete_config(config)))


def of_kind(findings: list[Finding], kind: str) -> list[Finding]:
    return [finding for finding in findings if finding.kind == kind]


def test_right_files_are_understood(genome: TinyGenome, tmp_path: Path) -> None:
    errors = genome.write_table(tmp_path / "errors.tsv")
    findings = check(genome, tmp_path, {"errors": str(errors)})
    assert not of_kind(findings, WRONG)
    told = {finding.subject: finding.text for finding in reversed(findings)}
    assert "3 contigs" in told["genomes.g.fasta"]
    assert f"{len(genome.sites)} sites" in told["predictors.mine.errors"]
    assert "(coding" in told["genomes.g.annotation"]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("side", ["exon", "intron"])
def test_the_lines_that_are_printed_mend_a_table(
    genome: TinyGenome, tmp_path: Path, base: int, side: str
) -> None:
    written = {"coordinate_base": base, "site_base": side}
    errors = genome.write_table(tmp_path / "errors.tsv", **written)
    findings = check(genome, tmp_path, {"errors": str(errors)})
    wrong = of_kind(findings, WRONG)
    if (base, side) == (1, "exon"):
        assert not wrong
        return
    (finding,) = wrong
    settings = yaml.safe_load(finding.remedy)["predictors"]["mine"]
    mended = check(genome, tmp_path, {"errors": str(errors), **settings})
    assert not of_kind(mended, WRONG)


def test_columns_of_other_names_are_guessed(genome: TinyGenome, tmp_path: Path) -> None:
    names = {"chrom": "seqnames", "position": "Pos", "pred_type": "error_type"}
    table = genome.table().rename(columns=names)
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    given = {"errors": str(tmp_path / "errors.tsv")}
    (finding,) = of_kind(check(genome, tmp_path, given), WRONG)
    assert yaml.safe_load(finding.remedy) == {
        "predictors": {"mine": {"columns": names}}
    }
    mended = check(genome, tmp_path, {**given, "columns": names})
    assert not of_kind(mended, WRONG)


@pytest.mark.parametrize("side", ["exon", "intron"])
def test_bigwigs_one_base_off_are_told(
    genome: TinyGenome, tmp_path: Path, side: str
) -> None:
    tracks = write_tracks(genome, tmp_path, "bigwig")
    found = check(genome, tmp_path, {"scores": tracks, "site_base": side})
    wrong = of_kind(found, WRONG)
    if side == "exon":
        assert not wrong
    else:
        (finding,) = wrong
        settings = yaml.safe_load(finding.remedy)["predictors"]["mine"]
        assert settings == {"site_base": "exon"}


def test_only_the_head_of_a_long_table_is_read(
    genome: TinyGenome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("error_sequence_model.calling.user_scores.HEAD", 4000)
    table = scored(genome).drop(columns="junction")
    table.insert(1, "position", genome.table()["position"])
    path = tmp_path / "scores.tsv"
    table.to_csv(path, sep="\t", index=False)
    path.write_text(path.read_text() + "chr1\tnot a number\n")
    found = check(genome, tmp_path, {"scores": {"format": "table", "path": str(path)}})
    assert not of_kind(found, WRONG)
    n_read = sum("scored position" in finding.text for finding in found)
    assert n_read == 1


def test_scores_up_to_1000_name_the_file(genome: TinyGenome, tmp_path: Path) -> None:
    table = scored(genome).drop(columns="junction")
    table.insert(1, "position", genome.table()["position"])
    table["score"] *= 1000
    path = tmp_path / "scores.tsv"
    table.to_csv(path, sep="\t", index=False)
    scores = {"format": "table", "path": str(path)}
    (finding,) = of_kind(check(genome, tmp_path, {"scores": scores}), WRONG)
    assert str(path) in finding.text and "1000" in finding.text


def test_biotypes_that_no_gene_has(genome: TinyGenome, tmp_path: Path) -> None:
    tracks = write_tracks(genome, tmp_path, "bigwig")
    given = {"scores": tracks, "biotypes": ["protein_coding"]}
    (finding,) = of_kind(check(genome, tmp_path, given), WRONG)
    assert "coding" in finding.text
    settings = yaml.safe_load(finding.remedy)["predictors"]["mine"]
    mended = check(genome, tmp_path, {"scores": tracks, **settings})
    assert not of_kind(mended, WRONG)


def test_a_genome_that_cannot_be_read_is_told_once(
    genome: TinyGenome, tmp_path: Path
) -> None:
    errors = genome.write_table(tmp_path / "errors.tsv")
    config = complete_config(
        {
            "genomes": {"g": {"fasta": str(tmp_path / "none.fa")}},
            "predictors": {"mine": {"genome": "g", "errors": str(errors)}},
        }
    )
    findings = list(check_files(config))
    assert [finding.kind for finding in findings] == [WRONG, ODD]
    assert "genomes.g.fasta" in findings[1].text
    (tmp_path / "none.fa").write_text("ACGT")
    findings = list(check_files(config))
    assert [finding.kind for finding in findings] == [WRONG, ODD]
    assert "does not start with '>'" in findings[0].text


def test_all_files_that_are_not_there_are_told_with_their_keys(
    genome: TinyGenome, tmp_path: Path
) -> None:
    given = {"errors": "no.tsv", "variants": "no.vcf", "truth": "no.bed"}
    causes = {"beds": {"hot": {"g": "hot.bed"}}}
    found = check(genome, tmp_path, given, causes=causes)
    assert {finding.subject: finding.text for finding in of_kind(found, WRONG)} == {
        "predictors.mine.errors": "no.tsv: no such file",
        "predictors.mine.variants": "no.vcf: no such file",
        "predictors.mine.truth": "no.bed: no such file",
        "causes.beds.hot.g": "hot.bed: no such file",
    }
    assert len(of_kind(found, WRONG)) == 4


def test_tracks_that_the_workflow_makes_need_not_be_there(
    genome: TinyGenome, tmp_path: Path
) -> None:
    tracks = {"format": "bigwig"}
    for splice_type in ("donor", "acceptor"):
        paths = dict.fromkeys("+-", f"results/run/scores/{splice_type}.bw")
        tracks[splice_type] = paths
    given = {"genomes": {"g": {"fasta": "g.fa", "annotation": "g.gtf"}}}
    run = {"genome": "g", "scores": {"format": "model", "model": "spliceai"}}
    given["predictors"] = {"again": {"genome": "g", "scores": tracks}, "run": run}
    run["scores"]["weights"] = str(tmp_path)
    found = [*check_files(complete_config(given))]
    made = [f for f in found if f.subject.startswith("predictors.again.scores")]
    assert {f.kind for f in made} == {UNDERSTOOD} and len(made) == 4
    run["scores"] = {"format": "table", "path": str(tmp_path / "scores.tsv")}
    found = [*check_files(complete_config(given))]
    assert len([f for f in of_kind(found, WRONG) if "again.scores" in f.subject]) == 4


def test_what_a_table_lacks_is_said_with_the_column_that_may_be_it(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = genome.table().rename(columns={"gene_id": "gene"})
    table.drop(columns="score", errors="ignore").to_csv(
        tmp_path / "errors.tsv", sep="\t", index=False
    )
    found = check(genome, tmp_path, {"errors": str(tmp_path / "errors.tsv")})
    lines = {f.text.split(":")[0]: f.remedy for f in of_kind(found, ODD)}
    assert "columns: {gene_id: gene}" in lines["no gene_id"]
    assert lines["no score"] == ""


def test_a_contrast_without_a_class_is_wrong_and_named(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = genome.table()
    table.loc[table["pred_type"].eq("FN"), "pred_type"] = "TP"
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    given = {"errors": str(tmp_path / "errors.tsv")}
    more = {"contrasts": ["fp_vs_tp", "fn_vs_tp"], "splice_types": ["any"]}
    (finding,) = of_kind(check(genome, tmp_path, given, **more), WRONG)
    assert "fn_vs_tp, any: " in finding.text and "0 error" in finding.text
    settings = yaml.safe_load(finding.remedy)
    assert settings == {"contrasts": ["fp_vs_tp"]}
    assert not of_kind(check(genome, tmp_path, given, **(more | settings)), WRONG)


def test_errors_private_or_shared_are_counted_where_tables_are_there(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = genome.table()
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    given = {"errors": str(tmp_path / "errors.tsv")}
    other = {"genome": "g", "role": "compared", **given}
    more = {"contrasts": ["private_fn_vs_shared"], "splice_types": ["any"]}
    predictors = {"mine": {"genome": "g", **given}, "other": other}
    found = check(genome, tmp_path, given, **more, predictors=predictors)
    (wrong,) = of_kind(found, WRONG)
    n = int(table["pred_type"].eq("FN").sum())
    assert f"private_fn_vs_shared, any: {n} shared, 0 private" in wrong.text
    # A peer that has yet to be called.
    tracks = {"genome": "g", "role": "compared"}
    tracks["scores"] = write_tracks(genome, tmp_path, "bigwig")
    predictors = {"mine": {"genome": "g", **given}, "other": tracks}
    found = check(genome, tmp_path, given, **more, predictors=predictors)
    assert not of_kind(found, WRONG)
    assert any("once there are calls of other" in finding.text for finding in found)


@pytest.mark.parametrize(("reach", "kind"), [(60, None), (2000, ODD), (50_000, WRONG)])
def test_windows_beyond_their_contigs(
    genome: TinyGenome, tmp_path: Path, reach: int, kind: str | None
) -> None:
    errors = {"errors": str(genome.write_table(tmp_path / "errors.tsv"))}
    windows = {"upstream": reach, "downstream": reach}
    found = check(genome, tmp_path, errors, windows=windows)
    told = [finding for finding in found if finding.subject == "windows"]
    assert [finding.kind for finding in told] == ([kind] if kind else [])
    assert all(f"of {len(genome.sites)} windows reach" in f.text for f in told)
    tracks = {"scores": write_tracks(genome, tmp_path, "bigwig")}
    found = check(genome, tmp_path, tracks, windows=windows)
    told = [finding for finding in found if finding.subject == "windows"]
    assert [finding.kind for finding in told] == ([kind] if kind else [])


def test_short_sequences_in_long_windows(genome: TinyGenome, tmp_path: Path) -> None:
    rows = "".join(
        f"{'ACGTAGGTAC' * 3}{'GTAAGTACGT' * 3}\t{row % 2}\n" for row in range(200)
    )
    (tmp_path / "labelled.tsv").write_text(f"sequence\tlabel\n{rows}")
    given = {"errors": str(tmp_path / "labelled.tsv"), "format": "sequences"}
    more = {"splits": {"by": "homology"}, "contrasts": ["fp_vs_tp"]}
    more["splice_types"] = ["donor"]
    (finding,) = of_kind(check(genome, tmp_path, given, **more), WRONG)
    assert "200 of 200 windows" in finding.text
    more["windows"] = {"upstream": 30, "downstream": 30}
    assert not of_kind(check(genome, tmp_path, given, **more), WRONG)


def test_scores_that_are_no_probabilities(genome: TinyGenome, tmp_path: Path) -> None:
    genome.table().assign(score=None).to_csv(
        tmp_path / "errors.tsv", sep="\t", index=False
    )
    given = {"errors": str(tmp_path / "errors.tsv")}
    found = check(genome, tmp_path, given)
    assert any(
        "`score` has no number" in finding.text for finding in of_kind(found, ODD)
    )
    genome.table().assign(score=97).to_csv(
        tmp_path / "errors.tsv", sep="\t", index=False
    )
    (finding,) = of_kind(check(genome, tmp_path, given), WRONG)
    assert "divide percentages by 100" in finding.text


def test_few_errors_are_odd(genome: TinyGenome, tmp_path: Path) -> None:
    table = genome.table()
    kept = table[table["pred_type"].ne("FN") | (table.index < 20)]
    kept.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    found = check(
        *(genome, tmp_path, {"errors": str(tmp_path / "errors.tsv")}),
        contrasts=["fn_vs_tp"],
    )
    assert any("fn_vs_tp" in finding.text for finding in of_kind(found, ODD))
    assert of_kind(found, UNDERSTOOD)


def test_aliases_of_contigs_are_known_here_too(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = genome.table()
    names = {name: f"NC_{number}.1" for number, name in enumerate(genome.contigs)}
    table["chrom"] = table["chrom"].map(names)
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    given = {"errors": str(tmp_path / "errors.tsv")}
    assert of_kind(check(genome, tmp_path, given), WRONG)
    aliases = tmp_path / "aliases.txt"
    rows = (f"{name}\t{alias}\n" for name, alias in names.items())
    aliases.write_text("# ucsc\trefseq\n" + "".join(rows))
    assert not of_kind(check(genome, tmp_path, given, aliases=aliases), WRONG)


def test_a_problem_of_every_row_is_told_by_its_first_rows(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = genome.table().assign(strand="plus")
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    found = check(genome, tmp_path, {"errors": str(tmp_path / "errors.tsv")})
    (finding,) = of_kind(found, WRONG)
    assert f"{len(table)} problem(s)" in finding.text
    assert max(text.text.count("\n") for text in found) < 25


def test_tracks_of_exchanged_types_get_no_other_remedy(
    genome: TinyGenome, tmp_path: Path
) -> None:
    tracks = write_tracks(genome, tmp_path, "bedgraph")
    tracks |= {"donor": tracks["acceptor"], "acceptor": tracks["donor"]}
    (finding,) = of_kind(check(genome, tmp_path, {"scores": tracks}), WRONG)
    assert "donor and acceptor exchanged" in finding.text
    assert "predictors.mine.scores" in finding.text and not finding.remedy


def test_tracks_of_exchanged_strands_are_wrong(
    genome: TinyGenome, tmp_path: Path
) -> None:
    tracks = write_tracks(genome, tmp_path, "bigwig")
    turned = {k: {"+": tracks[k]["-"], "-": tracks[k]["+"]} for k in SPLICE_TYPES}
    (finding,) = of_kind(check(genome, tmp_path, {"scores": tracks | turned}), WRONG)
    assert "'+' and '-' exchanged" in finding.text and not finding.remedy


def test_a_track_given_twice_is_named(genome: TinyGenome, tmp_path: Path) -> None:
    tracks = write_tracks(genome, tmp_path, "bedgraph")
    tracks["donor"]["-"] = tracks["donor"]["+"]
    (finding,) = of_kind(check(genome, tmp_path, {"scores": tracks}), WRONG)
    assert "donor '-'" in finding.text and "donor '+'" not in finding.text


def test_scores_that_fit_nowhere_get_no_remedy(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = scored(genome).drop(columns="junction")
    table.insert(1, "position", genome.table()["position"] + 7)
    table.to_csv(tmp_path / "scores.tsv", sep="\t", index=False)
    given = {"format": "table", "path": str(tmp_path / "scores.tsv")}
    (finding,) = of_kind(check(genome, tmp_path, {"scores": given}), WRONG)
    assert "another genome build" in finding.text and not finding.remedy


def test_bigwigs_of_another_genome_are_wrong(
    genome: TinyGenome, tmp_path: Path
) -> None:
    tracks = write_tracks(genome, tmp_path, "bigwig")
    longer = {name: text + "ACGT" for name, text in genome.contigs.items()}
    other = replace(genome, contigs=longer)
    (finding,) = of_kind(check(other, tmp_path, {"scores": tracks}), WRONG)
    assert "another genome build" in finding.text and "donor+" in finding.text


@pytest.mark.parametrize("name", ["chr99", 1])
def test_chromosomes_to_hold_out_that_the_genome_lacks(
    genome: TinyGenome, tmp_path: Path, name: str | int
) -> None:
    errors = {"errors": str(genome.write_table(tmp_path / "errors.tsv"))}
    there, other, *_ = genome.contigs
    splits = {"by": "chromosome", "test": [there], "validation": [name]}
    (finding,) = of_kind(check(genome, tmp_path, errors, splits=splits), WRONG)
    assert finding.subject == "splits.validation"
    assert str(name) in finding.text and there in finding.text
    own = errors | {"splits": {"validation": [other]}}
    assert not of_kind(check(genome, tmp_path, own, splits=splits), WRONG)


def test_sequences_without_consensus_are_odd(
    genome: TinyGenome, tmp_path: Path
) -> None:
    rows = "".join(f"{'ACCA' * 30}\t{row % 2}\n" for row in range(200))
    (tmp_path / "labelled.tsv").write_text(f"sequence\tlabel\n{rows}")
    given = {"errors": str(tmp_path / "labelled.tsv"), "format": "sequences"}
    found = check(genome, tmp_path, given, splits={"by": "homology"})
    assert any("at least 0.0%" in finding.text for finding in of_kind(found, ODD))
