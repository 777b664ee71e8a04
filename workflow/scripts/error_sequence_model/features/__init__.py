"""Classical features of sites by family, their catalogue, and their guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .catalogue import (
        CATALOGUE,
        NAMED_BITS,
        KnownElement,
        average_letters,
        get_bits,
        learn_splice_sites,
        parse_zones,
        read_elements,
        spell_consensus,
        write_consensus,
    )
    from .element_features import find_hits, make_element_family, parse_consensus
    from .families import Family, Layout, compute_families, say_range
    from .files import list_columns, load_features
    from .neighbour_features import Neighbours, find_neighbours
    from .scanning import (
        OWN,
        TRACT,
        cover_hits,
        find_element_hits,
        find_matrix_hits,
        find_placed_hits,
        find_threshold,
        get_background,
        get_log_odds,
        keep_inside,
        scan_matrix,
    )
    from .sequence_features import (
        BRANCH,
        BRANCH_ADENINE,
        BRANCH_ZONE,
        TRACT_ZONE,
        find_branch,
        find_tract,
        make_sequence_families,
        measure_gc,
    )
    from .strength import (
        CONSENSUS,
        encode_bases,
        find_dinucleotides,
        learn_matrix,
        learn_strength,
        scan_strength,
        score_matrix,
    )
    from .strength_features import (
        OTHER_TYPE,
        StrengthModel,
        make_strength_families,
        scan_decoys,
    )
    from .strength_learning import learn_strengths
    from .table import write_features

__all__ = [
    "BRANCH",
    "BRANCH_ADENINE",
    "BRANCH_ZONE",
    "CATALOGUE",
    "CONSENSUS",
    "NAMED_BITS",
    "OTHER_TYPE",
    "OWN",
    "TRACT",
    "TRACT_ZONE",
    "Family",
    "KnownElement",
    "Layout",
    "Neighbours",
    "StrengthModel",
    "average_letters",
    "compute_families",
    "cover_hits",
    "encode_bases",
    "find_branch",
    "find_dinucleotides",
    "find_element_hits",
    "find_hits",
    "find_matrix_hits",
    "find_neighbours",
    "find_placed_hits",
    "find_threshold",
    "find_tract",
    "get_background",
    "get_bits",
    "get_log_odds",
    "keep_inside",
    "learn_matrix",
    "learn_splice_sites",
    "learn_strength",
    "learn_strengths",
    "list_columns",
    "load_features",
    "make_element_family",
    "make_sequence_families",
    "make_strength_families",
    "measure_gc",
    "parse_consensus",
    "parse_zones",
    "read_elements",
    "say_range",
    "scan_decoys",
    "scan_matrix",
    "scan_strength",
    "score_matrix",
    "spell_consensus",
    "write_consensus",
    "write_features",
]

__getattr__ = open_face(__name__, __file__)
