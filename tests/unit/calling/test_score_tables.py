"""Tables of scores: typed, of both types, of one score for both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.calling import call_sites, read_scores
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, Genome
from error_sequence_model.tables import readers
from tiny_calls import exonic, scored
from tiny_genome import TinyGenome, make_tiny_genome


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome()


@pytest.fixture
def table(genome: TinyGenome) -> pd.DataFrame:
    found = scored(genome)[[*SITE, "score"]]
    return found.assign(position=exonic(genome.sites) + 1).drop(columns="junction")


def read(table: pd.DataFrame, genome: TinyGenome, folder: Path, **tracks: object):
    fasta = genome.write_fasta(folder / "genome.fa")
    table.to_csv(folder / "s.tsv", sep="\t", index=False)
    given = {"format": "table", "path": str(folder / "s.tsv"), **tracks}
    with Genome(fasta) as opened:
        found = read_scores(given, opened).to_frame()
    return found.sort_values(SITE, ignore_index=True)


@pytest.mark.parametrize("is_double", [False, True])
def test_one_score_is_typed_by_the_dinucleotide(
    genome, table, tmp_path, is_double
) -> None:
    """Pangolin's: no base becomes a site of the type that its sequence is not."""
    nowhere = table.head(40).assign(position=np.arange(40) + 1, score=0.6)
    given = pd.concat([table, nowhere]).drop(columns="splice_type")
    if is_double:
        given = given.rename(columns={"score": "donor_score"})
        given["acceptor_score"] = given["donor_score"]
    found = read(given, genome, tmp_path)
    merged = found.merge(
        scored(genome)[[*SITE, "score"]], on=SITE, how="outer", suffixes=("", "_given")
    )
    known = merged.dropna(subset="score_given")
    np.testing.assert_allclose(known["score"], known["score_given"], rtol=1e-6)
    # Whatever else is typed has the sequence of its type, by chance.
    extra = merged[merged["score_given"].isna()]
    for row in extra.itertuples():
        text = genome.contigs[row.chrom]
        at = row.junction if row.splice_type == "donor" else row.junction - 2
        pair = text[at : at + 2] if row.strand == "+" else None
        assert pair in (None, "GT", "GC", "AG")
    assert len(extra) < 30


def test_one_score_at_an_annotated_base_is_of_its_type(tmp_path) -> None:
    """A base after AG and before GT, annotated as a donor: no acceptor is called."""
    rng = np.random.default_rng(2)
    bases = rng.choice(list("AC"), 4000)
    rows = []
    for at in range(100, 3900, 100):
        bases[at - 3 : at + 2] = list("AGCGT")
        rows.append(("c", at, "+", "donor"))
    (tmp_path / "g.fa").write_text(f">c\n{''.join(bases)}\n")
    truth = pd.DataFrame(rows, columns=SITE)
    scores = truth.assign(position=truth["junction"], score=0.9)
    scores[["chrom", "position", "strand", "score"]].to_csv(
        tmp_path / "s.tsv", sep="\t", index=False
    )
    regions = pd.DataFrame(
        [("c", 0, 4000, "+")], columns=["chrom", "start", "end", "strand"]
    )
    with Genome(tmp_path / "g.fa") as opened:
        given = {"format": "table", "path": str(tmp_path / "s.tsv")}
        found = read_scores(given, opened)
        assert len(found.keys) == 2 * len(truth)
        table, _ = call_sites(found, truth, regions, opened)
        assert set(table["pred_type"]) == {"TP"}
        table, _ = call_sites(found, truth.iloc[::2], regions, opened)
    # Where neither type is annotated, both are calls.
    assert table["pred_type"].eq("FP").sum() == 2 * len(truth.iloc[1::2])


def test_blocks_and_bad_rows_keep_their_lines(
    genome, table, tmp_path, monkeypatch
) -> None:
    expected = read(table, genome, tmp_path)
    many = pd.concat([table] * 200, ignore_index=True)
    monkeypatch.setattr(readers, "BLOCK", 4096)
    pd.testing.assert_frame_equal(read(many, genome, tmp_path), expected)
    many.loc[9_990, "position"] = -3
    with pytest.raises(InputError, match="row 9992: not a score"):
        read(many, genome, tmp_path)


def test_the_best_of_copies_stays(genome, table, tmp_path) -> None:
    lower = table.assign(score=table["score"] / 2)
    expected = read(table, genome, tmp_path)
    both = pd.concat([lower, table, lower])
    pd.testing.assert_frame_equal(read(both, genome, tmp_path), expected)


def test_columns_by_other_names(genome, table, tmp_path) -> None:
    expected = read(table, genome, tmp_path)
    names = {"position": "POS", "strand": "STRAND"}
    found = read(table.rename(columns=names), genome, tmp_path, columns=names)
    pd.testing.assert_frame_equal(found, expected)


def test_tables_of_variants_are_told(genome, table, tmp_path) -> None:
    names = {"chrom": "CHROM", "position": "POS", "strand": "REF", "score": "ALT"}
    with pytest.raises(InputError, match="a table of variants"):
        read(table.rename(columns=names), genome, tmp_path)


def test_contigs_of_parquet_may_be_numbers(genome, table, tmp_path) -> None:
    numbers = table["chrom"].str.removeprefix("chr").astype("int64")
    table.assign(chrom=numbers).to_parquet(tmp_path / "s.parquet")
    given = {"format": "table", "path": str(tmp_path / "s.parquet")}
    expected = read(table, genome, tmp_path)
    with Genome(tmp_path / "genome.fa") as opened:
        found = read_scores(given, opened).to_frame()
    found = found.sort_values(SITE, ignore_index=True)
    pd.testing.assert_frame_equal(found, expected)
