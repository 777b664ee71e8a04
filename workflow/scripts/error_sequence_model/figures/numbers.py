"""Numbers and lists as they are read on a page: intervals, signs, p values, ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


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


def format_estimate(value: float, low: float, high: float, digits: int = 2) -> str:
    """A signed value with its interval, which may be missing; a dash without both."""
    if not np.isfinite(value):
        return "–"
    text = format_signed(value, digits)
    if not np.isfinite(low):
        return text
    return f"{text} [{format_signed(low, digits)}, {format_signed(high, digits)}]"


def format_estimates(table: pd.DataFrame, name: str, digits: int = 2) -> list[str]:
    """Signed values of a column with their intervals, {name}_low to {name}_high."""
    numbers = (table[f"{name}{end}"] for end in ("", "_low", "_high"))
    return [format_estimate(*row, digits) for row in zip(*numbers, strict=True)]


def format_scores(
    table: pd.DataFrame, names: Sequence[str], *, sign: bool = False
) -> list[str]:
    """Scores with their intervals, from the columns of value, low and high."""
    return [
        format_number(value, sign=sign) + format_interval((low, high))
        for value, low, high in zip(*(table[name] for name in names), strict=True)
    ]


def format_q(value: float) -> str:
    """A q value, as a bound where it is tiny."""
    if not np.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def format_share(share: float) -> str:
    """A share in per cent; with a digit below 1 %, so that some is not told as none."""
    return f"{share:.1%}" if 0 < share < 0.0095 else f"{share:.0%}"


def format_ratio(value: float) -> str:
    """An odds ratio in three figures, as a bound where it is extreme."""
    if not np.isfinite(value):
        return "–"
    if value >= 1000 or value < 0.01:
        return "> 1000" if value > 1 else "< 0.01"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def format_ratios(row: Any, missing: str = "too few") -> str:
    """An odds ratio with its interval."""
    if not np.isfinite(row.odds_ratio):
        return missing
    ends = f"{format_ratio(row.low)}, {format_ratio(row.high)}"
    return f"{format_ratio(row.odds_ratio)} [{ends}]"


def count_words(number: int, noun: str) -> str:
    """A count with its noun: "1 site", "2,301 sites"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def join_words(names: Sequence[str]) -> str:
    """Names as "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
