"""Where the bases of windows lie on the genome; 0-based, -1 for nowhere.

A window is ``[junction - upstream, junction + downstream)`` on '+', mirrored and
reverse-complemented on '-'. In a personal genome the windows are cut after its variants
were put in: inserted bases have no place on the reference, and what lies behind an
insertion or deletion is shifted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.genome import Genome, Variants, get_window_starts

NOWHERE = -1


def place_windows(
    junctions: np.ndarray,
    is_plus: np.ndarray,
    *,
    upstream: int,
    downstream: int,
    length: int,
) -> np.ndarray:
    """Place the bases of windows on a contig.

    Args:
        junctions: Interbase, int64 (n,).
        is_plus: Whether the site is on the '+' strand, bool (n,).
        upstream: Bases 5' of the junction.
        downstream: Bases 3' of it.
        length: Of the contig, bases.

    Returns:
        int64 (n, upstream + downstream): position of each base of the window, the most
        5' one first, so falling on '-'; -1 beyond the contig's ends.
    """
    starts = get_window_starts(
        junctions, is_plus, upstream=upstream, downstream=downstream
    )
    steps = np.arange(upstream + downstream)
    places = starts[:, None] + np.where(is_plus[:, None], steps, steps[::-1])
    return np.where((places >= 0) & (places < length), places, NOWHERE)


def place_sites(
    sites: pd.DataFrame,
    genome: Genome,
    *,
    upstream: int,
    downstream: int,
    variants: Variants | None = None,
) -> np.ndarray:
    """Place the windows of sites on their genome.

    Args:
        sites: chrom, junction (of the reference), strand and splice_type.
        genome: The reference.
        upstream: Bases 5' of the junction.
        downstream: Bases 3' of it.
        variants: Those of the personal genome that the windows were cut from.

    Returns:
        int64 (n, upstream + downstream), see ``place_windows``; all -1 where the
        genome has no such contig.
    """
    placed = np.full((len(sites), upstream + downstream), NOWHERE, dtype=np.int64)
    sides = {"upstream": upstream, "downstream": downstream}
    chroms = sites["chrom"].to_numpy(dtype=object)
    junctions = sites["junction"].to_numpy(dtype=np.int64)
    is_plus = (sites["strand"] == "+").to_numpy()
    for chrom in dict.fromkeys(chroms):
        length = genome.lengths.get(chrom)
        if length is None:
            continue
        rows = np.flatnonzero(chroms == chrom)
        if variants is None:
            placed[rows] = place_windows(
                junctions[rows], is_plus[rows], length=length, **sides
            )
            continue
        contig = genome.load_contig(chrom)
        is_donor = (sites["splice_type"].iloc[rows] == "donor").to_numpy()
        personal = variants.apply(
            chrom, contig, junctions[rows], is_plus[rows] == is_donor
        )
        places = place_windows(
            personal.junctions, is_plus[rows], length=len(personal.contig), **sides
        )
        inside = places >= 0
        places[inside] = personal.trace(places[inside])
        placed[rows] = places
    return placed
