"""Are a backbone's options those of a network? Told before any data are read."""

from __future__ import annotations

from error_sequence_model.backbones.creating import make_config
from error_sequence_model.settings import BackboneSettings
from error_sequence_model.token_pooling import parse_pooling


def check_backbone(settings: BackboneSettings) -> None:
    """Refuse options that make no network; a checkpoint is checked when it is read.

    Raises:
        InputError: Names the option, its value and what is allowed.
    """
    if settings.pooling is not None:
        parse_pooling(settings.pooling)
    if settings.checkpoint is None:
        options = {k: v for k, v in settings.options.items() if k != "tokenizer"}
        make_config(settings.architecture, **options)
