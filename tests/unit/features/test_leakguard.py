"""A feature that is the label in other words is caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from error_sequence_model.core import InputError
from error_sequence_model.features.leakguard import (
    compute_single_aurocs,
    refuse_columns,
    refuse_leaks,
)
from feature_cases import make_case, write_case


def test_single_aurocs_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(200) < 0.3
    values = np.stack(
        [
            rng.normal(size=200),
            rng.integers(0, 4, 200) + labels,  # ties
            -rng.normal(size=200) - labels,
            np.zeros(200),
            np.where(rng.random(200) < 0.5, np.nan, labels),
        ],
        axis=1,
    )
    found = compute_single_aurocs(values, labels)
    for column, area in enumerate(found):
        filled = np.nan_to_num(values[:, column], nan=-100)
        expected = roc_auc_score(labels, filled)
        assert area == pytest.approx(max(expected, 1 - expected))


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_planted_leak_is_caught_and_named(tmp_path, direction) -> None:
    split, sites, windows = make_case()
    sites["quality"] = direction * (split["label"] + np.linspace(0, 0.5, len(split)))
    case = (split, sites, windows)
    with pytest.raises(InputError, match=r"column:quality \(AUROC 1\.0000\)"):
        write_case(tmp_path, case, columns=("quality",))
    assert not (tmp_path / "features.parquet").exists()
    # A useful, honest feature passes, and so does a leak whose user knows why.
    rng = np.random.default_rng(1)
    sites["depth"] = split["label"] + rng.normal(size=len(split))
    write_case(tmp_path, case, columns=("depth",), leak_bound=0.999)
    write_case(tmp_path, case, columns=("quality",), score_aware=True)


def test_the_cause_itself_is_believed_up_to_the_bound(tmp_path) -> None:
    """The planted TTTTTT is an element hit: strong, but no leak of the label."""
    case = make_case()
    write_case(tmp_path, case, leak_bound=1.0)
    with pytest.raises(InputError, match="element:u_tract"):
        write_case(tmp_path, case, leak_bound=0.9)


def test_few_sites_prove_nothing() -> None:
    labels = np.array([0] * 11 + [1] * 11)
    refuse_leaks(["x"], labels[:, None].astype(float), labels, bound=0.99)
    labels = np.array([0] * 12 + [1] * 12)
    with pytest.raises(InputError, match="x"):
        refuse_leaks(["x"], labels[:, None].astype(float), labels, bound=0.99)


def test_every_class_is_looked_at() -> None:
    labels = np.repeat([0, 1, 2, 3], 20)
    values = (labels == 2)[:, None].astype(float)
    with pytest.raises(InputError, match="third"):
        refuse_leaks(["third"], values, labels, bound=0.99)


@pytest.mark.parametrize(
    "name", ["score", "donor_score", "pred_prob", "Position", "tn_kind", "rnaseq_reads"]
)
def test_names_that_say_too_much(name) -> None:
    with pytest.raises(InputError, match=name):
        refuse_columns(["psi", name])
    refuse_columns(["psi", "conservation", "accessibility", "spread"])


def test_nothing_to_judge_without_validation() -> None:
    empty = np.zeros((0, 2))
    refuse_leaks(["a", "b"], empty, np.zeros(0, dtype=int), bound=0.99)
    assert (
        pd.Series(compute_single_aurocs(np.eye(2), np.array([True, False]))).eq(1).all()
    )
