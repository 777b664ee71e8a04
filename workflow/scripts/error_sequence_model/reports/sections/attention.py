"""The attention page: who is looked at, by the junction, over layers, by each head."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BAD,
    BODY_WIDTH,
    GOOD,
    MARGIN,
    MUTED,
    Page,
    PageSpec,
    get_limit,
    mark_junction,
    plot_heads,
    plot_profile,
    shorten_text,
)
from error_sequence_model.reports.findings.checks import describe_view
from error_sequence_model.reports.findings.statistics import MapStatistics, get_warning
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.maps import OFFSET_LABEL
from error_sequence_model.results import ReportData
from error_sequence_model.statistics import Comparison, compare_classes

VIEWS = {
    "junction": "What the junction attends to",
    "first_token": "What the first token attends to",
    "rollout": "Attention followed through all layers (rollout)",
    "gradient_weighted": "Attention weighted by its effect on the log-odds",
}
PANEL, AXIS_ROOM, COLUMN_GAP = 1.1, 0.5, 0.55
WIDTH = (BODY_WIDTH - COLUMN_GAP) / 2 - AXIS_ROOM


def make_attention_pages(data: ReportData, statistics: MapStatistics) -> list[PageSpec]:
    """The attention page of a unit; none where no detail is stored."""
    maps = statistics.unit.lead.attention
    names = [*VIEWS, "head_mean"]
    if maps is None or not any(name in maps.extra for name in names):
        return []
    view = maps.attributes.get("view", "attention")
    return [
        PageSpec(
            f"Attention in detail: {statistics.where}",
            partial(_draw_attention, data=data, statistics=statistics),
            statistics.footer,
            f"{str(view).capitalize()} shows where the model takes information from, "
            "not what it concludes; it is no substitute for attribution.",
        )
    ]


def _draw_attention(page: Page, *, data: ReportData, statistics: MapStatistics) -> None:
    unit = statistics.unit
    maps = unit.lead.attention
    page.warn(get_warning(unit, "attention"))
    seen = unit.explained(maps, statistics.splice_type)
    frame = pd.DataFrame({"offset": maps.offsets})
    shape = maps.scores.shape
    shown = [name for name in VIEWS if np.shape(maps.extra.get(name)) == shape]
    for place, name in enumerate(shown):
        compared = compare_classes(
            _scale(maps.extra[name], name)[seen.rows],
            seen.is_first,
            seen.genes,
            draws=min(data.inputs.draws, 200),
            seed=data.inputs.seed,
        )
        frame[f"{name}_error"] = compared.first.mean
        frame[f"{name}_correct"] = compared.second.mean
        left = MARGIN + AXIS_ROOM + (place % 2) * (WIDTH + AXIS_ROOM + COLUMN_GAP)
        _draw_view(page, name, compared, statistics, seen.names, left)
        if place % 2 or name == shown[-1]:
            page.top += PANEL + 0.84
    data.write("attention_views", frame, statistics.key)
    heads = maps.extra.get("head_mean")
    if heads is not None and heads.ndim == 3:
        left, width = MARGIN + AXIS_ROOM, BODY_WIDTH - AXIS_ROOM
        room = min(page.room - 1.5, 2.0)
        ax = page.axes(left, page.top + 0.2, width - 0.75, room)
        bar = page.axes(left + width - 0.6, page.top + 0.2, 0.12, room)
        plot_heads(heads, maps.offsets, ax, bar)
        ax.set_title("Each head, mean over the explained sites", pad=4)
        ax.set_xlabel(OFFSET_LABEL)
        page.top += room + 0.68
        frame = _tabulate_heads(heads, maps.offsets)
        data.write("attention_heads", frame, statistics.key)
    undefined = json.loads(maps.attributes.get("undefined", "{}")).items()
    text = explain(
        "attention",
        counts=seen.counts,
        names=seen.names,
        model=unit.lead.name,
        special=float(np.mean(maps.extra.get("special_share", 0.0))),
        sink=_describe_sinks(maps.extra),
        undefined=[(name, reason) for name, reason in undefined if name in VIEWS],
    )
    page.caption(text)


def _scale(values: np.ndarray, name: str) -> np.ndarray:
    """Shares of the total; only relevance, which has no fixed sum, is divided."""
    if name != "gradient_weighted":
        return values
    total = values.sum(axis=1, keepdims=True)
    return np.divide(values, total, out=np.zeros_like(values), where=total > 0)


def _draw_view(
    page: Page,
    name: str,
    compared: Comparison,
    statistics: MapStatistics,
    names: tuple[str, str],
    left: float,
) -> None:
    """One view's profile under its title and its sanity score."""
    unit = statistics.unit
    offsets = unit.lead.attention.offsets
    title = VIEWS[name]
    if name == "first_token":
        kind = unit.lead.attention.attributes.get("first_token")
        note = {"special": " ([CLS])", "base": " (a base: there is no [CLS])"}
        title += note.get(str(kind), "")
    page.write(title, left, page.top, size=9, weight="bold")
    views = unit.lead.faithfulness.get("attention_views") or {}
    text, passed = describe_view(views.get(name))
    color = {True: GOOD, False: BAD}.get(passed, MUTED)
    text = shorten_text(text, WIDTH, 6.5)
    page.write(text, left, page.top + 0.165, size=6.5, color=color)
    ax = page.axes(left, page.top + 0.48, WIDTH, PANEL)
    plot_profile(offsets, names, compared[:2], ax, factor=100)
    mark_junction(ax, splice_type=statistics.splice_type)
    ax.axhline(100 / len(offsets), color=MUTED, lw=0.8, ls=(0, (4, 3)), zorder=0)
    ax.set_ylim(0, get_limit([100 * a for p in compared[:2] for a in p[:3]]))
    ax.set_ylabel("%")
    # Beside the marks of the junction, above the axes: no curve can run through it.
    ax.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        handlelength=0.8,
        columnspacing=0.8,
        borderaxespad=0.1,
        fontsize=6,
    )


def _tabulate_heads(heads: np.ndarray, offsets: np.ndarray) -> pd.DataFrame:
    layers, per_layer, _ = heads.shape
    names = [
        f"layer{i + 1}_head{j + 1}" for i in range(layers) for j in range(per_layer)
    ]
    frame = pd.DataFrame(heads.reshape(len(names), -1).T, columns=names)
    frame.insert(0, "offset", offsets)
    return frame


def _describe_sinks(extra: dict[str, np.ndarray]) -> str:
    """The head that is most of a sink, and how sharp heads are."""
    sinks, entropy = extra.get("sink_share"), extra.get("entropy")
    if sinks is None or entropy is None:
        return ""
    layer, head = np.unravel_index(int(np.argmax(sinks)), sinks.shape)
    return (
        f"Largest sink: layer {layer + 1} head {head + 1} puts "
        f"{sinks[layer, head]:.1%} on one token; entropy of the heads "
        f"{entropy.min():.2f} to {entropy.max():.2f} of its maximum."
    )
