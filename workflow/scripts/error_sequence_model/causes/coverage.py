"""Which flags errors have more of, and how many errors that covers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.settings import CauseSettings, Contrast
from error_sequence_model.statistics import (
    adjust_p_values,
    measure_coverage,
    measure_odds_ratios,
)


def compare_flags(
    flags: pd.DataFrame,
    labels: np.ndarray,
    genes: np.ndarray,
    settings: CauseSettings,
    strata: np.ndarray | None = None,
) -> pd.DataFrame:
    """Odds ratios of all flags with q values; see ``measure_odds_ratios``."""
    found = measure_odds_ratios(flags, labels, genes, strata)
    return found.assign(q=adjust_p_values(found["p"].to_numpy()))


def is_enriched(found: pd.DataFrame, settings: CauseSettings) -> pd.Series:
    """Flags that errors have more of, at the false discovery rate asked for."""
    return found["odds_ratio"].gt(1) & found["q"].le(settings.fdr)


def describe_coverage(
    has_cause: np.ndarray,
    labels: np.ndarray,
    genes: np.ndarray,
    contrast: Contrast,
    *,
    draws: int,
    seed: int,
) -> dict[str, Any] | None:
    """Coverage of errors and of correct calls as plain values."""
    if not contrast.is_binary or not len(labels):
        return None
    found = measure_coverage(has_cause, labels, genes, draws=draws, seed=seed)
    shares = {
        name: cover and {"share": cover.share, "interval": [cover.low, cover.high]}
        for name, cover in found.items()
    }
    errors, correct = found["errors"], found["correct"]
    excess = None
    if errors and correct and correct.share < 1:
        # What is left of the errors' coverage after that which correct calls have too.
        excess = (errors.share - correct.share) / (1 - correct.share)
    return {**shares, "excess": excess}


def check_held_out(
    flags: pd.DataFrame,
    chosen: pd.DataFrame,
    genes: np.ndarray,
    settings: CauseSettings,
    draws: int,
    seed: int,
) -> dict[str, Any] | None:
    """Coverage of the test part by causes chosen without it.

    A cause that is picked and counted on the same sites flatters itself a little.
    """
    is_test = chosen["part"].eq("test").to_numpy()
    labels = chosen["label"].to_numpy(dtype=np.int64)
    if flags.empty or is_test.all() or not is_test.any():
        return None
    types = chosen["splice_type"].to_numpy()
    found = compare_flags(
        *(flags[~is_test], labels[~is_test], genes[~is_test], settings),
        strata=types[~is_test],
    )
    names = found.index[is_enriched(found, settings)].tolist()
    has_cause = flags.loc[is_test, names].eq(1).any(axis=1).to_numpy()
    covered = measure_coverage(
        has_cause, labels[is_test], genes[is_test], draws=draws, seed=seed
    )
    shares = {name: cover and cover.share for name, cover in covered.items()}
    return {"enriched": names, **shares}
