"""Do the maps find what was planted? Two models, trained here, and every method."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from error_sequence_model.attribution import Attribution, attribute
from planted_models import (
    LENGTH,
    Trained,
    plant_motifs,
    score_maps,
    train_single_bases,
    train_subwords,
)

logger = logging.getLogger(__name__)

TRAINERS = {"nucleotide_encoder": train_single_bases, "dnabert2": train_subwords}
SITES = 24
FLOORS = {"integrated_gradients": 0.90, "substitution": 0.90, "ism": 0.93}


@pytest.fixture(scope="module", params=TRAINERS)
def trained(request, tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp(request.param)
    found = TRAINERS[request.param](folder, sites=SITES)
    assert len(found.sequences) == SITES
    return found


def explain(trained: Trained, method: str, baseline: str = "auto") -> Attribution:
    model, dataset, sequences, truth, _ = trained
    found = attribute(
        model,
        dataset,
        method,
        sequences=sequences,
        window_length=LENGTH,
        baseline=baseline,
    )
    auroc, auprc = score_maps(found.attributions, truth)
    family = model.backbone.config.model_type
    logger.info(
        "%s %s (%s): AUROC %.3f, AUPRC %.3f",
        *(family, method, found.baseline, auroc, auprc),
    )
    return found


def test_one_motif_is_planted_in_an_error_and_none_in_a_correct_call() -> None:
    planted = plant_motifs(200, seed=5)
    counts = planted.truth.sum(axis=1)
    assert (counts[1::2] == 8).all()
    assert not counts[::2].any()
    text = "".join(planted.frame["sequence"])
    share = text.count("CG") / (text.count("C") * text.count("G") / len(text))
    assert share < 0.4, "few CpG"


def test_the_models_have_learnt_the_motifs(trained) -> None:
    assert trained.auroc > 0.85


@pytest.mark.parametrize("method", FLOORS)
def test_maps_find_the_planted_bases(trained, method) -> None:
    found = explain(trained, method)
    assert score_maps(found.attributions, trained.truth)[0] >= FLOORS[method]
    if method == "integrated_gradients":
        assert np.quantile(found.completeness_error, 0.95) < 0.02


def test_random_maps_do_not(trained) -> None:
    rng = np.random.default_rng(0)
    aurocs = [
        score_maps(rng.random((SITES, LENGTH)), trained.truth)[0] for _ in range(20)
    ]
    assert 0.45 < np.mean(aurocs) < 0.55
    assert all(0.4 < auroc < 0.6 for auroc in aurocs)


def test_the_other_methods_are_measured(trained) -> None:
    others = ["saliency", "input_x_gradient", "captum.FeatureAblation"]
    if trained.model.backbone.config.model_type == "nucleotide_encoder":
        others.append("deep_lift_shap")
    for method in others:
        found = explain(trained, method)
        assert found.attributions.shape == (SITES, LENGTH)
        if method == "deep_lift_shap":
            assert score_maps(found.attributions, trained.truth)[0] >= 0.90
            assert found.completeness_error.max() < 1e-2
    for baseline in ("mask", "mean"):
        found = explain(trained, "integrated_gradients", baseline)
        assert score_maps(found.attributions, trained.truth)[0] >= 0.85
