"""What a report reads of a unit's named causes, and says about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.reports.prose import read_template, tell
from error_sequence_model.results import ReportData, Unit
from error_sequence_model.statistics import compute_metrics

FEWEST = 5


@dataclass(frozen=True)
class UnitCauses:
    """The named causes of one unit, as ``causes`` wrote them.

    Attributes:
        table: ``causes.tsv``, with what each flag is beside the explanations.
        sites: ``causes.parquet``, indexed by site_id, with is_unexplained.
        summary: ``causes.json``, with the unexplained errors.
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
    if "causes" not in unit.memory:
        unit.memory["causes"] = read_causes(unit.lead.path.parents[2])
    return unit.memory["causes"]


def read_causes(folder: Path) -> UnitCauses | None:
    """Read the named causes of a contrast and splice type from its folder."""
    try:
        table = read_saved_table(folder / "causes.tsv")
        sites = read_saved_table(folder / "causes.parquet").set_index("site_id")
        summary = read_json(folder / "causes.json")
        # What holds beside the others, and what has no explanation, is decided where
        # all explanations compete.
        ranked = read_saved_table(folder / "explanations.tsv")
        ranked = ranked[ranked["kind"] == "flag"].set_index("explanation")
        rest = read_saved_table(folder / "explanations.parquet").set_index("site_id")
        unexplained = read_json(folder / "explanations.json")["unexplained"]
        return UnitCauses(
            table.join(ranked[["joint_odds_ratio", "joint_low", "joint_high"]], "flag"),
            sites.assign(
                is_unexplained=rest["is_unexplained"].reindex(sites.index).eq(True)
            ),
            {**summary, "unexplained": unexplained},
        )
    except (FileNotFoundError, InputError, KeyError, ValueError):
        return None


def get_names(unit: Unit) -> tuple[str, str]:
    """The errors and the correct calls of a unit by their calls."""
    if unit.lead.is_control:
        return "shuffled error", "shuffled correct"
    return unit.names


def describe_coverage(causes: UnitCauses, unit: Unit) -> list[str]:
    """How much of the errors named causes cover, in sentences."""
    error, correct = get_names(unit)
    summary = causes.summary
    return tell(
        "coverage",
        coverage=summary.get("coverage"),
        error=error,
        correct=correct,
        fdr=summary.get("fdr", 0.05),
        is_tested=causes.table["p"].notna().any(),
        fewest=FEWEST,
        enriched=summary.get("enriched"),
        held_out=summary.get("held_out"),
    )


def describe_rest(causes: UnitCauses, unit: Unit, data: ReportData) -> list[str]:
    """How many errors have no enriched cause, and what the model makes of them."""
    rest = causes.summary.get("unexplained")
    if not rest or not rest["of"]:
        return []
    error, correct = get_names(unit)
    told = list(measure_rest(causes, unit, **data.drawing).itertuples())
    model = unit.lead.name
    return tell("rest", rest=rest, error=error, correct=correct, model=model, told=told)


def measure_rest(
    causes: UnitCauses, unit: Unit, *, draws: int, seed: int
) -> pd.DataFrame:
    """AUROC of the model on explained and on unexplained errors of the test part.

    Returns:
        which, n, auroc, low, high (95 %, bootstrap over genes); a class with fewer
        than five errors is left out, and everything with fewer correct calls. Sites
        are ranked within their fold.
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
        rank = chosen["rank"].to_numpy(dtype=np.float64)
        scored = compute_metrics(
            *(labels.astype(int), np.stack([1 - rank, rank], axis=1)),
            **{"threshold": 0.5, "groups": chosen["gene_id"].to_numpy(dtype=object)},
            **{"draws": draws, "seed": seed},
        )
        ends = scored["intervals"]["auroc"] or (np.nan, np.nan)
        rows.append((which, int(mine.sum()), scored["auroc"], *ends))
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
