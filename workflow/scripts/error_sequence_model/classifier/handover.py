"""What one public function hands to the next: of the right kind, and fitting."""

from __future__ import annotations

from typing import Any

from error_sequence_model.classifier.model import ErrorClassifier
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.tokenizers import SequenceTokenizer


def require_dataset(name: str, dataset: Any) -> None:
    """Refuse what is no data set, such as a frame or all data sets together.

    Raises:
        InputError: Says what was given and which function makes data sets.
    """
    if not isinstance(dataset, SequenceDataset):
        raise InputError(
            f"{name} is a {type(dataset).__name__}; give one of the data sets that "
            "`prepare_datasets_for_training` returns"
        )


def require_model(model: Any) -> None:
    """Refuse what is no classifier, such as the path of one.

    Raises:
        InputError: Says what was given and which function loads models.
    """
    if not isinstance(model, ErrorClassifier):
        raise InputError(
            f"model is a {type(model).__name__}; give what "
            "`train_error_sequence_model` or `load_model` returns"
        )


def refuse_other_tokenizer(model: ErrorClassifier, given: SequenceTokenizer) -> None:
    """Refuse tokens that were not made for this backbone.

    Raises:
        InputError: The vocabularies differ.
    """
    mine = model.tokenizer
    if (mine.family, mine.vocab_size) != (given.family, given.vocab_size):
        raise InputError(
            f"the data were tokenized with {given.family} ({given.vocab_size} tokens), "
            f"the model needs {mine.family} ({mine.vocab_size}); give "
            "`prepare_datasets_for_training` the tokenizer of the base model"
        )
