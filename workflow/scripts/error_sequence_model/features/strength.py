"""Splice-site strength: position weight matrices learnt from the user's own sites.

Base codes are 0-3 = ACGT and 4 for any other letter. A matrix covers the offsets
``CONSENSUS`` around the junction (0 is the first base 3' of it).
"""

from __future__ import annotations

import numpy as np

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
# Offsets of the consensus around the junction: (first, last + 1).
CONSENSUS = {"donor": (-3, 6), "acceptor": (-20, 3)}


def encode_bases(matrix: np.ndarray) -> np.ndarray:
    """Number bases: A 0, C 1, G 2, T 3, anything else 4. int8, same shape."""
    codes = np.full(256, 4, dtype=np.int8)
    codes[BASES] = np.arange(4)
    return codes[matrix]


def learn_matrix(aligned: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Learn a position weight matrix.

    Args:
        aligned: Base codes of aligned sites, int (n, width).
        background: Base codes that give the background composition, any shape.

    Returns:
        log2 of base frequency over background, float64 (width, 5); 0 for other bases.
    """
    counts = (
        np.stack([(aligned == base).sum(axis=0) for base in range(4)], axis=1) + 1.0
    )
    shares = np.array([(background == base).sum() for base in range(4)]) + 1.0
    weights = np.zeros((aligned.shape[1], 5))
    weights[:, :4] = np.log2(
        counts / counts.sum(axis=1, keepdims=True) / (shares / shares.sum())
    )
    return weights


def score_matrix(aligned: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum a matrix over aligned sites, in bits: float64 (n,)."""
    return weights[np.arange(aligned.shape[1]), aligned].sum(axis=1)


def learn_strength(codes: np.ndarray, upstream: int, splice_type: str) -> np.ndarray:
    """Learn the matrix of a splice type from the windows of annotated sites.

    Args:
        codes: Base codes of their windows, int (n, length).
        upstream: Bases of a window before the junction.
        splice_type: donor or acceptor.

    Returns:
        As ``learn_matrix``; the windows as a whole give the background.
    """
    first, last = CONSENSUS[splice_type]
    return learn_matrix(codes[:, upstream + first : upstream + last], codes)


def scan_strength(
    codes: np.ndarray, weights: np.ndarray, splice_type: str
) -> np.ndarray:
    """Score every junction of some windows as if it were a site of this type.

    Args:
        codes: Base codes, int (n, length).
        weights: From ``learn_strength``.
        splice_type: donor or acceptor.

    Returns:
        Bits at each index of the window (the junction is before it), float32
        (n, length); −inf where the matrix does not fit into the window.
    """
    first, last = CONSENSUS[splice_type]
    length = codes.shape[1]
    scores = np.full(codes.shape, -np.inf, dtype=np.float32)
    inside = slice(-first, length - last + 1)
    width = inside.stop - inside.start
    if width > 0:
        scores[:, inside] = 0
        for column, row in enumerate(weights.astype(np.float32)):
            scores[:, inside] += row[codes[:, column : column + width]]
    return scores


def find_dinucleotides(codes: np.ndarray, splice_type: str) -> np.ndarray:
    """Mark the junctions with a GT after (donor) or an AG before (acceptor) them.

    Returns:
        bool (n, length); index i stands for the junction before base i, as in
        ``scan_strength``.
    """
    found = np.zeros(codes.shape, dtype=bool)
    if splice_type == "donor":
        found[:, :-1] = (codes[:, :-1] == 2) & (codes[:, 1:] == 3)
    else:
        found[:, 2:] = (codes[:, :-2] == 0) & (codes[:, 1:-1] == 2)
    return found
