"""Calling from files: what is judged, by which names, and what is said of the rest."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.calling import call_files
from error_sequence_model.core import InputError
from error_sequence_model.genome import get_positions
from error_sequence_model.settings import CallSettings

LENGTH, GENES = 12_000, 6
PLACE = ["chrom", "position", "strand", "splice_type"]


class Made:
    """Contigs of genes with three exons, every other one on '-', and their files."""

    def __init__(
        self, folder: Path, chroms: tuple[str, ...] = ("chr1", "chr2")
    ) -> None:
        generator = np.random.default_rng(5)
        self.folder, self.lines, rows = folder, [], []
        text = ""
        for chrom in chroms:
            bases = generator.choice(list("ACGT"), LENGTH)
            for gene in range(GENES):
                start, strand = 500 + 1900 * gene, "+-"[gene % 2]
                exons = [(start + 500 * i, start + 500 * i + 200) for i in range(3)]
                self.add(f"{chrom}g{gene}", chrom, strand, exons)
                for (_, left), (right, _) in itertools.pairwise(exons):
                    pairs = ("GT", "AG") if strand == "+" else ("CT", "AC")
                    bases[left : left + 2], bases[right - 2 : right] = map(list, pairs)
                    types = ("donor", "acceptor")[:: 1 if strand == "+" else -1]
                    rows += [
                        (chrom, left, strand, types[0]),
                        (chrom, right, strand, types[1]),
                    ]
            text += f">{chrom}\n{''.join(bases)}\n"
        self.fasta = folder / "genome.fa"
        self.fasta.write_text(text)
        self.sites = pd.DataFrame(rows, columns=["chrom", "junction", *PLACE[2:]])
        self.sites = self.sites.assign(position=self.place(1, "exon"))

    def place(self, base: int, site_base: str) -> np.ndarray:
        return get_positions(
            self.sites["junction"].to_numpy(),
            self.sites["strand"].eq("+").to_numpy(),
            self.sites["splice_type"].eq("donor").to_numpy(),
            coordinate_base=base,
            site_base=site_base,
        )

    def add(
        self,
        gene: str,
        chrom: str,
        strand: str,
        exons: list[tuple[int, int]],
        biotype: str = "protein_coding",
    ) -> None:
        """Write a gene into the annotation; exons 0-based half-open."""
        ids = f'gene_id "{gene}"; gene_name "N{gene}"; gene_biotype "{biotype}";'
        rows = [("gene", exons[0][0], exons[-1][1], ids)]
        rows += [("exon", a, b, f'{ids} transcript_id "{gene}.t";') for a, b in exons]
        for feature, first, last, text in rows:
            fields = (chrom, "x", feature, first + 1, last, ".", strand, ".", text)
            self.lines.append("\t".join(map(str, fields)))

    def call(self, scores: pd.DataFrame, **options: Any) -> tuple[pd.DataFrame, dict]:
        path, gtf = self.folder / "s.tsv", self.folder / "a.gtf"
        scores.to_csv(path, sep="\t", index=False)
        gtf.write_text("\n".join(self.lines) + "\n")
        settings = {
            k: options.pop(k) for k in ("threshold", "tolerance") if k in options
        }
        tracks = {"format": "table", "path": str(path)}
        return call_files(
            tracks, self.fasta, gtf, settings=CallSettings(**settings), **options
        )

    @property
    def scores(self) -> pd.DataFrame:
        return self.sites.drop(columns="junction").assign(score=0.9)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def count(table: pd.DataFrame) -> dict[str, int]:
    return table["pred_type"].value_counts().to_dict()


@pytest.mark.parametrize(
    ("column", "value", "channels"),
    [
        ("chrom", "chr2", 4),
        ("strand", "-", 2),
        ("splice_type", "acceptor", 2),
    ],
)
def test_what_was_not_scored_is_not_judged(made, column, value, channels) -> None:
    """A contig, a strand or a type without any score gives no FN and no TN."""
    scores = made.scores
    scores = scores[scores[column].ne(value)]
    scores.loc[scores.index[:3], "score"] = 0.2
    table, audit = made.call(scores)
    assert count(table)["TP"] == len(scores) - 3
    assert count(table)["FN"] == 3
    assert value not in set(table[column])
    assert audit["annotated_sites"] == len(scores)
    unscored = audit["not_scored"]
    assert unscored["annotated_sites"] == len(made.sites) - len(scores)
    assert {len(words) for words in unscored["where"].values()} == {channels}
    # Top-k counts what was scored.
    _, audit = made.call(scores, threshold="topk")
    assert audit["calls"] == len(scores)


def test_one_strand_of_one_contig_without_scores_is_not_judged(made) -> None:
    scores = made.scores
    is_out = scores["chrom"].eq("chr2") & scores["strand"].eq("-")
    table, audit = made.call(scores[~is_out])
    assert set(table["pred_type"]) <= {"TP", "TN"}
    assert audit["not_scored"]["where"] == {"chr2": ["acceptor -", "donor -"]}
    # The same sites with weak scores were missed.
    scores.loc[is_out, "score"] = 0.01
    assert count(made.call(scores)[0])["FN"] == is_out.sum()
    # A zero is a score too.
    scores.loc[is_out, "score"] = 0
    table, audit = made.call(scores)
    assert count(table)["FN"] == is_out.sum()
    assert audit["not_scored"] == {"annotated_sites": 0}


def test_few_sites_without_scores_may_all_have_been_missed(made) -> None:
    """Two of three sites are found elsewhere: one missed site proves nothing."""
    names = [*made.sites["chrom"].unique(), "chr3"]
    made.add("one", "chr3", "+", [(500, 700), (1000, 1200)])
    bases = np.random.default_rng(1).choice(list("ACGT"), 2000)
    bases[700:702], bases[998:1000] = list("GT"), list("AG")
    with made.fasta.open("a") as file:
        file.write(f">chr3\n{''.join(bases)}\n")
    scores = made.scores.iloc[np.arange(len(made.sites)) % 3 > 0]
    donor = pd.DataFrame([("chr3", 700, "+", "donor", 0.9)], columns=[*PLACE, "score"])
    table, _ = made.call(pd.concat([scores, donor]))
    own = table[table["chrom"].eq("chr3") & table["pred_type"].ne("TN")]
    assert own["pred_type"].tolist() == ["TP", "FN"]
    # Without any score, the contig was not scored.
    table, audit = made.call(scores)
    assert "chr3" not in set(table["chrom"])
    assert audit["not_scored"]["annotated_sites"] == 2
    # But where it is known to have been, all of it was missed.
    bed = made.folder / "scored.bed"
    rows = [(c, 0, 2000 if c == "chr3" else 10**6, s) for c in names for s in "+-"]
    bed.write_text("".join(f"{c}\t{a}\t{b}\tx\t0\t{s}\n" for c, a, b, s in rows))
    table, audit = made.call(scores, scored=bed)
    assert count(table[table["chrom"] == "chr3"])["FN"] == 2
    assert audit["not_scored"] == {"annotated_sites": 0}


def test_nothing_scored_is_refused(made) -> None:
    other = made.scores.assign(chrom="chr9")
    with pytest.raises(InputError, match="contigs not in"):
        made.call(other)


def test_scores_on_contigs_that_the_genome_lacks_are_left_out(made, caplog) -> None:
    scores = made.scores
    expected, _ = made.call(scores)
    found, _ = made.call(pd.concat([scores, scores.assign(chrom="scaffold_7")]))
    pd.testing.assert_frame_equal(found, expected)
    assert "rows lie on 1 contigs that" in caplog.text


@pytest.mark.parametrize("score", [0.0, 0.01])
def test_topk_with_ties_calls_no_thousands(made, score) -> None:
    """A third of the sites is missed; thousands of bases share one low score."""
    scores = made.scores
    is_missed = np.arange(len(scores)) % 3 == 0
    scores["score"] = np.where(is_missed, score, 0.9)
    bases = np.arange(600, LENGTH - 100, 7)
    more = pd.DataFrame({"chrom": "chr1", "position": bases, "strand": "+"})
    more = more.assign(splice_type="donor", score=score)
    given = pd.concat([scores, more]).drop_duplicates(PLACE)
    if score:
        table, audit = made.call(given, threshold="topk")
        assert audit["threshold"] == pytest.approx(0.9)
        assert audit["calls"] == (~is_missed).sum()
        assert count(table)["FN"] == is_missed.sum()
        assert "FP" not in count(table)
    else:
        with pytest.raises(InputError, match="score above 0; there are 32"):
            made.call(given, threshold="topk")


@pytest.mark.parametrize("threshold", [0, -1, 1e-60, 2])
def test_a_threshold_that_every_base_reaches_is_refused(threshold) -> None:
    with pytest.raises(InputError, match=r"number > 0, ≤ 1|every base would be a call"):
        CallSettings(threshold=threshold)


@pytest.mark.parametrize(
    ("factor", "words"), [(1000, "of 900"), (100, "of 90"), (-1, "of -0.9")]
)
def test_scores_outside_0_to_1_are_refused(made, factor, words) -> None:
    scores = made.scores
    with pytest.raises(
        InputError, match=f"a score {words}; scores lie between 0 and 1"
    ):
        made.call(scores.assign(score=scores["score"] * factor))


def test_a_call_within_the_tolerance_gives_its_own_score(made) -> None:
    scores = made.scores
    is_beside = np.arange(len(scores)) % 4 == 0
    beside = scores[is_beside].assign(score=0.8)
    beside["position"] += 1
    weak = scores[is_beside].assign(score=0.3)
    given = pd.concat([scores[~is_beside], beside, weak])
    table, _ = made.call(given, tolerance=2)
    hits = table[table["pred_type"].eq("TP")]
    assert len(hits) == len(scores)
    by_class = hits.groupby("call_class")["score"].agg(["min", "max"])
    assert by_class.loc["exact"].tolist() == pytest.approx([0.9, 0.9])
    assert by_class.loc["near_miss"].tolist() == pytest.approx([0.8, 0.8])


def test_sites_beyond_thousands_of_contigs_keep_their_scores(made) -> None:
    """Keys of late contigs are beyond what a float holds exactly."""
    text = made.fasta.read_text()
    many = "".join(f">s{i}\nACGTTGCA\n" for i in range(9000))
    made.fasta.write_text(many + text)
    scores = made.scores.assign(score=np.linspace(0.6, 0.9, len(made.sites)))
    table, _ = made.call(scores, tolerance=1)
    hits = table[table["pred_type"].eq("TP")].merge(scores, on=PLACE)
    np.testing.assert_allclose(hits["score_x"], hits["score_y"], rtol=1e-6)
    assert len(hits) == len(scores)


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("site_base", ["exon", "intron"])
def test_support_in_any_convention_supports(made, base, site_base) -> None:
    """The scores are 1-based and exonic; support says nothing of its own convention."""
    novel = made.sites.head(4)
    for gene in range(GENES):  # half of the annotation is unknown
        if gene % 2 == 0:
            made.lines = [
                x for x in made.lines if f'"chr1g{gene}"' not in x or "\tgene\t" in x
            ]
    support = made.sites.assign(position=made.place(base, site_base), reads=5)
    path = made.folder / "reads.tsv"
    support.drop(columns="junction").to_csv(path, sep="\t", index=False)
    table, audit = made.call(made.scores, support=path)
    false = table[table["pred_type"].eq("FP")]
    assert len(false) >= len(novel)
    assert set(false["call_class"]) == {"supported"}
    assert set(false["reads"]) == {5}
    found = audit["support"]
    assert (found["coordinate_base"], found["site_base"]) == (base, site_base)
    assert found["consensus"] == 1


def test_support_of_another_build_is_refused(made) -> None:
    path = made.folder / "reads.tsv"
    support = made.sites.assign(position=made.sites["position"] + 30, reads=5)
    support.drop(columns="junction").to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=r"support .*another genome build"):
        made.call(made.scores, support=path)


def test_star_and_regtools_junctions_support(made) -> None:
    introns = made.sites["junction"].to_numpy().reshape(-1, 2)
    first = made.sites.iloc[::2]
    star = [
        (c, a + 1, b, {"+": 1, "-": 2}[s], 1, 1, 12, 0, 40)
        for c, s, (a, b) in zip(first["chrom"], first["strand"], introns, strict=True)
    ]
    bed = [
        (
            c,
            a - 30,
            b + 40,
            "J",
            12,
            s,
            a - 30,
            b + 40,
            "0,0,0",
            2,
            "30,40",
            f"0,{b - a + 30}",
        )
        for c, s, (a, b) in zip(first["chrom"], first["strand"], introns, strict=True)
    ]
    made.lines = [x for x in made.lines if '"chr1g0"' not in x or "\tgene\t" in x]
    for name, rows in {"SJ.out.tab": star, "junctions.bed": bed}.items():
        path = made.folder / name
        pd.DataFrame(rows).to_csv(path, sep="\t", index=False, header=False)
        table, _ = made.call(made.scores, support=path)
        false = table[table["pred_type"].eq("FP")]
        assert len(false) == 4
        assert set(false["call_class"]) == {"supported"}
        assert set(false["reads"]) == {12}


def test_biotypes_limit_the_truth_and_sites_have_their_own_gene(made) -> None:
    """A lncRNA in the intron of a coding gene, on its strand; both donors called."""
    exons = [(721, 760), (921, 980)]
    text = made.fasta.read_text()
    body = list(text.split("\n")[1])
    body[760:762], body[919:921] = list("GT"), list("AG")
    made.fasta.write_text(text.replace(text.split("\n")[1], "".join(body)))
    made.add("LNC", "chr1", "+", exons, "lncRNA")
    scores = pd.concat(
        [made.scores, made.scores.head(1).assign(position=760)], ignore_index=True
    )
    table, audit = made.call(scores)
    own = table[table["gene_id"].eq("LNC") & table["pred_type"].ne("TN")]
    assert own["pred_type"].tolist() == ["TP", "FN"]
    assert set(own["gene_name"]) == {"NLNC"}
    assert set(own["gene_biotype"]) == {"lncRNA"}
    table, audit = made.call(scores, biotypes=["protein_coding"])
    judged = table[table["pred_type"].ne("TN")]
    assert set(judged["gene_biotype"]) == {"protein_coding"}
    assert set(judged["pred_type"]) == {"TP"}
    assert audit["other_biotypes"] == 2
    assert audit["calls_at_other_sites"] == 1
    assert not table["position"].isin([760, 922]).any()


def test_biotypes_that_no_gene_has_are_told(made) -> None:
    with pytest.raises(InputError, match=r"there are protein_coding \(12\)"):
        made.call(made.scores, biotypes=["coding"])
    made.lines = [x.replace("gene_biotype", "other") for x in made.lines]
    with pytest.raises(InputError, match="gives no biotypes, and no CDS"):
        made.call(made.scores, biotypes=["protein_coding"])
    cds = [x.replace("\texon\t", "\tCDS\t") for x in made.lines if "\texon\t" in x]
    made.lines += cds
    table, _ = made.call(made.scores, biotypes=["protein_coding"])
    assert count(table)["TP"] == len(made.sites)


def test_sites_in_no_scanned_body_are_counted(made) -> None:
    regions = made.folder / "r.bed"
    regions.write_text("chr1\t0\t2300\tx\t0\t+\n")
    _, audit = made.call(made.scores, regions=regions)
    assert audit["annotated_sites_read"] == len(made.sites)
    assert audit["annotated_sites"] == 4
    assert audit["outside_regions"] == len(made.sites) - 4
    _, audit = made.call(made.scores)
    assert audit["outside_regions"] == 0


def test_regions_beyond_a_contig_are_refused_by_their_line(made) -> None:
    regions = made.folder / "r.bed"
    regions.write_text("# mine\nchr1\t0\t2300\tx\t0\t+\nchr1\t0\t9999999\tx\t0\t-\n")
    words = r"r.bed.*\n.*row 3: chr1:0-9999999 ends beyond its contig"
    with pytest.raises(InputError, match=words):
        made.call(made.scores, regions=regions)


def test_gaps_that_are_no_introns_are_no_truth(made) -> None:
    made.add("shift", "chr1", "+", [(11_800, 11_850), (11_854, 11_900)])
    table, audit = made.call(made.scores)
    assert audit["gaps_below_smallest_intron"] == 1
    assert set(table["pred_type"]) == {"TP"}
    table, _ = made.call(made.scores, smallest_intron=4)
    assert count(table)["FN"] == 2


def test_names_of_columns_are_those_of_the_predictor(made) -> None:
    names = {"chrom": "CHROM", "position": "POS", "score": "p"}
    expected, _ = made.call(made.scores)
    renamed = made.scores.rename(columns=names)
    found, _ = made.call(renamed, column_names=names)
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(InputError, match="no column chrom"):
        made.call(renamed)
