"""Predictions of made-up models with a signal of known strength."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit


def make_predictions(
    models: dict[str, np.ndarray],
    labels: np.ndarray,
    *,
    kind: str = "backbone",
    part: np.ndarray | None = None,
    seed: int = 1,
    fold: int = 0,
) -> pd.DataFrame:
    """Predictions from log odds of each model; half validation, half test."""
    n = len(labels)
    if part is None:
        part = np.where(np.arange(n) < n // 2, "validation", "test")
    frames = [
        pd.DataFrame(
            {
                "model": name,
                "kind": kind,
                "seed": seed,
                "fold": fold,
                "site_id": np.arange(n),
                "part": part,
                "label": labels,
                "probability_0": 1 - expit(odds),
                "probability_1": expit(odds),
            }
        )
        for name, odds in models.items()
    ]
    return pd.concat(frames, ignore_index=True)


def draw_models(
    n: int, signal: dict[str, float], seed: int = 0
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Labels, and log odds that hold a signal of each strength."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    odds = {
        name: strength * (2 * labels - 1) + rng.normal(size=n)
        for name, strength in signal.items()
    }
    return labels, odds
