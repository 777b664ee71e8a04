"""Language modelling on the user's genome before fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .gene_bodies import GeneBodies, GenomeSource, read_gene_bodies
    from .language_task import Pretraining
    from .run import pretrain_run
    from .window_run import draw_gene_windows

__all__, __getattr__ = open_face(__name__, __file__)
