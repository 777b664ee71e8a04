"""New backbones from options, with random weights."""

from __future__ import annotations

import difflib
from typing import Any

from error_sequence_model.backbones.architectures import FAMILIES, SHORT_NAMES, Family
from error_sequence_model.backbones.backbone import (
    Backbone,
    NetworkConfig,
    check_type,
    get_types,
)
from error_sequence_model.backbones.heads import CausalLMHead, MaskedLMHead
from error_sequence_model.backbones.layouts import LAYOUTS
from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import SequenceTokenizer, load_tokenizer


def get_family(architecture: str) -> Family:
    """Look up an architecture.

    Raises:
        InputError: There is none of this name.
    """
    if architecture not in FAMILIES:
        raise InputError(
            f"architecture {architecture!r} is unknown; allowed are "
            f"{', '.join(FAMILIES)} (set `backbones.<name>.architecture`)"
        )
    return FAMILIES[architecture]


def list_options(architecture: str) -> tuple[str, ...]:
    """Names of the options an architecture takes, short names first."""
    config_class = get_family(architecture).config_class
    own = get_types(config_class)
    aliases = config_class.attribute_map
    short = [
        name for name, field in SHORT_NAMES.items() if aliases.get(field, field) in own
    ]
    return tuple(dict.fromkeys([*short, *aliases, *own]))


def make_config(architecture: str, **options: Any) -> NetworkConfig:
    """Make the configuration of an architecture.

    Args:
        architecture: A name in ``FAMILIES``.
        **options: Fields of its configuration; ``layers`` and ``heads`` for short.

    Raises:
        InputError: The architecture or an option is unknown, or a value does not fit.
    """
    family = get_family(architecture)
    allowed = list_options(architecture)
    for name in options:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"option {name!r} is unknown for architecture {architecture!r}{hint}; "
                f"allowed are {', '.join(allowed)} (set in `backbones.<name>`)"
            )
    aliases = family.config_class.attribute_map
    types = get_types(family.config_class)
    fields: dict[str, Any] = {}
    try:
        for name, value in options.items():
            field = SHORT_NAMES.get(name, name)
            field = aliases.get(field, field)
            check_type(name, value, types[field])
            if "drop" in field and not 0 <= value < 1:
                raise ValueError(f"{name} is {value}; it must be from 0 to below 1")
            fields[field] = value
        return family.config_class(**fields)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise InputError(
            f"options of architecture {architecture!r} do not fit: {error} "
            "(set in `backbones.<name>`)"
        ) from error


def create_backbone(
    architecture: str, *, tokenizer: str | None = None, **options: Any
) -> tuple[Backbone, SequenceTokenizer]:
    """Make a backbone with random weights (seeded by torch's generator).

    Args:
        architecture: A name in ``FAMILIES``.
        tokenizer: Folder to read the tokenizer from, where the architecture has none
            of its own (the BPE vocabulary of DNABERT-2).
        **options: Fields of the architecture's configuration; ``layers`` and ``heads``
            for short.

    Returns:
        The backbone and its tokenizer.

    Raises:
        InputError: The architecture, an option or a value is unknown or does not fit,
            or a tokenizer is needed.
    """
    family = get_family(architecture)
    config = make_config(architecture, **options)
    if tokenizer is not None:
        made = load_tokenizer(tokenizer)
    elif family.make_tokenizer is not None:
        made = family.make_tokenizer()
    else:
        raise InputError(
            f"architecture {architecture!r} from scratch needs a vocabulary: set "
            "`tokenizer` to a folder with its tokenizer.json, or `checkpoint` to load "
            "published weights"
        )
    if made.vocab_size > config.vocab_size:
        raise InputError(
            f"vocab_size {config.vocab_size} is smaller than the {made.vocab_size} "
            f"tokens of the {made.family} tokenizer"
        )
    return family.model_class(config), made


def create_lm_head(backbone: Backbone) -> MaskedLMHead | CausalLMHead:
    """Make a new language-model head that fits a backbone.

    Args:
        backbone: A backbone of any family.

    Returns:
        A masked head, its decoder tied to the word embedding where the sizes allow it
        and the family does so; a causal head for a causal family.
    """
    family = get_family(backbone.config.model_type)
    embedding = backbone.get_input_embeddings()
    hidden, n_tokens = backbone.config.hidden_size, embedding.num_embeddings
    if family.is_causal:
        return CausalLMHead(hidden, n_tokens)
    epsilon = backbone.config.layer_norm_eps
    head = MaskedLMHead(hidden, n_tokens, layer_norm_eps=epsilon)
    if LAYOUTS[family.name].is_tied:
        head.tie(embedding)
    return head
