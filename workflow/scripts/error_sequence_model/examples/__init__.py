"""Data to try the workflow on: small frames, and the genes of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .frames import make_example_frames
    from .packages import PACKAGES, DataPackage, extract_member, fetch_package
    from .study_genes import STUDY_GENE_COLUMNS, write_study_genes

__all__ = [
    "PACKAGES",
    "STUDY_GENE_COLUMNS",
    "DataPackage",
    "extract_member",
    "fetch_package",
    "make_example_frames",
    "write_study_genes",
]

__getattr__ = open_face(__name__, __file__)
