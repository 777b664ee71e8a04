from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.attribution import MapRequest, attribute, predict_targets
from error_sequence_model.attribution.mutagenesis import (
    _predict_strings,
    _predict_tokens,
    list_substitutions,
    mutate_batch,
)
from error_sequence_model.classifier import ErrorClassifier, create_classifier
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.notebook import prepare_datasets_for_training
from planted_models import plant_motifs, train_bpe
from tiny_models import EXACT, draw_sequences, make_tiny_classifier

CPU = torch.device("cpu")
LENGTH = 41


def make_dataset(
    sequences: list[str], model: ErrorClassifier | None = None, **options: object
) -> SequenceDataset:
    frame = pd.DataFrame({"sequence": sequences, "label": 0})
    other = pd.DataFrame({"sequence": ["ACGT" * 9], "label": 1})
    tokenizer = "custom" if model is None else model.tokenizer
    return prepare_datasets_for_training(frame, other, tokenizer=tokenizer, **options)[
        0
    ]


def draw(count: int, shortest: int = LENGTH, longest: int = LENGTH) -> list[str]:
    return draw_sequences(np.random.default_rng(0), count, shortest, longest)


@pytest.fixture(scope="module")
def bpe_model(tmp_path_factory) -> ErrorClassifier:
    folder = tmp_path_factory.mktemp("bpe")
    train_bpe(
        plant_motifs(60, seed=1).frame["sequence"].tolist(), entries=120
    ).save_pretrained(folder)
    options = {
        "tokenizer": str(folder),
        "vocab_size": 120,
        "layers": 1,
        "heads": 2,
        "hidden_size": 16,
        "intermediate_size": 16,
    }
    return create_classifier("dnabert2", options=options, seed=1).eval()


def test_mutagenesis_of_an_additive_model_gives_its_weights() -> None:
    weights = np.random.default_rng(1).standard_normal((LENGTH, 4))
    sequences = draw(3)
    found = attribute(
        AdditiveModel(weights).eval(),
        make_dataset(sequences),
        "ism",
        sequences=sequences,
    )
    assert found.substitutions.shape == (3, LENGTH, 4)
    assert found.substitutions.dtype == np.float32
    places = np.arange(LENGTH)
    for row, sequence in enumerate(sequences):
        own = np.array(["ACGT".index(base) for base in sequence])
        reference = weights[places, own]
        expected = weights - reference[:, None]
        assert np.allclose(found.substitutions[row], expected, atol=1e-5)
        assert not found.substitutions[row, places, own].any()
        # Per base: its weight minus the mean of the three others.
        others = (weights.sum(axis=1) - reference) / 3
        assert np.allclose(found.attributions[row], reference - others, atol=1e-5)
        assert found.target[row] == pytest.approx(reference.sum(), abs=1e-4)
    assert found.baseline == "the site itself"
    assert np.isnan(found.completeness_error).all()


def test_only_the_core_around_the_junction_is_mutated() -> None:
    sequences = draw(2)
    model = AdditiveModel(np.random.default_rng(1).standard_normal((LENGTH, 4))).eval()
    dataset = make_dataset(sequences)
    whole = attribute(model, dataset, "ism", sequences=sequences)
    core = attribute(model, dataset, "ism", sequences=sequences, core=6)
    inside = slice(LENGTH // 2 - 6, LENGTH // 2 + 6)
    assert np.array_equal(core.attributions[:, inside], whole.attributions[:, inside])
    assert (core.attributions != 0).sum() == 2 * 12
    large = attribute(model, dataset, "ism", sequences=sequences, core=1000)
    assert np.array_equal(large.attributions, whole.attributions)


def test_letters_that_are_no_base_are_left_alone() -> None:
    places, bases = list_substitutions("aCNU", 0, 4)
    assert places.tolist() == [0, 0, 0, 1, 1, 1, 3, 3, 3]
    assert bases.tolist() == [1, 2, 3, 0, 2, 3, 0, 1, 2]
    assert list_substitutions("ACGT", 1, 2)[0].tolist() == [1, 1, 1]
    assert not len(list_substitutions("NNNN", 0, 4)[0])


def test_exchanged_tokens_and_changed_strings_give_the_same() -> None:
    model = make_tiny_classifier(**EXACT).eval()
    sequences = [*draw(2, 20, 41), "ACGTNNNNACGTNACG"]
    request = MapRequest(model, make_dataset(sequences), LENGTH, CPU, sequences)
    changed = [list_substitutions(s, 0, len(s)) for s in sequences]
    arguments = (request, np.arange(3), sequences, changed)
    for fast, slow in zip(
        _predict_tokens(*arguments), _predict_strings(*arguments), strict=True
    ):
        assert np.ptp(fast) > 1e-3
        assert np.allclose(fast, slow, atol=1e-5)


def test_changed_strings_are_tokenized_again(bpe_model) -> None:
    sequences = draw(2, 30, 41)
    dataset = make_dataset(sequences, bpe_model)
    found = attribute(
        bpe_model,
        dataset,
        "in_silico_mutagenesis",
        sequences=sequences,
        window_length=LENGTH,
    )
    for row, sequence in enumerate(sequences):
        for place, base in ((0, "A"), (13, "G"), (len(sequence) - 1, "T")):
            changed = sequence[:place] + base + sequence[place + 1 :]
            junction = np.array([len(sequence) // 2] * 2)
            values = predict_targets(
                bpe_model, dataset, [sequence, changed], junction, device=CPU
            )
            change = found.substitutions[row, place, "ACGT".index(base)]
            assert change == pytest.approx(values[1] - values[0], abs=1e-5)
        assert not found.attributions[row, len(sequence) :].any()
    assert np.ptp(found.attributions) > 1e-3


def test_bases_that_the_model_does_not_see_have_no_effect(bpe_model, caplog) -> None:
    sequences = draw(2)
    for model in (make_tiny_classifier(**EXACT).eval(), bpe_model):
        dataset = make_dataset(sequences, model, max_length=10)
        found = attribute(
            model, dataset, "ism", sequences=sequences, window_length=LENGTH
        )
        spans = dataset.get_encoding(0).spans
        first, last = spans[:, 0][spans[:, 1] > 0].min(), spans.max()
        assert 0 < first < LENGTH // 2 < last < LENGTH
        if model is not bpe_model:  # changed BPE tokens may let other bases in
            assert not found.attributions[0, :first].any()
            assert not found.attributions[0, last:].any()
        assert found.attributions[0, first:last].any()


def test_equal_tokens_are_predicted_once(bpe_model, monkeypatch) -> None:
    sizes = []

    def predict(model, dataset, **options):
        sizes.append(len(dataset))
        return np.arange(2 * len(dataset), dtype=np.float32).reshape(-1, 2) ** 2

    monkeypatch.setattr(
        "error_sequence_model.attribution.substitution.predict_logits", predict
    )
    dataset = make_dataset(draw(1))
    texts = ["ACGTACGT", "ACGTACGA", "ACGTACGT", "acgtacgu"]
    found = predict_targets(None, dataset, texts, np.array([4, 4, 4, 4]), device=CPU)
    assert sizes == [2]
    assert found.tolist() == [1.0, 5.0, 1.0, 1.0]
    # Another junction is another question.
    predict_targets(None, dataset, texts[:2] * 2, np.array([4, 4, 3, 3]), device=CPU)
    assert sizes == [2, 4]


def test_sequences_that_do_not_fit_are_refused() -> None:
    sequences = draw(1)
    model = make_tiny_classifier().eval()
    request = MapRequest(model, make_dataset(sequences), 30, CPU, sequences)
    with pytest.raises(InputError, match="41 bases do not fit into maps of 30"):
        mutate_batch(request, np.array([0]))
    with pytest.raises(InputError, match="give `sequences`"):
        mutate_batch(replace(request, sequences=None), np.array([0]))
