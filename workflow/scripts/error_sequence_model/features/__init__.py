"""Classical features of sites by family, their catalogue, and their guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .annotation import compute_annotation_features, may_use_annotation
    from .catalogue import (
        CATALOGUE,
        KnownElement,
        average_letters,
        get_bits,
        learn_splice_sites,
        read_elements,
        spell_consensus,
        write_consensus,
    )
    from .elements import find_hits, make_element_family, parse_consensus
    from .families import Family, Feature, Layout, compute_families, say_range
    from .files import describe_features, list_columns, load_features
    from .kmers import make_base_family, make_count_family, make_kmer_families
    from .leakguard import (
        LeakGuard,
        compute_single_aurocs,
        refuse_columns,
        refuse_leaks,
    )
    from .neighbours import Neighbours, find_neighbours
    from .sequence import (
        BRANCH,
        BRANCH_ADENINE,
        BRANCH_ZONE,
        TRACT_ZONE,
        find_branch,
        find_tract,
        make_sequence_families,
        measure_cpg,
        measure_entropy,
        measure_gc,
        measure_run,
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
        NO_DECOY,
        OTHER_TYPE,
        StrengthModel,
        learn_transitions,
        make_strength_families,
        scan_decoys,
    )
    from .strength_learning import learn_fold_families, learn_strengths
    from .table import write_features
    from .tracks import compute_track_features

__all__ = [
    "BRANCH",
    "BRANCH_ADENINE",
    "BRANCH_ZONE",
    "CATALOGUE",
    "CONSENSUS",
    "NO_DECOY",
    "OTHER_TYPE",
    "TRACT_ZONE",
    "Family",
    "Feature",
    "KnownElement",
    "Layout",
    "LeakGuard",
    "Neighbours",
    "StrengthModel",
    "average_letters",
    "compute_annotation_features",
    "compute_families",
    "compute_single_aurocs",
    "compute_track_features",
    "describe_features",
    "encode_bases",
    "find_branch",
    "find_dinucleotides",
    "find_hits",
    "find_neighbours",
    "find_tract",
    "get_bits",
    "learn_fold_families",
    "learn_matrix",
    "learn_splice_sites",
    "learn_strength",
    "learn_strengths",
    "learn_transitions",
    "list_columns",
    "load_features",
    "make_base_family",
    "make_count_family",
    "make_element_family",
    "make_kmer_families",
    "make_sequence_families",
    "make_strength_families",
    "may_use_annotation",
    "measure_cpg",
    "measure_entropy",
    "measure_gc",
    "measure_run",
    "parse_consensus",
    "read_elements",
    "refuse_columns",
    "refuse_leaks",
    "say_range",
    "scan_decoys",
    "scan_strength",
    "score_matrix",
    "spell_consensus",
    "write_consensus",
    "write_features",
]

__getattr__ = open_face(__name__, __file__)
