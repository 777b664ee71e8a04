"""The last page: a Methods paragraph, provenance and how the training went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from error_sequence_model.figures import (
    BODY_WIDTH,
    MARGIN,
    Block,
    Page,
    PageSpec,
    draw_blocks,
    plot_history,
    shorten_text,
    split_blocks,
)
from error_sequence_model.reports.findings.methods_text import (
    describe_computation,
    describe_methods,
)
from error_sequence_model.results import ReportData, Unit

HISTORY_ROOM = 2.2
MOST_HISTORIES = 4
# Of run.json: settings are shown by themselves; times differ between equal runs, whose
# reports are equal.
NOT_SHOWN = ("settings", "finished", "seconds")


def make_methods_pages(data: ReportData) -> list[PageSpec]:
    """Provenance of every leading model, and a paragraph for a Methods section."""
    blocks = [Block("heading", "Methods, ready to adapt")]
    blocks += [Block("paragraph", text) for text in describe_methods(data)]
    blocks += [Block("paragraph", text) for text in describe_computation(data)]
    blocks.append(Block("heading", "Provenance"))
    for unit in data.units:
        blocks.append(Block("bullet", describe_provenance(unit)))
    source = data.audit.get("input") or {}
    facts = [f"{key} {_flatten(value)}" for key, value in source.items() if value]
    if facts:
        blocks.append(Block("bullet", f"Input: {'; '.join(facts)}."))
    blocks.append(
        Block(
            "bullet",
            "The numbers of every figure lie as TSV in the folder "
            f"{data.inputs.tables.name}/ beside this report.",
        )
    )
    pages, rest, title = [], blocks, "Provenance and methods"
    while rest:
        part, rest = split_blocks(rest, BODY_WIDTH)
        draw = partial(_draw_methods, blocks=part, data=data, is_last=not rest)
        footer = f"predictor {data.predictor} · {data.report}"
        pages.append(PageSpec(title, draw, footer, "From each run's run.json."))
        title = "Provenance and methods (continued)"
    return pages


def _draw_methods(
    page: Page, *, blocks: Sequence[Block], data: ReportData, is_last: bool
) -> None:
    draw_blocks(page, blocks=blocks, width=BODY_WIDTH)
    known = [u for u in data.units if u.lead.history is not None][:MOST_HISTORIES]
    if not is_last or not known or page.room < HISTORY_ROOM:
        return
    page.heading("Training")
    step = BODY_WIDTH / max(len(known), 3)
    height = min(page.room - 0.85, 1.6)
    for place, unit in enumerate(known):
        ax = page.axes(
            MARGIN + 0.45 + place * step, page.top + 0.4, step - 0.65, height - 0.2
        )
        plot_history(unit.lead.history, ax)
        title = f"{unit.contrast} {unit.splice_type}: {unit.lead.name}"
        ax.set_title(shorten_text(title, step - 0.65, 8, "bold"), size=8, pad=17)
    page.top += height + 0.65
    page.caption(
        "Cross-entropy of the leading models on the training and the validation part; "
        "the dot marks the weights that were kept. From history.tsv."
    )


def _flatten(value: Any) -> str:
    if isinstance(value, dict):
        known = {k: v for k, v in value.items() if v not in (None, {}, [], "")}
        return ", ".join(f"{k} {_flatten(v)}" for k, v in known.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flatten(v) for v in value)
    text = str(value)
    is_hash = len(text) >= 40 and set(text) <= set("0123456789abcdef")
    return text[:12] if is_hash else text


def describe_provenance(unit: Unit) -> str:
    """Settings, versions, hashes and hardware of a unit's leading run on one line."""
    run = unit.lead.settings
    if not run:
        return f"{unit.name}: run.json is missing."
    names = [name for name in run if name not in NOT_SHOWN]
    parts = [f"{name} {_flatten(run[name])}" for name in names if run[name]]
    return (
        f"{unit.name}, {unit.lead.name} ({unit.lead.model_hash}). {'; '.join(parts)}."
    )
