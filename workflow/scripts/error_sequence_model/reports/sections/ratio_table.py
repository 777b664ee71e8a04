"""A table with a forest of its odds ratios beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    MARGIN,
    Column,
    Page,
    draw_table,
    plot_ratios,
)

GAP, AXIS = 0.25, 0.36  # inches between the two, and for the axis below


def draw_ratio_table(
    page: Page,
    columns: Sequence[Column],
    rows: pd.DataFrame,
    *,
    forest: float,
    label: str,
    size: float,
) -> None:
    """Draw a table and, row by row beside it, odds ratios on a log scale.

    Args:
        page: The page.
        columns: Of the table.
        rows: What ``plot_ratios`` draws, one row per row of the table.
        forest: Width of the forest, inches.
        label: What the ratios compare.
        size: Type of the table, points.
    """
    width = BODY_WIDTH - forest - GAP
    drawn = draw_table(page, columns, width=width, most_rows=len(rows), size=size)
    left, height = MARGIN + width + GAP, drawn.step * drawn.count
    ax = plot_ratios(rows, page.axes(left, drawn.top, forest, height))
    ax.set_xlabel(f"odds ratio{label} (log scale)", labelpad=2)
    page.top += AXIS
