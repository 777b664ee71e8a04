"""Which contigs, strands and types a predictor scored: the others are not judged."""

from __future__ import annotations

import numpy as np

from error_sequence_model.calling.keys import BITS, Scores

# So unlikely must it be that all sites of a channel were missed by chance.
CHANCE = 0.01


def find_scored(scores: Scores, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell the channels (contig, strand and type) that were scored.

    A contig, a strand or a type without any score was not scored. Where a contig has
    scores but one of its channels has none, the predictor may have found nothing among
    its few sites: they are judged, unless by the share of sites that have a score
    elsewhere it would find nothing less than once in a hundred times.

    Args:
        scores: All scores.
        sites: Keys of the annotated sites, sorted.

    Returns:
        ``(scored, silent)``: int64, sorted; silent ones have annotated sites.
    """
    channels, counts = np.unique(sites >> BITS, return_counts=True)
    is_heard = np.isin(channels, scores.channels)
    is_possible = np.isin(channels >> 2, scores.channels >> 2)
    for mask in (1, 2):  # the bits of type and strand
        is_possible &= np.isin(channels & mask, scores.channels & mask)
    among = sites[np.isin(sites >> BITS, scores.channels)]
    share = float((scores.look_up(among) > 0).mean()) if len(among) else 0.0
    is_heard |= is_possible & ((1 - share) ** counts > CHANCE)
    scored = np.union1d(channels[is_heard], scores.channels)
    return scored, channels[~is_heard]
