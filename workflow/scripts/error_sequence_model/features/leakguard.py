"""Features that give the label away: refused by name, or caught by what they can do.

A single feature that ranks the errors of the validation part almost perfectly is not
biology but the label in other words.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.features.files import FOLD

logger = logging.getLogger(__name__)

FEWEST = 12  # sites of each class below which a perfect ranking may be chance
# Names of columns that say how or where a site was called.
FORBIDDEN = re.compile(
    r"(?:^|_)(?:scores?|prob\w*|logits?|pred\w*|call\w*|labels?|class|type|threshold"
    r"|chrom\w*|contig|start|end|junction|\w*position|annotat\w*|nearest|transcripts?"
    r"|gene|genes|id|member|genome|species|reads?|kind|dinucleotide)(?:_|$)"
)


def refuse_columns(columns: Sequence[str]) -> None:
    """Refuse columns of the sites table whose name says that they hold the label.

    Raises:
        InputError: A column is the predictor's score, a place, or an annotation.
    """
    refused = [name for name in columns if FORBIDDEN.search(name.lower())]
    if refused:
        raise InputError(
            f"features.columns: {', '.join(refused)} may hold the label (a score, a "
            "place in the genome, what the annotation or the caller says); remove "
            "them, or set `features.score_aware: true` for models that are named so"
        )


class LeakGuard:
    """Keeps the validation sites' features while they stream by, and judges them."""

    def __init__(
        self,
        split: pd.DataFrame,
        names: Sequence[str],
        *,
        bound: float,
        score_aware: bool,
    ) -> None:
        held = split[split["part"] == "validation"]
        self.held = {
            int(fold): rows.set_index("site_id")["label"]
            for fold, rows in held.groupby("fold")
        }
        self.wanted = held["site_id"].unique()
        self.names, self.bound, self.score_aware = names, bound, score_aware
        self.ids: list[np.ndarray] = []
        self.matrices: list[np.ndarray] = []

    def add(self, site_ids: np.ndarray, values: np.ndarray) -> None:
        """Keep the validation sites among these."""
        is_held = np.isin(site_ids, self.wanted)
        self.ids.append(site_ids[is_held])
        self.matrices.append(values[is_held])

    def check(self) -> None:
        """Raise if a feature alone tells the classes of a fold's validation apart."""
        ids, values = np.concatenate(self.ids), np.concatenate(self.matrices)
        for fold, labels in self.held.items():
            # In the score-aware variant what holds the label is wanted.
            kept = [
                i
                for i, name in enumerate(self.names)
                if (FOLD not in name or name.endswith(f"{FOLD}{fold}"))
                and not (
                    self.score_aware and name.startswith(("column:", "annotation:"))
                )
            ]
            rows = np.isin(ids, labels.index)
            refuse_leaks(
                [self.names[i] for i in kept],
                values[rows][:, kept],
                labels.loc[ids[rows]].to_numpy(),
                bound=self.bound,
            )


def refuse_leaks(
    names: Sequence[str], values: np.ndarray, labels: np.ndarray, *, bound: float
) -> None:
    """Raise if a single feature alone tells a class apart on the validation part.

    Args:
        names: Of the features.
        values: float32 (n, features) of the validation sites; NaN counts as lowest.
        labels: Class indices, int (n,).
        bound: Largest AUROC, of either direction, that is believed.

    Raises:
        InputError: Naming the features.
    """
    leaks = {}
    for positive in range(1, int(labels.max(initial=0)) + 1):
        is_error = labels == positive
        if min(is_error.sum(), (~is_error).sum()) < FEWEST:
            logger.info("too few validation sites to look for leaking features")
            continue
        areas = compute_single_aurocs(values, is_error)
        for column in np.flatnonzero(areas > bound):
            leaks[names[column]] = max(areas[column], leaks.get(names[column], 0.0))
    if leaks:
        worst = sorted(leaks.items(), key=lambda pair: -pair[1])[:10]
        text = ", ".join(f"{name} (AUROC {area:.4f})" for name, area in worst)
        raise InputError(
            f"features that alone tell errors from correct calls: {text}. Such a "
            "feature encodes the label; remove it from `features`, or raise "
            f"`features.leak_bound` (now {bound}) if you know why it may"
        )


def compute_single_aurocs(values: np.ndarray, is_error: np.ndarray) -> np.ndarray:
    """AUROC of each column alone, in its better direction; ties count half.

    Args:
        values: float (n, features); NaN counts as the lowest value.
        is_error: bool (n,), both classes present.

    Returns:
        float64 (features,), 0.5 to 1.
    """
    filled = np.where(np.isnan(values), -np.inf, values)
    order = np.argsort(filled, axis=0, kind="stable")
    ranked = np.take_along_axis(filled, order, axis=0)
    n = len(filled)
    places = np.broadcast_to(np.arange(1, n + 1)[:, None], ranked.shape)
    is_first = np.ones(ranked.shape, dtype=bool)
    is_first[1:] = ranked[1:] != ranked[:-1]
    # Ties share the mean of their first and last rank.
    first = np.maximum.accumulate(np.where(is_first, places, 0), axis=0)
    is_last = np.ones(ranked.shape, dtype=bool)
    is_last[:-1] = is_first[1:]
    ends = np.where(is_last, places, n)[::-1]
    last = np.minimum.accumulate(ends, axis=0)[::-1]
    hits = is_error[order]
    positives = int(is_error.sum())
    sums = ((first + last) / 2 * hits).sum(axis=0)
    area = (sums - positives * (positives + 1) / 2) / (positives * (n - positives))
    return np.maximum(area, 1 - area)
