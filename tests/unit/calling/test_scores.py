"""Every format of scores and annotations, and calling from files."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyBigWig
import pytest

from error_sequence_model.calling import call_files, read_scores
from error_sequence_model.calling.files import find_support
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, Genome, read_annotation
from error_sequence_model.settings import CallSettings
from error_sequence_model.sites import Reading
from tiny_calls import (
    annotated,
    exonic,
    scored,
    whole_contigs,
    write_beds,
    write_gtf,
    write_tracks,
)
from tiny_genome import TinyGenome, make_tiny_genome


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome()


@pytest.fixture
def fasta(genome: TinyGenome, tmp_path: Path) -> Path:
    return genome.write_fasta(tmp_path / "genome.fa")


@pytest.mark.parametrize(
    "kind", ["bigwig", "bedgraph", "two", "shifted", "exonic", "long", "wide"]
)
def test_every_format_gives_the_same_scores(
    genome: TinyGenome, fasta: Path, tmp_path: Path, kind: str
) -> None:
    expected = scored(genome)[[*SITE, "score"]].sort_values(SITE, ignore_index=True)
    if kind in ("bigwig", "bedgraph"):
        tracks = write_tracks(genome, tmp_path, kind)
    elif kind in ("two", "shifted", "exonic"):
        tracks = write_beds(genome, tmp_path, kind)
    else:
        table = scored(genome).assign(position=exonic(genome.sites) + 1)
        if kind == "wide":
            scores = table.pop("score")
            is_donor = table.pop("splice_type").eq("donor")
            table["donor_score"] = scores.where(is_donor, 0)
            table["acceptor_score"] = scores.where(~is_donor, 0)
        table.drop(columns="junction").to_csv(tmp_path / "s.tsv", sep="\t", index=False)
        tracks = {"format": "table", "path": str(tmp_path / "s.tsv")}
    with Genome(fasta) as opened:
        found = read_scores(tracks, opened, minimum=0.01).to_frame()
    found = found.sort_values(SITE, ignore_index=True)
    pd.testing.assert_frame_equal(
        found, expected.astype({"score": "float32"}), check_dtype=False
    )


def test_from_files(genome: TinyGenome, fasta: Path, tmp_path: Path) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    annotation = read_annotation(gtf)
    tracks = write_tracks(genome, tmp_path, "bigwig")
    table, audit = call_files(tracks, fasta, gtf)
    assert audit["annotated_sites"] == len(annotation.sites) == 24
    assert audit["counts"]["TP"] == {"exact": 24}
    assert table["gene_id"].notna().all()
    assert json.dumps(audit)
    none, _ = call_files(tracks, fasta, gtf, settings=CallSettings(threshold=0.95))
    assert set(none["pred_type"]) == {"FN", "TN"}
    with pytest.raises(InputError, match="no stretch"):
        call_files(tracks, fasta, gtf, biotypes=["tRNA"])
    truth = annotated(genome).assign(position=exonic(annotated(genome)) + 1)
    truth.drop(columns="junction").to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match="`regions`"):
        call_files(tracks, fasta, tmp_path / "t.tsv")
    bed = whole_contigs(genome).assign(name=".", score=0)
    bed[["chrom", "start", "end", "name", "score", "strand"]].to_csv(
        tmp_path / "r.bed", sep="\t", index=False, header=False
    )
    full, _ = call_files(tracks, fasta, tmp_path / "t.tsv", regions=tmp_path / "r.bed")
    assert full["pred_type"].value_counts()[["TP", "FN", "FP"]].tolist() == [24, 6, 6]
    shifted = truth.assign(position=truth["position"] + 1).drop(columns="junction")
    shifted.to_csv(tmp_path / "u.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=r"coordinate_base: 0|shift"):
        call_files(tracks, fasta, tmp_path / "u.tsv", regions=tmp_path / "r.bed")


def test_a_gtf_without_quotes_is_read_like_one_with(
    genome: TinyGenome, tmp_path: Path
) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    other = tmp_path / "plain.gtf"
    text = gtf.read_text().replace("\tgene_id", '\tref_gene_id "x"; gene_id')
    other.write_text(text.replace('"', ""))
    expected, found = read_annotation(gtf), read_annotation(other)
    pd.testing.assert_frame_equal(found.sites, expected.sites)
    pd.testing.assert_frame_equal(found.genes, expected.genes)
    assert set(found.genes["gene_id"]) != {"x"}


def test_genes_of_contigs_that_the_genome_lacks_are_left_out(
    genome: TinyGenome, fasta: Path, tmp_path: Path, caplog
) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    tracks = write_tracks(genome, tmp_path, "bigwig")
    expected, _ = call_files(tracks, fasta, gtf)
    lines = gtf.read_text().splitlines()
    more = [line.replace("chr", "scaffold_") for line in lines if line[0] != "#"]
    other = tmp_path / "more.gtf"
    other.write_text("\n".join([*lines, *more]) + "\n")
    found, _ = call_files(tracks, fasta, other, support=other)
    names = [name for name in expected if name != "transcript_ids"]
    pd.testing.assert_frame_equal(
        found[names].drop(columns="reads"), expected[names].drop(columns="reads")
    )
    assert "24 of 48 rows lie on 3 contigs that" in caplog.text


def test_gff3_is_read_like_gtf(genome: TinyGenome, tmp_path: Path) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    lines = []
    for line in gtf.read_text().splitlines()[1:]:
        fields = line.split("\t")
        gene = fields[8].split('"')[1]
        if fields[2] == "gene":
            lines.append("\t".join([*fields[:8], f"ID={gene};biotype=coding"]))
            fields[2], fields[8] = "mRNA", f"ID={gene}.t;Parent={gene}"
        else:
            fields[8] = f"ID=e{len(lines)};Parent={gene}.t"
        lines.append("\t".join(fields))
    (tmp_path / "genes.gff3").write_text("\n".join(lines) + "\n")
    one, two = read_annotation(gtf), read_annotation(tmp_path / "genes.gff3")
    pd.testing.assert_frame_equal(one.sites, two.sites)
    columns = ["gene_id", "chrom", "start", "end", "strand", "gene_biotype"]
    pd.testing.assert_frame_equal(one.genes[columns], two.genes[columns])


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ({"format": "hdf5"}, "must be one of bigwig"),
        ({"format": "bigwig", "donor": "x.bw"}, "scores.donor"),
        ({"format": "openspliceai", "donor": "none.bed"}, "no such file"),
        ({"format": "table", "path": "none.tsv"}, "no such file"),
    ],
)
def test_bad_scores(fasta: Path, tracks: dict, words: str) -> None:
    with Genome(fasta) as opened, pytest.raises(InputError, match=words):
        read_scores(tracks, opened)


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph", "openspliceai"])
def test_tracks_may_name_contigs_without_chr(
    genome: TinyGenome, tmp_path: Path, kind: str
) -> None:
    if kind == "openspliceai":
        tracks = write_beds(genome, tmp_path, "two")
    else:
        tracks = write_tracks(genome, tmp_path, kind)
    bare = {name.removeprefix("chr"): text for name, text in genome.contigs.items()}
    fasta = TinyGenome(bare, genome.sites).write_fasta(tmp_path / "bare.fa")
    with Genome(fasta) as opened:
        found = read_scores(tracks, opened).to_frame()
        assert set(found["chrom"]) == set(bare)
    both = TinyGenome({**bare, "Chr1": "ACGT" * 900}, genome.sites)
    with (
        Genome(both.write_fasta(tmp_path / "both.fa")) as opened,
        pytest.raises(InputError, match="ambiguous: table names"),
    ):
        read_scores(tracks, opened)


def write_bed(rows: pd.DataFrame, path: Path) -> Path:
    rows = rows.assign(name=".", score=0)
    columns = ["chrom", "start", "end", "name", "score", "strand"]
    rows[columns].to_csv(path, sep="\t", index=False, header=False)
    return path


def test_what_has_no_scores_is_not_judged(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    tracks = write_tracks(genome, tmp_path, "bigwig")
    full, _ = call_files(tracks, fasta, gtf)
    middle = int(full["position"].median())
    halves = whole_contigs(genome)
    halves = halves[halves["strand"].eq("+")].assign(end=middle)
    # Two stretches that meet: a gene over both stays whole.
    first = halves.assign(end=middle // 2)
    second = halves.assign(start=middle // 2)
    bed = write_bed(pd.concat([second, first]), tmp_path / "scored.bed")
    found, _ = call_files(tracks, fasta, gtf, scored=bed)
    is_scored = full["strand"].eq("+") & full["position"].le(middle)
    is_judged = full["pred_type"].isin(["TP", "FN", "FP"])
    expected = full[is_scored & is_judged].reset_index(drop=True)
    assert 0 < len(expected) < is_judged.sum()
    judged = found[found["pred_type"].ne("TN")].reset_index(drop=True)
    names = ["chrom", "position", "strand", "splice_type", "pred_type", "gene_id"]
    pd.testing.assert_frame_equal(judged[names], expected[names])
    nothing = write_bed(halves.assign(start=0, end=1), tmp_path / "nothing.bed")
    with pytest.raises(InputError, match="no stretch"):
        call_files(tracks, fasta, gtf, scored=nothing)


def test_usage_is_a_column(genome: TinyGenome, fasta: Path, tmp_path: Path) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    tracks = write_tracks(genome, tmp_path, "bigwig")
    tracks["usage"] = tracks["donor"]
    table, _ = call_files(tracks, fasta, gtf)
    is_donor = table["splice_type"].eq("donor")
    assert table.loc[is_donor, "usage_score"].equals(table.loc[is_donor, "score"])
    assert (table.loc[is_donor, "usage_score"] > 0).any()
    assert not table.loc[~is_donor, "usage_score"].any()


def test_several_scores_of_a_position_are_said(
    genome: TinyGenome, fasta: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = scored(genome).drop(columns="junction")
    table.insert(1, "position", genome.table()["position"])
    twice = pd.concat([table, table.head(3).assign(score=0.05), table.tail(2)])
    twice.to_csv(tmp_path / "scores.tsv", sep="\t", index=False)
    tracks = {"format": "table", "path": str(tmp_path / "scores.tsv")}
    with Genome(fasta) as opened:
        found = read_scores(tracks, opened).to_frame()
    assert len(found) == len(table) and found["score"].min() > 0.06
    assert "3 positions have several scores" in caplog.text


def test_intervals_of_no_base_are_refused(genome, fasta, tmp_path) -> None:
    """A bedGraph that counts from 1 would have no score at all."""
    tracks = write_tracks(genome, tmp_path, "bedgraph")
    path = Path(tracks["donor"]["+"])
    first, *rest = path.read_text().splitlines()
    chrom, _, end, score = first.split("\t")
    path.write_text("\n".join([*rest, f"{chrom}\t{end}\t{end}\t{score}"]))
    words = f"row {len(rest) + 1}: {chrom}:{end}-{end} holds no base"
    with Genome(fasta) as opened, pytest.raises(InputError, match=words):
        read_scores(tracks, opened)


def test_a_bigwig_of_nothing_is_told(genome, fasta, tmp_path) -> None:
    tracks = write_tracks(genome, tmp_path, "bigwig")
    with pyBigWig.open(tracks["donor"]["-"], "w") as file:
        file.addHeader([(n, len(t)) for n, t in genome.contigs.items()])
    with Genome(fasta) as opened, pytest.raises(InputError, match="holds no values"):
        read_scores(tracks, opened)


def test_support_beyond_its_contig_is_told(genome, fasta, tmp_path, caplog) -> None:
    (tmp_path / "s.txt").write_text("chr1\t199\t300\t+\nchr1\t199\t99999\t+\n")
    with Genome(fasta) as opened:
        found, _ = find_support(tmp_path / "s.txt", opened, Reading(1, "exon"), 21)
    assert found["junction"].tolist() == [200, 300]
    assert "1 of 3 sites lie beyond their contig" in caplog.text


@pytest.mark.parametrize("column", ["gene_id", None])
def test_a_table_of_sites_need_not_name_genes(genome, fasta, tmp_path, column) -> None:
    """Calls are then called after the genes that hold them."""
    gtf, truth = write_gtf(genome, tmp_path / "genes.gtf"), annotated(genome)
    table = truth.assign(position=exonic(truth) + 1, gene_id=7)
    names = ["chrom", "position", "strand", "splice_type", *([column] * bool(column))]
    table[names].to_parquet(tmp_path / "truth.parquet")
    errors, audit = call_files(
        write_tracks(genome, tmp_path, "bigwig"),
        *(fasta, tmp_path / "truth.parquet"),
        genes=gtf,
    )
    assert audit["annotated_sites"] == 24
    named = errors.loc[errors["pred_type"].eq("TP"), "gene_id"]
    assert named.eq("7").all() if column else named.str.startswith("chr").all()
