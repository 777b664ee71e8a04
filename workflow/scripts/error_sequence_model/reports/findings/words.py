"""Findings in sentences, generated from the stored numbers, never from expectation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    count_words,
    format_interval,
    format_number,
    format_p,
    format_signed,
)
from error_sequence_model.reports.findings.belief import say_belief
from error_sequence_model.reports.findings.statistics import MapStatistics
from error_sequence_model.results import RunResults, Unit

SMALLEST_GAIN = 0.01
REGION_FOLD = 1.5


def describe_performance(unit: Unit) -> str:
    """How well the leading model tells the classes apart on the test part."""
    metrics = unit.lead.metrics
    if metrics.get("auprc") is None:
        return f"{unit.name}: no test metrics are stored for {unit.lead.name}."
    intervals = metrics.get("intervals") or {}
    text = (
        f"{unit.name}: held-out AUPRC {metrics['auprc']:.2f}"
        f"{format_interval(intervals.get('auprc'))} where guessing gives "
        f"{format_number(metrics.get('prevalence'))} (the prevalence)"
    )
    if metrics.get("auroc") is not None:
        text += (
            f"; AUROC {metrics['auroc']:.2f}{format_interval(intervals.get('auroc'))}"
        )
    sites, genes = metrics.get("n_sites", 0), metrics.get("n_genes")
    text += f"; {count_words(sites, 'test site')}"
    text += f" in {count_words(genes, 'gene')}" if genes is not None else ""
    spread = [
        r.metrics["auroc"] for r in unit.runs if r.metrics.get("auroc") is not None
    ]
    if len(spread) > 1:
        text += (
            f". All {len(spread)} runs: AUROC {min(spread):.2f} to {max(spread):.2f}"
        )
    return text + "."


def get_best_row(comparison: pd.DataFrame | None, kinds: tuple[str, ...]) -> Any:
    """Row of the highest AUPRC among some kinds of model, or None."""
    if comparison is None or "kind" not in comparison:
        return None
    rows = comparison[comparison["kind"].isin(kinds) & comparison["auprc"].notna()]
    return None if rows.empty else rows.loc[rows["auprc"].idxmax()]


def get_lead_row(unit: Unit) -> Any:
    """The leading model's row in the comparison, the mean of its folds; or None."""
    table = unit.averages
    if table is None or "kind" not in table:
        return None
    rows = table[(table["kind"] == "backbone") & (table["model"] == unit.lead.backbone)]
    if "seed" in rows:
        seeds = rows["seed"].astype(str).str.replace(r"\.0$", "", regex=True)
        same = rows[seeds == str(unit.lead.seed)]
        rows = same if len(same) else rows
    return None if rows.empty else rows.iloc[0]


class Gain(NamedTuple):
    """What the leading model adds to the best baseline.

    Attributes:
        delta: Difference in AUPRC.
        low: Lower end of its 95 % interval (NaN where none is stored), like ``high``.
        high: Upper end.
        auprc: AUPRC of the model.
        baseline: Name of the baseline, chosen on the validation part.
        baseline_auprc: Its AUPRC.
        mark: "good": it adds; "bad": it does not; "open": no interval is stored.
    """

    delta: float
    low: float
    high: float
    auprc: float
    baseline: str
    baseline_auprc: float
    mark: str

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval lies below 0."""
        return bool(self.high < 0)


def measure_gain(unit: Unit) -> Gain | None:
    """Compare the leading model with the best baseline; None where one is missing."""
    baseline = get_best_row(unit.averages, ("baseline",))
    model = get_lead_row(unit)
    if baseline is None or model is None:
        return None
    # The comparison names its baseline, which was chosen on the validation part.
    against = model.get("against")
    named = unit.averages[unit.averages["model"] == against]
    if len(named):
        baseline = named.iloc[0]
    delta, low, high = (
        float(model.get(name, np.nan))
        for name in ("delta_auprc", "delta_low", "delta_high")
    )
    if not np.isfinite(delta):
        delta = model["auprc"] - baseline["auprc"]
    name, reached = str(baseline["model"]), baseline["auprc"]
    if not len(named) and isinstance(against, str):
        # Every fold has a baseline of its own.
        name, reached = against, model["auprc"] - delta
    if not np.isfinite(low):
        mark = "open"
    else:
        mark = "good" if low > 0 and delta >= SMALLEST_GAIN else "bad"
    return Gain(delta, low, high, model["auprc"], name, reached, mark)


def describe_gain(unit: Unit) -> tuple[str, str]:
    """Whether the language model adds anything over the best baseline.

    Returns:
        A sentence and its mark ("good", "bad" or "open").
    """
    start, gain = f"{unit.name}: ", measure_gain(unit)
    if gain is None:
        what = "comparison.tsv" if unit.comparison is None else "a baseline"
        return (
            f"{start}whether the language model adds anything cannot be said, because "
            f"{what} is missing. Run the baselines and write the report again.",
            "open",
        )
    numbers = (
        f"ΔAUPRC {format_signed(gain.delta)}{format_interval((gain.low, gain.high))} "
        f"against the best baseline, {gain.baseline} (AUPRC {gain.baseline_auprc:.2f})"
    )
    if gain.mark == "good":
        text = f"the language model adds to the baselines: {numbers}."
    elif gain.mark == "open":
        text = f"no interval for the gain is stored: {numbers}."
    elif gain.is_worse:
        text = f"the language model is worse than a baseline: {numbers}."
    else:
        text = f"no evidence that the language model adds anything: {numbers}."
    return start + text + describe_score(unit), gain.mark


def describe_score(unit: Unit) -> str:
    """What the predictor's own score alone reaches, where that is more; else empty."""
    model, reference = get_lead_row(unit), get_best_row(unit.averages, ("reference",))
    if model is None or reference is None or not reference["auprc"] > model["auprc"]:
        return ""
    text = f" The reference “{reference['model']}” alone reaches AUPRC "
    text += f"{reference['auprc']:.2f}"
    called = unit.sites["pred_type"].isin(["TP", "FP"])
    of_class = called.groupby(unit.sites["label"]).mean()
    if reference["model"] == "score" and set(of_class) == {0.0, 1.0}:
        return f"{text}, as it must: the calls are cut from it."
    return f"{text}, more than the model (which is blind to it)."


def describe_regions(statistics: MapStatistics) -> list[str]:
    """Where attribution concentrates and where the classes differ, by region."""
    table, unit = statistics.regions, statistics.unit
    where = unit.name_at(statistics.splice_type)
    if not len(table):
        return [f"{where}: no named regions for this splice type."]
    top = table[table["fold"] >= REGION_FOLD].nlargest(2, "fold")
    if top.empty:
        sentences = [f"{where}: attribution is spread; no named region stands out."]
    else:
        parts = [
            f"{row.label} holds {row.share:.0%} of |attribution| on "
            f"{row.share_of_bases:.1%} of the bases ({row.fold:.1f}-fold)"
            for row in top.itertuples()
        ]
        sentences = [f"{where}: {'; '.join(parts)}."]
    if table["p_value"].isna().all():
        sentences.append(f"{where}: too few sites to test regions between the classes.")
        return sentences
    found = table[table["p_value"] < 0.05].sort_values("p_value")
    first, second = statistics.explained.names
    if found.empty:
        sentences.append(f"{where}: no region differs between {first} and {second}.")
    else:
        parts = [
            f"{row.label} by {format_signed(row.difference)} "
            f"(p {_write_p(row.p_value, statistics.draws)})"
            for row in found.head(3).itertuples()
        ]
        sentences.append(
            f"{where}: scaled attribution, {first} minus {second}, differs in the "
            f"{'; '.join(parts)}."
        )
    return sentences


def _write_p(value: float, draws: int) -> str:
    text = format_p(value, draws)
    return text if text.startswith("≤") else f"= {text}"


def describe_checks(unit: Unit) -> list[tuple[str, str]]:
    """Sentences with marks on leakage and faithfulness of a unit."""
    lines: list[tuple[str, str]] = []
    if unit.lead.leakage.get("passed") is False:
        lines.append((f"{unit.name}: the leakage audit failed.", "bad"))
    methods = unit.lead.faithfulness.get("methods", {})
    if not methods:
        lines.append((f"{unit.name}: the maps' faithfulness was not checked.", "bad"))
    for method, result in methods.items():
        if result.get("passed") is False and method in [
            *unit.lead.methods,
            "attention",
        ]:
            is_drawn = method == unit.lead.methods[0] if unit.lead.methods else False
            text = say_belief(method, result, is_drawn=is_drawn)
            lines.append((f"{unit.name}: {text}.", "bad"))
    if unit.lead.missing:
        problems = "; ".join(unit.lead.missing)
        lines.append((f"{unit.name}, {unit.lead.name}: {problems}.", "bad"))
    return lines


def name_model(run: RunResults) -> str:
    """Model and weights for footers and captions."""
    return f"model {run.name} ({run.model_hash})"
