"""Step: windows.arrow -> the token store of one tokenizer."""

from __future__ import annotations

import argparse
import logging

from error_sequence_model.backbones import resolve_tokenizer
from error_sequence_model.core import make_parser, run_step
from error_sequence_model.settings import BackboneSettings
from error_sequence_model.tokenizers import write_tokens

logger = logging.getLogger("error_sequence_model.tokens")


parse_arguments = make_parser(__doc__, "windows", "backbone", "tokens").parse_args


def main(arguments: argparse.Namespace) -> None:
    """Tokenize all windows."""
    backbone = BackboneSettings.from_mapping(arguments.backbone)
    tokenizer = resolve_tokenizer(backbone.base_model)
    count = write_tokens(arguments.windows, tokenizer, arguments.tokens)
    logger.info("%d windows, %s tokens", count, tokenizer.family)


if __name__ == "__main__":
    run_step(main, parse_arguments())
