"""Maps that know nothing of the letters have no motifs, smooth or not."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.motifs.chance import (
    find_motifs_beyond_chance,
    measure_strength,
)
from error_sequence_model.motifs.clusters import Motif, find_motifs_in_seqlets
from error_sequence_model.motifs.seqlets import call_seqlets
from error_sequence_model.statistics import scale_maps

SITES, LENGTH = 40, 200


def find(maps: np.ndarray, codes: np.ndarray, seed: int = 1):
    """Motifs before and after the comparison with chance."""
    seqlets, scaled = call_seqlets(maps, seed=seed), scale_maps(maps).astype(float)
    plain = find_motifs_in_seqlets(seqlets, scaled, codes) if len(seqlets) else []
    kept = find_motifs_beyond_chance(seqlets, scaled, codes, seed=seed)
    return plain, kept


def smooth(noise: np.ndarray, width: int) -> np.ndarray:
    kernel = np.ones(width) / width
    return np.stack([np.convolve(row, kernel, "same") for row in noise])


@pytest.mark.parametrize("width", [1, 5])
def test_noise_has_no_motifs(width: int) -> None:
    runs_with = [0, 0]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 4, (SITES, LENGTH))
        found = find(smooth(rng.standard_normal((SITES, LENGTH)), width), codes)
        runs_with = [n + bool(f) for n, f in zip(runs_with, found, strict=True)]
    assert runs_with[1] <= 2  # 0.5 expected
    if width > 1:
        assert runs_with[0] == 10, "the seqlets themselves are not told from noise"


def test_a_planted_word_is_kept_in_smooth_noise() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (SITES, LENGTH))
    maps = smooth(rng.standard_normal((SITES, LENGTH)), 5) * 0.5
    for row in range(0, SITES, 2):
        place = rng.integers(20, LENGTH - 20)
        codes[row, place : place + 6] = [3, 2, 1, 0, 3, 2]
        maps[row, place : place + 6] += 2.0
    plain, kept = find(maps, codes)
    assert "TGCATG" in kept[0].consensus
    assert len(kept) <= len(plain)
    assert find(-maps, codes)[1][0].sign == -1


def test_the_strength_is_in_bits() -> None:
    matrix = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4])
    rows = np.arange(10)
    motif = Motif(1, rows, rows, matrix, matrix)
    assert measure_strength(motif) == pytest.approx(10 * (2 + 1 + 0))
