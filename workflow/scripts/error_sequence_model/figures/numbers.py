"""Numbers and lists as they are read on a page: intervals, signs, p values, counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def format_interval(interval: Any) -> str:
    """An interval as " [0.51, 0.63]", or nothing if there is none."""
    if interval is None or len(interval) != 2 or not np.isfinite(interval).all():
        return ""
    low, high = (f"{end:.2f}".replace("-", "−") for end in interval)
    return f" [{low}, {high}]"


def format_number(value: Any, digits: int = 2, *, sign: bool = False) -> str:
    """A number, or a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return format_signed(value, digits) if sign else f"{value:.{digits}f}"


def format_signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus, and none before zero."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "−")


def format_p(value: float, draws: int) -> str:
    """A permutation p-value; at its floor (no permutation as extreme) as a bound."""
    if np.isnan(value):
        return "–"
    floor = 1 / (draws + 1)
    return f"≤ {floor:.1g}" if value <= floor * 1.001 else f"{value:.2g}"


def count_words(number: int, noun: str) -> str:
    """A count with its noun: "1 site", "2,301 sites"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def join_words(names: Sequence[str]) -> str:
    """Names as "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
