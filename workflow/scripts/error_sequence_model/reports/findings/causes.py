"""What a report reads of a unit's named causes, and says about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.figures import count_words
from error_sequence_model.reports.prose import read_template
from error_sequence_model.results import ReportData, Unit
from error_sequence_model.statistics import (
    compute_auroc,
    draw_gene_weights,
    number_groups,
)

FEWEST = 5


@dataclass(frozen=True)
class UnitCauses:
    """The named causes of one unit, as ``causes`` wrote them.

    Attributes:
        table: ``causes.tsv``.
        sites: ``causes.parquet``, indexed by site_id.
        summary: ``causes.json``.
    """

    table: pd.DataFrame
    sites: pd.DataFrame
    summary: dict[str, Any]

    @property
    def flags(self) -> list[str]:
        """Names of the flags."""
        return self.table["flag"].tolist()

    @property
    def labels(self) -> dict[str, str]:
        """Flag -> its name in words."""
        return dict(zip(self.table["flag"], self.table["cause"], strict=True))


def read_unit_causes(unit: Unit) -> UnitCauses | None:
    """Read a unit's named causes; None where the step has not run."""
    folder = unit.lead.path.parents[2]
    return read_causes(folder)


def read_causes(folder: Path) -> UnitCauses | None:
    """Read the named causes of a contrast and splice type from its folder."""
    try:
        return UnitCauses(
            read_saved_table(folder / "causes.tsv"),
            read_saved_table(folder / "causes.parquet").set_index("site_id"),
            read_json(folder / "causes.json"),
        )
    except (FileNotFoundError, InputError, KeyError, ValueError):
        return None


def get_names(unit: Unit) -> tuple[str, str]:
    """The errors and the correct calls of a unit by their pred_types."""
    sites = unit.sites
    errors, correct = (
        "/".join(sorted(sites.loc[sites["label"] == label, "pred_type"].unique()))
        for label in (1, 0)
    )
    if unit.lead.is_control:
        return "shuffled error", "shuffled correct"
    return errors or "error", correct or "correct"


def describe_coverage(causes: UnitCauses, unit: Unit) -> list[str]:
    """How much of the errors named causes cover, in sentences."""
    error, correct = get_names(unit)
    coverage, fdr = causes.summary.get("coverage"), causes.summary.get("fdr", 0.05)
    if coverage is None:
        return [
            "This contrast has more than two classes: how often each cause occurs is "
            "shown, but odds ratios and coverage need a contrast of two."
        ]
    if not coverage.get("errors") or not coverage.get("correct"):
        return [f"There are no {error} or no {correct} sites, so nothing is compared."]
    if causes.table["p"].isna().all():
        return [
            f"No cause could be compared between {error} and {correct}: each needs "
            f"{FEWEST} sites in both classes and {FEWEST} that have it."
        ]
    enriched = causes.summary.get("enriched", [])
    if not enriched:
        return [
            f"No named cause is more frequent in {error} than in {correct} at a false "
            f"discovery rate of {fdr:.0%}."
        ]
    lines = [
        f"{_say_share(coverage['errors'])} of {error} have at least one named cause "
        f"that is enriched at a false discovery rate of {fdr:.0%}, against "
        f"{_say_share(coverage['correct'])} of {correct}. "
        + _say_excess(coverage.get("excess"), error)
    ]
    held_out = causes.summary.get("held_out")
    if held_out and held_out.get("errors") is not None:
        n_causes = count_words(len(held_out["enriched"]), "cause")
        lines.append(
            f"Chosen without the test part ({n_causes}), they cover "
            f"{held_out['errors']:.0%} of its {error} and "
            f"{held_out['correct'] or 0:.0%} of its {correct}."
        )
    return lines


def _say_share(cover: dict[str, Any]) -> str:
    low, high = cover.get("interval") or (None, None)
    text = f"{cover['share']:.0%}"
    return text if low is None else f"{text} [{low:.0%}, {high:.0%}]"


def _say_excess(excess: float | None, error: str) -> str:
    if excess is None or excess <= 0:
        return f"They cover no more of {error} than of the correct calls."
    return (
        f"Beyond what correct calls have as well, that is {excess:.0%} of {error}: the "
        "part named causes account for."
    )


def describe_rest(causes: UnitCauses, unit: Unit, data: ReportData) -> list[str]:
    """How many errors have no enriched cause, and what the model makes of them."""
    rest = causes.summary.get("unexplained")
    if not rest or not rest["of"]:
        return []
    error, correct = get_names(unit)
    line = (
        f"{rest['errors']:,} of {rest['of']:,} {error} have none of the enriched "
        "causes: the unexplained rest"
    )
    told = measure_rest(causes, unit, **data.drawing)
    if told.empty:
        return [f"{line}. Too few of them have a held-out prediction to judge by."]
    parts = [
        f"{row.which} {error} (n = {row.n}) with AUROC {row.auroc:.2f} "
        f"[{row.low:.2f}, {row.high:.2f}]"
        for row in told.itertuples()
    ]
    return [
        f"{line}. From the test part's {correct}, {unit.lead.name} tells "
        f"{' and '.join(parts)}."
    ]


def measure_rest(
    causes: UnitCauses, unit: Unit, *, draws: int, seed: int
) -> pd.DataFrame:
    """AUROC of the model on explained and on unexplained errors of the test part.

    Returns:
        which, n, auroc, low, high (95 %, bootstrap over genes); a class with fewer
        than five errors is left out, and everything with fewer correct calls.
    """
    predicted = unit.predicted.join(causes.sites["is_unexplained"], how="inner")
    is_error = (predicted["label"] == 1).to_numpy()
    is_rest = predicted["is_unexplained"].to_numpy(dtype=bool)
    rows = []
    for which, mine in (("explained", is_error & ~is_rest), ("unexplained", is_rest)):
        if min(mine.sum(), (~is_error).sum()) < FEWEST:
            continue
        chosen = predicted[mine | ~is_error]
        labels = (chosen["label"] == 1).to_numpy()
        scores = chosen["probability"].to_numpy(dtype=np.float64)
        groups = number_groups(chosen["gene_id"].to_numpy(), len(chosen))
        weights = np.concatenate(
            list(draw_gene_weights(groups, draws=draws, seed=seed))
        )
        low, high = np.nanpercentile(
            compute_auroc(labels, scores, weights), [2.5, 97.5]
        )
        auroc = float(compute_auroc(labels, scores))
        rows.append((which, int(mine.sum()), auroc, low, high))
    return pd.DataFrame(rows, columns=["which", "n", "auroc", "low", "high"])


def describe_cause_control(unit: Unit) -> tuple[str, str] | None:
    """Whether a shuffled-label control has no named cause, as it should."""
    causes = read_unit_causes(unit)
    if causes is None:
        return None
    found = [causes.labels[flag] for flag in causes.summary.get("enriched", [])]
    start = f"Control {unit.name} (shuffled labels): "
    if not found:
        return f"{start}no cause enriched, as it should be.", "good"
    return f"{start}{', '.join(found)} enriched, which is chance or a leak.", "bad"


def describe_left_out(causes: UnitCauses) -> list[str]:
    """What could not be compared and what was not given, one line per reason."""
    reasons: dict[str, list[str]] = {}
    for entry in causes.summary.get("left_out", []):
        why, _, share = entry["why"].rstrip(")").partition(" (")
        name = causes.labels[entry["flag"]]
        if share and not share.startswith("0%"):
            name = f"{name} ({share.removesuffix(' have it')})"
        if why.startswith("true at "):
            why = "hardly ever or nearly always true here"
        reasons.setdefault(why, []).append(name)
    gone = [
        f"Not compared: {', '.join(names)} ({why})." for why, names in reasons.items()
    ]
    return gone + [
        f"Not given: {line}.".replace("`", "")
        for line in causes.summary.get("missing", [])
    ]


def advise(flag: str) -> str:
    """A suggestion for one cause; empty for the user's own."""
    return read_template("advice").module.ADVICE.get(flag, "")
