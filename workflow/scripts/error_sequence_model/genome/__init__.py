"""Reference sequence and what lies on it: annotation, variants, bigWigs, places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .annotation import (
        SITE,
        Annotation,
        find_genes,
        find_junctions,
        read_annotation,
        read_features,
        read_genes,
    )
    from .bigwigs import open_bigwig
    from .contigs import match_contigs, normalise_contig
    from .coordinates import (
        SITE_BASES,
        SPLICE_TYPES,
        STRANDS,
        check_convention,
        get_junctions,
        get_positions,
        get_window_starts,
    )
    from .cutting import (
        BASE_N,
        WindowCutter,
        check_sides,
        extract_window,
        get_dinucleotides,
    )
    from .fasta import Genome, clean_bases, complement_bases, reverse_complement
    from .gene_models import GeneModels, read_gene_models
    from .variants import Variants

__all__, __getattr__ = open_face(__name__, __file__)
