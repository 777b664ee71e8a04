"""Files beside calls and annotation: on the genome, of another one, or on none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyBigWig
import pytest

from error_sequence_model.calling import ODD, UNDERSTOOD, WRONG, Finding, check_files
from error_sequence_model.settings import complete_config
from tiny_calls import write_gtf, write_tracks
from tiny_genome import TinyGenome, make_tiny_genome


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome(genes=40)


def check(
    genome: TinyGenome,
    folder: Path,
    subject: str,
    predictor: dict[str, Any] | None = None,
    **more: Any,
) -> list[Finding]:
    """What is found of one key."""
    fasta = genome.write_fasta(folder / "genome.fa")
    annotation = write_gtf(genome, folder / "genes.gtf")
    scores = {"scores": write_tracks(genome, folder, "bigwig")}
    config = {
        "genomes": {"g": {"fasta": str(fasta), "annotation": str(annotation)}},
        "predictors": {"mine": {"genome": "g", **(predictor or {})}},
        **more,
    }
    if not {"errors", "scores"} & set(config["predictors"]["mine"]):
        config["predictors"]["mine"] |= scores
    found = check_files(complete_config(config))
    return [finding for finding in found if finding.subject == subject]


def write_bed(path: Path, *rows: tuple[str, int, int]) -> str:
    text = (f"{c}\t{start}\t{end}\tx\t0\t+\n" for c, start, end in rows)
    path.write_text("".join(text))
    return str(path)


def give(place: str, path: str) -> dict[str, Any]:
    """Where a BED may stand in a config."""
    section, _, key = place.partition(".")
    if section == "predictors":
        return {"predictor": {key.partition(".")[2]: path}}
    name, _, last = key.partition(".")
    return {section: {name: {last: path} if last else path}}


BEDS = ("predictors.mine.regions", "predictors.mine.truth", "causes.repeats")


@pytest.mark.parametrize("place", [*BEDS, "causes.beds.hot"])
def test_intervals_are_held_against_the_contigs(
    genome: TinyGenome, tmp_path: Path, place: str
) -> None:
    last = len(genome.contigs["chr1"])
    bed = tmp_path / "a.bed"
    for rows, kind, told in (
        ([("chr1", 5, last), ("chr2", 0, 9)], UNDERSTOOD, "2 intervals, 100.0% on"),
        ([("chr1", 5, 9), *[("chrUn", 0, 9)] * 2], ODD, "33.3% on the genome's"),
        ([("scaffold", 5, 9)], WRONG, "0.0% on the genome's contigs (it has scaffold"),
        (
            [("chr1", 5, last + 1)],
            WRONG,
            f"1 end beyond their contig, the first at chr1:{last + 1}",
        ),
        ([("chr1", 9, 5)], WRONG, "are no interval"),
    ):
        given = give(place, write_bed(bed, *rows))
        (finding,) = check(genome, tmp_path, place, **given)
        assert (finding.kind, told in finding.text) == (kind, True), finding


def test_a_map_of_genomes_is_read_by_its_genome(
    genome: TinyGenome, tmp_path: Path
) -> None:
    beds = {"hot": {"g": write_bed(tmp_path / "a.bed", ("scaffold", 1, 2))}}
    (finding,) = check(genome, tmp_path, "causes.beds.hot.g", causes={"beds": beds})
    assert finding.kind == WRONG


@pytest.mark.parametrize(("base", "side"), [(1, "exon"), (0, "exon"), (1, "intron")])
def test_annotated_sites_in_another_convention_get_their_lines(
    genome: TinyGenome, tmp_path: Path, base: int, side: str
) -> None:
    table = genome.table(coordinate_base=base, site_base=side)
    table = table[table["pred_type"].isin(["TP", "FN"])]
    table.to_csv(tmp_path / "sites.tsv", sep="\t", index=False)
    given = {"annotated_sites": str(tmp_path / "sites.tsv")}
    found = check(genome, tmp_path, "predictors.mine.annotated_sites", given)
    assert f"{len(table)} annotated sites, 100.0% on" in found[0].text
    if (base, side) == (1, "exon"):
        assert [finding.kind for finding in found] == [UNDERSTOOD]
        return
    assert [finding.kind for finding in found] == [UNDERSTOOD, WRONG]
    option = f"coordinate_base: {base}" if base != 1 else f"site_base: {side}"
    assert option in found[1].remedy


def test_support_of_another_genome(genome: TinyGenome, tmp_path: Path) -> None:
    table = genome.table().assign(reads=9)
    path = tmp_path / "support.tsv"
    for shift, kind in ((0, UNDERSTOOD), (7, WRONG)):
        moved = table.assign(position=table["position"] + shift)
        moved.to_csv(path, sep="\t", index=False)
        for place, given in (
            ("predictors.mine.support", {"predictor": {"support": str(path)}}),
            ("causes.junctions", {"causes": {"junctions": str(path)}}),
        ):
            (finding,) = check(genome, tmp_path, place, **given)
            assert finding.kind == kind, finding
            assert "GT, GC or AG" in finding.text


def write_vcf(path: Path, rows: list[tuple[str, int, str, str]]) -> str:
    head = "##fileformat=VCFv4.2\n"
    head += "".join(f"##contig=<ID={name}>\n" for name in {row[0] for row in rows})
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    body = (f"{c}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for c, pos, ref, alt in rows)
    path.write_text(head + "".join(body))
    return str(path)


def test_variants_of_another_build(genome: TinyGenome, tmp_path: Path) -> None:
    turned = {"A": "C", "C": "A", "G": "T", "T": "G"}
    bases = genome.contigs["chr1"]
    places = range(100, 200, 10)
    right = [
        ("chr1", p + 1, bases[p].upper(), turned[bases[p].upper()]) for p in places
    ]
    wrong = [(c, pos, alt, ref) for c, pos, ref, alt in right]
    other = [("scaffold", *row[1:]) for row in right]
    for rows, kind, told in (
        (right, UNDERSTOOD, "of 10 variants looked at 10 have"),
        ([*right[:5], *wrong[5:]], WRONG, "of 10 variants looked at 5 have"),
        (other, WRONG, "none of its contigs (scaffold)"),
    ):
        given = {"variants": write_vcf(tmp_path / "v.vcf", rows)}
        (finding,) = check(genome, tmp_path, "predictors.mine.variants", given)
        assert (finding.kind, told in finding.text) == (kind, True), finding


def test_facts_of_sites_on_no_contig(genome: TinyGenome, tmp_path: Path) -> None:
    facts = pd.DataFrame({"chrom": ["chr1", "scaffold", "x"], "junction": [9, 9, 9]})
    facts.to_parquet(tmp_path / "facts.parquet")
    given = {"outside": str(tmp_path / "facts.parquet")}
    (finding,) = check(genome, tmp_path, "predictors.mine.outside", given)
    assert finding.kind == ODD and "33.3% on the genome's contigs" in finding.text


def test_bigwigs_of_another_build(genome: TinyGenome, tmp_path: Path) -> None:
    place = "features.bigwigs.phylop"
    size = len(genome.contigs["chr1"])
    for name, length, kinds in (
        ("chr1", size, [UNDERSTOOD]),
        ("1", size, [UNDERSTOOD]),
        ("chr1", size - 1, [UNDERSTOOD, WRONG]),
        ("chr1", size + 1, [WRONG]),
        ("scaffold", size, [WRONG]),
    ):
        path = str(tmp_path / "t.bw")
        with pyBigWig.open(path, "w") as track:
            track.addHeader([(name, length)])
            track.addEntries(name, [5], values=[1.0], span=1, step=1)
        given = {"features": {"bigwigs": {"phylop": path}}}
        found = check(genome, tmp_path, place, **given)
        kinds_found = [
            finding.kind for finding in found if "mapped" not in finding.text
        ]
        assert kinds_found == kinds, found
