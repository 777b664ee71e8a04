"""The learning rate where it is left to the workflow."""

from __future__ import annotations

import pytest

from error_sequence_model.backbones import FAMILIES
from error_sequence_model.core import InputError
from error_sequence_model.settings import BackboneSettings, TrainingSettings
from error_sequence_model.training.groups import choose_rate

AUTO = TrainingSettings()


@pytest.mark.parametrize(
    ("family", "published"),
    [("dnabert2", 3e-5), ("hyenadna", 6e-4), ("splicebert", 5e-5)],
)
def test_published_weights_are_tuned_as_their_authors_do(family, published) -> None:
    assert choose_rate(AUTO, family, is_new=False).learning_rate == published
    assert choose_rate(AUTO, family, is_new=True).learning_rate == 3e-4


def test_heads_and_adapters_learn_faster_than_published_weights() -> None:
    for family in FAMILIES:
        rates = {
            tuning: choose_rate(AUTO, family, tuning=tuning, is_new=False).learning_rate
            for tuning in ("full", "lora", "frozen")
        }
        assert rates["frozen"] > rates["full"]
        assert rates["lora"] == 3e-4


def test_a_number_stays_and_the_backbones_own_goes_before_it() -> None:
    settings = TrainingSettings(learning_rate=0.01)
    assert choose_rate(settings, "dnabert2", is_new=False) == settings
    for given in (settings, AUTO):
        chosen = choose_rate(given, "dnabert2", is_new=False, override=0.02)
        assert chosen.learning_rate == 0.02


@pytest.mark.parametrize("rate", [0, -1.0, "fast", "1e-4"])
def test_a_rate_of_a_backbone_that_is_none_is_refused(rate) -> None:
    entry = {"architecture": "dnabert2", "learning_rate": rate}
    with pytest.raises(InputError, match=r"`backbones\.<name>\.learning_rate`"):
        BackboneSettings.from_mapping(entry)
