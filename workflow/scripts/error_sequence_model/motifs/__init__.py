"""Motifs in maps, and known elements: found, matched, tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .clusters import Motif, find_motifs_in_seqlets
    from .element_tests import ELEMENT_COLUMNS, list_regions, measure_elements
    from .enrichment import SearchedSites, measure_composition, measure_enrichment
    from .files import write_meme, write_motifs
    from .matching import list_contained, match_motif
    from .modisco import find_modisco_motifs
    from .run import choose_method, find_run_motifs
    from .scanning import (
        find_element_hits,
        find_matrix_hits,
        find_threshold,
        get_background,
        get_log_odds,
        keep_inside,
        scan_matrix,
    )
    from .search import MOTIF_COLUMNS, search_motifs
    from .seqlets import LONGEST, SHORTEST, call_seqlets
    from .sites import gather_sites, learn_elements

__all__ = [
    "ELEMENT_COLUMNS",
    "LONGEST",
    "MOTIF_COLUMNS",
    "SHORTEST",
    "Motif",
    "SearchedSites",
    "call_seqlets",
    "choose_method",
    "find_element_hits",
    "find_matrix_hits",
    "find_modisco_motifs",
    "find_motifs_in_seqlets",
    "find_run_motifs",
    "find_threshold",
    "gather_sites",
    "get_background",
    "get_log_odds",
    "keep_inside",
    "learn_elements",
    "list_contained",
    "list_regions",
    "match_motif",
    "measure_composition",
    "measure_elements",
    "measure_enrichment",
    "scan_matrix",
    "search_motifs",
    "write_meme",
    "write_motifs",
]

__getattr__ = open_face(__name__, __file__)
