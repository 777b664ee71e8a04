"""Error tables in, checked sites out."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from error_sequence_model.core import InputError
from error_sequence_model.sites import describe_counts, prepare_sites
from error_sequence_model.sites.prepare import COLUMNS, make_audit
from tiny_genome import TinyGenome, make_tiny_genome

CONVENTIONS = list(itertools.product((0, 1), ("exon", "intron")))


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome()


@pytest.fixture(scope="module")
def fasta(genome: TinyGenome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return genome.write_fasta(tmp_path_factory.mktemp("genome") / "genome.fa")


def read(table: pd.DataFrame, fasta: Path, folder: Path, **options: object):
    path = folder / "errors.tsv"
    table.to_csv(path, sep="\t", index=False)
    convention = {"coordinate_base": 1, "site_base": "exon", **options}
    return prepare_sites(path, fasta, **convention)


def test_columns_order_and_audit(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    table = genome.table().assign(score=0.5, note="kept", transcript_id=".")
    sites, audit = read(table.sample(frac=1, random_state=1), fasta, tmp_path)
    assert tuple(sites.columns) == (*COLUMNS, "note")
    assert sites["site_id"].tolist() == list(range(len(table)))
    keys = ["chrom", "junction", "strand", "splice_type"]
    assert sites[keys].equals(sites[keys].sort_values(keys, ignore_index=True))
    assert sites["transcript_ids"].isna().all()
    assert sites["score"].dtype == np.float32
    assert set(sites["dinucleotide"]) == {"GT", "AG"}
    assert audit["sites"] == audit["rows_read"] == len(table)
    assert audit["consensus"]["donor"] == {"+": 1.0, "-": 1.0}
    assert audit["counts"]["pred_type_by_splice_type"]["FP"] == {"donor": 6}


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (np.nan, "no number in it"),
        (-3.25, "runs from -3.25 to 0.5"),
        (0.25, ""),
        (1.0000001, ""),
    ],
)
def test_scores_that_are_odd_are_said(
    genome: TinyGenome,
    fasta: Path,
    tmp_path: Path,
    caplog: Any,
    score: float,
    told: str,
) -> None:
    table = genome.table().assign(score=score if np.isnan(score) else 0.5)
    table.loc[3, "score"] = score
    sites, _ = read(table, fasta, tmp_path)
    assert len(sites) == len(table)
    messages = [record.getMessage() for record in caplog.records]
    assert [text for text in messages if "`score`" in text and told in text][:1] == [
        text for text in messages if "`score`" in text
    ]
    assert any(told in text for text in messages) or not told


@pytest.mark.parametrize(("base", "site_base"), CONVENTIONS)
def test_every_convention_gives_the_same_sites(
    genome: TinyGenome, fasta: Path, tmp_path: Path, base: int, site_base: str
) -> None:
    expected, _ = read(genome.table(), fasta, tmp_path)
    table = genome.table(coordinate_base=base, site_base=site_base)
    sites, _ = read(table, fasta, tmp_path, coordinate_base=base, site_base=site_base)
    pd.testing.assert_frame_equal(sites, expected)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_table_gives_the_same_sites_in_any_convention(
    genome: TinyGenome, fasta: Path, tmp_path: Path, data: st.DataObject
) -> None:
    n = len(genome.sites)
    rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=12))
    results = []
    for base, site_base in CONVENTIONS:
        table = genome.table(base, site_base).iloc[rows]
        sites, _ = read(
            table, fasta, tmp_path, coordinate_base=base, site_base=site_base
        )
        results.append(sites)
    expected = genome.sites.iloc[sorted(set(rows))]
    assert len(results[0]) == len(expected)
    assert set(results[0]["junction"]) == set(expected["junction"])
    for other in results[1:]:
        pd.testing.assert_frame_equal(other, results[0])


@pytest.mark.parametrize(
    ("declared", "true"), list(itertools.permutations(CONVENTIONS, 2))
)
def test_wrong_convention_is_named(
    genome: TinyGenome,
    fasta: Path,
    tmp_path: Path,
    declared: tuple[int, str],
    true: tuple[int, str],
) -> None:
    with pytest.raises(InputError) as caught:
        read(
            genome.table(*true),
            fasta,
            tmp_path,
            coordinate_base=declared[0],
            site_base=declared[1],
        )
    advice = str(caught.value).split("It would pass with ")[1].split(". Set")[0]
    expected = []
    if declared[0] != true[0]:
        expected.append(f"coordinate_base: {true[0]}")
    if declared[1] != true[1]:
        expected.append(f"site_base: {true[1]}")
    assert advice == ", ".join(expected)


def test_wrong_strands_types_shifts_and_builds_are_named(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    table = genome.table()
    flipped = table.assign(strand=table["strand"].map({"+": "-", "-": "+"}))
    with pytest.raises(InputError, match=r"strand convention: '\+' and '-' exchanged"):
        read(flipped, fasta, tmp_path)
    swap = {"donor": "acceptor", "acceptor": "donor"}
    with pytest.raises(InputError, match="donor and acceptor exchanged"):
        read(table.assign(splice_type=table["splice_type"].map(swap)), fasta, tmp_path)
    sign = np.where(table["strand"].eq("+"), 1, -1)
    with pytest.raises(InputError, match=r"shift: -4 nt in transcript direction"):
        read(table.assign(position=table["position"] + 4 * sign), fasta, tmp_path)
    per_strand = table["position"] + np.where(table["strand"].eq("+"), 7, 3)
    with pytest.raises(InputError, match=r"donor '\+' -7, .*donor|its own number"):
        read(table.assign(position=per_strand), fasta, tmp_path)
    other = make_tiny_genome(seed=9)
    moved = {chrom: text[::-1] for chrom, text in other.contigs.items()}
    build = TinyGenome(moved, other.sites).write_fasta(tmp_path / "other.fa")
    with pytest.raises(InputError, match="wrong genome build"):
        read(table, build, tmp_path)


def test_copies_are_merged_and_conflicts_refused(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    table = genome.table()
    copies = [table.assign(transcript_id=f"t{i}") for i in (1, 2)]
    sites, audit = read(pd.concat(copies), fasta, tmp_path)
    assert set(sites["transcript_ids"]) == {"t1,t2"}
    assert audit["merged_rows"] == len(table)
    assert "gene_ids" not in sites
    copies[1].iloc[3, copies[1].columns.get_loc("gene_id")] = "other"
    sites, _ = read(pd.concat(copies), fasta, tmp_path)
    assert sites["gene_ids"].str.contains(",").sum() == 1
    wrong = table.iloc[[0, 5]].assign(pred_type="FN")
    with pytest.raises(InputError) as caught:
        read(pd.concat([table, wrong]), fasta, tmp_path)
    message = str(caught.value)
    assert "conflicting pred_type: row 2 TP, row 74 FN" in message
    assert "row 7 TN, row 75 FN" in message


def test_a_site_in_overlapping_genes_has_one_class(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    """Annotated in one gene is annotated: the first of TP, FN, FP, TN stays."""
    table = genome.table()
    beaten = table.assign(gene_id="host").iloc[[0, 10]]
    kinds = {"TP": "FP", "FN": "TN"}
    beaten = beaten.assign(pred_type=beaten["pred_type"].map(kinds))
    sites, audit = read(pd.concat([beaten, table]), fasta, tmp_path)
    expected, _ = read(table, fasta, tmp_path)
    assert sites["pred_type"].tolist() == expected["pred_type"].tolist()
    assert sites["gene_id"].tolist() == expected["gene_id"].tolist()
    reason = "another class at the same site in an overlapping gene or copy"
    assert {"reason": reason, "rows": 2} in audit["dropped"]
    assert audit["merged_rows"] == 0
    # Two classes by one gene contradict, as they do without a gene.
    for gene in (table["gene_id"].iloc[0], None):
        wrong = table.iloc[[0]].assign(pred_type="FP", gene_id=gene)
        with pytest.raises(InputError, match="conflicting pred_type"):
            read(pd.concat([table, wrong]), fasta, tmp_path)


@pytest.mark.parametrize("n", [1, 4, 8])
def test_one_odd_site_of_a_small_group_refuses_nothing(
    genome: TinyGenome, fasta: Path, tmp_path: Path, n: int
) -> None:
    table = genome.table()
    table = table[table["pred_type"].eq("TP")]
    is_small = table["splice_type"].eq("donor") & table["strand"].eq("-")
    small = table[is_small].head(n)
    odd = small.head(1).assign(position=small["position"].head(1) + 7)
    given = pd.concat([table[~is_small], small.iloc[1:], odd])
    sites, audit = read(given, fasta, tmp_path)
    assert len(sites) == len(given)
    assert audit["consensus"]["donor"]["-"] == 1 - 1 / len(small)
    # One odd site of each group are four of four.
    few = table.groupby(["splice_type", "strand"]).head(1)
    sign = np.where(few["strand"].eq("+"), 1, -1)
    with pytest.raises(InputError, match="shift: -4 nt"):
        read(few.assign(position=few["position"] + 4 * sign), fasta, tmp_path)
    # And the right reading is found where one site is odd.
    moved = given.assign(position=given["position"] - 1)
    with pytest.raises(InputError, match="coordinate_base: 0"):
        read(moved, fasta, tmp_path)


def test_all_bad_rows_are_told_at_once(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    table = genome.table().astype(object)
    bad = {
        "strand": (0, "."),
        "splice_type": (1, "branch"),
        "pred_type": (2, "TPP"),
        "chrom": (3, "chrX"),
        "position": (4, "twelve"),
    }
    for column, (row, value) in bad.items():
        table.loc[row, column] = value
    table.loc[5, "position"] = -4
    table.loc[6, "position"] = 10**7
    table.loc[7, "position"] = "NaN"
    table.loc[8, "position"] = "12.5"
    with pytest.raises(InputError) as caught:
        read(table, fasta, tmp_path)
    message = str(caught.value)
    assert "9 problem(s)" in message
    for words in (
        "row 2: strand is empty or '.'; must be one of +, -",
        "row 3: splice_type is 'branch'",
        "row 4: pred_type is 'TPP'",
        "row 5: chrom is 'chrX': not in the genome",
        "row 6: position is 'twelve'",
        "row 7: position is '-4'; must be at least 1",
        "row 8: position is 10000000, beyond the end of chr1 (2500 bp)",
        "row 9: position is 'NaN'",
        "row 10: position is '12.5'",
    ):
        assert words in message


@pytest.mark.parametrize("coordinate_base", [0, 1])
def test_the_first_base_beyond_a_contig_is_refused(
    genome: TinyGenome, fasta: Path, tmp_path: Path, coordinate_base: int
) -> None:
    table = genome.table(coordinate_base)
    row = np.flatnonzero(table["pred_type"].eq("TN"))[0]
    chrom = table["chrom"].iloc[row]
    beyond = len(genome.contigs[chrom]) + coordinate_base
    options = {"coordinate_base": coordinate_base}
    table.loc[row, "position"] = beyond - 1
    read(table, fasta, tmp_path, **options)
    table.loc[row, "position"] = beyond
    with pytest.raises(InputError, match=f"{beyond}, beyond the end of {chrom}"):
        read(table, fasta, tmp_path, **options)


def test_only_twenty_are_shown_but_all_are_logged(
    genome: TinyGenome, fasta: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="and 52 more") as caught:
        read(genome.table().assign(strand="*"), fasta, tmp_path)
    assert str(caught.value).count("row ") < 30
    assert "row 73: strand is '*'" in caplog.text


def test_contig_naming(genome: TinyGenome, fasta: Path, tmp_path: Path) -> None:
    table = genome.table()
    bare = table.assign(chrom=table["chrom"].str.removeprefix("chr"))
    sites, audit = read(bare, fasta, tmp_path)
    assert set(sites["chrom"]) == {"chr1", "chr2", "chr3"}
    assert audit["input"]["contigs_renamed"] == {"1": "chr1", "2": "chr2", "3": "chr3"}
    with pytest.raises(InputError, match="ambiguous"):
        read(pd.concat([table, bare.assign(chrom="1")]), fasta, tmp_path)


def test_formats(genome: TinyGenome, fasta: Path, tmp_path: Path) -> None:
    table = genome.table()
    expected, _ = read(table, fasta, tmp_path)
    text = table.to_csv(sep="\t", index=False, lineterminator="\n")
    (tmp_path / "crlf.tsv").write_bytes(
        b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n"
    )
    (tmp_path / "packed.tsv.gz").write_bytes(gzip.compress(text.encode()))
    table.to_parquet(tmp_path / "table.parquet")
    table.to_csv(tmp_path / "table.csv", index=False)
    for name in ("crlf.tsv", "packed.tsv.gz", "table.parquet", "table.csv"):
        sites, _ = prepare_sites(
            tmp_path / name, fasta, coordinate_base=1, site_base="exon"
        )
        pd.testing.assert_frame_equal(sites, expected)


def test_other_column_names(genome: TinyGenome, fasta: Path, tmp_path: Path) -> None:
    table = genome.table().rename(columns={"chrom": "seqname", "pred_type": "class"})
    with pytest.raises(InputError, match=r"no column chrom, pred_type.*`columns:"):
        read(table, fasta, tmp_path)
    names = {"chrom": "seqname", "pred_type": "class"}
    sites, _ = read(table, fasta, tmp_path, column_names=names)
    assert "seqname" not in sites
    with pytest.raises(InputError, match="nowhere"):
        read(table, fasta, tmp_path, column_names={"chrom": "nowhere"})


def test_every_site_is_counted_and_told() -> None:
    sites = pd.DataFrame(
        {
            "pred_type": ["TP", "TP", "FN", "FP", "TN", "TN"],
            "splice_type": ["donor", "acceptor", "donor", "donor", "donor", "donor"],
            "strand": ["+", "-", "-", "-", "+", "-"],
            "dinucleotide": ["GT", "AG", "GC", "GT", "AT", "GA"],
        }
    )
    dropped = [{"reason": "a shadow", "rows": 2}]
    audit = make_audit(sites, rows_read=11, shares={}, dropped=dropped)
    assert audit["merged_rows"] == 11 - 2 - 6
    assert audit["dropped"] == dropped
    assert audit["counts"]["pred_type"] == {"TP": 2, "TN": 2, "FN": 1, "FP": 1}
    by_pair = audit["counts"]["pred_type_by_dinucleotide"]
    assert by_pair["TP"] == {"AG": 1, "GT": 1}
    assert describe_counts(audit, most=3) == [
        "Strands: − 4, + 2.",
        "Dinucleotides: GT 2, AG 1, AT 1, others 2.",
    ]
    assert describe_counts({}) == []


def read_sequences(folder: Path, *texts: str) -> pd.DataFrame:
    rows = "".join(f"{text}\t1\n" for text in texts)
    (folder / "labelled.tsv").write_text(f"sequence\tlabel\n{rows}")
    path = folder / "labelled.tsv"
    sites, _ = prepare_sites(path, None, table_format="sequences")
    return sites


def test_sequences_may_be_rna(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sites = read_sequences(tmp_path, "CCAGGUAA", "ccagguaa")
    assert sites["dinucleotide"].tolist() == ["GT", "GT"]
    assert "taken for a donor" in caplog.text


def test_sequences_of_amino_acids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 3: .*'MKVLAAGI'; must be bases"):
        read_sequences(tmp_path, "ACGTRYKM", "MKVLAAGI")
