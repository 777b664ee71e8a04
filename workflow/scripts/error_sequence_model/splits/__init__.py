"""Folds that share nothing: groups, homology, and the audit for leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .components import join_pairs, link_equal, link_overlaps
    from .grouping import get_column, group_sites
    from .homology import (
        compare_pairs,
        find_cross_candidates,
        hash_windows,
        link_homologous,
        measure_pairs,
        sketch_windows,
    )
    from .kmers import get_kmers
    from .leakage import audit_fold, count_overlaps, summarise_audits
    from .leakfilter import LeakFilter
    from .split import (
        COLUMNS,
        assign_parts,
        make_split,
        require_classes,
        shuffle_labels,
    )

__all__ = [
    "COLUMNS",
    "LeakFilter",
    "assign_parts",
    "audit_fold",
    "compare_pairs",
    "count_overlaps",
    "find_cross_candidates",
    "get_column",
    "get_kmers",
    "group_sites",
    "hash_windows",
    "join_pairs",
    "link_equal",
    "link_homologous",
    "link_overlaps",
    "make_split",
    "measure_pairs",
    "require_classes",
    "shuffle_labels",
    "sketch_windows",
    "summarise_audits",
]

__getattr__ = open_face(__name__, __file__)
