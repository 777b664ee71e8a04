"""What a report reads of a unit's assessment, and says about it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import read_saved_table
from error_sequence_model.figures import format_interval, format_number
from error_sequence_model.results import Unit

SMALLEST_GAIN = 0.01


class UnitAssessment(NamedTuple):
    """The tables of one unit as `evaluation` wrote them, empty where there is nothing.

    Attributes:
        models: One row per model.
        pairs: One row per pair of models.
        strata: One row per stratum, value and model.
        reranking: One row per model and recall.
        weights: Weights of the ensemble's members.
    """

    models: pd.DataFrame
    pairs: pd.DataFrame
    strata: pd.DataFrame
    reranking: pd.DataFrame
    weights: pd.DataFrame


def read_unit_assessment(unit: Unit) -> UnitAssessment | None:
    """Read a unit's assessment; None where the step has not run."""
    group = unit.lead.path.parents[2]
    names = ("models", "pairs", "strata", "reranking")
    paths = [group / "assessment" / f"{name}.tsv" for name in names]
    paths.append(group / "ensemble" / "weights.tsv")
    if not all(path.is_file() for path in paths[:-1]):
        return None
    return UnitAssessment(*(_read_table(path) for path in paths))


def _read_table(path: Path) -> pd.DataFrame:
    return read_saved_table(path) if path.is_file() else pd.DataFrame()


def describe_ensemble(unit: Unit, assessment: UnitAssessment) -> tuple[str, str] | None:
    """What the ensemble weighs and gains: a sentence and its mark."""
    table = unit.comparison
    if table is None or assessment.weights.empty or "kind" not in table:
        return None
    rows = table[table["kind"] == "ensemble"]
    if rows.empty:
        return None
    shares = assessment.weights.groupby("model")["share"].mean()
    shares = shares.sort_values(ascending=False)
    members = "; ".join(f"{m} {s:.0%}" for m, s in shares.items() if s >= 0.005)
    text = f"Ensemble of all models by stacking ({members}): "
    if len(rows) > 1:
        deltas = rows["delta_auprc"].dropna()
        return (
            f"{text}ΔAUPRC {deltas.min():+.2f} to {deltas.max():+.2f} against the best "
            f"single model over {len(rows)} folds.",
            "open",
        )
    row = rows.iloc[0]
    interval = format_interval((row["delta_low"], row["delta_high"]))
    gain = f"ΔAUPRC {format_number(row['delta_auprc'], sign=True)}{interval}"
    if row["delta_low"] > 0 and row["delta_auprc"] >= SMALLEST_GAIN:
        return f"{text}better than the best single, {row['against']}: {gain}.", "good"
    words = "no measurable gain over the best single model"
    return f"{text}{words}, {row['against']}: {gain}.", "open"


def describe_calibration(unit: Unit, models: pd.DataFrame) -> tuple[str, str] | None:
    """Whether the leading model's probabilities can be read as such."""
    rows = models[models["model"] == unit.lead.backbone]
    if "calibration_p" not in rows or rows["calibration_p"].isna().all():
        return None
    row = rows.iloc[0]
    start = (
        f"Probabilities of {row['model']}: calibration error (ECE) "
        f"{format_number(row['ece'], 3)}; a perfect model would show "
        f"{format_number(row['ece_by_chance'], 3)} on these "
        f"{row['n_sites']:,.0f} sites by chance"
    )
    if row["calibration_p"] >= 0.05:
        return f"{start}: right, as far as so many sites can tell.", "good"
    return (
        f"{start}: off by {format_number(row['calibration_error'])} beyond chance "
        f"(p = {format_number(row['calibration_p'], 3)}); read them as ranks.",
        "open",
    )


def describe_pairs(unit: Unit, pairs: pd.DataFrame) -> str:
    """How many models the leading one beats, and loses to, after Holm's correction."""
    if pairs.empty:
        return "There is no second model to compare with."
    name = unit.lead.backbone
    first, second = pairs["model"] == name, pairs["other"] == name
    known = pairs[first | second]
    sign = np.where(known["model"] == name, 1, -1)
    delta = known["delta_auprc"].to_numpy() * sign
    others = np.where(sign > 0, known["other"], known["model"])
    is_found = (known["p_holm"] < 0.05).to_numpy()
    better, worse = others[is_found & (delta > 0)], others[is_found & (delta < 0)]
    parts = []
    if len(better):
        parts.append(f"better than {', '.join(sorted(better))}")
    if len(worse):
        parts.append(f"worse than {', '.join(sorted(worse))}")
    verdict = " and ".join(parts) or "not told apart from any other model"
    return (
        f"Pairwise (ΔAUPRC, same genes drawn for both, Holm over {len(pairs)} pairs): "
        f"{name} is {verdict}."
    )


def get_reranked(
    unit: Unit, reranking: pd.DataFrame, recall: float
) -> pd.Series | None:
    """The leading model's re-ranked calls at the recall nearest to one."""
    if "model" not in reranking:
        return None
    rows = reranking[reranking["model"] == unit.lead.backbone]
    return None if rows.empty else rows.loc[(rows["recall"] - recall).abs().idxmin()]


def describe_reranking(unit: Unit, reranking: pd.DataFrame) -> tuple[str, str] | None:
    """Whether the error model helps the predictor, at half and at most recall."""
    parts, best = [], False
    for recall in (0.5, 0.9):
        row = get_reranked(unit, reranking, recall)
        if row is None:
            return None
        interval = format_interval((row["gain_low"], row["gain_high"]))
        parts.append(
            f"at recall {row['recall']:.0%} precision {row['precision_score']:.2f} → "
            f"{row['precision_both']:.2f} ({format_number(row['gain'], sign=True)}"
            f"{interval})"
        )
        best |= row["gain_low"] > 0
    start = "Does it help the predictor? Real sites, ranked by the score alone → with "
    return f"{start}the error model: {'; '.join(parts)}.", "good" if best else "open"
