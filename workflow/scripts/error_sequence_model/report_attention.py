"""The attention page: who is looked at, by the junction, over layers, by each head."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.files import write_tsv
from error_sequence_model.profile_figures import (
    get_limit,
    mark_junction,
    plot_heads,
    plot_profile,
)
from error_sequence_model.profiles import compare_classes
from error_sequence_model.report_data import ReportData
from error_sequence_model.report_layout import Page, PageSpec
from error_sequence_model.report_map_pages import OFFSET_LABEL
from error_sequence_model.report_statistics import MapStatistics, get_warning
from error_sequence_model.report_words import name_model
from error_sequence_model.style import (
    BAD,
    BODY_WIDTH,
    MARGIN,
    MUTED,
    get_class_colour,
)

VIEWS = (
    ("junction", "Paid by the tokens at the junction"),
    ("rollout", "Rollout over all layers"),
)


def make_attention_pages(
    data: ReportData, statistics: MapStatistics, focus: str
) -> list[PageSpec]:
    """The attention page of a unit; none where no detail is stored."""
    maps = statistics.unit.lead.attention
    names = [*(name for name, _ in VIEWS), "head_mean"]
    if maps is None or not any(name in maps.extra for name in names):
        return []
    unit = statistics.unit
    footer = f"predictor {data.predictor} · contrast {unit.contrast} · "
    footer += f"{statistics.splice_type} · {name_model(unit.lead)}"
    view = maps.attributes.get("view", "attention")
    return [
        PageSpec(
            f"Attention in detail: {unit.contrast}, {statistics.splice_type}",
            partial(_draw_attention, data=data, statistics=statistics, focus=focus),
            footer,
            f"{str(view).capitalize()} shows where the model takes information from, "
            "not what it concludes; it is no substitute for attribution.",
        )
    ]


def _draw_attention(
    page: Page, *, data: ReportData, statistics: MapStatistics, focus: str
) -> None:
    unit = statistics.unit
    maps = unit.lead.attention
    if unit.lead.has_passed("attention") is False:
        warning = get_warning(unit, "attention")
        page.top -= 0.08
        page.paragraph(warning, size=9, color=BAD, weight="bold", after=0.02)
    seen = unit.explained(maps, statistics.splice_type)
    colours = [get_class_colour(name) for name in seen.names]
    left, width, height = MARGIN + 0.6, BODY_WIDTH - 0.6, 1.25
    frame = pd.DataFrame({"offset": maps.offsets})
    for name, title in VIEWS:
        if name not in maps.extra or maps.extra[name].shape != maps.scores.shape:
            continue
        compared = compare_classes(
            maps.extra[name][seen.rows],
            seen.is_first,
            seen.genes,
            draws=min(data.draws, 200),
            seed=data.seed,
        )
        ax = page.axes(left, page.top + 0.38, width, height)
        classes = list(zip(seen.names, colours, compared[:2], strict=True))
        plot_profile(maps.offsets, classes, ax, factor=100)
        mark_junction(ax, splice_type=statistics.splice_type)
        uniform = 100 / len(maps.offsets)
        ax.axhline(uniform, color=MUTED, lw=0.8, ls=(0, (4, 3)), zorder=0)
        ax.set_ylim(0, get_limit([100 * a for p in compared[:2] for a in p[:3]]))
        ax.set_title(title, pad=13)
        ax.set_ylabel("%")
        ax.legend(loc="lower right", ncols=2, handlelength=1.2, borderaxespad=0.2)
        frame[f"{name}_error"] = compared.first.mean
        frame[f"{name}_correct"] = compared.second.mean
        page.top += height + 0.66
    write_tsv(data.tables / f"{focus}.{statistics.key}.attention_views.tsv", frame)
    heads = maps.extra.get("head_mean")
    if heads is not None and heads.ndim == 3:
        room = min(page.room - 1.35, 2.2)
        ax = page.axes(left, page.top + 0.25, width - 0.75, room)
        bar = page.axes(left + width - 0.6, page.top + 0.25, 0.12, room)
        plot_heads(heads, maps.offsets, ax, bar)
        ax.set_title("Each head, mean over the explained sites", pad=4)
        ax.set_xlabel(OFFSET_LABEL)
        page.top += room + 0.75
        _write_heads(data, heads, maps.offsets, f"{focus}.{statistics.key}")
    page.caption(_describe(statistics, seen.counts, seen.names))


def _write_heads(
    data: ReportData, heads: np.ndarray, offsets: np.ndarray, prefix: str
) -> None:
    layers, per_layer, _ = heads.shape
    names = [
        f"layer{i + 1}_head{j + 1}" for i in range(layers) for j in range(per_layer)
    ]
    frame = pd.DataFrame(heads.reshape(len(names), -1).T, columns=names)
    frame.insert(0, "offset", offsets)
    write_tsv(data.tables / f"{prefix}.attention_heads.tsv", frame)


def _describe(
    statistics: MapStatistics, counts: tuple[int, int], names: tuple[str, str]
) -> str:
    maps = statistics.unit.lead.attention
    special = maps.extra.get("special_share")
    rest = (
        f" {float(np.mean(special)):.0%} of the attention goes to special tokens and "
        "is not drawn."
        if special is not None and np.mean(special) >= 0.005
        else ""
    )
    return (
        f"n = {counts[0]} {names[0]}, {counts[1]} {names[1]}, held-out test part; "
        f"{statistics.unit.lead.name}. Per cent of the total per base; bands: 95 % "
        f"bootstrap over genes; dashed: uniform.{rest} Heads: colour is attention over "
        "uniform, on a log2 scale symmetric about equal."
    )
