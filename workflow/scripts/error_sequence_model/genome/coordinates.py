"""From what a table calls `position` to a junction, and back.

A junction is interbase, 0-based: junction j lies between base j-1 and base j of the
forward strand. A table gives one of the two bases beside it, the exonic or the intronic
one, counted from 0 or from 1. This file is the only place that knows which is which.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.core import InputError

SITE_BASES = ("exon", "intron")
COORDINATE_BASES = (0, 1)
STRANDS = ("+", "-")
SPLICE_TYPES = ("donor", "acceptor")


def check_convention(coordinate_base: int, site_base: str) -> None:
    """Refuse anything but 0 or 1 and exon or intron.

    Raises:
        InputError: One of the two is another.
    """
    if coordinate_base not in COORDINATE_BASES or isinstance(coordinate_base, bool):
        raise InputError(
            f"coordinate_base is {coordinate_base!r}; it must be 0 or 1; set "
            "`predictors.<name>.coordinate_base`"
        )
    if site_base not in SITE_BASES:
        raise InputError(
            f"site_base is {site_base!r}; it must be exon or intron (the exonic or the "
            "intronic base beside the junction); set `predictors.<name>.site_base`"
        )


def is_left_of_junction(
    is_plus: np.ndarray, is_donor: np.ndarray, site_base: str
) -> np.ndarray:
    """Tell whether the named base lies left (forward strand) of the junction.

    Args:
        is_plus: bool ``(n,)``, strand is '+'.
        is_donor: bool ``(n,)``, donor rather than acceptor.
        site_base: Which base is named, ``exon`` or ``intron``.

    Returns:
        bool ``(n,)``. The exon lies left of a '+' donor and of a '-' acceptor.
    """
    exon_is_left = np.asarray(is_plus) == np.asarray(is_donor)
    return exon_is_left if site_base == "exon" else ~exon_is_left


def get_junctions(
    positions: np.ndarray,
    is_plus: np.ndarray,
    is_donor: np.ndarray,
    *,
    coordinate_base: int,
    site_base: str,
) -> np.ndarray:
    """Convert positions to junctions.

    Args:
        positions: int64 ``(n,)``, forward-strand coordinate of one base per site.
        is_plus: bool ``(n,)``.
        is_donor: bool ``(n,)``.
        coordinate_base: What the first base of a contig is called, 0 or 1.
        site_base: ``exon`` or ``intron``.

    Returns:
        int64 ``(n,)`` interbase junctions.

    Example:
        >>> last_exonic = {"coordinate_base": 1, "site_base": "exon"}
        >>> get_junctions([100, 100], [True, False], [True, True], **last_exonic)
        array([100,  99])
    """
    check_convention(coordinate_base, site_base)
    is_left = is_left_of_junction(is_plus, is_donor, site_base)
    return np.asarray(positions, dtype=np.int64) - coordinate_base + is_left


def get_positions(
    junctions: np.ndarray,
    is_plus: np.ndarray,
    is_donor: np.ndarray,
    *,
    coordinate_base: int,
    site_base: str,
) -> np.ndarray:
    """Convert junctions to positions; the inverse of ``get_junctions``.

    Returns:
        int64 ``(n,)``.

    Raises:
        InputError: The convention is none; see ``check_convention``.

    Example:
        >>> first_intronic = {"coordinate_base": 0, "site_base": "intron"}
        >>> get_positions([100, 99], [True, False], [True, True], **first_intronic)
        array([100,  98])
    """
    check_convention(coordinate_base, site_base)
    is_left = is_left_of_junction(is_plus, is_donor, site_base)
    return np.asarray(junctions, dtype=np.int64) + coordinate_base - is_left


def get_window_starts(
    junctions: np.ndarray, is_plus: np.ndarray, *, upstream: int, downstream: int
) -> np.ndarray:
    """Return the first forward-strand base of each window, 0-based; may be negative.

    All arrays are ``(n,)``, the result int64; ``upstream`` and ``downstream`` in bases.

    A window is ``[junction - upstream, junction + downstream)`` on '+' and mirrored,
    ``[junction - downstream, junction + upstream)``, on '-'.

    Example:
        >>> get_window_starts([100, 100], [True, False], upstream=30, downstream=10)
        array([70, 90])
    """
    before = np.where(np.asarray(is_plus), upstream, downstream)
    return np.asarray(junctions, dtype=np.int64) - before
