"""Error tables of every origin, read, checked, and merged into one row per site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .consensus import MINIMUM_SHARE, Reading, check_consensus, has_consensus
    from .peer_errors import join_errors
    from .pools import Member, pool_sites, pool_windows
    from .prepare import FORMATS, describe_counts, prepare_sites, read_sites

__all__, __getattr__ = open_face(__name__, __file__)
