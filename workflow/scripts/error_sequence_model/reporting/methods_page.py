"""The last page: a Methods paragraph, provenance and how the training went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from error_sequence_model.drawing.data import plot_history
from error_sequence_model.drawing.style import BODY_WIDTH, MARGIN, shorten_text
from error_sequence_model.reporting.computation import describe_computation
from error_sequence_model.reporting.data import ReportData, Unit
from error_sequence_model.reporting.flow import Block, draw_blocks, split_blocks
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.run_files import find_setting

HISTORY_ROOM = 2.2
MOST_HISTORIES = 4
TRAINED = {
    "frozen": "Its weights were kept and a head on them was trained",
    "lora": "Low-rank adapters and a head were trained",
}


def make_methods_pages(data: ReportData, focus: str) -> list[PageSpec]:
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
            f"{data.tables.name}/ beside this report.",
        )
    )
    pages, rest, title = [], blocks, "Provenance and methods"
    while rest:
        part, rest = split_blocks(rest, BODY_WIDTH)
        draw = partial(_draw_methods, blocks=part, data=data, is_last=not rest)
        footer = f"predictor {data.predictor} · {focus}"
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
    names = [name for name in run if name != "settings"]
    parts = [f"{name} {_flatten(run[name])}" for name in names if run[name]]
    return (
        f"{unit.name}, {unit.lead.name} ({unit.lead.model_hash}). {'; '.join(parts)}."
    )


def describe_methods(data: ReportData) -> list[str]:
    """A Methods paragraph per setting that differs; one per document as a rule."""
    texts: dict[str, list[str]] = {}
    for unit in data.units:
        texts.setdefault(_describe_unit_methods(unit, data), []).append(unit.name)
    if len(texts) <= 1:
        return list(texts)
    return [f"({'; '.join(names)}) {text}" for text, names in texts.items()]


def _describe_unit_methods(unit: Unit, data: ReportData) -> str:
    run = unit.lead.settings

    def get(key: str, text: str) -> str:
        value = find_setting(run, key)
        plain = value is not None and not isinstance(value, (dict, list))
        return text.format(value) if plain else ""

    methods = ", ".join(unit.lead.methods).replace("_", " ") or "none"
    up, down = find_setting(run, "upstream"), find_setting(run, "downstream")
    window = (
        f" in windows of {up} + {down} nt around the junction" if up and down else ""
    )
    by = unit.lead.leakage.get("by")
    pretrained = (
        ", first pretrained on gene bodies without held-out sequence"
        if run.get("pretrained")
        else ""
    )
    return (
        f"Errors of {data.predictor} were told from correct calls with "
        f"{unit.lead.backbone}{get('architecture', ' ({})')}"
        f"{get('checkpoint', ' from the weights {}')}{pretrained} on transcript-strand "
        f"sequence{window}, without the predictor's score. "
        f"{TRAINED.get(find_setting(run, 'tuning'), 'The model was trained')}"
        f"{get('epochs', ' for up to {} epochs')}"
        f"{get('learning_rate', ' at a learning rate of {}')}"
        f"{get('batch_size', ' with batches of {} sites')} and chosen on validation "
        f"sites. Sites were split{f' by {by}' if by else ''} before anything was "
        "learnt; scores are from the held-out test part, with 95 % intervals from a "
        f"bootstrap over genes. Attributions ({methods}) "
        "explain the logit difference between the classes, were scaled per site by the "
        "95th percentile of their absolute value and averaged on the base axis aligned "
        f"on the junction; bands are 95 % intervals from {data.draws} bootstrap draws "
        "over genes, and differences were tested by label permutation with a "
        "gene-clustered statistic and max-T correction."
    )
