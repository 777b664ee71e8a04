"""Sequences that are short, long, unequal or empty of bases: handled or refused."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.attribution import METHODS, attribute
from error_sequence_model.classifier import ErrorClassifier, create_classifier
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.notebook import prepare_datasets_for_training
from tiny_models import EXACT, draw_sequences, make_tiny_classifier

CAPTUM = ("captum.DeepLift", "captum.FeatureAblation")
# What these draw depends on site_id, which is another where a site is alone.
DRAWN = ("substitution", "integrated_gradients", "deep_lift_shap", "captum.DeepLift")
ALL_METHODS = (*METHODS, *CAPTUM)


@pytest.fixture(scope="module")
def models() -> dict[str, ErrorClassifier]:
    options = {"layers": 1, "hidden_size": 16, "heads": 2}
    return {
        "single bases": make_tiny_classifier(**EXACT).eval(),
        "k-mers": create_classifier(
            "nucleotide_transformer", options=options, seed=1
        ).eval(),
    }


def make_dataset(
    model: ErrorClassifier, sequences: list[str], **options: object
) -> SequenceDataset:
    frame = pd.DataFrame({"sequence": sequences, "label": 0})
    other = pd.DataFrame({"sequence": ["GATTACA" * 5], "label": 1})
    return prepare_datasets_for_training(
        frame, other, tokenizer=model.tokenizer, **options
    )[0]


def run(models, kind, method, sequences, length=None, **options):
    model = models[kind]
    dataset = make_dataset(model, sequences, **options)
    try:
        found = attribute(
            model, dataset, method, sequences=sequences, window_length=length
        )
    except InputError as error:
        assert kind == "k-mers" and method == "deep_lift_shap", error
        return None
    assert np.isfinite(found.attributions).all()
    assert np.isfinite(found.target).all()
    return found


both = pytest.mark.parametrize("kind", ["single bases", "k-mers"])
each = pytest.mark.parametrize("method", ALL_METHODS)


@both
@each
def test_unequal_lengths_start_at_the_first_base(models, kind, method) -> None:
    sequences = draw_sequences(np.random.default_rng(0), 3, 24, 40)
    assert len(set(map(len, sequences))) > 1
    found = run(models, kind, method, sequences, length=44)
    if found is None:
        return
    assert found.attributions.shape == (3, 44)
    for row, sequence in enumerate(sequences):
        assert found.attributions[row, : len(sequence)].any()
        assert not found.attributions[row, len(sequence) :].any()
        alone = run(models, kind, method, [sequence], length=len(sequence))
        if method not in DRAWN:
            own = found.attributions[row, : len(sequence)]
            assert np.allclose(alone.attributions[0], own, atol=1e-4)


@both
@each
def test_all_n_is_explained_without_nan(models, kind, method) -> None:
    found = run(models, kind, method, ["N" * 30, "ACGTACGTAN" * 3])
    if found is not None and method in ("in_silico_mutagenesis", "deep_lift_shap"):
        assert not found.attributions[0].any(), "nothing can be changed"


@both
@each
def test_shorter_than_the_receptive_field(models, kind, method) -> None:
    found = run(models, kind, method, ["ACAGTCAAT", "GTA", "AG"], length=9)
    if found is not None:
        assert found.attributions.shape == (3, 9)
        assert found.attributions[0].any()


@both
@each
def test_longer_than_max_length_is_told(
    models, kind, method, caplog, monkeypatch
) -> None:
    monkeypatch.setattr(
        "error_sequence_model.attribution.methods.logger.parent.propagate", 1
    )
    sequences = draw_sequences(np.random.default_rng(0), 2, 60, 60)
    tokens = 20 if kind == "single bases" else 6
    with caplog.at_level(logging.WARNING):
        found = run(models, kind, method, sequences, max_length=tokens, length=60)
    if found is None:
        return
    assert f"2 of 2 sequences are longer than max_length {tokens} tokens" in caplog.text
    assert found.attributions.shape == (2, 60)
    assert found.attributions[:, 30].any()
    if kind == "single bases" and method != "substitution":
        assert not found.attributions[:, :20].any()
        assert not found.attributions[:, 40:].any()


@each
def test_maps_too_short_for_a_sequence_are_refused(models, method) -> None:
    model = models["single bases"]
    sequences = draw_sequences(np.random.default_rng(0), 1, 30, 30)
    dataset = make_dataset(model, sequences)
    with pytest.raises(InputError, match=r"30 bases do not fit|outside the sequence"):
        attribute(model, dataset, method, sequences=sequences, window_length=20)
