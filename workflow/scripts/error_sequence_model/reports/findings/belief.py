"""What a reader may still believe where a map failed the gate, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from error_sequence_model.results import Unit

PLACES = {"donor": "donors", "acceptor": "acceptors", "any": "all sites"}
STILL = (
    "; what does not rest on maps stays: scores, named causes, and motifs' tests, "
    "which are made on the sequences"
)


def say_belief(method: str, checks: dict[str, Any], *, is_drawn: bool = True) -> str:
    """Say what a map that was checked may be used for, without a full stop.

    Args:
        method: Its name.
        checks: Its entry of ``faithfulness.json``.
        is_drawn: Whether the report's other pages are drawn from it, so that a reader
            asks what stays.

    Returns:
        Empty where it passed: everything.
    """
    if checks.get("passed"):
        return ""
    name = method.replace("_", " ")
    still = STILL if is_drawn else ""
    if checks.get("passed") is None:
        return f"{name} was checked on too few sites: read it as a hypothesis"
    failed = {
        key
        for key, check in checks.items()
        if isinstance(check, dict) and check.get("passed") is False
    }
    if "randomisation" in failed:
        why = "it looks alike in networks that have learnt nothing"
        return f"{name} FAILED: {why}; believe none of it{still}"
    if "position_only" in failed:
        why = "it finds what matters no better than closeness to the junction"
        return f"{name} FAILED: {why}; believe no base of it{still}"
    if failed & {"other_site", "class_mean"}:
        rival = "that of another site" if "other_site" in failed else "its class's mean"
        return (
            f"{name} FAILED: at its own site a map is no better than {rival}; believe "
            "the mean profile of a class, not the map of a single site"
        )
    if failed == {"completeness"}:
        return (
            f"{name} FAILED completeness: believe which bases matter, not how much; "
            "its heights do not add up"
        )
    return f"{name} FAILED its faithfulness check: do not rely on it{still}"


def sum_up_belief(units: Sequence[Unit]) -> str:
    """What may be believed of the maps that are drawn, where they failed; or empty."""
    texts: dict[str, list[str]] = {}
    for unit in units:
        if unit.lead.methods and unit.lead.has_passed(unit.lead.methods[0]) is False:
            method = unit.lead.methods[0]
            text = say_belief(method, unit.lead.faithfulness["methods"][method])
            texts.setdefault(text, []).append(PLACES[unit.splice_type])
    return " ".join(
        f"At {' and '.join(places)}, {text}." for text, places in texts.items()
    )
