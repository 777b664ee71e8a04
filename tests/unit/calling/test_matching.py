"""Scores and an annotation make an error table."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from error_sequence_model.calling import call_sites, match_calls
from error_sequence_model.calling.matching import pair_sites
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, Genome
from error_sequence_model.settings import CallSettings
from error_sequence_model.sites import prepare_sites
from tiny_calls import annotated, scored, whole_contigs
from tiny_genome import TinyGenome, make_tiny_genome


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome()


@pytest.fixture
def fasta(genome: TinyGenome, tmp_path: Path) -> Path:
    return genome.write_fasta(tmp_path / "genome.fa")


def keys(table: pd.DataFrame, kind: str) -> set[tuple]:
    return set(table.loc[table["pred_type"].eq(kind), SITE].itertuples(index=False))


def call(genome: TinyGenome, fasta: Path, scores: pd.DataFrame, **options: object):
    support = options.pop("support", None)
    with Genome(fasta) as opened:
        return call_sites(
            scores,
            annotated(genome),
            whole_contigs(genome),
            opened,
            settings=CallSettings(**options),
            support=support,
        )


def test_the_table_is_read_back_as_the_same_sites(
    genome: TinyGenome, fasta: Path, tmp_path: Path
) -> None:
    table, audit = call(genome, fasta, scored(genome))
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    sites, _ = prepare_sites(tmp_path / "errors.tsv", fasta)
    for kind in ("TP", "FN", "FP"):
        assert keys(sites, kind) == keys(genome.sites, kind)
    assert audit["threshold"] == 0.5
    assert audit["counts"]["TP"] == {"exact": 24}
    assert set(sites.loc[sites["pred_type"].eq("TN"), "dinucleotide"]) <= {"GT", "AG"}


def test_decoys_are_unused_and_tell_nothing_by_their_dinucleotide(
    genome: TinyGenome, fasta: Path
) -> None:
    table, _ = call(genome, fasta, scored(genome), decoy_ratio=3, seed=4)
    decoys = table[table["pred_type"].eq("TN")]
    errors = table["pred_type"].isin(["FP", "FN"])
    for kind in ("donor", "acceptor"):
        of_kind = table["splice_type"].eq(kind)
        n = int((errors & of_kind).sum())
        assert (decoys["splice_type"].eq(kind)).sum() == 3 * n
        rows = table[of_kind & table["pred_type"].isin(["FN", "TN"])]
        if rows["pred_type"].nunique() == 2:
            is_missed = rows["pred_type"].eq("FN")
            assert roc_auc_score(is_missed, rows["dinucleotide"].eq("AG")) == 0.5
    others = table[table["pred_type"].ne("TN")]
    place = ["chrom", "position", "strand", "splice_type"]
    assert not decoys[place].merge(others[place]).size
    assert set(decoys["call_class"]) == {"hard", "random"}
    # Hard decoys are the scored ones; here those are the planted TN.
    hard = decoys[decoys["call_class"].eq("hard")]
    assert (hard["score"] == np.float32(0.1)).all()
    again, _ = call(genome, fasta, scored(genome), decoy_ratio=3, seed=4)
    pd.testing.assert_frame_equal(table, again)


def test_classes_are_kept_apart(genome: TinyGenome, fasta: Path) -> None:
    truth = annotated(genome)
    donors = truth[truth["splice_type"].eq("donor")].reset_index(drop=True)
    sign = np.where(donors["strand"].eq("+"), 1, -1)
    scores = scored(genome)[lambda x: x["pred_type"].eq("TP")]
    # Donor 0 is called 3 nt downstream; donor 1 is called as an acceptor.
    is_zero = scores["junction"].eq(donors["junction"][0])
    is_zero &= scores["chrom"].eq(donors["chrom"][0])
    is_one = scores["junction"].eq(donors["junction"][1])
    is_one &= scores["chrom"].eq(donors["chrom"][1])
    scores.loc[is_zero, "junction"] += 3 * sign[0]
    scores.loc[is_one, "junction"] -= sign[1]
    scores.loc[is_one, "splice_type"] = "acceptor"
    false = genome.sites[genome.sites["pred_type"].eq("FP")].assign(score=0.8)
    support = false[SITE].head(1).assign(reads=12)
    table, _ = call(genome, fasta, pd.concat([scores, false]), support=support)
    classes = table.groupby(["pred_type", "call_class"]).size().to_dict()
    assert classes["FP", "near_miss"] == classes["FN", "near_miss"] == 1
    assert classes["FP", "channel_swap"] == classes["FN", "channel_swap"] == 1
    assert classes["FP", "supported"] == 1
    assert classes["FP", "unannotated"] == len(false) - 1
    near = table[table["call_class"].eq("near_miss")]
    assert near["shift"].tolist() == [3, 3]
    tolerant, _ = call(genome, fasta, scores, tolerance=3)
    found = tolerant[tolerant["pred_type"].eq("TP")]
    assert found["call_class"].value_counts().to_dict() == {"exact": 22, "near_miss": 1}


def test_top_k(genome: TinyGenome, fasta: Path) -> None:
    _, audit = call(genome, fasta, scored(genome), threshold="topk")
    assert audit["threshold"] == pytest.approx(0.7)
    assert audit["annotated_sites"] == audit["calls"] == 30
    with pytest.raises(InputError, match="topk needs 30"):
        call(genome, fasta, scored(genome).head(5), threshold="topk")
    with pytest.raises(InputError, match="'best': allowed: number ≥ 0, ≤ 1 or topk"):
        CallSettings(threshold="best")


places = st.lists(st.integers(0, 30), max_size=7, unique=True)


def as_sites(junctions: list[int], strand: str = "-") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "chrom": "c",
            "junction": np.array(junctions, dtype=np.int64),
            "strand": strand,
            "splice_type": "donor",
            "region": 0,
        }
    )


@given(places, places, st.integers(0, 6))
def test_pairing_is_a_maximum_matching_of_least_distance(
    calls: list[int], truth: list[int], reach: int
) -> None:
    call_of, shift = pair_sites(as_sites(calls), as_sites(truth), reach)
    paired = call_of[call_of >= 0]
    assert len(set(paired)) == len(paired)
    total = 0
    for site, (row, distance) in enumerate(zip(call_of, shift, strict=True)):
        if row >= 0:
            assert distance == -(calls[row] - truth[site])
            assert abs(distance) <= reach
            total += abs(distance)
    assert (len(paired), -total) == best_matching(calls, truth, reach)


def best_matching(calls: list[int], truth: list[int], reach: int) -> tuple[int, int]:
    """Brute force over sites in order; both sides sorted pair without crossing."""
    calls, truth = sorted(calls), sorted(truth)
    best = [[(0, 0)] * (len(calls) + 1) for _ in range(len(truth) + 1)]
    for i, j in itertools.product(range(len(truth)), range(len(calls))):
        options = [best[i][j + 1], best[i + 1][j]]
        distance = abs(truth[i] - calls[j])
        if distance <= reach:
            n, total = best[i][j]
            options.append((n + 1, total - distance))
        best[i + 1][j + 1] = max(options)
    return best[-1][-1]


def test_the_first_base_above_the_threshold_does_not_take_the_site() -> None:
    # Calls at 9 and 10; the site is at 10. Greedy scanning would pair 9.
    found = match_calls(
        as_sites([9, 10], "+"), as_sites([10], "+"), CallSettings(tolerance=2)
    )
    assert found["call_class"].tolist() == ["exact", "unannotated"]
