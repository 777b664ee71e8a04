"""Which of many explanations stand in their own right, and whose shadow the others are.

Explanations overlap: a flag may lie inside a motif's word, an element may be part of
it. They enter one Firth model one by one, the one that tells most of what the model so
far does not first; what adds nothing beside those is a shadow of one of them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from error_sequence_model.statistics.joint_model import get_chance
from error_sequence_model.statistics.odds_ratios import (
    UNKNOWN,
    OddsRatio,
    estimate_joint,
    fit_firth,
    standardise,
)

COLUMNS = ["joint_odds_ratio", "joint_low", "joint_high", "joint_p"]


def select_explanations(
    candidates: pd.DataFrame,
    is_error: np.ndarray,
    genes: np.ndarray,
    *,
    company: dict[str, np.ndarray] | None = None,
    covariates: np.ndarray | None = None,
    level: float = 0.95,
    error_rate: float = 0.05,
) -> pd.DataFrame:
    """Choose the explanations that hold beside each other.

    Args:
        candidates: 1, 0 or NaN (taken as the mean), float (n, k); all are tried.
        is_error: bool (n,).
        genes: Gene of each site, any labels (n,).
        company: Candidate -> a further column, (n,), that enters with it and is named
            nowhere, such as its near misses: what holds of them is its shadow too.
        covariates: float (n, m) that every model is adjusted for.
        level: Of the intervals.
        error_rate: Chance that a step takes in a candidate that adds nothing, over all
            that are left (Bonferroni).

    Returns:
        Indexed by candidate: joint_odds_ratio, joint_low, joint_high, joint_p (beside
        the chosen ones), is_chosen, and shadow_of, the chosen one that a candidate left
        out is most like.
    """
    values = candidates.astype(np.float64).fillna(candidates.astype(float).mean())
    model = _Model(
        values, np.asarray(is_error), genes, company or {}, covariates, level
    )
    chosen: list[str] = []
    while following := model.find_next(chosen, error_rate):
        chosen.append(following)
    # What entered early may have been the shadow of what came later.
    while chosen:
        joint = model.fit(chosen)
        weak = [name for name in chosen if not joint[name].low > 1]
        if not weak:
            break
        chosen.remove(max(weak, key=lambda name: np.nan_to_num(joint[name].p, nan=1)))
    joint = model.fit(chosen)
    rows = {
        name: joint.get(name) or model.fit([*chosen, name])[name] for name in values
    }
    table = pd.DataFrame(list(rows.values()), list(rows), dtype=np.float64)
    table = table.reindex(columns=OddsRatio._fields).set_axis(COLUMNS, axis=1)
    table["is_chosen"] = table.index.isin(chosen)
    table["shadow_of"] = [
        None if name in chosen else model.find_light(name, chosen) for name in values
    ]
    return table


class _Model:
    """The joint model of some candidates, fitted when asked for."""

    def __init__(
        self,
        values: pd.DataFrame,
        is_error: np.ndarray,
        genes: np.ndarray,
        company: dict[str, np.ndarray],
        covariates: np.ndarray | None,
        level: float,
    ) -> None:
        n = len(values)
        self.values, self.is_error, self.genes = values, is_error, genes
        self.company, self.level = company, level
        self.covariates = np.zeros((n, 0)) if covariates is None else covariates

    def adjust(self, names: list[str]) -> np.ndarray:
        """Covariates with the company of some candidates, float (n, m)."""
        beside = [self.company[name] for name in names if name in self.company]
        columns = np.column_stack([self.covariates, *beside])
        return standardise(columns, len(columns))

    def fit(self, names: list[str]) -> dict[str, OddsRatio]:
        """Odds ratios of candidates beside each other."""
        if not names:
            return {}
        found = estimate_joint(
            self.is_error,
            self.values[names].to_numpy(),
            self.genes,
            self.adjust(names),
            level=self.level,
        )
        return dict(zip(names, found, strict=True))

    def find_next(self, chosen: list[str], error_rate: float) -> str | None:
        """The candidate that tells most beside the chosen, if any tells enough."""
        left = [name for name in self.values if name not in chosen]
        if not left:
            return None
        z = self.score(chosen, left)
        least = stats.norm.isf(error_rate / len(left))
        for index in np.argsort(-z):
            if not z[index] > least:
                return None
            found = self.fit([*chosen, left[index]]).get(left[index], UNKNOWN)
            if found.low > 1 and found.p <= error_rate / len(left):
                return left[index]
        return None

    def score(self, chosen: list[str], left: list[str]) -> np.ndarray:
        """Rao's score of each candidate that is left, z, float (k,)."""
        outcome = self.is_error.astype(np.float64)
        columns = [np.ones(len(outcome)), self.values[chosen].to_numpy()]
        design = np.column_stack([*columns, self.adjust(chosen)])
        fit, covariance = fit_firth(design, outcome)
        if fit is None:
            return np.full(len(left), -np.inf)
        chance = get_chance(design @ fit)
        new = self.values[left].to_numpy()
        weighted = new * (chance * (1 - chance))[:, None]
        cross = design.T @ weighted
        spread = (new * weighted).sum(axis=0) - (cross * (covariance @ cross)).sum(0)
        gain = new.T @ (outcome - chance)
        # What the chosen ones already say has no spread of its own.
        is_own = spread > 1e-6 * (new * weighted).sum(axis=0)
        return np.where(is_own, gain / np.sqrt(np.where(is_own, spread, 1)), -np.inf)

    def find_light(self, name: str, chosen: list[str]) -> str | None:
        """The chosen candidate that one left out goes with most, over all sites."""
        if not chosen:
            return None
        likeness = self.values[chosen].corrwith(self.values[name]).abs()
        return str(likeness.idxmax()) if likeness.notna().any() else None
