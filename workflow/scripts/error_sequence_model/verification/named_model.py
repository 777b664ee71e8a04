"""Boosting on features that have a name and a place: what verification asks and tests.

Words (k-mers, single bases) are left out: they can stand in for any named feature, and
then no feature would matter by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from error_sequence_model.features import (
    Family,
    Layout,
    StrengthModel,
    compute_families,
    encode_bases,
    learn_strengths,
    make_element_family,
    make_sequence_families,
    make_strength_families,
)
from error_sequence_model.statistics import compute_macro_auprc, fill_empty_columns
from error_sequence_model.windows import Windows

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

TREES = 60
REPEATS = 5
TINY = 1e-6


@dataclass(frozen=True)
class NamedModel:
    """A fitted model of the named features.

    Attributes:
        families: How they are computed.
        strengths: The strength models behind them.
        boosting: The model.
        errors: Class indices that are errors.
        layout: The windows.
    """

    families: list[Family]
    strengths: dict[str, StrengthModel]
    boosting: HistGradientBoostingClassifier
    errors: tuple[int, ...]
    layout: Layout

    @property
    def names(self) -> list[str]:
        """Names of the features, in the order of the columns."""
        return [f.name for family in self.families for f in family.features]

    def compute(self, codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        """Features of any windows, float32 (n, features)."""
        return compute_families(self.families, codes, is_donor)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Log-odds of an error, float64 (n,)."""
        return compute_log_odds(self.boosting, features, self.errors)

    def rank(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        groups: Mapping[str, Sequence[str]],
        *,
        seed: int,
    ) -> pd.Series:
        """Importance of groups of features: AUPRC lost when their values are permuted.

        Args:
            features: float32 (n, features) of validation sites.
            labels: Their class indices.
            groups: Group -> names of its features, which are permuted together.
            seed: Of the permutations.

        Returns:
            Mean loss per group over five permutations, largest first.
        """
        column_of = {name: column for column, name in enumerate(self.names)}
        (whole,) = self._judge(features, labels)
        losses = {}
        rng = np.random.default_rng(seed)
        for group, names in groups.items():
            columns = [column_of[name] for name in names]
            # All in one call: a tree costs as much for a few sites as for a thousand.
            mixed = np.tile(features, (REPEATS, 1))
            orders = [rng.permutation(len(features)) for _ in range(REPEATS)]
            mixed[:, columns] = features[np.concatenate(orders)][:, columns]
            lost = [whole - value for value in self._judge(mixed, labels)]
            losses[group] = float(np.mean(lost))
        return pd.Series(losses, dtype=float).sort_values(
            ascending=False, kind="stable"
        )

    def _judge(self, features: np.ndarray, labels: np.ndarray) -> list[float]:
        """AUPRC of each variant of the labelled sites that follow each other."""
        classes = self.boosting.classes_
        width = int(max(labels.max(), classes.max())) + 1
        probabilities = np.zeros((len(features), width))
        probabilities[:, classes] = self.boosting.predict_proba(features)
        parts = np.split(probabilities, len(features) // len(labels))
        return [compute_macro_auprc(labels, part) for part in parts]


def fit_named_model(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    elements: Mapping[str, str],
    errors: Sequence[int],
    *,
    seed: int,
) -> NamedModel:
    """Fit the model on the training sites of a fold.

    Args:
        split: Rows of one fold.
        sites: ``sites.parquet``.
        windows: Their windows.
        elements: Name -> IUPAC consensus.
        errors: Class indices that are errors.
        seed: Of the boosting.
    """
    layout = Layout(windows.upstream, windows.downstream)
    train = split[split["part"] == "train"].sort_values("site_id")
    strengths = learn_strengths(split, sites, windows)
    types = sites.set_index("site_id")["splice_type"].loc[train["site_id"]]
    families = [
        *make_sequence_families(layout, sorted(types.unique())),
        make_element_family(layout, elements),
        *make_strength_families(layout, strengths),
    ]
    codes = encode_bases(windows.get_matrix(train["site_id"].to_numpy()))
    features = compute_families(families, codes, types.eq("donor").to_numpy())
    boosting = make_plain_boosting(seed)
    boosting.fit(fill_empty_columns(features), train["label"].to_numpy())
    return NamedModel(families, strengths, boosting, tuple(errors), layout)


def make_plain_boosting(seed: int) -> HistGradientBoostingClassifier:
    """Boosting that sees every feature at every split: adding one adds no luck."""
    # Imported here: what only reads results need not wait for it.
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        l2_regularization=1.0,
        max_bins=64,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )


def compute_log_odds(
    boosting: HistGradientBoostingClassifier,
    features: np.ndarray,
    errors: Sequence[int],
) -> np.ndarray:
    """Log-odds of the error classes against the others, float64 (n,)."""
    is_error = np.isin(boosting.classes_, errors)
    share = boosting.predict_proba(features)[:, is_error].sum(axis=1)
    share = share.clip(TINY, 1 - TINY)
    return np.log(share / (1 - share))
