"""What the leading model adds to the best baseline: one verdict, long and short."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    format_interval,
    format_number,
    format_signed,
)
from error_sequence_model.results import Unit, find_setting

SMALLEST_GAIN = 0.01
MARKS = {"adds": "good", "open": "open"}
# Verdict: beside the scores, and on page one.
WORDS = {
    "adds": (
        "the language model adds to the baselines",
        "it adds {delta}{interval} AUPRC over {best}",
    ),
    "nothing": (
        "no evidence that the language model adds anything",
        "it adds nothing measurable over {best}: Δ {signed}{interval}",
    ),
    "worse": (
        "the language model is worse than a baseline",
        "it is worse than {best} by {loss}",
    ),
    "open": (
        "there is no interval for the gain",
        "Δ {signed} to {best}, without an interval",
    ),
}


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
    """

    delta: float
    low: float
    high: float
    auprc: float
    baseline: str
    baseline_auprc: float

    @property
    def verdict(self) -> str:
        """It "adds", adds "nothing" measurable, is "worse"; "open" if not stored."""
        if not np.isfinite(self.low):
            return "open"
        if self.low > 0 and self.delta >= SMALLEST_GAIN:
            return "adds"
        return "worse" if self.high < 0 else "nothing"

    @property
    def mark(self) -> str:
        """The verdict as the mark of a bullet: good, bad or open."""
        return MARKS.get(self.verdict, "bad")

    @property
    def interval(self) -> str:
        """The interval as it is read, or nothing."""
        return format_interval((self.low, self.high))

    @property
    def long(self) -> str:
        """The verdict beside the table of scores."""
        return (
            f"{WORDS[self.verdict][0]}: ΔAUPRC {format_signed(self.delta)}"
            f"{self.interval} against the best baseline, {self.baseline} (AUPRC "
            f"{self.baseline_auprc:.2f})."
        )

    @property
    def short(self) -> str:
        """The verdict on page one."""
        return WORDS[self.verdict][1].format(
            delta=format_number(self.delta),
            signed=format_signed(self.delta),
            loss=format_number(-self.delta) + format_interval((-self.high, -self.low)),
            interval=self.interval,
            best=f"the best baseline ({self.baseline}, {self.baseline_auprc:.2f})",
        )


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
    return Gain(delta, low, high, model["auprc"], name, reached)


def describe_gain(unit: Unit) -> tuple[str, str]:
    """Whether the language model adds anything over the best baseline.

    Returns:
        A sentence and its mark ("good", "bad" or "open").
    """
    gain = measure_gain(unit)
    if gain is not None:
        return f"{unit.name}: {gain.long}{describe_score(unit)}", gain.mark
    what = "comparison.tsv" if unit.comparison is None else "a baseline"
    return (
        f"{unit.name}: whether the language model adds anything cannot be said, "
        f"because {what} is missing. Run the baselines and write the report again.",
        "open",
    )


def describe_seeds(unit: Unit) -> str:
    """How far seeds of the leading model are apart; empty where there is one."""
    rows = unit.averages
    if rows is None:
        return ""
    scores = rows.loc[rows["model"] == unit.lead.backbone, "auprc"].astype(float)
    if len(scores) < 2:
        return ""
    return f" (± {scores.std(ddof=1):.2f} between {len(scores)} seeds)"


def advise_seeds(unit: Unit, gain: Gain) -> str:
    """What to try where the only training of a model may have failed; else empty."""
    if gain.verdict != "worse" or describe_seeds(unit):
        return ""
    return (
        " Now and then a training learns nothing: more `seeds` tell whether this did."
    )


def describe_untrained(unit: Unit) -> str:
    """What the leading architecture reaches from random weights, if that was run."""
    model = get_lead_row(unit)
    architecture = find_setting(unit.lead.settings, "architecture")
    names = {
        run.backbone
        for run in unit.runs
        if find_setting(run.settings, "random_init")
        and find_setting(run.settings, "architecture") == architecture
    } - {unit.lead.backbone}
    if model is None or not names:
        return ""
    rows = unit.averages[unit.averages["model"].isin(names)]
    row = get_best_row(rows, ("backbone",))
    if row is None:
        return ""
    gained = format_signed(model["auprc"] - row["auprc"])
    return (
        f" The same architecture with random weights ({row['model']}) reaches "
        f"{row['auprc']:.2f}: pretraining is worth {gained}."
    )


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
