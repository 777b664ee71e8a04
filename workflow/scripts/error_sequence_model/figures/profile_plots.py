"""Plots along the base axis: profiles, differences, named regions, head maps.

The x axis is the offset from the junction in bases; offset 0 is the first base 3' of
it, so the junction itself is drawn at x = -0.5, between -1 and 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from error_sequence_model.figures.style import (
    GRID,
    INK,
    MUTED,
    NEGATIVE,
    POSITIVE,
    RULE,
    get_class_colour,
    measure_text,
)
from error_sequence_model.statistics import Profile
from error_sequence_model.windows import Region, get_sides

JUNCTION = -0.5
LEVEL = 0.05  # family-wise p below which positions are marked
SHORT_NAMES = {"polypyrimidine": "Y tract", "branch_zone": "branch"}  # of narrow bars


def mark_junction(ax: Axes, *, splice_type: str | None = None) -> Axes:
    """Draw the junction as a line and, if given a splice type, name both sides."""
    ax.axvline(JUNCTION, color=INK, lw=0.8, ls=(0, (2, 2)), zorder=1)
    if splice_type is not None:
        left, right = get_sides(splice_type)
        for text, shift, align in (
            (f"{left} ◂", -4, "right"),
            (f"▸ {right}", 4, "left"),
        ):
            ax.annotate(
                text,
                (JUNCTION, 1),
                xycoords=("data", "axes fraction"),
                xytext=(shift, 2),
                textcoords="offset points",
                ha=align,
                va="bottom",
                size=7,
                color=MUTED,
            )
    return ax


def plot_profile(
    offsets: np.ndarray,
    names: Sequence[str],
    profiles: Sequence[Profile],
    ax: Axes,
    *,
    factor: float = 1.0,
) -> Axes:
    """Draw mean profiles of classes with their bands.

    Args:
        offsets: int (n_positions,).
        names: Pred_types of each class, which give its colour.
        profiles: One of each class; what there is beyond the names is not drawn.
        ax: Where to draw.
        factor: Multiplies the values (100 for per cent).
    """
    for name, profile in zip(names, profiles, strict=False):
        if not profile.n_sites:
            continue
        color = get_class_colour(name)
        if np.isfinite(profile.low).all():
            ax.fill_between(
                offsets,
                profile.low * factor,
                profile.high * factor,
                color=color,
                alpha=0.22,
                lw=0,
            )
        label = f"{name} (n = {profile.n_sites})"
        ax.plot(offsets, profile.mean * factor, color=color, lw=1.1, label=label)
    ax.set_xlim(offsets[0] - 0.5, offsets[-1] + 0.5)
    return mark_junction(ax)


def plot_difference(
    offsets: np.ndarray,
    difference: Profile,
    p_value: np.ndarray,
    ax: Axes,
    *,
    limit: float,
) -> Axes:
    """Draw the difference of two classes; those significant in black.

    Args:
        offsets: int (n_positions,).
        difference: From ``compare_classes``.
        p_value: Family-wise p per position, (n_positions,), NaN = not tested.
        ax: Where to draw.
        limit: Half height of the symmetric y axis.
    """
    mean = difference.mean
    for sign, color in ((1, POSITIVE), (-1, NEGATIVE)):
        part = np.where(mean * sign > 0, mean, 0.0)
        ax.fill_between(offsets, 0, part, color=color, alpha=0.8, lw=0, step="mid")
    if np.isfinite(difference.low).all():
        ax.fill_between(
            offsets,
            difference.low,
            difference.high,
            color=MUTED,
            alpha=0.25,
            lw=0,
            step="mid",
        )
    ax.axhline(0, color=MUTED, lw=0.6)
    ax.set_ylim(-limit, limit)
    ax.set_xlim(offsets[0] - 0.5, offsets[-1] + 0.5)
    found = offsets[np.nan_to_num(p_value, nan=1.0) < LEVEL]
    if len(found):
        bars = [(offset - 0.5, 1.0) for offset in found]
        ax.broken_barh(bars, (-limit, limit * 0.08), color=INK, lw=0)
    return mark_junction(ax)


def arrange_regions(regions: Sequence[Region]) -> dict[Region, int]:
    """Lane of each region, so that overlapping ones lie in different lanes."""
    lanes: dict[Region, int] = {}
    ends: list[int] = []
    for region in sorted(regions, key=lambda r: (r.start, -r.end)):
        free = [lane for lane, end in enumerate(ends) if region.start >= end]
        lane = free[0] if free else len(ends)
        ends[lane:] = [region.end, *ends[lane + 1 :]]
        lanes[region] = lane
    return lanes


def plot_region_lane(
    regions: Sequence[Region],
    ax: Axes,
    *,
    start: int,
    end: int,
    colours: dict[str, str],
) -> Axes:
    """Draw named regions as bars above a profile, overlapping ones in lanes.

    Args:
        regions: From ``get_regions``.
        ax: Where to draw (no y axis).
        start: First offset drawn.
        end: Offset after the last one.
        colours: Colour by region key (significant regions stand out by it).
    """
    width = ax.get_position().width * ax.figure.get_figwidth()
    per_inch = (end - start) / width
    lanes = arrange_regions(regions)
    for region in regions:
        left, right = max(region.start, start), min(region.end, end)
        if right <= left:
            continue
        lane = lanes[region]
        ax.barh(
            lane,
            right - left,
            left=left - 0.5,
            height=0.8,
            color=colours.get(region.key, RULE),
            edgecolor="white",
            lw=0.8,
        )
        room = (right - left) / per_inch - 0.05
        name = region.label.split(" (")[0]
        if measure_text(name, 6.5) > room:
            name = SHORT_NAMES.get(region.key, name)
        if measure_text(name, 6.5) <= room:
            middle = (left + right) / 2 - 0.5
            ax.text(middle, lane, name, ha="center", va="center", size=6.5, color=INK)
    ax.set(
        xlim=(start - 0.5, end - 0.5), ylim=(max(lanes.values(), default=0) + 0.5, -0.5)
    )
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(bottom=False, labelbottom=False)
    return ax


def plot_region_effects(
    table: pd.DataFrame, ax: Axes, *, names: tuple[str, str]
) -> Axes:
    """Draw each class's mean in every named region with its interval.

    Args:
        table: One row per region: error, error_low, error_high, and so for correct.
        ax: Where to draw; y is the region, first on top.
        names: Pred_types of the errors and of the correct calls.
    """
    rows = np.arange(len(table))
    ax.axvline(0, color=MUTED, lw=0.7)
    for prefix, name, shift in zip(
        ("error", "correct"), names, (-0.15, 0.15), strict=True
    ):
        height, color = rows + shift, get_class_colour(name)
        ax.hlines(
            height, table[f"{prefix}_low"], table[f"{prefix}_high"], colors=color, lw=2
        )
        ax.plot(
            table[prefix], height, "o", color=color, ms=4.5, label=name, mec="white"
        )
    ax.set_yticks([])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    return ax


def plot_heads(
    head_mean: np.ndarray, offsets: np.ndarray, ax: Axes, bar_ax: Axes
) -> Axes:
    """Draw mean attention per layer and head along the window, as ratio to uniform.

    Args:
        head_mean: float (n_layers, n_heads, length), sums to at most 1 along length.
        offsets: int (length,).
        ax: Where to draw; rows are heads, layer by layer from the top.
        bar_ax: Where to draw the colour scale.
    """
    layers, heads, length = head_mean.shape
    n_bins = min(length, 120)
    edges = np.linspace(0, length, n_bins + 1).astype(int)
    rows = head_mean.reshape(layers * heads, length)
    binned = np.add.reduceat(rows, edges[:-1], axis=1) / np.diff(edges)
    ratio = np.log2(np.maximum(binned * length, 2.0**-6))
    limit = max(float(np.percentile(np.abs(ratio), 99)), 0.5)
    x = offsets[0] - 0.5 + edges
    mesh = ax.pcolormesh(
        x,
        np.arange(layers * heads + 1),
        ratio,
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
    )
    ax.set_ylim(layers * heads, 0)
    ax.set_yticks(np.arange(layers) * heads + heads / 2, range(1, layers + 1))
    for layer in range(1, layers):
        ax.axhline(layer * heads, color="white", lw=1)
    ax.set_ylabel("layer (rows: heads)")
    bar = ax.figure.colorbar(mesh, cax=bar_ax)
    bar.set_label("log2 (attention / uniform)", size=7)
    bar.outline.set_visible(False)
    bar.solids.set_rasterized(False)
    bar_ax.tick_params(labelsize=7)
    return mark_junction(ax)


def get_limit(values: Sequence[np.ndarray]) -> float:
    """Half height of an axis symmetric about zero that holds all these values."""
    largest = 0.0
    for array in values:
        finite = np.abs(np.asarray(array)[np.isfinite(array)])
        largest = max(largest, float(finite.max(initial=0.0)))
    return largest * 1.1 or 1.0
