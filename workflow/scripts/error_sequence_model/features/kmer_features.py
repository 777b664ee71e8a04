"""Positional k-mers: bases near the junction, words counted in binned positions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from error_sequence_model.features.families import Family, Feature, Layout, say_range

LETTERS = "ACGT"
FLANK = 20  # bases on each side that are seen one by one
ZONES = (-50, 0, 50)


def make_kmer_families(layout: Layout) -> list[Family]:
    """Bases within 20, 3-mers in the bins of `EDGES`, 4-mers near and far of each side.

    Args:
        layout: The windows.
    """
    return [
        make_base_family(layout),
        make_count_family(layout, 3, layout.cut_bins()),
        make_count_family(layout, 4, layout.cut_bins(ZONES)),
    ]


def make_base_family(layout: Layout) -> Family:
    """Which base stands at each of the offsets next to the junction."""
    start, end = layout.clip(-FLANK, FLANK)
    features = [
        Feature(f"base:{letter}:{offset}", "0/1", f"{letter} at offset {offset}")
        for offset in range(start, end)
        for letter in LETTERS
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        near = codes[:, layout.get_slice(start, end)]
        return (near[:, :, None] == np.arange(4)).reshape(len(codes), -1)

    return Family(features, compute)


def make_count_family(
    layout: Layout, k: int, bins: Sequence[tuple[int, int]]
) -> Family:
    """How often each k-mer starts in each bin of offsets."""
    words = ["".join(letters) for letters in product(LETTERS, repeat=k)]
    features = [
        Feature(
            f"kmer:{word}:{start}:{end}",
            "count",
            f"{word} starting at offsets {say_range(start, end)}",
        )
        for start, end in bins
        for word in words
    ]
    edges = [layout.get_slice(start, end) for start, end in bins]
    bin_of = np.zeros(layout.length, dtype=np.int32)
    for number, columns in enumerate(edges):
        bin_of[columns] = number

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        found, is_word = number_words(codes, k)
        width = len(features)
        rows = np.arange(len(codes), dtype=np.int64)[:, None] * width
        keys = rows + bin_of[: found.shape[1]] * 4**k + found
        counts = np.bincount(keys[is_word], minlength=len(codes) * width)
        return counts.reshape(len(codes), width)

    return Family(features, compute)


def number_words(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the k-mer that starts at each place.

    Args:
        codes: Base codes, int8 (n, length).
        k: Bases per word.

    Returns:
        Its number (A, C, G, T as digits 0-3), int32 (n, length - k + 1), and whether
        it is free of other letters, bool of the same shape.
    """
    width = codes.shape[1] - k + 1
    words = np.zeros((len(codes), width), dtype=np.int32)
    is_word = np.ones((len(codes), width), dtype=bool)
    for place in range(k):
        part = codes[:, place : place + width]
        words = words * 4 + part
        is_word &= part < 4
    return words, is_word
