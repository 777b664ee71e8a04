"""Data to try the workflow on: small frames, and the genes of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .frames import make_example_frames
    from .outside_truth import read_exon_use, read_known_u12
    from .packages import PACKAGES, DataPackage, extract_member, fetch_package
    from .study import NETWORKS, prepare_study
    from .study_genes import STUDY_GENE_COLUMNS, write_study_genes

__all__, __getattr__ = open_face(__name__, __file__)
