"""An error classifier: a backbone, pooling and a head; created, saved, loaded, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .adapters import count_parameters, merge_adapters
    from .first_pass import calibrate_model
    from .model import (
        ErrorClassifier,
        check_backbone,
        create_classifier,
        load_model,
        refuse_other_tokenizer,
        require_model,
        save_model,
    )
    from .pooling import PEAK_SHARPNESS
    from .prediction import (
        compute_probabilities,
        embed_sites,
        predict_logits,
        predict_on_ranks,
    )

__all__, __getattr__ = open_face(__name__, __file__)
