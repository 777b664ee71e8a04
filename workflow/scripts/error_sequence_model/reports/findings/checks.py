"""Stored checks in words: seeds, methods, views of attention."""

from __future__ import annotations

from typing import Any

from error_sequence_model.figures import format_interval, format_signed
from error_sequence_model.reports.findings.belief import say_belief
from error_sequence_model.results import Unit, read_object


def describe_seeds(unit: Unit) -> list[tuple[str, str]]:
    """Whether the maps of the leading backbone's seeds agree: sentences with marks."""
    lead = unit.lead
    seeds = sorted({run.seed for run in unit.runs if run.backbone == lead.backbone})
    if len(seeds) < 2:
        return [(f"{unit.name}: one seed: not assessed.", "open")]
    lines = []
    for fold in lead.folds:
        where = unit.name if len(lead.folds) == 1 else f"{unit.name}, fold {fold}"
        try:
            path = lead.path.parents[1] / f"fold{fold}" / "agreement.json"
            methods = read_object(path)["methods"]
        except (OSError, ValueError, KeyError):
            text = f"{where}: {len(seeds)} seeds, but agreement.json is not there."
            lines.append((text, "bad"))
            continue
        for method, checks in methods.items():
            if checks.get("rank_correlation") is None:
                continue
            name = method.replace("_", " ")
            text = (
                f"{where}: {name}, seeds {', '.join(map(str, seeds))}: median per-site "
                f"rank correlation {format_signed(checks['rank_correlation'])}"
            )
            if checks.get("interval") is not None:
                text += (
                    f", of different sites {format_signed(checks['other_sites'])}; "
                    f"mean difference{format_interval(checks['interval'])}"
                )
            mark = {True: "good", False: "bad"}.get(checks.get("passed"), "open")
            lines.append((f"{text}.", mark))
    return lines


def warn_of_chance(unit: Unit) -> list[tuple[str, str]]:
    """Say that maps of a model that tells nothing apart explain nothing."""
    interval = unit.lead.get_interval("auroc")
    if not interval or not unit.lead.methods or interval[0] > 0.5:
        return []
    text = (
        f"{unit.name}: the model tells them apart no better than chance (AUROC "
        f"{unit.lead.metrics['auroc']:.2f}{format_interval(interval)}): its maps and "
        "motifs do not explain the errors."
    )
    return [(text, "bad")]


def describe_agreement(unit: Unit) -> list[str]:
    """How far the attribution methods of the leading model agree, pair by pair."""
    stored = unit.lead.faithfulness.get("agreement") or {}
    names, matrix = stored.get("methods") or [], stored.get("rank_correlation") or []
    known = [place for place, name in enumerate(names) if name in unit.lead.methods]
    lines = []
    for number, i in enumerate(known):
        for j in known[number + 1 :]:
            if matrix[i][j] is None:
                continue
            first, second = (names[place].replace("_", " ") for place in (i, j))
            lines.append(
                f"{unit.name}: {first} and {second} agree with a median per-site rank "
                f"correlation of {format_signed(matrix[i][j])}."
            )
    return lines


def describe_view(checks: dict[str, Any] | None) -> tuple[str, bool | None]:
    """Sanity score of one view of attention in a line, and its verdict."""
    if not checks or "undefined" in checks:
        return (checks or {}).get("undefined", "not checked"), None
    planted = checks.get("planted")
    parts = [f"planted AUROC {planted['auroc']:.2f}"] if planted else []
    for name in ("deletion", "insertion"):
        check = (checks.get("other_site") or {}).get(name) or {}
        if check.get("difference") is not None:
            gain = format_signed(check["difference"])
            parts.append(f"{name} {gain}{format_interval(check['interval'])}")
    passed = checks.get("passed")
    word = {True: "✓ passed", False: "✗ FAILED"}.get(passed, "○ not judged")
    return f"{word}: {', '.join(parts)}" if parts else word, passed


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
            text = say_belief(method, result, is_drawn=method in unit.lead.methods[:1])
            lines.append((f"{unit.name}: {text}.", "bad"))
    if unit.lead.missing:
        problems = "; ".join(unit.lead.missing)
        lines.append((f"{unit.name}, {unit.lead.name}: {problems}.", "bad"))
    return lines
