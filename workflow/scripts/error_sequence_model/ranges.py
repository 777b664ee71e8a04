"""Numbers of settings held against what is allowed of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from error_sequence_model.errors import InputError


@dataclass(frozen=True)
class Range:
    """What a number may be.

    Attributes:
        low: The lowest value.
        high: The highest value; infinity itself is never allowed.
        is_whole: Only whole numbers.
        is_open: ``low`` itself is not allowed.
        is_optional: None is allowed as well.
    """

    low: float = 0
    high: float = math.inf
    is_whole: bool = False
    is_open: bool = False
    is_optional: bool = False

    def holds(self, value: Any) -> bool:
        """Whether the value is allowed; True and False are no numbers."""
        if value is None:
            return self.is_optional
        kind = Integral if self.is_whole else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return False
        if not math.isfinite(value) or value > self.high:
            return False
        return value > self.low if self.is_open else value >= self.low

    def __str__(self) -> str:
        text = "whole number" if self.is_whole else "number"
        text += f" {'above' if self.is_open else 'from'} {self.low:g}"
        if self.high < math.inf:
            text += f" to {self.high:.10g}"
        return f"a {text}{' or None' if self.is_optional else ''}"


COUNT = Range(is_whole=True, is_open=True)


def check_number(name: str, value: Any, allowed: Range, *, place: str) -> None:
    """Hold a number against its range.

    Args:
        name: What it is called.
        value: What was given.
        allowed: Its range.
        place: Where it is set, for the message.

    Raises:
        InputError: It is no number, or out of range.
    """
    if allowed.holds(value):
        return
    if isinstance(value, str):
        raise InputError(
            f"{name}: {value!r} is a string, {allowed} is needed (YAML reads 1e-4 as a "
            f"string: write 1.0e-4); set {place}"
        )
    raise InputError(f"{name}: {value!r} is not {allowed}; set {place}")


def check_edges(edges: Any) -> tuple[int, ...] | None:
    """Check the outer edges of length buckets: whole numbers that rise, or None.

    Raises:
        InputError: They are something else.
    """
    if edges is None:
        return None
    is_list = not isinstance(edges, (str, bytes)) and isinstance(edges, Iterable)
    given = list(edges) if is_list else [edges]
    fits = is_list and all(map(COUNT.holds, given))
    if not fits or given != sorted(set(given)):
        raise InputError(
            f"bucket_boundaries {edges!r}: whole numbers above 0 are needed, and they "
            "must rise; set `training.bucket_boundaries` in the config"
        )
    return tuple(map(int, given))
