"""The range test: rates rise, the loss tells where they are good, nothing is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from error_sequence_model.core import InputError
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import FineTuning, find_rates, plot_rates
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets


def make_task() -> FineTuning:
    train, held = make_tiny_datasets(80)
    settings = TrainingSettings(batch_size=16, precision="fp32", layer_decay=0.9)
    return FineTuning(make_tiny_classifier(**EXACT), train, held, settings)


def test_rates_rise_and_one_that_learns_is_suggested() -> None:
    task = make_task()
    settings = task.settings
    before = {name: w.clone() for name, w in task.model.state_dict().items()}
    frame = find_rates(task, lowest=1e-6, highest=10.0, steps=60)
    assert np.allclose(np.diff(np.log(frame["learning_rate"])), np.log(1e7) / 59)
    chosen = frame[frame["is_suggested"]]
    assert len(chosen) == 1
    # Below, nothing is learnt yet; far above, the loss has risen again.
    assert 1e-4 < chosen["learning_rate"].item() < 0.1
    assert frame["smoothed_loss"].iloc[-1] > 1.5 * frame["smoothed_loss"].min()
    assert task.settings == settings
    after = task.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    ax = plot_rates(frame, Figure().subplots())
    assert ax.get_xscale() == "log"
    assert any("suggested" in text.get_text() for text in ax.get_legend().get_texts())


@pytest.mark.parametrize(
    "given", [{"lowest": 0.1, "highest": 0.1}, {"lowest": 0.0}, {"steps": 1}]
)
def test_an_empty_range_is_refused(given) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        find_rates(make_task(), **given)
