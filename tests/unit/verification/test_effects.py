"""Verification: what is changed, what the controls keep, and which verdict follows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from error_sequence_model.features import (
    Layout,
    encode_bases,
    find_branch,
    find_hits,
    find_tract,
    measure_gc,
    scan_decoys,
)
from error_sequence_model.settings import (
    CnnSettings,
    FeatureSettings,
    VerificationSettings,
    read_schema,
)
from error_sequence_model.verification.changes import make_editors
from error_sequence_model.verification.edits import Site, draw_control, protect_site
from error_sequence_model.verification.effects import (
    Effect,
    HeldOut,
    find_starts,
    judge,
    list_testable,
    summarise_change,
    verify_features,
)
from error_sequence_model.verification.map_motifs import (
    MapMotif,
    judge_motif,
    verify_motifs,
)
from error_sequence_model.verification.named_model import fit_named_model
from error_sequence_model.windows import make_windows
from feature_cases import LENGTH, UPSTREAM, make_case

LAYOUT = Layout(UPSTREAM, LENGTH - UPSTREAM)
ELEMENTS = {"u_tract": "TTTTT", "rbfox": "TGCATG"}
QUICK = {"draws": 200}


def open_part(case, part: str) -> HeldOut:
    split, sites, windows = case
    rows = split[split["part"] == part] if part else split
    here = sites.set_index("site_id").loc[rows["site_id"]]
    return HeldOut(
        encode_bases(windows.get_matrix(rows["site_id"].to_numpy())),
        here["splice_type"].eq("donor").to_numpy(),
        rows["label"].to_numpy(dtype=np.int64),
        here["gene_id"].to_numpy(dtype=object),
    )


@pytest.fixture(scope="module")
def fitted():
    """A case of 600 sites and its classical model of named features."""
    case = make_case(600)
    return case, fit_named_model(*case, ELEMENTS, [1], seed=1)


def make_site(codes: np.ndarray, is_donor: bool, seed: int = 0) -> Site:
    rng = np.random.default_rng(seed)
    other = (codes + rng.integers(1, 4, len(codes))) % 4
    return Site(codes, is_donor, other.astype(np.int8), rng)


FEATURES = [
    "strength",
    "tract",
    "branch",
    "decoy:same",
    "decoy:other",
    "gc:25",
    "gc:5prime",
    "gc:3prime",
    "element:u_tract:-40:0",
    "element:u_tract:0:40",
]


@pytest.mark.parametrize("feature", FEATURES)
def test_a_change_and_its_control_touch_as_many_bases(fitted, feature) -> None:
    case, named = fitted
    everything = open_part(case, "")
    starts = {feature: find_starts(feature, everything.codes, LAYOUT, ELEMENTS)}
    editors = make_editors(feature, LAYOUT, named.strengths, ELEMENTS, starts)
    tested = 0
    for editor in editors:
        for row in range(0, 200):
            codes, is_donor = everything.codes[row], bool(everything.is_donor[row])
            pair = editor.propose(make_site(codes, is_donor, row))
            if pair is None:
                continue
            tested += 1
            changed = [np.flatnonzero(part != codes) for part in pair]
            fixed = protect_site(LAYOUT, is_donor)
            assert not np.intersect1d(np.concatenate(changed), fixed).size
            if editor.mode != "implanted":
                assert len(changed[0]) == len(changed[1]) > 0
            else:
                assert max(map(len, changed)) <= 5
            if feature.startswith("element"):
                low, high = (int(x) for x in feature.split(":")[2:])
                places = np.concatenate(changed) - UPSTREAM
                assert places.min() >= low and places.max() < high + 4
    assert tested > 10, feature


def test_each_change_does_what_it_says(fitted) -> None:
    case, named = fitted
    part = open_part(case, "")
    acceptors = np.flatnonzero(~part.is_donor)[:60]

    def change(feature: str, mode: str | None = None) -> list[tuple]:
        starts = {feature: find_starts(feature, part.codes, LAYOUT, ELEMENTS)}
        editors = make_editors(feature, LAYOUT, named.strengths, ELEMENTS, starts)
        editor = next(e for e in editors if mode in (None, e.mode))
        found = []
        for row in acceptors:
            pair = editor.propose(make_site(part.codes[row], False, int(row)))
            if pair is not None:
                found.append((part.codes[row], *pair))
        return found

    for before, after, control in change("gc:25"):
        inside = LAYOUT.get_slice(-25, 25)
        drop = measure_gc(before[None, inside]) - measure_gc(after[None, inside])
        assert drop[0] > 0
        kept = measure_gc(before[None, inside]) - measure_gc(control[None, inside])
        assert kept[0] == 0
    for name, measure in (
        ("tract", lambda codes: find_tract(codes[None, :38])[0][0]),
        ("branch", lambda codes: find_branch(codes[None], LAYOUT)[0][0]),
    ):
        losses = [
            (measure(before) - measure(after), measure(before) - measure(control))
            for before, after, control in change(name)
        ]
        lost, by_chance = np.mean(losses, axis=0)
        assert lost > by_chance + 0.5, name
    place = LAYOUT.get_slice(-40, 0)
    for before, after, control in change("element:u_tract:-40:0", "removed"):
        hits = [
            find_hits(codes[None], "TTTTT")[0, place].sum()
            for codes in (before, after, control)
        ]
        assert hits[0] > hits[1]
    for before, after, control in change("element:u_tract:-40:0", "implanted"):
        hits = [
            find_hits(codes[None], "TTTTT")[0, place].sum()
            for codes in (before, after, control)
        ]
        assert hits[0] == 0 and hits[1] >= 1 and hits[2] == 0
    strongest = [
        [find_strongest(codes, named.strengths["acceptor"]) for codes in triple]
        for triple in change("decoy:same")
    ]
    before, after, control = np.mean(strongest, axis=0)
    assert before - after > before - control + 1


def find_strongest(codes: np.ndarray, model) -> float:
    bits = scan_decoys(codes[None], model)[0]
    bits[UPSTREAM] = -np.inf
    return max(float(bits.max()), -20.0)


def test_controls_keep_the_runs_where_they_fit() -> None:
    rng = np.random.default_rng(0)
    free = np.ones(30, dtype=bool)
    free[10:20] = False
    columns = np.array([11, 12, 13, 16])
    for _ in range(50):
        drawn = draw_control(columns, free, rng)
        assert free[drawn].all() and len(set(drawn)) == 4
        runs = np.split(drawn, np.flatnonzero(np.diff(drawn) > 1) + 1)
        assert max(map(len, runs)) >= 3
    scattered = np.zeros(10, dtype=bool)
    scattered[[1, 3, 5]] = True
    assert draw_control(np.array([7, 8, 9]), scattered, rng).tolist() == [1, 3, 5]
    assert draw_control(np.array([6, 7, 8, 9]), scattered, rng) is None


def verify(fitted, predict, features: int = 3) -> pd.DataFrame:
    case, named = fitted
    settings = VerificationSettings(features=features, sites=40, draws=2)
    return verify_features(
        named,
        predict,
        open_part(case, "train").codes,
        open_part(case, "validation"),
        open_part(case, "test"),
        ELEMENTS,
        settings,
        **QUICK,
    )


@pytest.mark.parametrize(
    ("weight", "verdict"),
    [(2.0, "confirmed"), (0.0, "classical-only"), (-2.0, "contradicted")],
)
def test_the_planted_feature_is_judged_by_what_the_model_does(
    fitted, weight, verdict
) -> None:
    """Models that like, ignore and dislike the planted TTTTT."""

    def predict(texts):
        return np.array([weight * ("TTTTT" in text[:UPSTREAM]) for text in texts])

    table = verify(fitted, predict).set_index(["feature", "mode"])
    assert table.index[0][0] == "element:u_tract:-40:0", "the most important one"
    for mode, sign in (("removed", -1), ("implanted", 1)):
        row = table.loc[("element:u_tract:-40:0", mode)]
        assert row["verdict"] == verdict, mode
        assert np.sign(row["classical"]) == sign
        assert np.sign(row["model"]) == sign * np.sign(weight)
        assert row["n_sites"] >= 10 and row["n_genes"] >= 10
        assert row["model_low"] <= row["model"] <= row["model_high"]


@pytest.mark.parametrize("kind", ["donor", "acceptor"])
def test_a_table_of_one_splice_type_is_verified(kind) -> None:
    """The other type's strength is missing in every row."""
    split, sites, windows = make_case(300)
    sites = sites[sites["splice_type"].eq(kind)]
    split = split[split["site_id"].isin(sites["site_id"])]
    case = (split, sites, windows)
    named = fit_named_model(*case, ELEMENTS, [1], seed=1)
    part = open_part(case, "test")
    features = named.compute(part.codes, part.is_donor)
    assert np.isnan(features).all(axis=0).any()
    assert np.isfinite(named.predict(features)).all()

    def predict(texts):
        return np.array([float("TTTTT" in text[:UPSTREAM]) for text in texts])

    table = verify((case, named), predict, features=2)
    assert set(table["feature"]) <= set(named.names)


def test_a_model_of_noise_confirms_nothing(fitted) -> None:
    rng = np.random.default_rng(0)
    table = verify(fitted, lambda texts: rng.normal(size=len(texts)) * 0.05, 8)
    assert not table["verdict"].isin(["confirmed", "LM-only", "contradicted"]).any()


def test_importance_ranks_the_cause_first(fitted) -> None:
    case, named = fitted
    part = open_part(case, "validation")
    groups = {k: v[0] for k, v in list_testable(named.names, LAYOUT).items()}
    ranked = named.rank(
        named.compute(part.codes, part.is_donor), part.labels, groups, seed=1
    )
    assert ranked.index[0] == "element:u_tract:-40:0"
    assert ranked.iloc[0] > 0.1
    assert set(groups["tract"]) == {n for n in named.names if n.startswith("tract:")}


E = Effect
UP, DOWN, FLAT, TRIFLE = (
    E(1, 0.5, 2),
    E(-1, -2, -0.5),
    E(0.2, -1, 1),
    E(0.05, 0.01, 0.1),
)


@pytest.mark.parametrize(
    ("classical", "model", "verdict"),
    [
        (UP, UP, "confirmed"),
        (DOWN, DOWN, "confirmed"),
        (UP, DOWN, "contradicted"),
        (UP, FLAT, "classical-only"),
        (FLAT, DOWN, "LM-only"),
        (FLAT, FLAT, "undecided"),
        (UP, TRIFLE, "classical-only"),
        (TRIFLE, TRIFLE, "undecided"),
        (E(np.nan, np.nan, np.nan), UP, "LM-only"),
    ],
)
def test_verdicts(classical, model, verdict) -> None:
    assert judge(classical, model) == verdict


@pytest.mark.parametrize(
    ("gain", "effect", "verdict"),
    [
        (E(0.02, 0.01, 0.03), DOWN, "confirmed"),
        (E(0.0, -0.01, 0.01), UP, "LM-only"),
        (E(0.02, 0.01, 0.03), FLAT, "classical-only"),
        (E(-0.02, -0.03, -0.01), UP, "contradicted"),
        (E(0.0, -0.01, 0.01), FLAT, "undecided"),
    ],
)
def test_verdicts_of_motifs(gain, effect, verdict) -> None:
    assert judge_motif(gain, effect) == verdict


def test_the_interval_is_over_genes() -> None:
    """Ten sites of one gene are one observation: copying them widens nothing away."""
    rng = np.random.default_rng(0)
    change = rng.normal(0.3, 1, 30)
    genes = np.array([f"g{i}" for i in range(30)], dtype=object)
    single = summarise_change(change, genes, draws=2000)
    copied = summarise_change(np.repeat(change, 10), np.repeat(genes, 10), draws=2000)
    assert copied.mean == pytest.approx(single.mean)
    assert copied.low == pytest.approx(single.low)
    own = summarise_change(
        np.repeat(change, 10), np.arange(300).astype(object), draws=2000
    )
    assert own.high - own.low < 0.6 * (single.high - single.low)
    expected = 2 * 1.96 * change.std() / np.sqrt(30)
    assert single.high - single.low == pytest.approx(expected, rel=0.15)


def test_a_planted_motif_adds_to_the_classical_features(fitted) -> None:
    """GATTACA marks errors, and no named feature knows it."""
    rng = np.random.default_rng(1)
    (split, sites, windows), _ = fitted
    matrix = windows.get_matrix().copy()
    for row in np.flatnonzero((split["label"] == 1) & (rng.random(600) < 0.8)):
        matrix[row, 50:57] = np.frombuffer(b"GATTACA", dtype=np.uint8)
        matrix[row, 10:16] = np.frombuffer(b"ACGTAC", dtype=np.uint8)
    texts = [row.tobytes().decode() for row in matrix]
    case = (split, sites, make_windows(np.arange(600), texts, upstream=UPSTREAM))
    named = fit_named_model(*case, ELEMENTS, [1], seed=1)
    letters = ["GATTACA", "CGCGTAA"]
    motifs = [
        MapMotif(text, text, np.eye(4)[["ACGT".index(b) for b in text]], (0, 30), UP)
        for text in letters
    ]
    rows = verify_motifs(
        motifs,
        named,
        open_part(case, "train"),
        open_part(case, "test"),
        seed=1,
        **QUICK,
    )
    table = pd.DataFrame(rows).set_index("feature")
    assert table.loc["GATTACA", "verdict"] == "confirmed"
    assert table.loc["GATTACA", "classical_low"] > 0.05
    assert table.loc["CGCGTAA", "verdict"] == "LM-only"
    assert table.loc["all motifs", "classical"] == pytest.approx(
        table.loc["GATTACA", "classical"], abs=0.05
    )
    few = open_part(case, "test")
    few = HeldOut(*(part[:6] for part in few))
    assert verify_motifs(motifs, named, few, few, seed=1, **QUICK) == []


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        (("features",), FeatureSettings),
        (("baselines", "cnn"), CnnSettings),
        (("verification",), VerificationSettings),
    ],
)
def test_the_schema_has_the_same_defaults(key, settings) -> None:
    schema = read_schema()
    for name in key:
        schema = schema["properties"][name]
    defaults = {name: entry["default"] for name, entry in schema["properties"].items()}
    ours = yaml.safe_load(yaml.safe_dump(_plain(settings())))
    assert defaults == ours


def _plain(settings) -> dict:
    values = settings.to_mapping()
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def test_one_gene_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    genes = np.full(30, "g", dtype=object)
    found = summarise_change(rng.normal(2, 0.1, 30), genes, draws=100)
    assert found.mean > 1.5 and np.isnan(found.low) and np.isnan(found.high)
    assert judge(found, found) == "undecided"
