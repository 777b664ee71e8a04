"""Personal genomes."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    Variants,
    WindowCutter,
    clean_bases,
    reverse_complement,
)
from error_sequence_model.genome.placement import Variant
from error_sequence_model.sites import prepare_sites
from error_sequence_model.windows import read_windows, write_windows
from tiny_genome import make_tiny_genome

CONTIG = "AACCGGTTAACCGGTT"
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=c>\n" + (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
    '##FILTER=<ID=LOW,Description="">\n'
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def load(folder: Path, rows: list[str], *, sample: str | None = None, **options: Any):
    named = f"{COLUMNS}\tFORMAT\tme" if sample else COLUMNS
    path = folder / "variants.vcf"
    path.write_text(HEADER + "\n".join([named, *rows]) + "\n")
    return Variants(path, {"c": len(CONTIG)}, sample=sample, **options)


def row(pos: int, ref: str, alt: str, genotype: str | None = None, mark: str = "PASS"):
    fields = ["c", str(pos), ".", ref, alt, ".", mark, "."]
    return "\t".join(fields + (["GT", genotype] if genotype else []))


def apply(
    variants: Variants, junctions: list[int], intron_is_right: bool = False
) -> tuple[str, list[int]]:
    sides = np.full(len(junctions), intron_is_right)
    places = np.array(junctions, dtype=np.int64)
    found = variants.apply("c", clean_bases(CONTIG), places, sides)
    return found.contig.tobytes().decode(), found.junctions.tolist()


def test_substitutions_insertions_and_deletions(tmp_path: Path) -> None:
    variants = load(
        tmp_path, [row(3, "C", "T"), row(5, "G", "GAAA"), row(9, "AAC", "A")]
    )
    contig, moved = apply(variants, [0, 4, 5, 8, 9, 10, 11, 16])
    assert contig == "AATCG" + "AAA" + "GTTA" + "CGGTT"
    # Right of the insertion +3; inside the deletion (9-11) at its place; then +1.
    # An insertion at the junction (5) belongs to the exon.
    assert moved == [0, 4, 5, 11, 12, 12, 12, 17]
    _, moved = apply(variants, [5], intron_is_right=True)
    assert moved == [8]


def test_genotypes(tmp_path: Path) -> None:
    rows = [row(1, "A", "T", "0|1"), row(3, "C", "G", "1/1"), row(5, "G", "T", "0/0")]
    one = load(tmp_path, rows, sample="me", haplotype=1)
    two = load(tmp_path, rows, sample="me", haplotype=2)
    assert apply(one, [])[0] == "AAGC" + CONTIG[4:]
    assert apply(two, [])[0] == "TAGC" + CONTIG[4:]
    with pytest.raises(InputError, match=r"c:1 \(0, 1\) unphased"):
        load(tmp_path, [row(1, "A", "T", "0/1")], sample="me", conflicts="stop")
    with pytest.raises(InputError, match=r"no sample 'you'.*<name>\.sample"):
        Variants(tmp_path / "variants.vcf", {"c": 16}, sample="you")


def test_filtered_and_symbolic_variants_are_skipped(tmp_path: Path) -> None:
    rows = [row(1, "A", "T", mark="LOW"), row(2, "A", "<DEL>"), row(3, "C", "*")]
    assert apply(load(tmp_path, rows), [])[0] == CONTIG


def test_what_does_not_fit_the_genome_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        apply(load(tmp_path, [row(2, "C", "T"), row(16, "TT", "T")]), [])
    assert "c:2 C>T: the genome has A there" in str(caught.value)
    assert "c:16 TT>T: the genome has T there" in str(caught.value)
    clash = [row(3, "CCG", "C"), row(4, "C", "T")]
    with pytest.raises(InputError, match="c:4 CG>-: overlaps c:4 C>T"):
        apply(load(tmp_path, clash, conflicts="stop"), [])
    with pytest.raises(InputError, match="several ALT"):
        load(tmp_path, [row(3, "C", "G,T")], conflicts="stop")
    with pytest.raises(InputError, match=r"conflicts is 'all'.*variant_conflicts"):
        load(tmp_path, [], conflicts="all")


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


def test_what_says_the_same_counts_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The same deletion of a C three times, one of them to the right; the same base.
    rows = [row(2, "AC", "A"), row(3, "CC", "C"), row(2, "AC", "A"), row(1, "A", "T")]
    rows += [row(1, "AAC", "TAC"), row(9, "A", "A")]
    contig, _ = apply(load(tmp_path, rows), [])
    assert contig == "TAC" + CONTIG[4:]
    assert "3 records on c say what another one says and count once" in caplog.text


def test_a_site_without_another_allele_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    variants = load(tmp_path, [row(1, "A", "."), row(3, "C", "G")])
    assert apply(variants, [])[0] == "AAGC" + CONTIG[4:]
    assert "1 variants; 1 filtered, symbolic or empty ones skipped" in caplog.text


def test_suffixes_are_no_change() -> None:
    assert Variant(7, "CAGGC", "GTAGGC").trim()[:3] == (7, "C", "GT")
    assert Variant(7, "GG", "G").trim()[:3] == (8, "G", "")
    assert Variant(7, "ACG", "ATG").trim()[:3] == (8, "C", "T")


def refuse(variants: Variants, junctions: list[int], genes: list[str | None], reach=2):
    places = np.array(junctions)
    found = variants.apply("c", clean_bases(CONTIG), places, places < 0)
    return found.find_refused(np.array(genes, dtype=object), reach).tolist()


def test_what_is_not_known_refuses_its_gene(tmp_path: Path) -> None:
    genes = ["g", "g", "h", None, None]
    for rows in ([row(4, "C", "T,G")], [row(3, "CCG", "C"), row(4, "C", "T")]):
        variants = load(tmp_path, rows)
        assert refuse(variants, [1, 12, 9, 3, 9], genes) == [
            True,
            True,
            False,
            True,
            False,
        ]
        # Within the gene, though in none of its windows.
        assert refuse(variants, [0, 12], ["g", "g"], reach=1) == [True, True]
        assert refuse(variants, [0, 12], ["g", "h"], reach=1) == [False, False]
        assert apply(variants, [])[0] == CONTIG
    # The two ends of a window: base 4 of the contig is its last, or its first.
    one = load(tmp_path, [row(5, "G", "T,A")])
    assert refuse(one, [2, 3, 6, 7], [None] * 4) == [False, True, True, False]
    assert refuse(load(tmp_path, [row(1, "A", "T")]), [1], ["g"]) == [False]


def test_unphased_genotypes_refuse_their_genes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row(1, "A", "T", "0|1"), row(9, "A", "C", "0/1"), row(16, "T", "C", "1/1")]
    variants = load(tmp_path, rows, sample="me", haplotype=2)
    assert refuse(variants, [3, 9, 14], [None, None, None]) == [False, True, False]
    assert apply(variants, [])[0] == "T" + CONTIG[1:15] + "C"
    assert "1 places without one known allele" in caplog.text
    assert "c:9 (0, 1) unphased" in caplog.text


UP, DOWN = 12, 12


class Mirrored(NamedTuple):
    """A contig with a site, and the same molecule on the other strand."""

    contig: str
    junction: int
    strand: str
    splice_type: str

    def turn(self) -> Mirrored:
        strand = "-" if self.strand == "+" else "+"
        turned = reverse_complement(self.contig)
        return Mirrored(turned, len(turned) - self.junction, strand, self.splice_type)

    def write(self, variants: list[Variant], folder: Path) -> Path:
        rows = [
            f"c\t{v.start}\t.\t{self.contig[v.start - 1]}{v.reference}\t"
            f"{self.contig[v.start - 1]}{v.allele}\t.\tPASS\t."
            for v in variants
        ]
        path = folder / "one.vcf"
        path.write_text(HEADER + "\n".join([COLUMNS, *rows]) + "\n")
        return path

    def cut(self, variants: list[Variant], folder: Path) -> str:
        """The window in the personal genome that a VCF file describes."""
        path = self.write(variants, folder)
        is_plus = np.array([self.strand == "+"])
        found = Variants(path, {"c": len(self.contig)}).apply(
            "c",
            clean_bases(self.contig),
            np.array([self.junction]),
            is_plus == (self.splice_type == "donor"),
        )
        window = WindowCutter(found.contig, UP, DOWN)(found.junctions, is_plus)
        return window.tobytes().decode()

    def mirror(self, variant: Variant) -> Variant:
        reference, allele = map(reverse_complement, variant[1:3])
        return Variant(len(self.contig) - variant.end, reference, allele)


def put_in(contig: str, variant: Variant) -> str:
    return contig[: variant.start] + variant.allele + contig[variant.end :]


def list_equal(contig: str, variant: Variant) -> Iterator[Variant]:
    """Every deletion or insertion of its length with the same outcome, by trying."""
    outcome, length = put_in(contig, variant), abs(variant.gain)
    for start in range(1, len(contig) - length):
        if variant.gain < 0:
            other = Variant(start, contig[start : start + length], "")
        else:
            other = Variant(start, "", outcome[start : start + length])
        if put_in(contig, other) == outcome:
            yield other


def list_windows(site: Mirrored, variants: list[Variant]) -> set[str]:
    """Windows by each placement, the junction on either side of an insertion."""
    found = set()
    for v in variants:
        outcome = put_in(site.contig, v)
        places = set()
        if v.end <= site.junction:
            places.add(site.junction + v.gain)
        if v.start >= site.junction:
            places.add(site.junction)
        places = places or {v.start}
        for place in places:
            text = "N" * 40 + outcome + "N" * 40
            left, right = (UP, DOWN) if site.strand == "+" else (DOWN, UP)
            window = text[40 + place - left : 40 + place + right]
            found.add(window if site.strand == "+" else reverse_complement(window))
    return found


@st.composite
def sites_in_repeats(draw: st.DrawFn) -> tuple[Mirrored, Variant]:
    """A junction in or beside a repeat of 1 to 6 bases, and an indel of the repeat."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    flanks = ["".join(generator.choice(list("ACGT"), 15)) for _ in range(2)]
    unit = "".join(generator.choice(list("ACGT"), draw(st.integers(1, 6))))
    copies = draw(st.integers(1, 4))
    # The last copy may be a part of one.
    repeat = (unit * 5)[: len(unit) * copies + draw(st.integers(0, len(unit) - 1))]
    contig = flanks[0] + repeat + flanks[1]
    junction = draw(st.integers(13, 17 + len(repeat)))
    site = (draw(st.sampled_from("+-")), draw(st.sampled_from(["donor", "acceptor"])))
    size = len(unit) * draw(st.integers(1, copies))
    start = draw(st.integers(15, 15 + len(repeat) - size))
    piece = contig[start : start + size]
    variants = [Variant(start, piece, ""), Variant(start, "", piece)]
    return Mirrored(contig, junction, *site), draw(st.sampled_from(variants))


@settings(max_examples=400)
@given(case=sites_in_repeats(), data=st.data())
def test_mirrored_input_gives_mirrored_windows(tmp_path_factory, case, data) -> None:
    site, variant = case
    folder = tmp_path_factory.mktemp("vcf")
    equal = list(list_equal(site.contig, variant))
    assert variant in equal
    window = site.cut([variant], folder)
    assert window in list_windows(site, equal)
    # However the file places it, and whichever strand the molecule is read on.
    other = data.draw(st.sampled_from(equal))
    assert site.cut([other], folder) == window
    assert site.turn().cut([site.mirror(other)], folder) == window
    # The intron stays as it was wherever any placement leaves it so.
    reference = list_windows(site, [Variant(1, "", "")]).pop()
    intron = slice(UP, UP + 2) if site.splice_type == "donor" else slice(UP - 2, UP)
    possible = {text[intron] for text in list_windows(site, equal)}
    if reference[intron] in possible:
        assert window[intron] == reference[intron]


CASES = {
    # G|G runs over the junction; what the VCF says is aligned to the left.
    ("donor", "deletion"): (
        "ACCATTCAGG",
        "GTAAGTACTTACC",
        Variant(8, "G", ""),
        "ATTCAG|GTAAGT",
    ),
    ("donor", "insertion"): (
        "ACCATTCAGG",
        "GTAAGTACTTACC",
        Variant(8, "", "G"),
        "TCAGGG|GTAAGT",
    ),
    ("acceptor", "deletion"): (
        "CCTTTTACAG",
        "GGCATTACCATT",
        Variant(9, "G", ""),
        "TTACAG|GCATTA",
    ),
    ("acceptor", "insertion"): (
        "CCTTTTACAG",
        "GGCATTACCATT",
        Variant(9, "", "G"),
        "TTACAG|GGGCAT",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("strand", "+-")
def test_the_last_g_of_an_exon_is_not_the_intron(tmp_path, case, strand) -> None:
    left, right, variant, expected = CASES[case]
    site = Mirrored(left + right, len(left), "+", case[0])
    if strand == "-":
        site, variant = site.turn(), site.mirror(variant)
        variant = min(list_equal(site.contig, variant))
    window = site.cut([variant], tmp_path)
    assert window[UP - 6 : UP] + "|" + window[UP : UP + 6] == expected


@given(case=sites_in_repeats())
def test_bases_are_traced_to_where_they_came_from(tmp_path_factory, case) -> None:
    site, variant = case
    folder = tmp_path_factory.mktemp("vcf")
    variants = Variants(site.write([variant], folder), {"c": len(site.contig)})
    right = np.array([(site.strand == "+") == (site.splice_type == "donor")])
    reference = clean_bases(site.contig)
    found = variants.apply("c", reference, np.array([site.junction]), right)
    traced = found.trace(np.arange(len(found.contig)))
    known = traced >= 0
    assert known.sum() == len(site.contig) - len(variant.reference)
    assert (np.diff(traced[known]) > 0).all()
    assert (reference[traced[known]] == found.contig[known]).all()
    # The intron's first base is what it was, where it is still there.
    first = found.junctions[0] - (0 if right[0] else 1)
    if traced[first] >= 0 and variant.gain > 0:
        assert traced[first] == site.junction - (0 if right[0] else 1)


def test_windows_of_a_gene_that_is_not_known_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    genome = make_tiny_genome(chroms=("c", "d"))
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    table = genome.write_table(tmp_path / "errors.tsv")
    sites, _ = prepare_sites(table, fasta, coordinate_base=1, site_base="exon")
    sites.to_parquet(tmp_path / "sites.parquet")
    first = sites[sites["chrom"].eq("d")].iloc[0]
    place = int(first["junction"]) + 1
    base = genome.contigs["d"][place - 1]
    others = ",".join(sorted(set("ACGT") - {base})[:2])
    (tmp_path / "v.vcf").write_text(
        HEADER
        + f"##contig=<ID=d>\n{COLUMNS}\nd\t{place}\t.\t{base}\t{others}\t.\t.\t.\n"
    )
    variants = Variants(
        tmp_path / "v.vcf", {name: len(text) for name, text in genome.contigs.items()}
    )
    out = tmp_path / "windows.arrow"
    write_windows(tmp_path / "sites.parquet", fasta, 9, 9, out)
    everything = read_windows(out)
    n = write_windows(tmp_path / "sites.parquet", fasta, 9, 9, out, variants=variants)
    known = read_windows(out)
    is_known = ~(sites["chrom"].eq("d") & sites["gene_id"].eq(first["gene_id"]))
    assert 0 < n == is_known.sum() < len(sites)
    ids = sites["site_id"].to_numpy()
    assert (known.has_windows(ids) == is_known).all()
    kept = ids[is_known]
    assert known.get_sequences(kept) == everything.get_sequences(kept)
    assert f"{len(sites) - n} of {len(sites)} sites have no window" in caplog.text


@pytest.mark.parametrize(
    ("intron_is_right", "shifts"), [(True, [-1, 0]), (False, [0, -1])]
)
def test_of_a_run_over_a_junction_the_exon_loses_its_base_first(
    intron_is_right: bool, shifts: list[int]
) -> None:
    # One of four A, two on either side of the junction, is gone.
    variant = Variant(10, "A", "", 10, 13)
    found = variant.list_shifts(12, intron_is_right=intron_is_right)
    assert found == shifts
    # One A more: in an exon on the left it moves the junction to the right.
    variant = Variant(10, "", "A", 10, 14)
    found = variant.list_shifts(12, intron_is_right=intron_is_right)
    assert found == ([1, 0] if intron_is_right else [0, 1])


def test_a_vcf_packed_by_gzip_alone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "variants.vcf.gz"
    path.write_bytes(gzip.compress(f"{HEADER}{COLUMNS}\n{row(1, 'A', 'T')}\n".encode()))
    with pytest.raises(InputError, match=r"packed by gzip.*bgzip"):
        Variants(path, {"c": len(CONTIG)})
