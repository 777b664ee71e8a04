"""Motifs by modisco-lite instead of our own seqlets and clusters; an optional package.

modisco-lite looks for patterns of both signs, and lays a seqlet on another or on its
reverse complement, whichever fits better; it has no switch for that. What binds RNA
reads one strand, so each pattern is taken apart here: the seqlets that lie as they are
read on the transcript are one motif, those that lie the other way another one, each
with letters and contributions of the transcript strand.

Our maps have one value per base. modisco-lite wants one for each letter that could be
there; the letters that are not there are given none.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from error_sequence_model.motifs.clusters import (
    FEWEST_SEQLETS,
    MOST_SEQLETS,
    Motif,
    make_motif,
)
from error_sequence_model.motifs.seqlets import LONGEST
from error_sequence_model.settings import PACKAGES, require_caller

CORE, FLANK = 9, 4  # bases of a seqlet's core, and beside it
FEWEST_OF_A_SIGN = 20  # seqlets; with fewer, a sign has no patterns
LONGEST_TRIM = 15  # bases that a pattern is trimmed to, before flanks
RUNS = 10  # of the clustering; the best is kept


def find_modisco_motifs(
    scaled: np.ndarray, codes: np.ndarray, *, fdr: float, is_signed: bool = True
) -> list[Motif]:
    """Find stranded motifs with modisco-lite.

    Args:
        scaled: Scaled maps, float (n_sites, length).
        codes: Base codes of the same sites, int (n_sites, length); 4 is no base.
        fdr: False discovery rate of seqlets.
        is_signed: Whether negative values mean the opposite.

    Returns:
        Motifs of at least five seqlets, those with most seqlets first.

    Raises:
        InputError: modisco-lite is not installed.
    """
    require_caller("modisco")
    step = import_module(f"{PACKAGES['modisco'][0]}.tfmodisco")
    search: Callable[..., Any] = step.TFMoDISco
    letters = (codes[..., None] == np.arange(4)).astype(np.float32)
    values = scaled if is_signed else np.clip(scaled, 0, None)
    found = search(
        letters,
        (letters * values[..., None]).astype(np.float32),
        sliding_window_size=CORE,
        flank_size=FLANK,
        min_metacluster_size=FEWEST_OF_A_SIGN,
        max_seqlets_per_metacluster=MOST_SEQLETS,
        target_seqlet_fdr=fdr,
        n_leiden_runs=RUNS,
        trim_to_window_size=LONGEST_TRIM,
        initial_flank_to_add=(LONGEST - LONGEST_TRIM) // 2,
        final_min_cluster_size=FEWEST_SEQLETS,
    )
    motifs = []
    for sign, patterns in zip((1, -1), found, strict=True):
        if sign < 0 and not is_signed:
            continue
        for pattern in patterns or []:
            motifs += _split_strands(pattern, sign, scaled, codes)
    return sorted(motifs, key=lambda m: (-len(m.rows), m.consensus))


def _split_strands(
    pattern: Any, sign: int, scaled: np.ndarray, codes: np.ndarray
) -> list[Motif]:
    """Make a motif of a pattern's seqlets of each strand; none of too few."""
    motifs = []
    for is_reversed in (False, True):
        places = [
            (seqlet.example_idx, seqlet.start, seqlet.end)
            for seqlet in pattern.seqlets
            if bool(seqlet.is_revcomp) == is_reversed
            and seqlet.start >= 0
            and seqlet.end <= codes.shape[1]
        ]
        if len(places) >= FEWEST_SEQLETS:
            rows, starts, ends = np.unique(np.array(places, dtype=int), axis=0).T
            columns = starts[:, None] + np.arange(ends[0] - starts[0])
            motifs.append(make_motif(sign, rows, columns, scaled, codes))
    return [motif for motif in motifs if motif is not None]
