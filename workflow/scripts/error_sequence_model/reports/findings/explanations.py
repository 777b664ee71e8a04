"""What a report reads of a unit's explanations, and says about them on page one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.causes import label_explanation
from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.figures import (
    format_estimate,
    format_ratio,
    format_share,
    join_words,
)
from error_sequence_model.reports.findings.causes import advise, get_names
from error_sequence_model.results import Unit

MOST_NAMED = 3
HIT = 2  # level of a site that has an explanation itself, not a word near it
CALLS = {"FN": "missed", "TP": "found", "FP": "false", "TN": "rightly rejected"}
CALLS |= {"private FN": "privately missed", "shared FN": "jointly missed"}
CALLS |= {"private FP": "privately false", "shared FP": "jointly false"}


@dataclass(frozen=True)
class UnitExplanations:
    """The explanations of one unit, as ``explain_errors`` wrote them.

    Attributes:
        table: ``explanations.tsv``.
        sites: ``explanations.parquet``, indexed by site_id.
        summary: ``explanations.json``.
    """

    table: pd.DataFrame
    sites: pd.DataFrame
    summary: dict[str, Any]

    @property
    def named(self) -> pd.DataFrame:
        """The explanations that hold beside each other, that of most errors first."""
        return self.table[self.table["is_named"].astype(bool)]


def read_unit_explanations(unit: Unit) -> UnitExplanations | None:
    """Read a unit's explanations; None where the step has not run."""
    return read_explanations(unit.lead.path.parents[2])


def read_explanations(folder: Path) -> UnitExplanations | None:
    """Read the explanations of a contrast and splice type from its folder."""
    try:
        return UnitExplanations(
            read_saved_table(folder / "explanations.tsv"),
            read_saved_table(folder / "explanations.parquet").set_index("site_id"),
            read_json(folder / "explanations.json"),
        )
    except (FileNotFoundError, InputError, KeyError, ValueError):
        return None


def answer_why(unit: Unit, name: str) -> list[tuple[str, str]]:
    """What explains the errors, in order, and how many errors nothing explains."""
    found = read_unit_explanations(unit)
    if found is None:
        return [(f"{name}: not looked for (the step explain_errors).", "open")]
    error, correct = get_names(unit)
    rest = found.summary["unexplained"]
    if found.named.empty:
        text = f"{name}: nothing that was tried explains them: no named cause, known "
        text += f"element or motif is more frequent in {error} than in {correct} at a "
        text += f"false discovery rate of {found.summary['fdr']:.0%} and beside the "
        return [(f"{text}others ({found.summary['n_candidates']} were tried).", "open")]
    rows = list(found.named.itertuples())
    is_alone = len(rows) == 1
    text = f"{name}: " + "; ".join(
        say_explanation(row, error, correct, is_alone=is_alone)
        for row in rows[:MOST_NAMED]
    )
    text += f"; {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    share = found.summary["explained_share"]
    subject = "That explains" if is_alone else "Together they explain"
    text += f". {subject} {share:.0%} of {error}{_say_counted(found.summary)}; "
    if rest["of"]:
        left = f"{rest['errors']:,} of {rest['of']:,}"
        none = "do not have it" if is_alone else "have none of them"
        text += f"{left} ({rest['errors'] / rest['of']:.0%}) {none}."
    return [(text + _say_combinations(found), "")]


def _say_combinations(found: UnitExplanations) -> str:
    """What copies and pairs add beyond one hit of each; empty where nothing."""
    names = found.table.set_index("explanation")["name"]
    fdr, text = found.summary["fdr"], ""
    for one in found.summary.get("copies", []):
        ratio = _say_ratio(one["odds_ratio"], one["low"], one["high"])
        text += f" Several copies of {names[one['explanation']]} against one: odds "
        text += f"ratio {ratio}."
    for one in found.summary.get("pairs", []):
        both = f"{names[one['first']]} and {names[one['second']]}"
        if one["q"] <= fdr:
            ratio = _say_ratio(one["odds_ratio"], one["low"], one["high"])
            text += f" {both} together, beyond each alone: odds ratio {ratio}."
        if one["distance_q"] <= fdr:
            text += f" {both} begin {abs(one['distance'])} bases apart in "
            text += f"{one['n_distance']} of the {one['n_both']} with both."
    return text


def _say_counted(summary: dict[str, Any]) -> str:
    """On which sites shares and odds were counted, where it is not on all."""
    if summary.get("counted", "all sites") == "all sites":
        return ""
    error, correct = summary["n_counted"]
    return f" (counted on held-out sites, {error:,} errors and {correct:,} others)"


def say_explanation(row: Any, error: str, correct: str, *, is_alone: bool) -> str:
    """One explanation: how many have it, where, its odds ratios, its effect."""
    verb = "lack" if row.is_absence else "carry" if row.kind != "flag" else "have"
    place = f", {row.place}," if isinstance(row.place, str) and row.place else ""
    name = f"“{row.name}”" if row.kind == "flag" else row.name
    text = f"{format_share(row.share_error)} of {error} {verb} {name}{place} against "
    if row.share_correct == 0:
        # An odds ratio over nothing is a number of the prior's.
        text += f"0 of {row.n_correct:,} {correct}"
    else:
        ratio = _say_ratio(row.odds_ratio, row.low, row.high)
        text += f"{format_share(row.share_correct)} of {correct} (odds ratio {ratio}"
        if not is_alone:
            joint = (row.joint_odds_ratio, row.joint_low, row.joint_high)
            text += f", beside the others {_say_ratio(*joint)}"
        text += ")"
    if np.isfinite(row.delta_logit):
        effect = format_estimate(row.delta_logit, row.delta_low, row.delta_high)
        text += f"; putting it in adds {effect} log-odds"
    if np.isfinite(row.knockout_logit):
        effect = (row.knockout_logit, row.knockout_low, row.knockout_high)
        text += f", taking it out {format_estimate(*effect)}"
    return text


def say_headline(unit: Unit, found: UnitExplanations | None) -> str:
    """The first explanation as page one says it: the shares, the place, the effect."""
    if found is None:
        return "Nothing was looked for: the step explain_errors has not run."
    error, correct = (name_calls(kind, unit) for kind in get_names(unit))
    if found.named.empty:
        return (
            f"Nothing that was tried explains the {error}: no cause, element or motif "
            f"is more frequent in them than in the {correct}."
        )
    row = next(found.named.itertuples())
    verb = "lack" if row.is_absence else "carry" if row.kind != "flag" else "have:"
    place = f" at {row.place}" if isinstance(row.place, str) and row.place else ""
    text = f"{say_share(row.share_error, row.n_errors)} {error} {verb} {row.name}"
    text += f"{place}, {say_share(row.share_correct, row.n_correct)} {correct} do"
    if np.isfinite(row.delta_logit):
        verb = "adds" if row.delta_logit > 0 else "takes away"
        text += (
            f"; putting it in {verb} {abs(row.delta_logit):.1f} log-odds of an error"
        )
    return f"{text}."


def name_calls(kind: str, unit: Unit) -> str:
    """Calls of a kind in words: "missed donors", or "FN/FP donors" of several."""
    return f"{CALLS.get(kind, kind)} {unit.places}"


def say_share(share: float, n: int) -> str:
    """A share in per cent, before a noun; none at all as the count it is."""
    return f"0 of {n:,}" if share == 0 else f"{format_share(share)} of"


def count_steps(found: UnitExplanations) -> pd.DataFrame:
    """How many errors each explanation adds to those before it.

    Returns:
        name, errors and before (those explained already), in order; what only nearly
        has a word, and what nothing explains, come last.
    """
    sites = found.sites[found.sites["label"] == 1]
    is_known = np.zeros(len(sites), dtype=bool)
    rows = []
    for row in found.named.itertuples():
        is_new = sites[row.explanation].eq(HIT).to_numpy() & ~is_known
        label = label_explanation(row.name, row.is_absence)
        rows.append((label, int(is_new.sum()), int(is_known.sum())))
        is_known |= is_new
    is_near = ~is_known & ~sites["is_unexplained"].to_numpy(dtype=bool)
    if is_near.any():
        rows.append(("nearly one of these words", int(is_near.sum()), is_known.sum()))
    is_known |= is_near
    rows.append(("nothing that was tried", int((~is_known).sum()), is_known.sum()))
    return pd.DataFrame(rows, columns=["name", "errors", "before"])


def say_ratio(row: Any) -> str:
    """Odds ratios alone and beside the others; none where no correct call has it."""
    if row.share_correct == 0:
        # An odds ratio over nothing is a number of the prior's.
        return ""
    alone = _say_ratio(row.odds_ratio, row.low, row.high)
    joint = (row.joint_odds_ratio, row.joint_low, row.joint_high)
    return f"odds ratio {alone}; beside the others {_say_ratio(*joint)}"


def _say_ratio(ratio: float, low: float, high: float) -> str:
    return f"{format_ratio(ratio)} [{format_ratio(low)}, {format_ratio(high)}]"


def sum_up_why(units: Sequence[Unit], say_places: Any) -> str:
    """The first explanation of each unit in one sentence, for the report's opening."""
    told, none = [], []
    for unit in units:
        found = read_unit_explanations(unit)
        if found is None:
            continue
        where = say_places([unit.splice_type])
        if found.named.empty:
            none.append(where)
            continue
        row = next(found.named.itertuples())
        told.append(
            f"{label_explanation(row.name, row.is_absence)} at {where} "
            f"({format_share(row.share_error)} of {get_names(unit)[0]}, "
            f"{format_share(row.share_correct)} of {get_names(unit)[1]})"
        )
    parts = [f"First explanation: {join_words(told)}."] if told else []
    if none:
        parts.append(f"Nothing that was tried explains them at {join_words(none)}.")
    return " ".join(parts)


def suggest(found: UnitExplanations) -> list[str]:
    """What to try, for the named explanations that are flags."""
    flags = found.named[found.named["kind"].eq("flag")]
    hints = [(row.name, advise(row.explanation)) for row in flags.itertuples()]
    return [f"{name}: {hint}" for name, hint in hints if hint]
