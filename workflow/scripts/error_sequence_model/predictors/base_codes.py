"""Sequences as letters' numbers, and what bases say of a site's type.

A, C, G and T are 0 to 3, everything else is N, 4; lower case is read as upper case, U
as T. N is a column of zeros to every family, not a quarter of each base.

Scores without a type (Pangolin has one P(splice) for both) get it from the bases: a
base is a donor's (last of its exon) if GT follows, and an acceptor's (first of its
exon) if AG precedes it; GC follows a donor where no AG precedes. Where both fit (one in
sixteen true sites), the surroundings decide: how much of G|GTRAG there is, against a
pyrimidine tract and YAG|G. Other bases have no type.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.core import InputError
from error_sequence_model.predictors.networks import N_CODE

_CODES = np.full(256, N_CODE, dtype=np.uint8)
for _number, _letters in enumerate(("Aa", "Cc", "Gg", "TtUu")):
    for _letter in _letters:
        _CODES[ord(_letter)] = _number
_COMPLEMENT = np.array([3, 2, 1, 0, N_CODE], dtype=np.uint8)
_A, _C, _G, _T = range(4)
_TRACT = range(-18, -4)  # bases before an acceptor's first exonic base


def encode(sequence: str | bytes | np.ndarray) -> np.ndarray:
    """Turn letters into numbers.

    Args:
        sequence: Text, or ASCII uint8 ``(length,)``.

    Returns:
        uint8 ``(length,)``.

    Raises:
        InputError: It is no sequence of letters.
    """
    if isinstance(sequence, str):
        sequence = sequence.encode("ascii", "replace")
    if isinstance(sequence, (bytes, bytearray)):
        sequence = np.frombuffer(sequence, dtype=np.uint8)
    is_letters = isinstance(sequence, np.ndarray) and sequence.dtype == np.uint8
    if not is_letters or sequence.ndim != 1:
        raise InputError(
            f"a sequence must be text (str or bytes); got {type(sequence).__name__}"
        )
    return _CODES[sequence]


def reverse_complement_codes(codes: np.ndarray) -> np.ndarray:
    """The other strand, uint8 ``(length,)``."""
    return _COMPLEMENT[codes[::-1]]


def assign_types(codes: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray]:
    """Tell which bases may be a donor's or an acceptor's exonic base.

    Args:
        codes: Letters' numbers in transcript direction, uint8 ``(length,)``.
        context: Bases on both sides of what is typed; 2 at least.

    Returns:
        ``(is_donor, is_acceptor)``, bool ``(length - 2 * context,)`` each; never both.
    """
    # Bases near the ends of a short context are N: they match nothing.
    reach = max(0, 20 - context)
    padded = np.pad(codes, reach, constant_values=4)
    first, n_bases = context + reach, len(codes) - 2 * context

    def look(offset: int) -> np.ndarray:
        return padded[first + offset : first + offset + n_bases]

    follows_g = look(1) == _G
    is_gt = follows_g & (look(2) == _T)
    is_gc = follows_g & (look(2) == _C)
    is_ag = (look(-2) == _A) & (look(-1) == _G)
    donor_like = (look(0) == _G).astype(np.float32)
    donor_like += np.isin(look(3), (_A, _G))
    donor_like += look(4) == _A
    donor_like += look(5) == _G
    tract = sum(np.isin(look(k), (_C, _T)).astype(np.float32) for k in _TRACT)
    acceptor_like = np.isin(look(-3), (_C, _T)).astype(np.float32)
    acceptor_like += look(0) == _G
    acceptor_like += 2 * tract / len(_TRACT)
    is_donor = np.where(is_gt & is_ag, donor_like > acceptor_like, is_gt)
    is_donor |= is_gc & ~is_ag
    return is_donor, is_ag & ~is_donor
