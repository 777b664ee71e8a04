"""Loading checkpoints strictly: every tensor has a place and every place a tensor."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from error_sequence_model.backbones.architectures import FAMILIES, Family
from error_sequence_model.backbones.backbone import (
    Backbone,
    NetworkConfig,
    get_types,
)
from error_sequence_model.backbones.heads import (
    CausalLMHead,
    FirstTokenClassifier,
    LastTokenClassifier,
    MaskedLMHead,
    TokenClassifier,
)
from error_sequence_model.backbones.layouts import (
    LAYOUTS,
    HeadKind,
    Layout,
    identify_family,
    is_multimolecule,
    translate_multimolecule,
)
from error_sequence_model.backbones.local_copies import find_checkpoint
from error_sequence_model.backbones.weights import (
    build_skeleton,
    read_weights,
    refuse_misfits,
)
from error_sequence_model.core import InputError, read_json
from error_sequence_model.tokenizers import SequenceTokenizer, load_tokenizer

logger = logging.getLogger(__name__)

DECODER = "decoder.weight"


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        family: Its family.
        backbone: The model without heads, in evaluation mode, float32.
        tokenizer: Its tokenizer.
        head: The head the files hold, or ``None``.
        head_kind: What that head is, or ``None``.
    """

    family: Family
    backbone: Backbone
    tokenizer: SequenceTokenizer
    head: nn.Module | None
    head_kind: HeadKind | None


def load_backbone(
    path_or_name: str | Path,
) -> tuple[Backbone, SequenceTokenizer]:
    """Load a backbone and its tokenizer; see ``load_checkpoint``."""
    checkpoint = load_checkpoint(path_or_name)
    return checkpoint.backbone, checkpoint.tokenizer


def load_checkpoint(path_or_name: str | Path) -> Checkpoint:
    """Load a checkpoint of any family.

    The family is told by the content of the files. Nothing is downloaded, no code of
    the checkpoint is run, and nothing asks on standard input.

    Args:
        path_or_name: A folder, or the name of a published model with a local copy.

    Returns:
        The backbone, its tokenizer, and its head if there is one.

    Raises:
        InputError: The files are missing, damaged, of no known family, or do not fit
            exactly: missing, unexpected and misshapen tensors are listed.
    """
    folder = find_checkpoint(path_or_name)
    settings = read_json(folder / "config.json")
    if not isinstance(settings, dict):
        raise InputError(f"{folder / 'config.json'}: not a table of settings")
    weights, source = read_weights(folder)
    if is_multimolecule(weights):
        settings, weights = translate_multimolecule(settings, weights, source)
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    name = identify_family(settings, shapes, str(folder))
    family, layout = FAMILIES[name], LAYOUTS[name]
    config = _make_config(family, layout, settings, folder)
    try:
        # Nothing of the claimed size is made before the file is known to hold it.
        skeleton = build_skeleton(
            lambda: family.model_class(config), settings, len(weights)
        )
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
        raise InputError(f"{folder / 'config.json'}: {error}") from error
    expected = skeleton.state_dict()
    if name == "hyenadna":
        weights = _merge_frequencies(weights, source)
    own, heads = _sort_weights(weights, layout, set(expected))
    refuse_misfits(expected, own, source)
    backbone = _fill(skeleton, own)
    head, kind = _make_head(heads, layout, backbone, source)
    tokenizer = _load_tokenizer(folder, family, settings)
    if tokenizer.vocab_size > backbone.get_input_embeddings().num_embeddings:
        raise InputError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, more than the "
            "embedding; the files do not belong together"
        )
    size = sum(weight.numel() for weight in backbone.parameters())
    logger.info("%s: %s, %d weights", folder, name, size)
    return Checkpoint(family, backbone.eval(), tokenizer, head, kind)


def _fill(skeleton: nn.Module, weights: Mapping[str, Tensor]) -> Any:
    """Make the model of a skeleton with the weights that fit it, float32."""
    if isinstance(skeleton, Backbone):
        # Nothing is drawn to be overwritten. A copy: a file's tensors may share memory.
        expected = skeleton.state_dict()
        own = {n: w.to(expected[n].dtype, copy=True) for n, w in weights.items()}
        skeleton.load_state_dict(own, strict=True, assign=True)
        return skeleton
    from transformers.initialization import no_init_weights

    # Not from the skeleton: it has buffers that no file holds.
    with no_init_weights():
        backbone = type(skeleton)(skeleton.config)
    backbone.load_state_dict(weights, strict=True)
    return backbone


def _make_config(
    family: Family, layout: Layout, settings: Mapping[str, Any], folder: Path
) -> NetworkConfig:
    if lacking := [key for key in layout.required if key not in settings]:
        # A default could fit the tensors and still be wrong: the number of heads.
        raise InputError(f"{folder / 'config.json'}: lacks {', '.join(lacking)}")
    for key, allowed in layout.settings.items():
        if key in settings and settings[key] not in allowed:
            raise InputError(
                f"{folder / 'config.json'}: {key} is {settings[key]!r}; this package "
                f"implements {family.name} with {' or '.join(map(repr, allowed))}"
            )
    for key in layout.required:
        if not isinstance(settings[key], int) or settings[key] < 0:
            raise InputError(
                f"{folder / 'config.json'}: {key} is {settings[key]!r}; it must be a "
                "whole number"
            )
    own = get_types(family.config_class)
    chosen = {key: value for key, value in settings.items() if key in own}
    try:
        return family.config_class(**chosen)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise InputError(f"{folder / 'config.json'}: {error}") from error


def _sort_weights(
    weights: Mapping[str, Tensor], layout: Layout, expected: set[str]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Split into the backbone's tensors by their own name, and the heads' by theirs."""
    own: dict[str, Tensor] = {}
    heads: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        bare = name
        for prefix in layout.prefixes:
            bare = bare.removeprefix(prefix)
        if bare in expected and bare not in own:
            own[bare] = tensor
        elif bare in layout.heads and bare not in heads:
            heads[bare] = tensor
        elif not layout.is_unused(bare):
            # Listed as unexpected; with and without prefix it may be there twice.
            own[name if name not in own else f"{name} (twice)"] = tensor
    return own, heads


def _merge_frequencies(weights: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """Leave out the aliases of HyenaDNA's one sine layer, if they agree with it."""
    ending = "implicit_filter.1.freq"
    merged = dict(weights)
    for name in [name for name in weights if name.endswith(ending)]:
        stem = name.removesuffix("1.freq")
        for alias in [key for key in weights if key.startswith(stem)]:
            is_alias = alias.endswith(".freq") and alias != name
            if is_alias and not torch.equal(merged.pop(alias), weights[name]):
                raise InputError(f"{source}: {alias} differs from {name}, its alias")
    return merged


def _make_head(
    tensors: Mapping[str, Tensor],
    layout: Layout,
    backbone: Backbone,
    source: Path,
) -> tuple[nn.Module | None, HeadKind | None]:
    by_kind: dict[HeadKind, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, ours = layout.heads[name]
        by_kind.setdefault(kind, {})[ours] = tensor
    if by_kind.get("first_token_classifier", {}).keys() == {
        "dense.weight",
        "dense.bias",
    }:
        # The pooler of a plain encoder save, which its author never trained.
        del by_kind["first_token_classifier"]
    if not by_kind:
        return None, None
    if len(by_kind) > 1:
        raise InputError(f"{source}: holds two heads, {' and '.join(by_kind)}")
    [(kind, weights)] = by_kind.items()
    embedding = backbone.get_input_embeddings()
    is_tied = kind == "masked_lm" and layout.is_tied
    if is_tied:
        stored = weights.setdefault(DECODER, embedding.weight.detach())
        if not torch.equal(stored.float(), embedding.weight.float()):
            raise InputError(
                f"{source}: the decoder of the language model must be the word "
                "embedding, but differs from it"
            )
    if kind == "masked_lm":
        hidden = backbone.config.hidden_size
        for name in layout.zeros:
            size = embedding.num_embeddings if name.startswith("decoder") else hidden
            weights.setdefault(name, torch.zeros(size))
    head = build_head(kind, backbone.config, weights)
    refuse_misfits(head.state_dict(), weights, source)
    # Loading copies into the model's own tensors, so half precision becomes float32.
    head.load_state_dict(weights, strict=True)
    if is_tied:
        head.tie(embedding)
    return head.eval(), kind


def build_head(
    kind: HeadKind, config: NetworkConfig, weights: Mapping[str, Tensor]
) -> nn.Module:
    """Make an empty head whose sizes are those of its weights.

    Args:
        kind: Which head.
        config: Configuration of the backbone.
        weights: Our names to tensors; the last layer tells the number of outputs.
    """
    hidden = config.hidden_size
    last = weights.get("output.weight", weights.get(DECODER))
    n_outputs = last.shape[0] if last is not None else 0
    if kind == "masked_lm":
        return MaskedLMHead(hidden, n_outputs, layer_norm_eps=config.layer_norm_eps)
    dropout = getattr(config, "hidden_dropout_prob", 0.0)
    if kind == "first_token_classifier":
        return FirstTokenClassifier(hidden, n_outputs, dropout=dropout)
    classes = {
        "causal_lm": CausalLMHead,
        "last_token_classifier": LastTokenClassifier,
        "token_classifier": TokenClassifier,
    }
    return classes[kind](hidden, n_outputs)


def _load_tokenizer(
    folder: Path, family: Family, settings: Mapping[str, Any]
) -> SequenceTokenizer:
    names = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
    has_files = any((folder / name).exists() for name in names)
    # Our own folders, and HyenaDNA's, may come without: the vocabulary is fixed.
    is_fixed = settings.get("model_type") == family.name
    if not has_files and is_fixed and family.make_tokenizer is not None:
        return family.make_tokenizer()
    tokenizer = load_tokenizer(folder)
    if tokenizer.family != family.tokenizer_family:
        raise InputError(
            f"{folder}: the weights are {family.name}, but the tokenizer is of the "
            f"kind {tokenizer.family}; the files do not belong together"
        )
    return tokenizer
