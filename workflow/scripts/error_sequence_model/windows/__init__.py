"""Transcript-strand sequence around each junction, and its named regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .regions import WIDE, Region, get_regions, get_sides, get_zoom, say_region
    from .windows import (
        MOST_OPEN,
        SCHEMA,
        Windows,
        make_batch,
        make_windows,
        read_windows,
        write_windows,
    )

__all__, __getattr__ = open_face(__name__, __file__)
