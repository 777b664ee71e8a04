"""Maps and predictions on the genome: bigWig and BED files for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .coordinates import place_sites, place_windows
    from .files import average_places, write_bigwig
    from .write import INDEX_COLUMNS, Source, write_tracks

__all__ = [
    "INDEX_COLUMNS",
    "Source",
    "average_places",
    "place_sites",
    "place_windows",
    "write_bigwig",
    "write_tracks",
]

__getattr__ = open_face(__name__, __file__)
