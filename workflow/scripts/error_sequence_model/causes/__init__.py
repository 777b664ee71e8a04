"""Named causes of errors: flags from sequence, structure and tracks; their tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .name import FEWEST_KNOWN, MOST_UNLIKE, NamedCauses, choose_sites, name_causes
    from .registry import CAUSES
    from .sequence import (
        flag_sequences,
        learn_reference,
        measure_alternation,
        measure_dust,
    )
    from .structure import flag_neighbours, flag_structure
    from .tracks import flag_tracks, read_bed

__all__ = [
    "CAUSES",
    "FEWEST_KNOWN",
    "MOST_UNLIKE",
    "NamedCauses",
    "choose_sites",
    "flag_neighbours",
    "flag_sequences",
    "flag_structure",
    "flag_tracks",
    "learn_reference",
    "measure_alternation",
    "measure_dust",
    "name_causes",
    "read_bed",
]

__getattr__ = open_face(__name__, __file__)
