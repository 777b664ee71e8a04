"""The whole report in a few sentences, and how page one names its units."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from error_sequence_model.figures import format_interval, format_number, join_words
from error_sequence_model.reports.findings.explanations import sum_up_why
from error_sequence_model.reports.findings.words import measure_gain
from error_sequence_model.results import Unit

FEWEST_SITES = 10
PLACES = {"donor": "donors", "acceptor": "acceptors", "any": "all sites"}


def name_units(units: Sequence[Unit]) -> list[str]:
    """Names that tell units apart: the splice type where all compare the same calls."""
    if len({unit.pair for unit in units}) == 1:
        return [say_places([unit.splice_type]).capitalize() for unit in units]
    return [unit.name for unit in units]


def say_places(splice_types: Sequence[str]) -> str:
    """Splice types in the plural: "donors and acceptors"."""
    names = [PLACES.get(name, name) for name in splice_types]
    return join_words(names)


def describe_in_short(units: Sequence[Unit]) -> str:
    """The whole report in a few sentences per pair of classes."""
    parts = []
    for pair, group in groupby(units, key=lambda unit: unit.pair):
        members = list(group)
        sentences = [sum_up_why(members, say_places), _sum_up_scores(members)]
        sentences.append(_sum_up_gains(members))
        told = [text[0].upper() + text[1:] for text in sentences if text]
        parts.append(f"{pair}: {' '.join(told)}")
    return " ".join(parts) or "There are no test scores to sum up."


def _sum_up_scores(units: Sequence[Unit]) -> str:
    told, untold, few = [], [], []
    for unit in units:
        auroc = unit.lead.metrics.get("auroc")
        interval = (unit.lead.metrics.get("intervals") or {}).get("auroc")
        is_error = unit.test_sites["label"] == unit.positive_label
        if min(is_error.sum(), (~is_error).sum()) < FEWEST_SITES:
            few.append(say_places([unit.splice_type]))
        elif auroc is not None and interval is not None:
            where = say_places([unit.splice_type])
            where += f" (AUROC {auroc:.2f}{format_interval(interval)})"
            (told if interval[0] > 0.5 else untold).append(where)
    parts = []
    if told:
        parts.append(f"told apart by sequence alone at {join_words(told)}.")
    if untold:
        parts.append(f"not told apart, beyond chance, at {join_words(untold)}.")
    if few:
        parts.append(f"too few test sites to say at {join_words(few)}.")
    return " ".join(parts)


def _sum_up_gains(units: Sequence[Unit]) -> str:
    gains = [(unit, measure_gain(unit)) for unit in units]
    known = [(unit, gain) for unit, gain in gains if gain and gain.mark != "open"]
    adds = [
        f"{format_number(gain.delta)}{format_interval((gain.low, gain.high))} AUPRC "
        f"over the best baseline at {say_places([unit.splice_type])}"
        for unit, gain in known
        if gain.mark == "good"
    ]
    none = [
        say_places([u.splice_type])
        for u, g in known
        if g.mark == "bad" and not g.is_worse
    ]
    worse = [say_places([u.splice_type]) for u, g in known if g.is_worse]
    parts = [f"adds {join_words(adds)}"] if adds else []
    if none:
        where = "over the best baseline" if len(none) == len(units) else "at "
        where += "" if len(none) == len(units) else join_words(none)
        parts.append(f"adds nothing measurable {where}")
    if worse:
        parts.append(f"is worse than the best baseline at {join_words(worse)}")
    return f"The language model {join_words(parts)}." if parts else ""
