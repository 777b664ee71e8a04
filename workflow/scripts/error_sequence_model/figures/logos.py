"""Contribution logos: letters whose height is the mean signed attribution of the base.

Arrays are (n_positions, 4) in the order A, C, G, T. At each position positive letters
stack upwards and negative ones downwards, the largest outermost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from error_sequence_model.figures.style import BASE_COLOURS, MUTED

BASES = "ACGT"


def get_contributions(values: np.ndarray, sequences: Sequence[str]) -> np.ndarray:
    """Mean signed attribution of each base at each position.

    Args:
        values: Attributions, float (n_sites, n_positions).
        sequences: The same stretch of each site's sequence, n_positions letters.

    Returns:
        float64 (n_positions, 4): the sum over sites with that base there, divided by
        the number of all sites, so that a rare base cannot be tall by one site.
    """
    if not len(values):
        return np.zeros((values.shape[1], 4))
    letters = np.array([list(sequence) for sequence in sequences])
    return np.stack(
        [np.where(letters == base, values, 0.0).mean(axis=0) for base in BASES], axis=1
    )


@cache
def _get_glyph(letter: str) -> Path:
    """Outline of a letter in the unit square."""
    outline = TextPath(
        (0, 0), letter, prop=FontProperties(family="DejaVu Sans", weight="bold")
    )
    box = outline.get_extents()
    vertices = (outline.vertices - box.min) / (box.max - box.min)
    return Path(vertices, outline.codes)


def plot_logo(
    contributions: np.ndarray,
    ax: Axes,
    *,
    start: int,
    limit: float | None = None,
) -> Axes:
    """Draw a contribution logo.

    Args:
        contributions: float (n_positions, 4).
        ax: Where to draw.
        start: Offset of the first position.
        limit: Half height of the symmetric y axis; None fits this logo.
    """
    outlines: dict[str, list[Path]] = {base: [] for base in BASES}
    for position, heights in enumerate(contributions):
        for sign in (1, -1):
            bottom = 0.0
            for index in np.argsort(np.abs(heights)):
                height = abs(heights[index])
                if height * sign == 0 or np.sign(heights[index]) != sign:
                    continue
                low = bottom if sign > 0 else -bottom - height
                glyph = _get_glyph(BASES[index])
                place = (start + position - 0.47, low)
                vertices = glyph.vertices * (0.94, height) + place
                outlines[BASES[index]].append(Path(vertices, glyph.codes))
                bottom += height
    for base, paths in outlines.items():
        ax.add_collection(
            PathCollection(paths, facecolors=BASE_COLOURS[base], edgecolors="none")
        )
    limit = limit if limit is not None else get_logo_limit([contributions])
    ax.axhline(0, color=MUTED, lw=0.6)
    ax.set(xlim=(start - 0.5, start + len(contributions) - 0.5), ylim=(-limit, limit))
    return ax


def get_logo_limit(logos: Sequence[np.ndarray]) -> float:
    """Half height of a symmetric axis that holds all these logos."""
    heights = [
        np.clip(sign * logo, 0, None).sum(axis=1).max(initial=0.0)
        for logo in logos
        for sign in (1, -1)
    ]
    return max(heights, default=0.0) * 1.08 or 1.0
