"""Which of many explanations stand in their own right, and whose shadow the others are.

Explanations overlap: a flag may lie inside a motif's word, an element may be part of
it. They enter one Firth model one by one, the one that tells most of what the model so
far does not first; what adds nothing beside those is a shadow of one of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtri

from error_sequence_model.statistics.contingency import get_chance
from error_sequence_model.statistics.odds_ratios import (
    OddsRatio,
    estimate_joint,
    fit_firth,
    standardise,
)

# Of the share of errors that a candidate explains, what it must explain on its own.
LEAST_OWN = 0.5
COLUMNS = ["joint_odds_ratio", "joint_low", "joint_high", "joint_p"]


def select_explanations(
    candidates: pd.DataFrame,
    is_error: np.ndarray,
    genes: np.ndarray,
    *,
    company: dict[str, np.ndarray] | None = None,
    hide: Callable[[list[str]], pd.DataFrame] | None = None,
    covariates: np.ndarray | None = None,
    error_rate: float = 0.05,
) -> pd.DataFrame:
    """Choose the explanations that hold beside each other.

    Args:
        candidates: 1, 0 or NaN (taken as the mean), float (n, k).
        is_error: bool (n,).
        genes: Gene of each site, any labels (n,).
        company: Candidate -> a further column, (n,), that enters with it and is named
            nowhere, such as its near misses.
        hide: Names of candidates -> all candidates' columns once what those are made of
            is hidden from view (of none: once what is no candidate's own is). A
            candidate must hold in both views, and keep half of its excess: what it owes
            to the bases of a chosen word is the word's.
        covariates: float (n, m) that every model is adjusted for.
        error_rate: Chance that a step takes in a candidate that adds nothing, over all
            that are left (Bonferroni).

    Returns:
        Indexed by candidate: joint_odds_ratio, joint_low, joint_high, joint_p (beside
        the chosen ones; of the others in the view without these), is_chosen, and
        shadow_of, the chosen one that a candidate left out is most like.
    """
    values = _fill(candidates)
    beside = company or {}
    model = _Model(values, np.asarray(is_error), genes, beside, covariates)
    chosen: list[str] = []
    view = _fill(hide([])) if hide else values
    while following := model.find_next(chosen, view, error_rate):
        chosen.append(following)
        view = _fill(hide(chosen)) if hide else values
    # What entered early may have been the shadow of what came later.
    while chosen:
        apart, shadows = {}, []
        for name in chosen:
            rest = [other for other in chosen if other != name]
            seen = _fill(hide(rest))[name] if hide else values[name]
            apart[name] = model.fit(rest, seen)[name]
            shadows += [] if model.is_own(seen) else [name]
        weakest = max(chosen, key=lambda name: np.nan_to_num(apart[name].p, nan=1))
        if apart[weakest].low > 1 and not shadows:
            break
        weakest = shadows[0] if shadows else weakest
        chosen.remove(weakest)
    view = _fill(hide(chosen)) if hide else values
    joint = model.fit(chosen)
    others = [name for name in values if name not in chosen]
    joint |= {name: model.fit(chosen, view[name])[name] for name in others}
    rows = [joint[name] for name in values]
    fields = list(OddsRatio._fields)
    table = pd.DataFrame(rows, list(values), fields, dtype=np.float64)
    table = table.set_axis(COLUMNS, axis=1)
    table["is_chosen"] = table.index.isin(chosen)
    table["shadow_of"] = [
        None if name in chosen else model.find_light(name, chosen) for name in values
    ]
    return table


def _fill(columns: pd.DataFrame) -> pd.DataFrame:
    values = columns.astype(np.float64)
    return values.fillna(values.mean())


class _Model:
    """The joint model of some candidates, fitted when asked for."""

    def __init__(
        self,
        values: pd.DataFrame,
        is_error: np.ndarray,
        genes: np.ndarray,
        company: dict[str, np.ndarray],
        covariates: np.ndarray | None,
    ) -> None:
        n = len(values)
        self.values, self.is_error, self.genes = values, is_error, genes
        self.company = company
        self.covariates = np.zeros((n, 0)) if covariates is None else covariates

    def adjust(self, names: list[str]) -> np.ndarray:
        """Covariates with the company of some candidates, float (n, m)."""
        beside = [self.company[name] for name in names if name in self.company]
        columns = np.column_stack([self.covariates, *beside])
        return standardise(columns, len(columns))

    def fit(
        self, names: list[str], further: pd.Series | None = None
    ) -> dict[str, OddsRatio]:
        """Odds ratios of candidates beside each other, and of one further column."""
        columns = self.values[names]
        if further is not None:
            columns = columns.assign(**{str(further.name): further})
        if columns.empty:
            return {}
        found = estimate_joint(
            self.is_error,
            columns.to_numpy(),
            self.genes,
            self.adjust(list(columns)),
        )
        return dict(zip(columns, found, strict=True))

    def find_next(
        self, chosen: list[str], view: pd.DataFrame, error_rate: float
    ) -> str | None:
        """The candidate that tells most beside the chosen, if any tells enough."""
        left = [name for name in self.values if name not in chosen]
        if not left:
            return None
        views = [self.values[left], view[left]]
        z = np.minimum(*(self.score(chosen, each) for each in views))
        allowed = error_rate / len(left)
        for index in np.argsort(-z):
            name = left[index]
            if not z[index] > -ndtri(allowed):
                return None
            if not self.is_own(view[name]):
                continue
            found = [self.fit(chosen, each[name])[name] for each in views]
            if all(one.low > 1 and one.p <= allowed for one in found):
                return name
        return None

    def is_own(self, seen: pd.Series) -> bool:
        """Whether a candidate explains half as much where others' bases are hidden."""
        excess = []
        for column in (seen.to_numpy(), self.values[seen.name].to_numpy()):
            error, correct = (
                column[self.is_error == kind].mean() for kind in (True, False)
            )
            excess.append((error - correct) / max(1 - correct, 1e-9))
        return bool(excess[0] >= LEAST_OWN * excess[1])

    def score(self, chosen: list[str], left: pd.DataFrame) -> np.ndarray:
        """Rao's score of each column beside the chosen candidates, z, float (k,)."""
        outcome = self.is_error.astype(np.float64)
        columns = [np.ones(len(outcome)), self.values[chosen].to_numpy()]
        design = np.column_stack([*columns, self.adjust(chosen)])
        fit, covariance = fit_firth(design, outcome)
        if fit is None:
            return np.full(left.shape[1], -np.inf)
        chance = get_chance(design @ fit)
        new = left.to_numpy()
        weighted = new * (chance * (1 - chance))[:, None]
        cross = design.T @ weighted
        whole = (new * weighted).sum(axis=0)
        spread = whole - (cross * (covariance @ cross)).sum(axis=0)
        gain = new.T @ (outcome - chance)
        # What the chosen ones already say has no spread of its own.
        is_own = spread > 1e-6 * np.maximum(whole, 1e-12)
        return np.where(is_own, gain / np.sqrt(np.where(is_own, spread, 1)), -np.inf)

    def find_light(self, name: str, chosen: list[str]) -> str | None:
        """The chosen candidate that one left out goes with most, over all sites."""
        likeness = self.values[chosen].corrwith(self.values[name]).abs()
        return str(likeness.idxmax()) if likeness.notna().any() else None
