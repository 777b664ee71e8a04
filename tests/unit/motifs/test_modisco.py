"""Motifs by modisco-lite: optional, and taken apart by strand."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.motifs.modisco import find_modisco_motifs
from error_sequence_model.settings import (
    PACKAGES,
    MotifSettings,
    read_schema,
    require_caller,
)
from error_sequence_model.settings import explanation as callers
from error_sequence_model.statistics import scale_maps

BASES = "ACGT"
# One word for errors, its reverse complement for errors too, one for correct calls.
WORDS = (("TTAGGGT", 1), ("ACCCTAA", 1), ("GACCATC", -1))


@dataclass
class Seqlet:
    example_idx: int
    start: int
    end: int
    is_revcomp: bool


@dataclass
class Pattern:
    seqlets: list[Seqlet] = field(default_factory=list)


def plant(n=180, length=120, seed=0):
    """Maps, codes, and where which word lies: three words in turn."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.int8)
    maps = rng.normal(0, 0.05, (n, length))
    starts = rng.integers(15, length - 25, n)
    for row, start in enumerate(starts):
        word, sign = WORDS[row % 3]
        codes[row, start : start + 7] = [BASES.index(base) for base in word]
        maps[row, start : start + 7] += sign
    return scale_maps(maps).astype(np.float64), codes, starts


@pytest.fixture
def calls(monkeypatch):
    """A stand-in for modisco-lite, which knows where the words are; its calls."""
    made = []

    def search(letters, hypothetical, **options):
        made.append((letters, hypothetical, options))
        _, _, starts = plant()
        both, other = Pattern(), Pattern()
        for row, start in enumerate(starts):
            # Its patterns hold a word and its reverse complement, flanks with them.
            kind = row % 3
            pattern = other if kind == 2 else both
            seqlet = Seqlet(row, int(start) - 4, int(start) + 11, kind == 1)
            pattern.seqlets.append(seqlet)
        both.seqlets.append(Seqlet(0, -3, 12, False))
        return [both], [other]

    package, step = ModuleType("modiscolite"), ModuleType("modiscolite.tfmodisco")
    step.TFMoDISco = search
    monkeypatch.setitem(sys.modules, "modiscolite", package)
    monkeypatch.setitem(sys.modules, "modiscolite.tfmodisco", step)
    monkeypatch.setattr(callers.util, "find_spec", lambda name: package)
    return made


def check_words(motifs, starts):
    """The three planted words, each on its own strand and at its own places."""
    assert {(m.consensus.strip("N"), m.sign) for m in motifs} == set(WORDS)
    for motif in motifs:
        kind = WORDS.index((motif.consensus.strip("N"), motif.sign))
        assert (motif.rows % 3 == kind).all(), "no seqlet of the other strand"
        shift = len(motif.consensus) - len(motif.consensus.lstrip("N"))
        assert (motif.starts + shift == starts[motif.rows]).mean() > 0.9
        total = motif.contributions.sum()
        assert np.sign(total) == motif.sign


def test_a_pattern_of_both_strands_is_two_motifs(calls):
    scaled, codes, starts = plant()
    motifs = find_modisco_motifs(scaled, codes, fdr=0.05)
    assert len(motifs) == 3
    check_words(motifs, starts)
    letters, hypothetical, options = calls[0]
    assert letters.shape == (*codes.shape, 4) and options["target_seqlet_fdr"] == 0.05
    assert np.allclose((letters * hypothetical).sum(axis=2), scaled, atol=1e-5)


def test_maps_without_a_sign_have_motifs_of_errors_only(calls):
    scaled, codes, _ = plant()
    motifs = find_modisco_motifs(scaled, codes, fdr=0.05, is_signed=False)
    assert {motif.sign for motif in motifs} == {1}
    assert (calls[0][1] >= 0).all()


def test_a_missing_package_is_told_with_the_command(monkeypatch):
    monkeypatch.setattr(callers.util, "find_spec", lambda name: None)
    scaled, codes, _ = plant(n=6)
    with pytest.raises(InputError, match=r"pip install modisco-lite==\d.*seqlets"):
        find_modisco_motifs(scaled, codes, fdr=0.05)
    with pytest.raises(InputError, match=r"pip install modisco-lite==\d.*seqlets"):
        require_caller("modisco")
    require_caller("seqlets")


def test_config_and_library_name_the_same_callers_and_version():
    motifs = read_schema()["properties"]["motifs"]["properties"]
    assert motifs["caller"]["enum"] == ["seqlets", "modisco"]
    assert motifs["caller"]["default"] == MotifSettings().caller
    assert PACKAGES["modisco"][1] in motifs["caller"]["description"]


def test_modisco_finds_the_words_on_their_strands():
    pytest.importorskip("modiscolite", reason="modisco-lite is optional: not installed")
    scaled, codes, starts = plant()
    check_words(find_modisco_motifs(scaled, codes, fdr=0.05), starts)
