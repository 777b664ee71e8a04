"""Which motifs are more than chance: the same maps laid over other stretches.

High stretches of a map come in runs, whatever the map is worth: smoothing, overlapping
windows and tokens see to that, and stretches of any sequence have words in common. The
null keeps all of it: every seqlet stays as it is, and every site's sequence is turned
in a circle by a random number of bases, so that the letters under a seqlet are the
site's own but those of another place. A map that knows nothing of the letters finds as
strong a motif there as in truth.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.features import get_bits
from error_sequence_model.motifs.clusters import (
    FRAME,
    Motif,
    find_motifs_in_seqlets,
)

TURNS = 19  # the strongest of all turned runs is passed by chance in one run of twenty


def find_motifs_beyond_chance(
    seqlets: pd.DataFrame, scaled: np.ndarray, codes: np.ndarray, *, seed: int
) -> list[Motif]:
    """Cluster seqlets into motifs, and keep those stronger than chance makes any.

    Args:
        seqlets: From ``call_seqlets``.
        scaled: Scaled maps, float (n_sites, length).
        codes: Base codes of the same sites, int (n_sites, length).
        seed: Of the turns.

    Returns:
        As `find_motifs_in_seqlets`; of runs without any signal one in twenty has one.
    """
    motifs = find_motifs_in_seqlets(seqlets, scaled, codes)
    rng = np.random.default_rng(seed)
    length = codes.shape[1]
    least = min(FRAME, length // 4)
    for _ in range(TURNS):
        if not motifs:
            break
        turns = rng.integers(least, length - least + 1, (len(codes), 1))
        turned = np.take_along_axis(codes, (np.arange(length) + turns) % length, axis=1)
        by_chance = find_motifs_in_seqlets(seqlets, scaled, turned)
        limit = max(map(measure_strength, by_chance), default=0.0)
        motifs = [motif for motif in motifs if measure_strength(motif) > limit]
    return motifs


def measure_strength(motif: Motif) -> float:
    """Bits that a motif's seqlets have in common, summed over the seqlets."""
    return len(motif.rows) * float(get_bits(motif.matrix).sum())
