"""A calibration error that chance explains is no reason to distrust probabilities."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from error_sequence_model.reports.findings.assessment import describe_calibration

UNIT: Any = SimpleNamespace(lead=SimpleNamespace(backbone="encoder"))


def make_models(p_value: float) -> pd.DataFrame:
    row = {"model": "encoder", "n_sites": 330, "ece": 0.031, "ece_by_chance": 0.029}
    return pd.DataFrame([row | {"calibration_p": p_value, "calibration_error": 0.1}])


@pytest.mark.parametrize(
    ("p_value", "words", "mark"),
    [(0.4, "right, as far as so many sites", "good"), (0.01, "off by 0.10", "open")],
)
def test_calibration_is_judged_beside_chance(p_value, words, mark) -> None:
    text, found = describe_calibration(UNIT, make_models(p_value))
    assert words in text and found == mark
    assert "0.031; a perfect model would show 0.029 on these 330 sites" in text


def test_models_of_several_classes_have_none() -> None:
    models = make_models(0.4)[["model", "n_sites"]]
    assert describe_calibration(UNIT, models) is None
