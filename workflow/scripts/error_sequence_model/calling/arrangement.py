"""Whether scores lie where they are said to lie: strands, types and place.

Scores of swapped files still give an error table, of false negatives mostly, and nobody
sees it. So the scores at the annotated sites are compared with those that the same
sites would have under the usual mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from error_sequence_model.calling.keys import BITS, JUNCTION, Scores, join_keys
from error_sequence_model.core import InputError
from error_sequence_model.genome import SPLICE_TYPES, STRANDS

FEWEST = 20  # annotated sites; fewer say nothing
# A mistake is told where the sites would have so many times their score, and so much.
GAIN, LEAST = 2.0, 0.1
SILENT = 0.02  # of the best channel's mean score: less is none
_MOVES = (-2, -1, 1, 2)  # nt


class _Places(NamedTuple):
    """Sites as numbers: each array of one length (n,)."""

    contig: np.ndarray
    junction: np.ndarray
    is_plus: np.ndarray
    is_donor: np.ndarray

    def move_inwards(self, nt: int) -> _Places:
        """Move all sites into their introns."""
        moved = np.where(self.is_plus == self.is_donor, nt, -nt)
        return self._replace(junction=self.junction + moved)


def check_arrangement(scores: Scores, truth: np.ndarray) -> None:
    """Refuse scores that fit the annotation far better in another arrangement.

    Args:
        scores: All of them.
        truth: Keys of annotated sites, of channels that were scored.

    Raises:
        InputError: Swapped strands or types, shifted positions, or a channel (strand
            and type) without scores at its sites. It names the setting that would fit.
    """
    if len(truth) < FEWEST:
        return
    channel = truth >> BITS
    is_donor, is_plus = (channel & 1).astype(bool), (channel >> 1 & 1).astype(bool)
    sites = _Places(channel >> 2, truth & JUNCTION, is_plus, is_donor)

    def look_up(places: _Places) -> np.ndarray:
        return scores.look_up(join_keys(*places))

    given = look_up(sites)
    others = [(look_up(places).mean(), text) for places, text in _list_mistakes(sites)]
    best, mistake = max(others)
    if best > max(GAIN * given.mean(), LEAST):
        raise InputError(
            f"scores: at {len(given):,} annotated sites their mean is "
            f"{given.mean():.3f}, but would be {best:.3f} if {mistake}"
        )
    _refuse_silent_channels(sites, given)


def _list_mistakes(sites: _Places) -> Iterator[tuple[_Places, str]]:
    """The places where each mistake has put the scores of the sites, and the remedy."""
    strands = sites._replace(is_plus=~sites.is_plus)
    swaps = (
        (strands, "the strands were swapped: exchange the files (or names) of + and -"),
        (
            sites._replace(is_donor=~sites.is_donor),
            "the types were swapped: exchange the files (or names) of donor and "
            "acceptor",
        ),
        (
            strands._replace(is_donor=~sites.is_donor),
            "strands and types were swapped: exchange the files (or names) of both",
        ),
    )
    for places, text in swaps:
        # The base with the score is on the other side of the junction there.
        for nt in (-1, 0, 1):
            yield places.move_inwards(nt), f"{text} in `predictors.<name>.scores`"
    for nt in _MOVES:
        way, side = ("out of", "left") if nt > 0 else ("into", "right")
        yield (
            sites.move_inwards(nt),
            f"they lay {abs(nt)} nt further {way} the introns: set "
            "`predictors.<name>.site_base` (exon or intron)",
        )
        yield (
            sites._replace(junction=sites.junction + nt),
            f"they lay {abs(nt)} nt further {side} on the genome: set "
            "`predictors.<name>.coordinate_base` (0 or 1), or correct them",
        )


def _refuse_silent_channels(sites: _Places, given: np.ndarray) -> None:
    means = {}
    for strand in STRANDS:
        for splice_type in SPLICE_TYPES:
            is_here = sites.is_plus == (strand == "+")
            is_here &= sites.is_donor == (splice_type == "donor")
            if is_here.sum() >= FEWEST:
                means[f"{splice_type} {strand}"] = given[is_here].mean()
    best = max(means, key=means.__getitem__, default="")
    silent = [name for name in means if means[name] < SILENT * means[best]]
    if silent:
        raise InputError(
            f"scores: {' and '.join(silent)}: the mean at annotated sites is "
            f"{means[silent[0]]:.4f}, of {best} {means[best]:.2f}: the file of another "
            "strand or type, or an empty one? See `predictors.<name>.scores`"
        )
