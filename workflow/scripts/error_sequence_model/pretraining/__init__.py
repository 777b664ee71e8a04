"""Language modelling on the user's genome before fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .gene_bodies import (
        ACCEPTOR,
        DONOR,
        EXON,
        GeneBodies,
        GenomeSource,
        read_gene_bodies,
    )
    from .gene_windows import (
        PLAN,
        GeneWindows,
        plan_windows,
        read_gene_windows,
        write_gene_windows,
    )
    from .held_out import (
        HeldOut,
        NearDuplicates,
        cut_pieces,
        find_held_out,
        find_overlaps,
    )
    from .language_models import (
        IGNORED,
        ExampleMaker,
        LanguageModel,
        choose_hidden,
        count_targets,
        label_tokens,
    )
    from .loop import Pretraining
    from .perplexity import (
        Measured,
        collate_examples,
        describe_measured,
        join_measured,
        measure,
    )
    from .run import create_language_model, pretrain_run
    from .steps import PretrainingSteps
    from .window_run import audit_gene_windows, draw_gene_windows

__all__ = [
    "ACCEPTOR",
    "DONOR",
    "EXON",
    "IGNORED",
    "PLAN",
    "ExampleMaker",
    "GeneBodies",
    "GeneWindows",
    "GenomeSource",
    "HeldOut",
    "LanguageModel",
    "Measured",
    "NearDuplicates",
    "Pretraining",
    "PretrainingSteps",
    "audit_gene_windows",
    "choose_hidden",
    "collate_examples",
    "count_targets",
    "create_language_model",
    "cut_pieces",
    "describe_measured",
    "draw_gene_windows",
    "find_held_out",
    "find_overlaps",
    "join_measured",
    "label_tokens",
    "measure",
    "plan_windows",
    "pretrain_run",
    "read_gene_bodies",
    "read_gene_windows",
    "write_gene_windows",
]

__getattr__ = open_face(__name__, __file__)
