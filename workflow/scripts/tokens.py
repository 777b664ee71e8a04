"""Step: windows.arrow -> the token store of one tokenizer."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from error_sequence_model.backbones import resolve_tokenizer
from error_sequence_model.core import parse_json, run_step
from error_sequence_model.settings import BackboneSettings
from error_sequence_model.tokenizers import write_tokens

logger = logging.getLogger("error_sequence_model.tokens")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="windows.arrow")
    parser.add_argument("--backbone", type=parse_json, required=True, help="its entry")
    parser.add_argument("--tokens", type=Path, required=True, help="token store")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Tokenize all windows."""
    backbone = BackboneSettings.from_mapping(arguments.backbone)
    tokenizer = resolve_tokenizer(backbone.base_model)
    count = write_tokens(arguments.windows, tokenizer, arguments.tokens)
    logger.info("%d windows, %s tokens", count, tokenizer.family)


if __name__ == "__main__":
    run_step(main, parse_arguments())
