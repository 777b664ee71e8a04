"""Scores in the wrong place are told by name; a poor predictor is not taken for one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.calling.arrangement import FEWEST
from error_sequence_model.calling.arrangement import check_arrangement as check
from error_sequence_model.calling.keys import Scores, make_keys
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, get_junctions, get_positions

CONTIGS = pd.Index(["chr1", "chr2"])
OTHER = {"+": "-", "-": "+", "donor": "acceptor", "acceptor": "donor"}


def check_arrangement(scores: pd.DataFrame, truth: pd.DataFrame) -> None:
    check(Scores.from_frame(scores, CONTIGS), make_keys(truth, CONTIGS))


@pytest.fixture
def truth() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    return pd.DataFrame(
        {
            "chrom": rng.choice(["chr1", "chr2"], n),
            "junction": rng.choice(200_000, n, replace=False) + 100,
            "strand": rng.choice(["+", "-"], n),
            "splice_type": rng.choice(["donor", "acceptor"], n),
        }
    )


def read_as(
    truth: pd.DataFrame,
    *,
    strand: bool = False,
    kind: bool = False,
    written: tuple[int, str] = (0, "exon"),
    read: tuple[int, str] = (0, "exon"),
) -> pd.DataFrame:
    """Scores written by one convention and read by another, or from swapped files."""
    is_plus = truth["strand"].eq("+").to_numpy()
    is_donor = truth["splice_type"].eq("donor").to_numpy()
    bases = get_positions(
        truth["junction"].to_numpy(),
        *(is_plus, is_donor),
        coordinate_base=written[0],
        site_base=written[1],
    )
    junctions = get_junctions(
        bases,
        *(is_plus != strand, is_donor != kind),
        coordinate_base=read[0],
        site_base=read[1],
    )
    scores = truth.assign(junction=junctions, score=0.9)
    if strand:
        scores["strand"] = scores["strand"].map(OTHER)
    if kind:
        scores["splice_type"] = scores["splice_type"].map(OTHER)
    # Weak scores all over, as every predictor has them.
    noise = pd.concat([truth.assign(junction=truth["junction"] + d) for d in (-7, 9)])
    scores = pd.concat([scores, noise.assign(score=0.05)], ignore_index=True)
    return scores.drop_duplicates(SITE)


@pytest.mark.parametrize("base", ["exon", "intron"])
@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (
            {"strand": True},
            r"be 0.900 if the strands were swapped: .* of \+ and -",
        ),
        (
            {"kind": True},
            "be 0.900 if the types were swapped: .* donor",
        ),
        ({"strand": True, "kind": True}, "be 0.900 if strands and types were swapped"),
    ],
)
def test_swapped_files_are_told(truth, mistake, words, base) -> None:
    own = {"written": (0, base), "read": (0, base)}
    check_arrangement(read_as(truth, **own), truth)
    with pytest.raises(InputError, match=words):
        check_arrangement(read_as(truth, **own, **mistake), truth)


@pytest.mark.parametrize(
    ("mistake", "way"),
    [
        ({"written": (0, "intron")}, "out of"),
        ({"read": (0, "intron")}, "into"),
    ],
)
def test_scores_of_the_other_base_are_told(truth, mistake, way) -> None:
    with pytest.raises(
        InputError, match=rf"be 0.900 if .* 1 nt further {way} .*site_base`"
    ):
        check_arrangement(read_as(truth, **mistake), truth)


@pytest.mark.parametrize(("written", "read", "way"), [(1, 0, "left"), (0, 1, "right")])
def test_a_table_read_with_the_other_base_is_told(truth, written, read, way) -> None:
    scores = read_as(truth, written=(written, "exon"), read=(read, "exon"))
    words = rf"would be 0.9.* 1 nt further {way} .*coordinate_base`"
    with pytest.raises(InputError, match=words):
        check_arrangement(scores, truth)


def test_a_channel_without_scores_at_its_sites_is_named(truth) -> None:
    scores = read_as(truth)
    is_here = scores["strand"].eq("-") & scores["splice_type"].eq("acceptor")
    donors = scores[scores["splice_type"].eq("donor") & scores["strand"].eq("-")]
    twice = donors.assign(splice_type="acceptor")
    given = pd.concat([scores[~is_here], twice], ignore_index=True)
    with pytest.raises(InputError, match=r"acceptor -: .*another strand or type"):
        check_arrangement(given, truth)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_a_poor_predictor_is_not_taken_for_a_mistake(truth, share) -> None:
    rng = np.random.default_rng(0)
    scores = read_as(truth)
    is_right = rng.random(len(scores)) < share
    scores["junction"] += np.where(is_right, 0, 30)
    check_arrangement(scores.drop_duplicates(SITE), truth)


def test_few_sites_say_nothing(truth) -> None:
    few = truth.head(FEWEST - 1)
    check_arrangement(read_as(few, strand=True), few)
    check_arrangement(read_as(truth).head(0), truth)
