"""Splice signals of simulated genes: donors, tracts, branch points, acceptors.

Gene coordinates as in ``simulation.genes``; offsets count from the junction.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.simulation.genes import A, C, G, Gene, T

# Splice signals: probabilities of A, C, G, T, after the vertebrate consensus MAG|GTRAGT
# and (Y)nNCAG|G (Burge, Tuschl & Sharp 1999) with the branch point yUnAy around the
# yeast-like TACTAAC (Gao et al. 2008). Offsets count from the junction.
DONOR_START = -3
DONOR_SIGNAL = np.array(
    [
        [0.34, 0.36, 0.18, 0.12],
        [0.62, 0.12, 0.12, 0.14],
        [0.09, 0.03, 0.80, 0.08],
        [0.00, 0.00, 1.00, 0.00],
        [0.00, 0.00, 0.00, 1.00],
        [0.56, 0.02, 0.39, 0.03],
        [0.70, 0.08, 0.12, 0.10],
        [0.08, 0.05, 0.80, 0.07],
        [0.17, 0.15, 0.18, 0.50],
    ]
)
TRACT_START, TRACT_END = -20, -4
ACCEPTOR_START = TRACT_START
ACCEPTOR_SIGNAL = np.array(
    [[0.07, 0.26, 0.06, 0.61]] * (TRACT_END - TRACT_START)
    + [
        [0.26, 0.28, 0.20, 0.26],
        [0.05, 0.65, 0.01, 0.29],
        [1.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 1.00, 0.00],
        [0.24, 0.14, 0.50, 0.12],
    ]
)
BRANCH_SIGNAL = np.array(
    [
        [0.20, 0.20, 0.15, 0.45],
        [0.50, 0.15, 0.20, 0.15],
        [0.05, 0.65, 0.05, 0.25],
        [0.03, 0.12, 0.03, 0.82],
        [0.60, 0.10, 0.25, 0.05],
        [1.00, 0.00, 0.00, 0.00],
        [0.05, 0.65, 0.05, 0.25],
    ]
)
BRANCH_ADENINE = 5  # its index in BRANCH_SIGNAL
BRANCH_OFFSETS = (-40, -22)  # of the adenine: as near as the tract lets it come


def sample_signal(rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
    """Draw uint8 codes (length,) from base probabilities ``signal`` (length, 4)."""
    limits = np.cumsum(signal, axis=1)[:, :3]
    draws = rng.random(len(signal))
    return (draws[:, None] >= limits).sum(axis=1).astype(np.uint8)


def write_donor(
    rng: np.random.Generator, gene: Gene, junction: int, *, gc_share: float
) -> None:
    """Write the donor signal at a junction; GC instead of GT with ``gc_share``."""
    codes = sample_signal(rng, DONOR_SIGNAL)
    if rng.random() < gc_share:
        codes[1 - DONOR_START] = C
    gene.write(junction + DONOR_START, codes)


def write_acceptor(
    rng: np.random.Generator, gene: Gene, junction: int, *, has_branch: bool
) -> None:
    """Write the acceptor signal at a junction, with or without a branch point.

    Between branch point and junction there is no other AG (the AG exclusion zone).
    """
    gene.write(junction + ACCEPTOR_START, sample_signal(rng, ACCEPTOR_SIGNAL))
    if not has_branch:
        return
    adenine = junction + int(rng.integers(BRANCH_OFFSETS[0], BRANCH_OFFSETS[1] + 1))
    gene.write(adenine - BRANCH_ADENINE, sample_signal(rng, BRANCH_SIGNAL))
    for i in range(adenine + 1, junction - 2):
        if gene.codes[i - 1] == A and gene.codes[i] == G:
            gene.codes[i] = T
