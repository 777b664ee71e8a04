"""Named causes of errors: flags from sequence, structure and tracks; their tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .name import NamedCauses, choose_sites, name_causes
    from .registry import CAUSES
    from .tracks import read_bed

__all__, __getattr__ = open_face(__name__, __file__)
