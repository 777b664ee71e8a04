"""Where a motif occurs in windows: exact consensus, or matrix scores above a threshold.

Base codes are int (n, length), 0-3 = ACGT and 4 for any other letter; a hit is named by
its first base. Only the transcript strand is searched: binding sites in RNA have one.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.features.catalogue import KnownElement
from error_sequence_model.features.element_features import find_hits

HIT_CHANCE = 1e-3  # of a position of background sequence
BINS = 1000
LOWEST_SHARE = 1e-3
# Offsets [start, end) of the bases that every site of a type has for its own.
OWN = {"donor": (-3, 6), "acceptor": (-3, 1)}
TRACT = (-20, -3)  # of an acceptor: its composition is its strength


def get_log_odds(matrix: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Log2 of a matrix over the background.

    Args:
        matrix: float (width, 4), rows sum to 1.
        background: float (4,), sums to 1.

    Returns:
        Bits, float64 (width, 5); other letters score as the rarest base does.
    """
    shares = np.maximum(matrix, LOWEST_SHARE)
    shares = shares / shares.sum(axis=1, keepdims=True)
    log_odds = np.log2(shares / background)
    return np.column_stack([log_odds, log_odds.min(axis=1)])


def get_background(codes: np.ndarray) -> np.ndarray:
    """Share of each base, float64 (4,), never 0."""
    counts = np.array([(codes == base).sum() for base in range(4)]) + 1.0
    return counts / counts.sum()


def scan_matrix(codes: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Score a matrix at every start: float32 (n, length); −inf: it does not fit."""
    width = codes.shape[1] - len(log_odds) + 1
    scores = np.full(codes.shape, -np.inf, dtype=np.float32)
    if width > 0:
        scores[:, :width] = 0
        for place, row in enumerate(log_odds.astype(np.float32)):
            scores[:, :width] += row[codes[:, place : place + width]]
    return scores


def find_threshold(
    log_odds: np.ndarray, background: np.ndarray, chance: float = HIT_CHANCE
) -> float:
    """Score that background sequence reaches with a given chance at a position.

    The distribution of the score is computed exactly on a grid of ``BINS`` steps, base
    by base (as MEME's FIMO does).

    Args:
        log_odds: float (width, 5), from ``get_log_odds``.
        background: float (4,).
        chance: Largest chance of a hit at a position.

    Returns:
        The lowest score with at most that chance; the best score of all where even that
        is likelier (a short motif: then only its best words are hits).
    """
    bits = log_odds[:, :4]
    lowest = bits.min(axis=1)
    step = max((bits.max(axis=1) - lowest).sum() / BINS, 1e-9)
    steps = np.rint((bits - lowest[:, None]) / step).astype(int)
    shares = np.zeros(int(steps.max(axis=1).sum()) + 1)
    shares[0] = 1.0
    for row in steps:
        shares = sum(
            share * np.concatenate([np.zeros(shift), shares[: len(shares) - shift]])
            for share, shift in zip(background, row, strict=True)
        )
    tail = np.cumsum(shares[::-1])[::-1]
    rare = np.flatnonzero(tail <= chance)
    place = int(rare[0]) if len(rare) else len(shares) - 1
    # Rounding moves a score by up to half a step per base: no best word is missed.
    return float(lowest.sum() + (place - 0.5 * len(bits)) * step)


def find_element_hits(codes: np.ndarray, element: KnownElement) -> np.ndarray:
    """Mark where an element starts.

    Args:
        codes: int (n, length).
        element: With a consensus: exact matches. Without: scores that the windows'
            own composition reaches once in a thousand bases.

    Returns:
        bool (n, length).
    """
    if element.consensus is not None:
        return find_hits(codes, element.consensus)
    return find_matrix_hits(codes, element.matrix, get_background(codes))


def find_placed_hits(
    codes: np.ndarray, element: KnownElement, upstream: int, is_donor: np.ndarray
) -> np.ndarray:
    """Mark where an element starts at its place, clear of the site's own consensus.

    Args:
        codes: int (n, length).
        element: See ``find_element_hits``.
        upstream: Bases before the junction.
        is_donor: Whether each site is a donor, bool (n,).

    Returns:
        bool (n, length): hits that lie wholly in its zone of the site's type, and share
        no base with the consensus (``OWN``): its strength is told by strength.
    """
    hits = find_element_hits(codes, element)
    for splice_type, rows in (("donor", is_donor), ("acceptor", ~is_donor)):
        if element.zones and splice_type not in element.zones:
            hits[rows] = False
            continue
        start, end = element.zones.get(splice_type, (-upstream, codes.shape[1]))
        columns = np.clip([start + upstream, end + upstream], 0, codes.shape[1])
        hits[rows] = keep_inside(hits[rows], element.width, *columns)
        first, last = OWN[splice_type]
        clear = max(first - element.width + 1 + upstream, 0)
        hits[np.ix_(rows, range(clear, last + upstream))] = False
    return hits


def find_matrix_hits(
    codes: np.ndarray, matrix: np.ndarray, background: np.ndarray
) -> np.ndarray:
    """Mark where a matrix scores as background rarely does, bool (n, length)."""
    log_odds = get_log_odds(matrix, background)
    return scan_matrix(codes, log_odds) >= find_threshold(log_odds, background)


def keep_inside(hits: np.ndarray, width: int, start: int, end: int) -> np.ndarray:
    """Keep the hits that lie wholly in columns [start, end): bool (n, length)."""
    inside = np.zeros_like(hits)
    last = end - width + 1
    if last > start:
        inside[:, start:last] = hits[:, start:last]
    return inside


def cover_hits(hits: np.ndarray, width: int) -> np.ndarray:
    """Mark every base of every hit, bool (n, length)."""
    covered = np.zeros_like(hits)
    for shift in range(min(width, hits.shape[1])):
        covered[:, shift:] |= hits[:, : hits.shape[1] - shift]
    return covered
