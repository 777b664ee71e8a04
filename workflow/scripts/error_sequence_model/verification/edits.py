"""Replacing bases of one sequence, beside a control that replaces as many others.

Sequences are base codes (0-3 = ACGT, 4 anything else). The two intronic bases next to
the junction are never touched.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from error_sequence_model.features import Layout


class Pair(NamedTuple):
    """A changed sequence and its control, base codes int8 (length,) each."""

    changed: np.ndarray
    control: np.ndarray


class Site(NamedTuple):
    """What a change is proposed for.

    Attributes:
        codes: Base codes, int8 (length,).
        is_donor: Whether the site is a donor.
        other: Another base for every base, int8 (length,).
        rng: Source of randomness.
    """

    codes: np.ndarray
    is_donor: bool
    other: np.ndarray
    rng: np.random.Generator


def protect_site(layout: Layout, is_donor: bool) -> np.ndarray:
    """Columns that no change touches: the site's own GT or AG."""
    first = layout.upstream if is_donor else layout.upstream - 2
    return np.arange(max(first, 0), min(first + 2, layout.length))


def replace_columns(
    site: Site, layout: Layout, columns: np.ndarray, region: tuple[int, int]
) -> Pair | None:
    """Replace columns; the control replaces as many others of a region of offsets."""
    free = np.zeros(layout.length, dtype=bool)
    free[layout.get_slice(*region)] = True
    fixed = protect_site(layout, site.is_donor)
    free[fixed] = False
    free[columns] = False
    columns = np.setdiff1d(columns, fixed)
    control = draw_control(columns, free, site.rng)
    if not len(columns) or control is None:
        return None
    return Pair(
        *(put_bases(site.codes, at, site.other[at]) for at in (columns, control))
    )


def put_bases(codes: np.ndarray, columns: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """A copy of a sequence with other bases in some columns."""
    copy = codes.copy()
    copy[columns] = bases
    return copy


def draw_control(
    columns: np.ndarray, free: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """Draw as many free columns, in runs as long as those given where they fit.

    Args:
        columns: int (k,), rising.
        free: Which columns may be drawn, bool (length,).
        rng: Source of randomness.

    Returns:
        int (k,), or None where too few are free.
    """
    free = free.copy()
    chosen: list[int] = []
    for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        if not len(run):
            continue
        room = np.convolve(free, np.ones(len(run), dtype=int), mode="valid")
        places = np.flatnonzero(room == len(run))
        if len(places):
            first = int(rng.choice(places))
            drawn = np.arange(first, first + len(run))
        elif free.sum() >= len(run):
            drawn = rng.choice(np.flatnonzero(free), len(run), replace=False)
        else:
            return None
        free[drawn] = False
        chosen += drawn.tolist()
    return np.sort(np.array(chosen, dtype=np.int64))
