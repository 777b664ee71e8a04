"""Motifs in maps, and known elements: found, matched, tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .element_tests import measure_elements
    from .enrichment import SearchedSites
    from .exchange import convert_modisco_patterns, export_run
    from .run import choose_method, find_run_motifs, gather_sites

__all__, __getattr__ = open_face(__name__, __file__)
