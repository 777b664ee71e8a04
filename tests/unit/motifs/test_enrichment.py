"""Odds ratios, their adjustments, and known elements on sites of known make-up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import odds_ratio as fisher_odds_ratio
from sklearn.linear_model import LogisticRegression

from error_sequence_model.core import InputError
from error_sequence_model.features import (
    KnownElement,
    Neighbours,
    find_element_hits,
    find_neighbours,
    parse_zones,
    read_elements,
    spell_consensus,
)
from error_sequence_model.motifs import SearchedSites
from error_sequence_model.motifs.element_tests import list_regions, measure_elements
from error_sequence_model.motifs.enrichment import (
    measure_composition,
    measure_enrichment,
)
from error_sequence_model.statistics import estimate_odds_ratio

RNG = np.random.default_rng


def make_element(consensus, **changes):
    matrix = spell_consensus(consensus, consensus)
    return KnownElement(consensus.lower(), matrix, consensus=consensus, **changes)


def make_sites(n=600, length=60, seed=0, genes=None, neighbours=None, shares=None):
    rng = RNG(seed)
    codes = rng.choice(4, (n, length), p=shares).astype(np.int8)
    return SearchedSites(
        np.arange(n),
        codes,
        rng.random(n) < 0.4,
        np.arange(n) if genes is None else genes,
        length // 2,
        np.zeros((n, 1)),
        neighbours,
    )


def plant(sites, rows, word, column):
    codes = np.array(["ACGT".index(base) for base in word])
    sites.codes[rows, column : column + len(word)] = codes


def test_odds_ratio_of_a_plain_table():
    table = np.array([[60, 40], [30, 70]])  # rows: hit or not; columns: error or not
    hit = np.repeat([1, 1, 0, 0], table.ravel()).astype(bool)
    error = np.repeat([1, 0, 1, 0], table.ravel()).astype(bool)
    found = estimate_odds_ratio(error, hit, np.arange(200))
    exact = fisher_odds_ratio(table, kind="sample").statistic
    assert found.odds_ratio == pytest.approx(exact, rel=0.02)
    half = 1.96 * np.sqrt((1 / table).sum())
    assert np.log(found.high / found.odds_ratio) == pytest.approx(half, rel=0.03)
    assert found.low < exact < found.high and found.p < 1e-4
    # Firth's estimate of a 2 x 2 table adds half a site to each cell.
    firth = fisher_odds_ratio(table * 2 + 1, kind="sample").statistic
    assert found.odds_ratio == pytest.approx(firth, rel=1e-4)


def test_covariates_are_adjusted_for():
    rng = RNG(1)
    n = 4000
    covariate = rng.normal(size=n)
    hit = rng.random(n) < 1 / (1 + np.exp(-2 * covariate))
    error = rng.random(n) < 1 / (1 + np.exp(-(1.5 * covariate + 0.7 * hit - 0.5)))
    genes = np.arange(n)
    crude = estimate_odds_ratio(error, hit, genes)
    adjusted = estimate_odds_ratio(error, hit, genes, covariate[:, None])
    assert crude.odds_ratio > 4
    assert adjusted.low < np.exp(0.7) < adjusted.high < crude.low
    model = LogisticRegression(C=1e9).fit(np.column_stack([hit, covariate]), error)
    expected = np.exp(model.coef_[0, 0])
    assert adjusted.odds_ratio == pytest.approx(expected, rel=0.01)


def test_separation_stays_finite_and_significant():
    error = np.repeat([True, False], 60)
    hit = error & (np.arange(120) % 10 > 0)
    found = estimate_odds_ratio(error, hit, np.arange(120))
    assert 50 < found.odds_ratio < 1e4 and 1 < found.low < found.high
    assert found.p < 1e-3
    rare = np.zeros(120, dtype=bool)
    rare[::40] = True
    almost = np.random.default_rng(0).normal(size=(120, 2))
    almost[:, 1] = 0
    almost[0, 1] = 1  # one site of its own: no covariate to be fitted to
    assert np.isfinite(estimate_odds_ratio(error, rare, np.arange(120), almost).p)
    assert np.isnan(estimate_odds_ratio(error, np.ones(120), np.arange(120)).p)


def test_sites_of_one_gene_count_as_one():
    rng = RNG(2)
    hit_of_gene, error_of_gene = rng.random(60) < 0.5, rng.random(60) < 0.5
    genes = np.repeat(np.arange(60), 10)
    clustered = estimate_odds_ratio(error_of_gene[genes], hit_of_gene[genes], genes)
    alone = estimate_odds_ratio(error_of_gene, hit_of_gene, np.arange(60))
    naive = estimate_odds_ratio(
        error_of_gene[genes], hit_of_gene[genes], np.arange(600)
    )
    width = np.log(clustered.high / clustered.low)
    assert width == pytest.approx(np.log(alone.high / alone.low), rel=0.15)
    assert np.log(naive.high / naive.low) < 0.5 * width


def measure(sites, consensus, start, end):
    element = make_element(consensus)
    return measure_enrichment(
        sites,
        lambda codes: find_element_hits(codes, element),
        len(consensus),
        start,
        end,
    )


def test_hits_count_only_wholly_inside_the_stretch():
    sites = make_sites(seed=3)
    plant(sites, np.flatnonzero(sites.is_error)[:100], "TGCATG", 40)  # offset 10
    inside, cut = measure(sites, "TGCATG", 8, 20), measure(sites, "TGCATG", 8, 15)
    assert inside.error_sites >= 100 and inside.odds_ratio > 20
    assert cut.error_sites < 5 and np.isnan(cut.p)
    assert inside.beyond_composition


def test_composition_is_no_enrichment():
    """G-rich sites are errors more often and have more GGG: little of it is left."""
    rng = RNG(4)
    n = 2500
    richness = rng.random(n)
    shares = np.column_stack([np.ones(n), np.ones(n), 0.5 + 3 * richness, np.ones(n)])
    limits = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)[:, :3]
    sites = make_sites(n=n, length=300, seed=5)
    sites.codes[:] = (rng.random((n, 300, 1)) >= limits[:, None]).sum(axis=2)
    is_error = rng.random(n) < 0.1 + 0.8 * richness
    object.__setattr__(sites, "is_error", is_error)
    found = measure(sites, "GGG", 0, 40)
    has_hit = find_element_hits(sites.codes, make_element("GGG"))[:, 150:188]
    crude = estimate_odds_ratio(is_error, has_hit.any(axis=1), sites.genes)
    assert crude.low > 2.5
    assert found.odds_ratio < 1.5 and found.low < 1.2
    assert found.shuffled_odds_ratio == pytest.approx(crude.odds_ratio, rel=0.25)
    assert not found.beyond_composition


def test_a_class_of_another_composition_is_not_beyond_it():
    """Where the stretch alone is G-rich, the shuffled copies tell."""
    sites = make_sites(n=1500, length=200, seed=4)
    rich = make_sites(n=1500, length=200, seed=5, shares=[0.2, 0.2, 0.4, 0.2]).codes
    sites.codes[sites.is_error, 100:140] = rich[sites.is_error, 100:140]
    found = measure(sites, "GGG", 0, 40)
    assert found.low > 2.5
    assert found.shuffled_odds_ratio == pytest.approx(found.odds_ratio, rel=0.3)
    assert not found.beyond_composition


def test_composition_is_that_of_the_rest_of_the_window():
    codes = np.array([[2] * 6 + [0] * 300, [3] * 6 + [0] * 300], dtype=np.int8)
    a, c, g = measure_composition(codes, 0, 6).T
    assert (a > 0.98).all() and (c < 0.01).all() and (g < 0.01).all()
    whole = measure_composition(codes, 0, 306)
    assert np.allclose(whole[0], whole[1])  # nothing is left: the mean of all


def test_elements_of_a_neighbour_are_not_the_sites_own():
    """Errors have more neighbours, neighbours have the word: no enrichment is left."""
    rng = RNG(7)
    n = 1200
    is_error = rng.random(n) < 0.4
    has_neighbour = rng.random(n) < np.where(is_error, 0.6, 0.15)
    rows = np.flatnonzero(has_neighbour)
    neighbours = Neighbours(
        rows, np.full(len(rows), 10), np.ones(len(rows), dtype=bool)
    )
    sites = make_sites(n=n, length=200, seed=8, neighbours=neighbours)
    object.__setattr__(sites, "is_error", is_error)
    plant(sites, rows[rng.random(len(rows)) < 0.6], "TGCATG", 120)
    blind = measure(sites.select(np.arange(n)), "TGCATG", 0, 60)
    aware = measure(sites, "TGCATG", 0, 60)
    assert blind.low > 3
    assert aware.low < 1 < aware.high


def test_neighbours_are_found_in_transcript_direction():
    sites = pd.DataFrame(
        {
            "chrom": ["a", "a", "a", "a", "b"],
            "junction": [100, 130, 400, 130, 100],
            "strand": ["+", "+", "+", "-", "+"],
            "splice_type": ["donor", "acceptor", "donor", "donor", "donor"],
        }
    )
    minus = sites.assign(strand=sites["strand"].map({"+": "-", "-": "+"}))
    for table, offset in ((sites, 30), (minus, -30)):
        found = find_neighbours(table, table, upstream=60, downstream=60)
        pairs = set(zip(found.rows, found.offsets, found.is_donor, strict=True))
        assert pairs == {(0, offset, False), (1, -offset, True)}
    found = find_neighbours(sites, sites.iloc[[1]], upstream=60, downstream=60)
    # Within 50 nt of the acceptor at +30: all of [0, 60), half of [-40, 20).
    one = find_neighbours(sites, sites.iloc[[0]], upstream=60, downstream=60)
    assert one.cover(1, 0, 60).tolist() == [[0.0, 1.0]]
    assert one.cover(1, -40, 20)[0, 1] == pytest.approx(40 / 60)
    assert found.rows.tolist() == [0]


def test_elements_by_region_and_what_accounts_for_what():
    sites = make_sites(n=900, length=200, seed=9)
    errors = np.flatnonzero(sites.is_error)
    plant(sites, errors[:200], "TAGGGT", 70)  # offset -30: exon side of a donor
    elements = [make_element(word) for word in ("TAGGGT", "AGGG", "GACGAC", "CCC")]
    maps = np.zeros((900, 200))
    maps[errors[:200], 70:76] = 2.0
    table = measure_elements(
        elements, sites, splice_type="donor", explained=sites, scaled=maps
    )
    assert len(table) == 4 * 5
    top = table.iloc[0]
    by_name = table[table["significant"]].set_index("element")
    assert set(by_name["region"]) == {"exon_side"}
    assert set(by_name.index) == {"tagggt", "aggg"}
    # The letters of one are the other's: whichever is ahead accounts for both.
    assert top["element"] in by_name.index and pd.isna(top["explained_by"])
    assert by_name["explained_by"].dropna().tolist() == [top["element"]]
    whole = by_name.loc["tagggt"]
    assert whole["offset_median"] == -30
    assert whole["attribution_error"] > 1.5 and np.isnan(whole["attribution_correct"])
    tested = table.dropna(subset="p")
    assert tested["q"].is_monotonic_increasing and (tested["q"] >= tested["p"]).all()


def test_the_site_itself_is_no_hit():
    sites = make_sites(n=300, length=80, seed=10)
    plant(sites, sites.is_error, "CAGGTAAGT", 37)
    table = measure_elements([make_element("CAGGTAAGT")], sites, splice_type="donor")
    assert table["error_sites"].sum() == 0
    plant(sites, sites.is_error, "CAGGTAAGT", 57)  # another one beside it counts
    table = measure_elements([make_element("CAGGTAAGT")], sites, splice_type="donor")
    assert table["error_sites"].sum() == sites.is_error.sum()


def test_elements_are_counted_at_their_place():
    sites = make_sites(n=600, length=200, seed=11)
    plant(sites, sites.is_error, "TGCATG", 70)  # offset -30: exon of a donor
    intron = make_element("TGCATG", zones=parse_zones("intron", "x"))
    table = measure_elements([intron], sites, splice_type="donor")
    assert set(table["region"]) == {
        *("five_prime_ss", "proximal_intron", "distal_intron")
    }
    assert not table["significant"].any()
    table = measure_elements([intron], sites, splice_type="acceptor")
    assert table.iloc[0]["region"] == "branch_zone" and table.iloc[0]["significant"]
    with pytest.raises(InputError, match="zone 'here'"):
        parse_zones("here", "x")


# Donors MAG|GTRAGT and acceptors with their tract: shares of A, C, G, T by offset.
DONOR = {
    **{-3: [33, 37, 18, 12], -2: [60, 13, 13, 14], -1: [9, 3, 81, 7]},
    **{0: [0, 0, 1, 0], 1: [0, 0, 0, 1], 2: [54, 3, 41, 2], 3: [71, 8, 12, 9]},
    **{4: [7, 6, 81, 6], 5: [16, 16, 20, 48]},
}
ACCEPTOR = {
    **{offset: [12, 30, 12, 46] for offset in range(-20, -4)},
    **{-3: [5, 65, 1, 29], -2: [1, 0, 0, 0], -1: [0, 0, 1, 0], 0: [25, 14, 49, 12]},
}


def draw_sites(signal, seed, n=2000):
    """Errors whose signal is diluted by a third, and nothing else."""
    sites = make_sites(n=n, length=160, seed=seed)
    rng = RNG(seed + 1000)
    for offset, shares in signal.items():
        full = np.array(shares) / np.sum(shares)
        is_fixed = full.max() == 1
        for is_error in (True, False):
            rows = np.flatnonzero(sites.is_error == is_error)
            weak = is_error and not is_fixed
            share = 0.65 * full + 0.35 * 0.25 if weak else full
            sites.codes[rows, 80 + offset] = rng.choice(4, len(rows), p=share)
    return sites


def test_a_weak_consensus_is_no_element():
    """Errors differ in the strength of their own site alone: the level is kept."""
    elements = [element for element in read_elements() if element.width < 8]
    tables = [
        measure_elements(elements, draw_sites(signal, seed), splice_type=splice_type)
        for splice_type, signal in (("donor", DONOR), ("acceptor", ACCEPTOR))
        for seed in range(4)
    ]
    table = pd.concat(tables).dropna(subset="p")
    assert len(table) > 400
    assert 0.03 <= (table["p"] < 0.05).mean() <= 0.07
    assert table["significant"].sum() <= 1


def test_regions_of_a_model_of_both_types():
    keys = [region.key for region in list_regions("any", 100, 200)]
    assert keys == ["distal_upstream", "upstream", "downstream", "distal_downstream"]
    assert [r.key for r in list_regions("any", 30, 60)] == ["upstream", "downstream"]
