"""The catalogue, MEME files, scanning, and which element a motif is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.features import (
    CATALOGUE,
    find_element_hits,
    find_matrix_hits,
    find_threshold,
    get_bits,
    get_log_odds,
    keep_inside,
    learn_splice_sites,
    read_elements,
    scan_matrix,
    spell_consensus,
    write_consensus,
)
from error_sequence_model.motifs.clusters import Motif
from error_sequence_model.motifs.known_elements import (
    list_contained,
    match_motif,
    name_family,
)
from error_sequence_model.motifs.run import write_meme

UNIFORM = np.full(4, 0.25)


def encode(*sequences):
    return np.array([["ACGTN".index(b) for b in s] for s in sequences], dtype=np.int8)


def test_catalogue_has_what_it_promises():
    elements = {element.name: element for element in read_elements()}
    assert len(elements) >= 30
    for name in ("branch_point", "u12_donor", "rbfox", "ptbp1", "hnrnpa1", "tdp43"):
        assert name in elements
    for element in elements.values():
        assert element.reference and element.place and element.factor
        assert any(character.isdigit() for character in element.reference)
        assert np.allclose(element.matrix.sum(axis=1), 1)
        assert get_bits(element.matrix).sum() > 5.9  # not everywhere by chance
    assert elements["rbfox"].letters == "TGCATG"


def test_catalogue_says_what_of_each_element_was_read_again():
    table = pd.read_csv(CATALOGUE, sep="\t", comment="#", keep_default_na=False)
    marks = {"reference, consensus", "reference", "consensus"}
    assert set(table["verified"]) <= marks
    assert (table["verified"] == "reference, consensus").mean() > 0.8


def test_hits_of_a_consensus_are_exact_and_stranded():
    element = next(e for e in read_elements() if e.name == "hnrnpa1")  # TAGGGW
    codes = encode("CCTAGGGATAGGGTN", "CCATCCCTAACCCTA")
    assert np.flatnonzero(find_element_hits(codes, element)[0]).tolist() == [2, 8]
    assert not find_element_hits(codes, element)[1].any()
    assert not find_element_hits(encode("TAGGGN"), element).any()


def test_threshold_is_the_exact_tail():
    rng = np.random.default_rng(0)
    matrix = rng.dirichlet(np.full(4, 0.4), size=5)
    background = np.array([0.3, 0.2, 0.15, 0.35])
    log_odds = get_log_odds(matrix, background)
    words = np.array(list(product(range(4), repeat=5)))
    scores = log_odds[np.arange(5), words].sum(axis=1)
    chances = background[words].prod(axis=1)
    for chance in (0.1, 0.01, 0.003):
        threshold = find_threshold(log_odds, background, chance)
        reached = chances[scores >= threshold].sum()
        assert reached == pytest.approx(chance, rel=0.5) or reached <= chance
        looser = chances[scores >= threshold - 0.5].sum()
        assert looser > 0.5 * chance


def test_a_short_motif_has_its_best_words():
    matrix = spell_consensus("GGG", "x") * 0.96 + 0.01
    hits = find_matrix_hits(encode("ACGGGTAGGA"), matrix, UNIFORM)
    assert np.flatnonzero(hits[0]).tolist() == [2]


def test_scores_are_sums_and_hits_lie_inside():
    matrix = np.random.default_rng(1).dirichlet(np.ones(4), size=3)
    log_odds = get_log_odds(matrix, UNIFORM)
    codes = encode("ACGTACGN")
    scores = scan_matrix(codes, log_odds)
    for start in range(6):
        expected = sum(log_odds[i, codes[0, start + i]] for i in range(3))
        assert scores[0, start] == pytest.approx(expected, abs=1e-5)
    assert np.isneginf(scores[0, 6:]).all()
    hits = np.ones((1, 8), dtype=bool)
    assert np.flatnonzero(keep_inside(hits, 3, 2, 7)[0]).tolist() == [2, 3, 4]
    assert not keep_inside(hits, 3, 2, 4).any()


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("TTAGGGT", "hnrnpa1"),
        ("ATGCATGA", "rbfox"),
        ("TTCTCTCT", "ptbp1"),
        ("TACTAACT", "branch_point_strong"),
        ("TTTTTTTTTTGA", "alu_antisense"),
        ("GTATCCTTT", "u12_donor"),
    ],
)
def test_motif_is_named_after_its_element(word, name):
    matrix = spell_consensus(word, word) * 0.9 + 0.025
    found = match_motif(matrix, read_elements())[0]
    assert found.name == name and found.q < 0.1
    if name != "rbfox":  # TGCA is its own reverse complement
        reverse = matrix[::-1, ::-1]
        assert match_motif(reverse, read_elements())[0].name != name


def test_match_says_where_the_element_starts():
    matrix = spell_consensus("CCTGCATGCC", "x") * 0.9 + 0.025
    found = match_motif(matrix, read_elements())[0]
    assert (found.name, found.shift) == ("rbfox", 2)
    part = match_motif(matrix[4:], read_elements())[0]
    assert (part.name, part.shift) == ("rbfox", -2)


def test_random_motifs_match_nothing():
    rng = np.random.default_rng(4)
    elements = read_elements()
    found = [
        match_motif(rng.dirichlet(np.full(4, 0.3), size=8), elements)[0]
        for _ in range(60)
    ]
    assert np.mean([match.q <= 0.1 for match in found]) <= 0.15
    assert match_motif(np.full((6, 4), 0.25), []) == []


def test_words_that_hold_a_short_element():
    rng = np.random.default_rng(5)
    others = rng.integers(0, 4, (300, 60)).astype(np.int8)
    codes = others[:40].copy()
    starts = rng.integers(10, 40, 40)
    for row, start in enumerate(starts):
        codes[row, start : start + 7] = encode("GGGTGGG")[0]
    names = list_contained(codes, others, np.arange(40), starts, 7, read_elements())
    assert "g_triplet" in names and "rbfox" not in names
    everywhere = others.copy()
    everywhere[::2, 10:15] = 2  # where half of the sites have it, it still has a name
    places = np.full(150, 10)
    found = list_contained(
        everywhere, others, np.arange(0, 300, 2), places, 5, read_elements()
    )
    assert found == ["g_triplet"]
    nothing = list_contained(others, others, np.arange(40), starts, 7, read_elements())
    assert nothing == []


@pytest.mark.parametrize(
    ("word", "contained", "name"),
    [
        ("GGGTGGG", ["fus", "g_triplet"], "GGG: HNRNPH1, HNRNPF, FUS"),
        ("CTGAC", ["branch_point"], "CTRAY: SF1, U2 snRNP"),
        ("TTCTCTCT", [], "PTBP1"),
        ("GAAGAA", [], "SRSF1 or TRA2A/TRA2B"),
        ("ACGTCAGC", [], ""),
    ],
)
def test_words_too_short_to_name_a_protein_name_a_family(word, contained, name):
    matrix = spell_consensus(word, word) * 0.9 + 0.025
    elements = read_elements()
    assert name_family(match_motif(matrix, elements), contained, elements) == name


def test_splice_sites_are_learnt_from_enough_teachers():
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 4, (60, 60)).astype(np.int8)
    codes[:30, 27:36] = encode("CAGGTAAGT")
    types = np.array(["donor"] * 30 + ["acceptor"] * 10 + ["x"] * 20)
    (donor,) = learn_splice_sites(codes, types, 30)
    assert donor.name == "splice_donor" and donor.letters == "CAGGTAAGT"
    assert learn_splice_sites(codes, types, 2) == []


def test_meme_files_go_round(tmp_path):
    rng = np.random.default_rng(7)
    motifs = [
        Motif(1, np.arange(9), np.arange(9), rng.dirichlet(np.ones(4), size=w), None)
        for w in (4, 7)
    ]
    write_meme(tmp_path / "a.meme", motifs, ["one", "two"], UNIFORM)
    found = read_elements(tmp_path / "a.meme")
    assert [element.name for element in found] == ["one", "two"]
    for motif, element in zip(motifs, found, strict=True):
        assert np.allclose(motif.matrix, element.matrix, atol=1e-5)
        assert element.consensus is None
    assert "strands: +\n" in (tmp_path / "a.meme").read_text()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.meme", "hello", "no line starts with MOTIF"),
        (
            "a.meme",
            "MOTIF x\nletter-probability matrix: w= 1\n0.5 0.5\n",
            "four columns",
        ),
        ("a.meme", "MOTIF x\n", "no letter-probability matrix"),
        (
            "a.meme",
            "MOTIF x\nletter-probability matrix: w= 1\n0.9 0.9 0.1 0.1\n",
            "does not sum to 1",
        ),
        ("a.tsv", "name\tfactor\nx\ty\n", "no column consensus"),
        (
            "a.tsv",
            "name\tfactor\tconsensus\tplace\treference\tdoi\nx\ty\tTGXA\tz\tr\t\n",
            "TGXA",
        ),
        (
            "a.tsv",
            "name\tfactor\tconsensus\tplace\treference\tdoi\n"
            "x\ty\tTGA\tz\tr\t\nx\ty\tTGA\tz\tr\t\n",
            "named twice: x",
        ),
    ],
)
def test_bad_files_are_refused(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_elements(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_elements(tmp_path / "none.meme")


def test_consensus_goes_round():
    for word in ("TGCATG", "YTNAY", "RSWKMBDHVN"):
        assert write_consensus(spell_consensus(word, word)) == word
    flat = np.array([[0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1]])
    assert write_consensus(flat, least=0.3, bits=0.5) == "AN"
