"""Columns that say nothing: features that no row has."""

from __future__ import annotations

import numpy as np


def fill_empty_columns(values: np.ndarray) -> np.ndarray:
    """Give columns without any value the same one in every row.

    A feature may be absent throughout (the other type's strength in a table of one
    splice type, what windows are too short for). Boosting of scikit-learn 1.9 raises on
    such a column; of one that is constant it makes no use, so what is predicted from is
    as good as before with or without it.

    Args:
        values: (n, columns), to fit on; NaN is none.

    Returns:
        The same array where there is none, else a copy with 0 in such columns.
    """
    if not np.issubdtype(values.dtype, np.floating) or not len(values):
        return values
    is_empty = np.isnan(values).all(axis=0)
    return (
        np.where(is_empty, values.dtype.type(0), values) if is_empty.any() else values
    )
