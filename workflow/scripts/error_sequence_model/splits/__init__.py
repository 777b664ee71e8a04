"""Folds that share nothing: groups, homology, and the audit for leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .grouping import get_column, group_sites
    from .homology import get_kmers
    from .leakage import count_overlaps, summarise_audits
    from .near_copies import NearCopies
    from .split import assign_parts, make_split, require_classes, shuffle_labels

__all__, __getattr__ = open_face(__name__, __file__)
