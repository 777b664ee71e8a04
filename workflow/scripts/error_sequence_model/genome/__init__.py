"""Reference sequence and what lies on it: annotation, variants, bigWigs, places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .annotation import (
        SITE,
        Annotation,
        find_junctions,
        read_annotation,
        read_genes,
    )
    from .bigwigs import open_bigwig, stream_bigwig
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
    from .fasta import (
        Genome,
        clean_bases,
        complement_bases,
        match_contigs,
        normalise_contig,
        reverse_complement,
    )
    from .gene_models import GeneModels, read_gene_models
    from .junction_files import read_support
    from .transcripts import SMALLEST_INTRON, read_transcripts
    from .variants import Variants

__all__ = [
    "BASE_N",
    "SITE",
    "SITE_BASES",
    "SMALLEST_INTRON",
    "SPLICE_TYPES",
    "STRANDS",
    "Annotation",
    "GeneModels",
    "Genome",
    "Variants",
    "WindowCutter",
    "check_convention",
    "check_sides",
    "clean_bases",
    "complement_bases",
    "extract_window",
    "find_junctions",
    "get_dinucleotides",
    "get_junctions",
    "get_positions",
    "get_window_starts",
    "match_contigs",
    "normalise_contig",
    "open_bigwig",
    "read_annotation",
    "read_gene_models",
    "read_genes",
    "read_support",
    "read_transcripts",
    "reverse_complement",
    "stream_bigwig",
]

__getattr__ = open_face(__name__, __file__)
