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
    from .named_words import Word, place_words, read_words
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
        OTHER_TYPE,
        StrengthModel,
        encode_bases,
        find_dinucleotides,
        learn_matrix,
        learn_strength,
        learn_strengths,
        make_strength_families,
        scan_decoys,
        scan_strength,
        score_matrix,
    )
    from .table import write_features

__all__, __getattr__ = open_face(__name__, __file__)
