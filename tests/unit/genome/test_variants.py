"""Personal genomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import Variants, clean_bases
from error_sequence_model.sites import prepare_sites
from error_sequence_model.windows import read_windows, write_windows
from tiny_genome import make_tiny_genome

CONTIG = "AACCGGTTAACCGGTT"
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=c>\n" + (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
    '##FILTER=<ID=LOW,Description="">\n'
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def load(folder: Path, rows: list[str], *, sample: str | None = None, **options: int):
    named = f"{COLUMNS}\tFORMAT\tme" if sample else COLUMNS
    path = folder / "variants.vcf"
    path.write_text(HEADER + "\n".join([named, *rows]) + "\n")
    return Variants(path, {"c": len(CONTIG)}, sample=sample, **options)


def row(pos: int, ref: str, alt: str, genotype: str | None = None, mark: str = "PASS"):
    fields = ["c", str(pos), ".", ref, alt, ".", mark, "."]
    return "\t".join(fields + (["GT", genotype] if genotype else []))


def apply(variants: Variants, junctions: list[int]) -> tuple[str, list[int]]:
    contig, moved = variants.apply("c", clean_bases(CONTIG), np.array(junctions))
    return contig.tobytes().decode(), moved.tolist()


def test_substitutions_insertions_and_deletions(tmp_path: Path) -> None:
    variants = load(
        tmp_path, [row(3, "C", "T"), row(5, "G", "GAAA"), row(9, "AAC", "A")]
    )
    contig, moved = apply(variants, [0, 4, 5, 8, 9, 10, 11, 16])
    assert contig == "AATCG" + "AAA" + "GTTA" + "CGGTT"
    # Right of the insertion +3; inside the deletion (9-11) at its place; then +1.
    assert moved == [0, 4, 8, 11, 12, 12, 12, 17]


def test_genotypes(tmp_path: Path) -> None:
    rows = [row(1, "A", "T", "0|1"), row(3, "C", "G", "1/1"), row(5, "G", "T", "0/0")]
    one = load(tmp_path, rows, sample="me", haplotype=1)
    two = load(tmp_path, rows, sample="me", haplotype=2)
    assert apply(one, [])[0] == "AAGC" + CONTIG[4:]
    assert apply(two, [])[0] == "TAGC" + CONTIG[4:]
    with pytest.raises(InputError, match=r"c:1 \(0, 1\) unphased"):
        load(tmp_path, [row(1, "A", "T", "0/1")], sample="me")
    with pytest.raises(InputError, match="no sample 'you'"):
        Variants(tmp_path / "variants.vcf", {"c": 16}, sample="you")


def test_filtered_and_symbolic_variants_are_skipped(tmp_path: Path) -> None:
    rows = [row(1, "A", "T", mark="LOW"), row(2, "A", "<DEL>"), row(3, "C", "*")]
    assert apply(load(tmp_path, rows), [])[0] == CONTIG


def test_what_does_not_fit_the_genome_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        apply(load(tmp_path, [row(2, "C", "T"), row(16, "TT", "T")]), [])
    assert "c:2 C>T: the genome has A there" in str(caught.value)
    assert "c:16 TT>T: the genome has T there" in str(caught.value)
    with pytest.raises(InputError, match="overlaps"):
        apply(load(tmp_path, [row(3, "CCG", "C"), row(4, "C", "T")]), [])
    with pytest.raises(InputError, match="several ALT"):
        load(tmp_path, [row(3, "C", "G,T")])


def test_variants_of_another_genome_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "variants.vcf"
    rows = [row(1, "A", "T"), row(2, "A", "T").replace("c", "d", 1)]
    header = HEADER + "##contig=<ID=d>\n"
    path.write_text(header + "\n".join([COLUMNS, *rows]) + "\n")
    with pytest.raises(InputError, match=r"none of its contigs \(c, d\).*chr9"):
        Variants(path, {"chr9": 16})
    # A genome may lack some of the contigs, and a VCF may change nothing.
    assert apply(Variants(path, {"c": 16}), [])[0] == "T" + CONTIG[1:]
    path.write_text(header + COLUMNS + "\n")
    assert apply(Variants(path, {"c": 16}), [])[0] == CONTIG


def test_windows_of_a_personal_genome(tmp_path: Path) -> None:
    genome = make_tiny_genome(chroms=("c",))
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    table = genome.write_table(tmp_path / "errors.tsv")
    sites, _ = prepare_sites(table, fasta, coordinate_base=1, site_base="exon")
    sites.to_parquet(tmp_path / "sites.parquet")
    text = genome.contigs["c"]
    (tmp_path / "v.vcf").write_text(
        HEADER + COLUMNS + f"\nc\t50\t.\t{text[49]}\t{text[49]}ACGTACG\t.\tPASS\t.\n"
    )
    variants = Variants(tmp_path / "v.vcf", {"c": len(text)})
    out = tmp_path / "windows.arrow"
    write_windows(tmp_path / "sites.parquet", fasta, 30, 30, out, variants=variants)
    changed = read_windows(out).get_sequences()
    write_windows(tmp_path / "sites.parquet", fasta, 30, 30, out)
    # The insertion lies before every site, so the windows stay centred and the same.
    assert changed == read_windows(out).get_sequences()
