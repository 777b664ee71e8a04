from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.attribution import MapRequest, attribute, predict_targets
from error_sequence_model.attribution.mutagenesis import (
    list_substitutions,
    mutate_batch,
)
from error_sequence_model.classifier import (
    ErrorClassifier,
    create_classifier,
    predict_logits,
)
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


def test_equal_tokens_are_predicted_once_and_without_padding(bpe_model) -> None:
    class Counting(torch.nn.Module):
        """Log-odds that tell the rows: the sum of their tokens and of the junction."""

        seen = 0

        def forward(self, input_ids, junction):
            self.seen += len(input_ids)
            value = (input_ids.sum(dim=1) + 1000 * junction[:, 0]).float()
            return SimpleNamespace(logits=torch.stack([0 * value, value], dim=1))

    model, dataset = Counting().eval(), make_dataset(draw(1))
    texts = ["ACGTACGT", "ACGTACGA", "ACGTACGT", "acgtacgu", "ACGTA"]
    found = predict_targets(model, dataset, texts, np.full(5, 4), device=CPU)
    assert model.seen == 3
    assert found.tolist() == [3012, 3009, 3012, 3012, 3006]
    # Another junction is another question; those at the ends have one side.
    junctions = np.array([4, 4, 0, 3, 5])
    found = predict_targets(model, dataset, texts, junctions, device=CPU)
    assert found.tolist() == [3012, 3009, 12, 2012, 4006]
    assert model.seen == 8
    with pytest.raises(InputError, match="junction 9 is not covered"):
        predict_targets(model, dataset, texts[:1], np.array([9]), device=CPU)


def test_targets_are_those_of_single_sequences(bpe_model) -> None:
    texts = draw(6, 30, 41)
    junctions = np.array([len(text) // 2 for text in texts])
    for model in (make_tiny_classifier(**EXACT).eval(), bpe_model):
        for longest in (None, 10):
            dataset = make_dataset(texts, model, max_length=longest)
            found = predict_targets(model, dataset, texts, junctions, device=CPU)
            logits = predict_logits(model, dataset, device=CPU)
            assert found == pytest.approx(logits[:, 1] - logits[:, 0], abs=1e-5)


def test_sequences_that_do_not_fit_are_refused() -> None:
    sequences = draw(1)
    model = make_tiny_classifier().eval()
    request = MapRequest(model, make_dataset(sequences), 30, CPU, sequences)
    with pytest.raises(InputError, match="41 bases do not fit into maps of 30"):
        mutate_batch(request, np.array([0]))
    with pytest.raises(InputError, match="give `sequences`"):
        mutate_batch(replace(request, sequences=None), np.array([0]))
