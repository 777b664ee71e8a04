"""Hits of known elements, given as IUPAC consensus, in four stretches of the window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from error_sequence_model.core import InputError
from error_sequence_model.features.families import Family, Feature, Layout, say_range

# Bit i is base i (A, C, G, T); a letter matches a base whose bit it has.
IUPAC = {
    **{"A": 1, "C": 2, "G": 4, "T": 8, "U": 8, "R": 5, "Y": 10, "S": 6, "W": 9},
    **{"K": 12, "M": 3, "B": 14, "D": 13, "H": 11, "V": 7, "N": 15},
}
ELEMENT_BINS = (-50, 0, 50)
_BITS = np.array([1, 2, 4, 8, 0], dtype=np.uint8)


def make_element_family(layout: Layout, elements: Mapping[str, str]) -> Family:
    """Count the hits of each element, overlapping ones too, per stretch.

    Args:
        layout: The windows.
        elements: Name -> IUPAC consensus, transcript strand.
    """
    masks = {name: parse_consensus(text, name) for name, text in elements.items()}
    bins = layout.cut_bins(ELEMENT_BINS)
    features = [
        Feature(
            f"element:{name}:{start}:{end}",
            "hits",
            f"{elements[name]} starting at offsets {say_range(start, end)}",
        )
        for name in masks
        for start, end in bins
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        bits = _BITS[codes]
        columns = []
        for mask in masks.values():
            found = _match(bits, mask)
            columns += [
                found[:, layout.get_slice(*place)].sum(axis=1) for place in bins
            ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(codes), 0))

    return Family(features, compute)


def parse_consensus(text: str, name: str) -> np.ndarray:
    """Turn a consensus into one bit mask per base, uint8 (width,).

    Raises:
        InputError: It is empty or has a letter that is not IUPAC.
    """
    wrong = sorted(set(text.upper()) - set(IUPAC))
    if wrong or not text:
        found = "".join(wrong) or "no letter"
        raise InputError(
            f"element {name!r}: consensus {text!r} has {found}; allowed are the IUPAC "
            f"letters {''.join(IUPAC)}"
        )
    return np.array([IUPAC[letter] for letter in text.upper()], dtype=np.uint8)


def find_hits(codes: np.ndarray, consensus: str) -> np.ndarray:
    """Mark where a consensus starts, bool (n, length); never where it does not fit."""
    return _match(_BITS[codes], parse_consensus(consensus, consensus))


def _match(bits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    width = bits.shape[1] - len(mask) + 1
    found = np.zeros(bits.shape, dtype=bool)
    if width > 0:
        found[:, :width] = True
        for place, letters in enumerate(mask):
            if letters != IUPAC["N"]:
                found[:, :width] &= (bits[:, place : place + width] & letters) != 0
    return found
