"""Random sequences like a given one: dinucleotide shuffles and local substitutions."""

from __future__ import annotations

import numpy as np

BASES = np.array([b"A", b"C", b"G", b"T"])


def shuffle_dinucleotides(symbols: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle a sequence, keeping the exact count of every pair of neighbours.

    A random Eulerian path through the graph of pairs (Altschul and Erickson 1985): the
    first and last symbol stay, a random last exit of every symbol that forms a tree
    into the final symbol is fixed, and the other exits are permuted.

    Args:
        symbols: int (n,): bases or token ids, any alphabet.
        rng: Source of randomness.

    Returns:
        The shuffled symbols, same shape and dtype.
    """
    if len(symbols) < 3:
        return symbols.copy()
    alphabet, codes = np.unique(symbols, return_inverse=True)
    exits = [codes[1:][codes[:-1] == code] for code in range(len(alphabet))]
    last_exits = _draw_last_exits(exits, int(codes[-1]), rng)
    queues = []
    for code, targets in enumerate(exits):
        targets = rng.permutation(targets)
        if code in last_exits:
            place = int(np.flatnonzero(targets == last_exits[code])[0])
            targets[[place, -1]] = targets[[-1, place]]
        queues.append(iter(targets.tolist()))
    path = [int(codes[0])]
    for _ in range(len(symbols) - 1):
        path.append(next(queues[path[-1]]))
    return alphabet[path].astype(symbols.dtype)


def _draw_last_exits(
    exits: list[np.ndarray], final: int, rng: np.random.Generator
) -> dict[int, int]:
    """Draw a last exit per symbol such that all of them lead to the final symbol."""
    while True:
        last = {
            code: int(rng.choice(targets))
            for code, targets in enumerate(exits)
            if len(targets) and code != final
        }
        if all(_leads_to(code, final, last) for code in last):
            return last


def _leads_to(code: int, final: int, last: dict[int, int]) -> bool:
    for _ in range(len(last) + 1):
        if code == final:
            return True
        code = last[code]
    return False


def draw_alternatives(
    sequence: str, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw another base for every base, from the sequence's own dinucleotides.

    Args:
        sequence: Upper-case bases; anything but A, C, G, T may get any base.
        draws: How many alternatives of the whole sequence.
        rng: Source of randomness.

    Returns:
        Letters, "S1" (draws, len(sequence)); each differs from the sequence's own base
        and is drawn from what follows the same left neighbour elsewhere.
    """
    letters = np.frombuffer(sequence.encode(), dtype="S1")
    codes = np.searchsorted(BASES, letters).clip(max=3)
    is_base = BASES[codes] == letters
    codes = np.where(is_base, codes, 4)
    pairs = np.ones((5, 4))  # one pseudocount: every base stays possible
    known = is_base[1:]
    np.add.at(pairs, (codes[:-1][known], codes[1:][known]), 1)
    shares = np.vstack([np.ones((1, 4)), pairs[codes[:-1]]])
    places = np.flatnonzero(is_base)
    shares[places, codes[places]] = 0
    cumulative = np.cumsum(shares, axis=1)
    chosen = rng.random((draws, len(letters), 1)) * cumulative[:, -1:]
    return BASES[(chosen >= cumulative).sum(axis=2).clip(max=3)]
