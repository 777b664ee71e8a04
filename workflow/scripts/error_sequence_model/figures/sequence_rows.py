"""One row of sequence with its tracks: letters, tokens, attribution, attention.

The x axis is the offset from the junction in bases. A row's letters are one line of
monospaced text whose pitch is one base, so that the sequence can be selected, copied
and searched in the PDF; the tint behind a letter is its base's colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba

from error_sequence_model.figures.style import (
    BASE_COLOURS,
    INK,
    MUTED,
    NEGATIVE,
    POSITIVE,
    RULE,
)

# Advance of DejaVu Sans Mono: 1,233 of 2,048 units.
MONOSPACE_ADVANCE = 1233 / 2048
ATTENTION_COLOUR = "#7A5195"
HIGH_COLOUR = "#F7E7A9"


def clear_axes(ax: Axes, start: int, end: int) -> Axes:
    """Make axes a bare strip from offset ``start`` to before offset ``end``."""
    ax.set(xlim=(start - 0.5, end - 0.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def draw_boxes(
    ax: Axes, spans: np.ndarray, low: np.ndarray, high: np.ndarray, colors: list
) -> PolyCollection:
    """Fill rectangles over half-open base spans.

    Args:
        ax: Where to draw.
        spans: Offsets, (n, 2), half-open.
        low: Lower edges, (n,).
        high: Upper edges, (n,).
        colors: One colour each.
    """
    left, right = spans[:, 0] - 0.5, spans[:, 1] - 0.5
    corners = np.stack(
        [
            np.stack([left, low], 1),
            np.stack([left, high], 1),
            np.stack([right, high], 1),
            np.stack([right, low], 1),
        ],
        axis=1,
    )
    return ax.add_collection(PolyCollection(corners, facecolors=colors, lw=0))


def draw_letters(ax: Axes, sequence: str, first: int, *, start: int, end: int) -> Axes:
    """Write a sequence under the tracks, one letter per base.

    Args:
        ax: A strip; its width sets the type size.
        sequence: Letters.
        first: Offset of the first letter.
        start: First offset of the strip.
        end: Offset after the last one of the strip.
    """
    clear_axes(ax, start, end).set_ylim(0, 1)
    if not sequence:
        return ax
    places = first + np.arange(len(sequence))
    tints = [to_rgba(BASE_COLOURS.get(base, MUTED), 0.25) for base in sequence]
    spans = np.stack([places, places + 1], axis=1)
    draw_boxes(ax, spans, np.zeros(len(places)), np.ones(len(places)), tints)
    width = ax.get_position().width * ax.figure.get_figwidth() * 72
    ax.text(
        first - 0.5,
        0.47,
        sequence,
        family="monospace",
        size=width / (end - start) / MONOSPACE_ADVANCE,
        va="center_baseline",
        ha="left",
        color=INK,
    )
    return ax


def draw_tokens(
    ax: Axes, spans: np.ndarray | None, first: int, *, start: int, end: int
) -> Axes:
    """Draw each token as a bar, alternately dark and light; single bases are left out.

    Args:
        ax: A strip.
        spans: Token spans in the sequence, int (n_tokens, 2), or None.
        first: Offset of the sequence's first base.
        start: First offset of the strip.
        end: Offset after the last one of the strip.
    """
    clear_axes(ax, start, end).set_ylim(0, 1)
    if not has_long_tokens(spans):
        return ax
    spans = spans[spans[:, 1] > spans[:, 0]] + first
    shades = np.where(np.arange(len(spans)) % 2 == 0, "#8C8C8C", "#D0D0D0")
    seen = (spans[:, 1] > start) & (spans[:, 0] < end)
    clipped = np.clip(spans[seen], start, end)
    n = len(clipped)
    draw_boxes(ax, clipped, np.full(n, 0.2), np.full(n, 0.8), shades[seen].tolist())
    return ax


def has_long_tokens(spans: np.ndarray | None) -> bool:
    """Whether any token spans more than one base, so that boundaries say something."""
    return spans is not None and len(spans) > 0 and bool((np.ptp(spans, 1) > 1).any())


def draw_attribution(
    ax: Axes,
    values: np.ndarray,
    first: int,
    *,
    start: int,
    end: int,
    limit: float,
    shades: Sequence[tuple[int, int]] = (),
) -> Axes:
    """Draw signed attribution as bars: red for an error, blue against it.

    Args:
        ax: A strip with a y axis.
        values: Attribution per base of the sequence, (length,).
        first: Offset of the sequence's first base.
        start: First offset of the strip.
        end: Offset after the last one of the strip.
        limit: Half height of the symmetric y axis.
        shades: Offsets [start, end) of stretches shaded behind the bars.
    """
    clear_axes(ax, start, end).set_ylim(-limit, limit)
    spans = np.clip(np.reshape(shades, (-1, 2)), start, end)
    spans = spans[spans[:, 1] > spans[:, 0]]
    if len(spans):
        edges = np.full(len(spans), limit)
        draw_boxes(ax, spans, -edges, edges, [HIGH_COLOUR] * len(spans)).set_zorder(0)
    places = np.arange(max(start, first), min(end, first + len(values)))
    heights = values[places - first]
    spans = np.stack([places + 0.06, places + 0.94], axis=1)
    colors = np.where(heights > 0, POSITIVE, NEGATIVE).tolist()
    low, high = np.minimum(heights, 0), np.maximum(heights, 0)
    draw_boxes(ax, spans, low, high, colors)
    if len(places):
        edges = (places[0] - 0.5, places[-1] + 0.5)
        ax.plot(edges, (0, 0), color=RULE, lw=0.6, zorder=1)
    _mark_scale(ax, [-limit, 0, limit])
    return ax


def draw_attention(
    ax: Axes, values: np.ndarray, first: int, *, start: int, end: int, limit: float
) -> Axes:
    """Draw attention per base in per cent as an area; arguments as for attribution."""
    clear_axes(ax, start, end).set_ylim(0, limit)
    places = np.arange(max(start, first), min(end, first + len(values)))
    heights = values[places - first]
    spans = np.stack([places, places + 1], axis=1)
    colors = [to_rgba(ATTENTION_COLOUR, 0.55)] * len(places)
    draw_boxes(ax, spans, np.zeros(len(places)), heights, colors)
    _mark_scale(ax, [0, limit])
    return ax


def _mark_scale(ax: Axes, ticks: list[float]) -> None:
    ax.spines["left"].set_visible(True)
    ax.set_yticks(ticks, [f"{tick:.2g}".replace("-", "−") for tick in ticks])
    ax.tick_params(axis="y", labelsize=6, length=2, pad=1)


def draw_ruler(ax: Axes, *, start: int, end: int) -> Axes:
    """Write offsets under a row, every ten bases."""
    clear_axes(ax, start, end)
    ticks = np.arange(-(-start // 10) * 10, end, 10)
    labels = [f"{tick:+d}".replace("-", "−") if tick else "0" for tick in ticks]
    ax.set_xticks(ticks, labels)
    ax.tick_params(axis="x", labelsize=6.5, length=2.5, pad=1.5, direction="in")
    # A strip without height: ticks and labels only.
    ax.patch.set_visible(False)
    return ax


def round_up(value: float) -> float:
    """Next number of the form 1, 2, 2.5 or 5 times a power of ten, for axis limits."""
    if not np.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    steps = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0)
    return float(next(s * power for s in steps if s * power >= value * (1 - 1e-9)))
