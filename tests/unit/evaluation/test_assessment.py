from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from error_sequence_model.evaluation import assess_models, read_strata_features
from error_sequence_model.evaluation.operating_points import (
    compute_precision_at,
    compute_recall_at,
    compute_top_k,
)
from error_sequence_model.evaluation.reranking import find_wanted, rerank_calls
from error_sequence_model.evaluation.strata import cut_values, make_strata, score_strata
from error_sequence_model.statistics import (
    compute_brier,
    compute_ece,
    compute_log_loss,
    fit_temperature,
    scale_probabilities,
    score_models,
)
from fake_predictions import draw_models, make_predictions


def test_top_k_by_hand() -> None:
    is_error = np.array([True, False, True, False])
    assert compute_top_k(is_error, np.array([0.9, 0.8, 0.7, 0.1])) == 0.5
    # Two sites share the second place: each counts half.
    assert compute_top_k(is_error, np.array([0.9, 0.7, 0.7, 0.1])) == 0.75
    assert np.isnan(compute_top_k(np.zeros(3, dtype=bool), np.arange(3.0)))


def test_recall_at_precision_by_hand() -> None:
    is_error = np.array([True, True, False, True, False])
    scores = np.array([5.0, 4, 3, 2, 1])
    assert compute_recall_at(is_error, scores, 0.9) == pytest.approx(2 / 3)
    assert compute_recall_at(is_error, scores, 0.75) == 1.0
    assert compute_recall_at(~is_error, scores, 0.9) == 0.0


def test_precision_at_recall_by_hand() -> None:
    is_wanted = np.array([True, False, True, False])
    found = compute_precision_at(
        is_wanted, np.array([4.0, 3, 2, 1]), np.array([0.5, 0.6, 1.0])
    )
    np.testing.assert_allclose(found, [1, 2 / 3, 2 / 3])
    doubled = compute_precision_at(
        is_wanted, np.array([4.0, 3, 2, 1]), np.array([1.0]), np.array([1.0, 2, 1, 1])
    )
    np.testing.assert_allclose(doubled, [0.5])


def test_temperature_undoes_a_scale() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1.5, 20_000)
    labels = (rng.random(20_000) < expit(odds)).astype(int)
    sure = np.stack([1 - expit(3 * odds), expit(3 * odds)], axis=1)
    temperature = fit_temperature(sure, labels)
    assert temperature == pytest.approx(3, rel=0.1)
    scaled = scale_probabilities(sure, temperature)[:, 1]
    before, after = (compute_ece(labels == 1, p) for p in (sure[:, 1], scaled))
    assert after < 0.02 < 0.1 < before
    assert compute_brier(labels == 1, scaled) < compute_brier(labels == 1, sure[:, 1])
    assert fit_temperature(sure, np.ones(20_000, dtype=int)) == 1.0


def test_calibration_by_hand() -> None:
    is_error = np.array([True, False])
    probabilities = np.array([0.8, 0.4])
    assert compute_brier(is_error, probabilities) == pytest.approx(0.1)
    assert compute_ece(is_error, probabilities, bins=1) == pytest.approx(0.1)
    assert compute_log_loss(is_error, probabilities) == pytest.approx(
        -(np.log(0.8) + np.log(0.6)) / 2
    )


def make_sites(n: int, labels: np.ndarray) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "splice_type": "donor",
            "dinucleotide": np.where(np.arange(n) % 10 == 0, "GC", "GT"),
            "pred_type": np.where(labels == 1, "FP", "TP"),
            "score": np.clip(0.75 - 0.1 * labels + rng.normal(0, 0.1, n), 0.5, 0.99),
            "gene_id": [f"g{k // 2}" for k in range(n)],
            "gene_biotype": None,
            "chrom": "chr1",
        },
        index=pd.Index(np.arange(n), name="site_id"),
    )


def make_split(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": np.arange(n),
            "part": np.where(np.arange(n) < n // 2, "validation", "test"),
            "training_similarity": np.linspace(0, 0.19, n),
        }
    )


def test_strata_name_their_bins_and_skip_the_unknown() -> None:
    n = 200
    sites = make_sites(n, np.tile([0, 1], n // 2))
    features = pd.DataFrame({"gc:200": np.linspace(0.2, 0.8, n)}, index=sites.index)
    strata = make_strata(sites, make_split(n)["training_similarity"], features)
    assert "biotype" not in strata and "splice type" not in strata
    assert set(strata["dinucleotide"]) == {"GC", "GT or AG"}
    assert strata["GC within 200 nt"].value_counts().max() == 40
    assert strata["GC within 200 nt"].iloc[0].startswith("1: 0.2 to")
    narrow = features.rename(columns={"gc:200": "gc:80"}).assign(**{"gc:25": 0.5})
    narrow["gc:5prime"] = narrow["gc:25"]
    names = make_strata(sites, make_split(n)["training_similarity"], narrow).columns
    assert [name for name in names if "GC" in name] == ["GC within 80 nt"]
    constant = cut_values(pd.Series([1.0, 1.0]), None)
    assert constant.isna().all()
    assert cut_values(pd.Series([0.05, np.nan, 1.0]), (0, 0.5, 1)).tolist() == [
        *("1: 0 to 0.5", None, "2: 0.5 to 1")
    ]


def test_a_stratum_where_the_model_fails_is_seen() -> None:
    labels, odds = draw_models(1000, {"m": 1.5})
    is_poor = np.arange(1000) % 2 == 0
    probability = expit(np.where(is_poor, 0.0, odds["m"]))
    table = pd.DataFrame(
        {"probability_0": 1 - probability, "probability_1": probability}
    )
    strata = pd.DataFrame({"kind": np.where(is_poor, "poor", "good")})
    genes = pd.Series([f"g{k}" for k in range(1000)])
    found = score_strata(strata, pd.Series(labels), {"m": table}, genes, draws=100)
    auroc = found.set_index("value")["auroc"]
    assert auroc["poor"] == pytest.approx(0.5) and auroc["good"] > 0.95
    small = score_strata(
        strata.iloc[:6], pd.Series(labels[:6]), {"m": table.iloc[:6]}, genes, draws=10
    )
    assert small["auprc"].isna().all() and small["few"].all()


def test_veto_helps_only_a_model_that_knows() -> None:
    n = 3000
    labels, odds = draw_models(n, {"knows": 1.5, "noise": 0.0})
    sites = make_sites(n, labels).reset_index()
    table = sites.assign(label=labels, part=make_split(n)["part"], fold=0)
    models = {name: expit(values) for name, values in odds.items()}
    curve = rerank_calls(table, models, draws=100).set_index(["model", "recall"])
    assert curve.loc[("knows", 0.8), "gain_low"] > 0.05
    assert abs(curve.loc[("noise", 0.8), "gain"]) < 0.03
    assert curve.loc[("noise", 0.8), "gain_low"] <= 0
    assert (curve.loc["knows", "precision_both"] >= 0.5).all()
    assert rerank_calls(table.assign(score=np.nan), models, draws=10).empty


def test_calls_are_ranked_again_within_their_fold() -> None:
    """What a fold's model calls likely says nothing of another fold's sites."""
    n, folds = 900, 3
    labels, _ = draw_models(n, {})
    tested = make_sites(n, labels).reset_index().assign(label=labels, part="test")
    tested["fold"] = np.arange(n) % folds
    held = tested.assign(part="validation", fold=(tested["fold"] + 1) % folds)
    table = pd.concat([tested, held], ignore_index=True)
    # Perfect within each fold, at another level in each: ranked together they mix.
    odds = 6.0 * table["label"] - 3.0 + 8.0 * (table["fold"] - 1)
    curve = rerank_calls(table, {"m": expit(odds.to_numpy())}, draws=50)
    assert (curve["precision_model"] == 1).all()
    assert (curve["n_sites"] == n).all() and curve["n_genes"].eq(n // 2).all()


def test_a_ranking_is_weighed_by_its_own_folds_validation_sites() -> None:
    n = 400
    labels, odds = draw_models(n, {"m": 1.0})
    table = make_sites(n, labels).reset_index().assign(label=labels)
    table = table.assign(part=make_split(n)["part"], fold=0)
    alone = rerank_calls(table, {"m": expit(odds["m"])}, draws=20)
    # Another fold whose model is always wrong leaves the first fold's weights alone.
    wrong = table.assign(fold=1, label=1 - labels)
    wrong["pred_type"] = np.where(labels == 1, "TP", "FP")
    wrong["gene_id"] = "x" + wrong["gene_id"]
    together = rerank_calls(
        pd.concat([table, wrong], ignore_index=True),
        {"m": np.tile(expit(odds["m"]), 2)},
        draws=20,
    )
    other = rerank_calls(wrong, {"m": expit(odds["m"])}, draws=20)
    expected = (alone["precision_both"] + other["precision_both"]) / 2
    np.testing.assert_allclose(together["precision_both"], expected)


def test_scores_that_are_no_probabilities_rank_as_they_are() -> None:
    """An error table's score may be log odds or percent."""
    n = 400
    labels, odds = draw_models(n, {"m": 1.0})
    table = make_sites(n, labels).reset_index().assign(label=labels, fold=0)
    table["part"] = make_split(n)["part"].to_numpy()
    curves = [
        rerank_calls(table.assign(score=score), {"m": expit(odds["m"])}, draws=20)
        for score in (table["score"], 100 * table["score"], logit(table["score"]))
    ]
    for other in curves[1:]:
        np.testing.assert_allclose(
            other["precision_score"], curves[0]["precision_score"]
        )
    pd.testing.assert_frame_equal(curves[0], curves[2], rtol=1e-4)


def test_only_real_against_not_real_can_be_ranked_again() -> None:
    labels = np.array([0, 1])
    assert find_wanted(labels, np.array(["TP", "FP"])).tolist() == [True, False]
    assert find_wanted(labels, np.array(["TN", "FN"])).tolist() == [False, True]
    assert find_wanted(labels, np.array(["TP", "FN"])) is None


def test_assessment_of_a_contrast() -> None:
    n = 800
    labels, odds = draw_models(n, {"encoder": 1.0, "kmers": 0.4, "prevalence": 0.0})
    frames = [
        make_predictions({"encoder": odds["encoder"]}, labels, seed=1),
        make_predictions({"encoder": odds["encoder"] * 2}, labels, seed=2),
        make_predictions({"kmers": odds["kmers"]}, labels, kind="baseline"),
        make_predictions({"prevalence": 0 * odds["kmers"]}, labels, kind="reference"),
    ]
    sites = make_sites(n, labels)
    found = assess_models(
        pd.concat(frames, ignore_index=True),
        sites,
        make_split(n),
        pd.DataFrame(index=sites.index),
        natural_counts={"TP": int((labels == 0).sum()), "FP": 10 * (labels == 1).sum()},
        draws=100,
    )
    models = found.models.set_index("model")
    assert models.loc["encoder", "auprc"] > models.loc["kmers", "auprc"]
    assert models.loc["encoder", "auprc_seed_sd"] == pytest.approx(0)
    assert np.isnan(models["auprc_seed_sd"].astype(float)["kmers"])
    assert models.loc["encoder", "natural_prevalence"] == pytest.approx(
        10 / 11, abs=0.02
    )
    assert models.loc["encoder", "natural_auprc"] > models.loc["encoder", "auprc"]
    assert models.loc["prevalence", "brier"] == pytest.approx(0.25)
    assert len(found.pairs) == 1
    assert set(found.strata["model"]) == {"encoder", "kmers"}
    assert set(found.reranking["model"]) == {"encoder", "kmers"}


def test_strata_rank_sites_within_their_fold() -> None:
    """Models that are perfect in their folds, at levels that do not compare."""
    n = 400
    labels = np.arange(n) % 2
    sites = make_sites(n, labels)
    frames, splits = [], []
    for fold, level in enumerate((-4.0, 4.0)):
        is_test = (np.arange(n) // 2) % 2 == fold
        part = np.where(is_test, "test", "validation")
        odds = {"m": level + np.where(labels == 1, 2.0, -2.0)}
        frame = make_predictions(odds, labels)
        frames.append(frame.assign(fold=fold, part=part))
        splits.append(make_split(n).assign(fold=fold, part=part))
    found = assess_models(
        pd.concat(frames, ignore_index=True),
        sites,
        pd.concat(splits, ignore_index=True),
        pd.DataFrame(index=sites.index),
        draws=20,
    )
    scored = found.strata["auroc"].dropna()
    assert len(scored) > 3 and (scored == 1).all()


def test_the_features_of_strata_are_those_of_the_window(tmp_path) -> None:
    columns = ["gc:25", "gc:80", "gc:5prime", "strength:matrix@fold0", "kmer:AAA:0"]
    table = pd.DataFrame(np.ones((3, 5)), columns=columns).assign(site_id=[1, 2, 3])
    table.to_parquet(tmp_path / "features.parquet")
    found = read_strata_features(tmp_path / "features.parquet")
    assert sorted(found) == ["gc:80", "strength:matrix"]


def test_more_than_two_classes_have_scores_and_pairs_only() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    raw = rng.random((300, 3)) + 2 * np.eye(3)[labels]
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    frame = make_predictions({"m": np.zeros(300)}, labels)
    for k in range(3):
        frame[f"probability_{k}"] = probabilities[:, k]
    sites = make_sites(300, labels)
    found = assess_models(
        frame, sites, make_split(300), pd.DataFrame(index=sites.index), draws=50
    )
    assert found.models["auprc"].iloc[0] > 0.9
    assert found.strata.empty and found.reranking.empty


def test_gene_intervals_cover_as_they_say() -> None:
    """95 % intervals over genes hold the true AUROC in 93 to 97 % of simulations."""
    rng = np.random.default_rng(7)
    runs, genes_per_run, sites_per_gene = 400, 120, 5

    def draw(genes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gene = np.repeat(np.arange(genes), sites_per_gene)
        labels = rng.integers(0, 2, len(gene))
        effect = rng.normal(size=genes)[gene]
        return gene, labels, labels + effect + rng.normal(size=len(gene))

    _, labels, scores = draw(200_000)
    ranks = pd.Series(scores).rank().to_numpy()
    ones = labels == 1
    truth = (ranks[ones].mean() - (ones.sum() + 1) / 2) / (~ones).sum()
    covered = 0
    for run in range(runs):
        gene, labels, scores = draw(genes_per_run)
        frame = make_predictions(
            {"m": scores}, labels, part=np.full(len(labels), "test")
        )
        names = pd.Series([f"g{k}" for k in gene])
        score = score_models(frame, names, draws=200, seed=run)[("backbone", "m")]
        low, high = score["auroc"].get_interval()
        covered += low <= truth <= high
    assert 0.93 <= covered / runs <= 0.97


def test_p_values_of_folds_are_combined_not_averaged() -> None:
    """One healthy fold must not hide that two others are off."""
    frames = []
    for fold, scale in enumerate((3.0, 3.0, 1.0)):
        rng = np.random.default_rng(fold)
        odds = rng.normal(0, 1.5, 800)
        labels = (rng.random(800) < expit(odds)).astype(int)
        frame = make_predictions({"m": scale * odds}, labels, fold=fold)
        frames.append(frame.assign(site_id=frame["site_id"] + 800 * fold))
    frame = pd.concat(frames, ignore_index=True)
    every = frame.drop_duplicates("site_id").sort_values("site_id")
    sites = make_sites(2400, every["label"].to_numpy())
    split = make_split(2400).assign(part=every["part"].to_numpy())
    features = pd.DataFrame(index=sites.index)
    found = assess_models(frame, sites, split, features, draws=20)
    assert found.models["calibration_p"].iloc[0] < 0.01
