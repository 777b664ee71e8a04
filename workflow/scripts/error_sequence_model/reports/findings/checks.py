"""Stored checks in words: seeds, methods, shuffled labels, views of attention."""

from __future__ import annotations

from typing import Any

from error_sequence_model.figures import format_interval, format_signed
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
    interval = (unit.lead.metrics.get("intervals") or {}).get("auroc")
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


def describe_labels(unit: Unit) -> tuple[str, str]:
    """Whether a control's maps show a region all the same, with its mark."""
    control = unit.lead.faithfulness.get("control")
    start = f"Control {unit.name} (shuffled labels), maps: "
    if not control or control.get("passed") is None:
        return f"{start}regions were not tested.", "open"
    parts = [
        f"{method.replace('_', ' ')} smallest p {found['p_value']:.2g} "
        f"({found['region'].replace('_', ' ')})"
        for method, found in control["methods"].items()
    ]
    found = "no region beyond chance" if control["passed"] else "a region BEYOND chance"
    return (
        f"{start}{found}: {'; '.join(parts)}; level {control['level']:.2g}.",
        "good" if control["passed"] else "bad",
    )


def describe_view(checks: dict[str, Any] | None) -> tuple[str, bool | None]:
    """Sanity score of one view of attention in a line, and its verdict."""
    if not checks or "undefined" in checks:
        return (checks or {}).get("undefined", "not checked"), None
    planted = checks.get("planted")
    parts = [f"planted AUROC {planted['auroc']:.2f}"] if planted else []
    for name in ("deletion", "insertion"):
        check = checks.get(name) or {}
        if check.get("area") is not None:
            gain = check["area"] - check["random_area"]
            text = f"{name} {format_signed(gain)}{format_interval(check['interval'])}"
            parts.append(text)
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
            name = method.replace("_", " ")
            lines.append((f"{unit.name}: {name} failed its faithfulness check.", "bad"))
    if unit.lead.missing:
        problems = "; ".join(unit.lead.missing)
        lines.append((f"{unit.name}, {unit.lead.name}: {problems}.", "bad"))
    return lines


def describe_control(unit: Unit) -> tuple[str, str]:
    """Whether a shuffled-label control finds nothing, as it should."""
    metrics = unit.lead.metrics
    interval = (metrics.get("intervals") or {}).get("auroc")
    if metrics.get("auroc") is None or interval is None:
        return f"Control {unit.name} (shuffled labels): no metrics stored.", "open"
    low, high = interval
    includes = low <= 0.5 <= high
    verdict = "includes" if includes else "does NOT include"
    return (
        f"Control {unit.name} (shuffled labels): AUROC {metrics['auroc']:.2f}"
        f"{format_interval(interval)}, which {verdict} 0.5"
        f"{'' if includes else ': something leaks'}.",
        "good" if includes else "bad",
    )
