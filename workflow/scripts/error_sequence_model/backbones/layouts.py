"""What published checkpoints look like: how to tell a family, and where its keys go.

A family is told by the content of the weights and checked against the configuration,
never by a name: a DNABERT-2 file read as plain BERT would silently be a random network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from error_sequence_model.backbones.published import name_nearest
from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import SpliceBertTokenizer

HeadKind = Literal[
    "masked_lm",
    "causal_lm",
    "first_token_classifier",
    "last_token_classifier",
    "token_classifier",
]
Shapes = Mapping[str, tuple[int, ...]]


SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads")


@dataclass(frozen=True)
class Layout:
    """Keys of one family's weight files.

    Attributes:
        prefixes: What stands before the backbone's own names, if anything.
        heads: Name in the file to (kind of head, name in our head).
        unused: Patterns of names that files carry and the model does not use.
        settings: Values in ``config.json`` that this package implements; a field that
            is there with another value is refused.
        is_tied: Whether the decoder of the masked language model is the embedding.
        zeros: Names in our head that the family's has not: nothing is added there.
        required: Fields that ``config.json`` must have.
    """

    prefixes: tuple[str, ...] = ()
    heads: dict[str, tuple[HeadKind, str]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    settings: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    is_tied: bool = False
    zeros: tuple[str, ...] = ()
    required: tuple[str, ...] = SIZES

    def is_unused(self, name: str) -> bool:
        """Whether a name may be there and is not used."""
        return any(re.fullmatch(pattern, name) for pattern in self.unused)


def _name_both(names: Mapping[str, str], kind: HeadKind) -> dict:
    return {
        f"{theirs}.{part}": (kind, f"{ours}.{part}")
        for theirs, ours in names.items()
        for part in ("weight", "bias")
    }


_BERT_LM = _name_both(
    {
        "cls.predictions.transform.dense": "dense",
        "cls.predictions.transform.LayerNorm": "norm",
        "cls.predictions.decoder": "decoder",
    },
    "masked_lm",
)

LAYOUTS: dict[str, Layout] = {
    "nucleotide_encoder": Layout(),
    "dnabert2": Layout(
        prefixes=("bert.", "model."),
        heads={
            **_BERT_LM,
            **_name_both(
                {"pooler.dense": "dense", "classifier": "output"},
                "first_token_classifier",
            ),
        },
        settings={"hidden_act": ("gelu",)},
        is_tied=True,
    ),
    "hyenadna": Layout(
        prefixes=("hyena.", "model."),
        heads={
            "lm_head.weight": ("causal_lm", "decoder.weight"),
            "score.weight": ("last_token_classifier", "output.weight"),
        },
        settings={"hyena_order": (2,), "use_bias": (True,)},
        required=("d_model", "n_layer", "max_seq_len"),
    ),
    "nucleotide_transformer": Layout(
        prefixes=("esm.",),
        heads={
            **_name_both(
                {"lm_head.dense": "dense", "lm_head.layer_norm": "norm"}, "masked_lm"
            ),
            "lm_head.decoder.weight": ("masked_lm", "decoder.weight"),
            "lm_head.bias": ("masked_lm", "decoder.bias"),
            **_name_both(
                {"classifier.dense": "dense", "classifier.out_proj": "output"},
                "first_token_classifier",
            ),
        },
        unused=(
            r"embeddings\.position_embeddings\.weight",
            r"embeddings\.position_ids",
            r"contact_head\.regression\.(weight|bias)",
            r".*rotary_embeddings\.inv_freq",
        ),
        settings={
            "add_bias_fnn": (False,),
            "position_embedding_type": ("rotary",),
            "token_dropout": (False,),
            "emb_layer_norm_before": (False, None),
        },
    ),
    "splicebert": Layout(
        prefixes=("bert.",),
        heads={
            **_BERT_LM,
            "cls.predictions.bias": ("masked_lm", "decoder.bias"),
            **_name_both({"classifier": "output"}, "token_classifier"),
        },
        unused=(
            r"embeddings\.position_ids",
            r"pooler\.dense\.(weight|bias)",
            r"cls\.seq_relationship\.(weight|bias)",
        ),
        settings={"position_embedding_type": ("absolute",), "hidden_act": ("gelu",)},
        is_tied=True,
    ),
    "modernbert": Layout(
        prefixes=("model.",),
        heads={
            **_name_both({"head.dense": "dense", "head.norm": "norm"}, "masked_lm"),
            **_name_both({"decoder": "decoder"}, "masked_lm"),
        },
        settings={
            "hidden_activation": ("gelu",),
            "classifier_activation": ("gelu",),
        },
        is_tied=True,
        zeros=("dense.bias", "norm.bias", "decoder.bias"),
        required=(*SIZES, "intermediate_size", "local_attention"),
    ),
}

SPLICEBERT_VOCABULARY = 10


def identify_family(config: Mapping[str, Any], shapes: Shapes, source: str) -> str:
    """Tell the family of a checkpoint by its content.

    Args:
        config: Content of ``config.json``.
        shapes: Name of each tensor to its shape.
        source: The checkpoint, for messages.

    Returns:
        A name in ``FAMILIES``.

    Raises:
        InputError: It is none of the families (plain BERT and ESM are told by name), or
            configuration and weights contradict each other.
    """
    declared = config.get("model_type")
    if declared == "splice_error_classifier":
        raise InputError(
            f"{source}: a trained classifier of this package, not a backbone; load it "
            "with error_sequence_model.load_model"
        )
    found = _identify_by_weights(shapes, source, name_nearest(declared))
    if declared in LAYOUTS and declared != found:
        raise InputError(
            f"{source}: config.json says {declared}, but the weights are {found}; the "
            "two files do not belong together"
        )
    if "alibi_starting_size" in config and found != "dnabert2":
        raise InputError(
            f"{source}: config.json is DNABERT-2's (alibi_starting_size), but the "
            f"weights are {found}; the two files do not belong together"
        )
    return found


def _identify_by_weights(shapes: Shapes, source: str, nearest: str) -> str:
    if _find(shapes, "attention.self.Wqkv.weight", "mlp.gated_layers.weight"):
        return "dnabert2"
    if any(".mixer.filter_fn." in name for name in shapes):
        return "hyenadna"
    if _find(shapes, "attn.Wqkv.weight") and _find(shapes, "mlp.Wi.weight"):
        return "modernbert"
    if _find(shapes, "attention_input.weight", "attention_norm.weight"):
        return "nucleotide_encoder"
    if _find(shapes, "attention.self.query.weight"):
        if _find(shapes, "encoder.emb_layer_norm_after.weight"):
            return _check_esm(shapes, source, nearest)
        return _check_bert(shapes, source)
    names = ", ".join(sorted(shapes)[:5])
    raise InputError(
        f"{source}: the weights belong to no known family ({', '.join(LAYOUTS)}), "
        f"their first names are {names}; {nearest}"
    )


def _check_esm(shapes: Shapes, source: str, nearest: str) -> str:
    wide = _find(shapes, "layer.0.intermediate.dense.weight")
    narrow = _find(shapes, "layer.0.output.dense.weight")
    if wide and narrow and shapes[wide][0] == 2 * shapes[narrow][1]:
        return "nucleotide_transformer"
    raise InputError(
        f"{source}: an ESM model without the gated MLP of Nucleotide Transformer v2 "
        f"(a version 1, or a protein model); only version 2 is supported: {nearest}"
    )


def _check_bert(shapes: Shapes, source: str) -> str:
    words = _find(shapes, "embeddings.word_embeddings.weight")
    size = shapes[words][0] if words else 0
    if size == SPLICEBERT_VOCABULARY:
        return "splicebert"
    raise InputError(
        f"{source}: a plain BERT (separate query, key and value; {size} words), which "
        "is no model of this package. DNABERT-2 has attention.self.Wqkv and "
        "mlp.gated_layers; a copy of it saved through a plain BERT class has lost its "
        "attention weights, take the original files. SpliceBERT has "
        f"{SPLICEBERT_VOCABULARY} words. Of models like this one, "
        f"{name_nearest('bert')}"
    )


def _find(shapes: Shapes, *endings: str) -> str | None:
    return next((name for name in shapes if name.endswith(endings)), None)


# SpliceBERT as the MultiMolecule project publishes it: the network is the same, keys
# and settings have other names, and the vocabulary is 26 words of RNA.
MULTIMOLECULE_WORDS = {
    **{"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<cls>", "[SEP]": "<eos>"},
    **{"[MASK]": "<mask>", "T": "U"},
}
MULTIMOLECULE_SETTINGS = {
    "hidden_dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}
# Tensors with a row per word.
BY_WORD = (
    *("embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
    *("cls.predictions.decoder.bias", "cls.predictions.bias"),
)


def is_multimolecule(weights: Mapping[str, Tensor]) -> bool:
    """Whether tensors have the names of this layout."""
    return "splicebert.embeddings.layer_norm.weight" in weights


def translate_multimolecule(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], source: Path
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Give a checkpoint's settings and tensors as SpliceBERT's authors name them.

    Rows of words are put into the original order: the ids here are the original ones.

    Args:
        settings: Content of ``config.json``.
        weights: Name to tensor, in MultiMolecule's layout.
        source: Their file, for the message.

    Raises:
        InputError: A tensor has another number of words.
    """
    theirs = SpliceBertTokenizer.MULTIMOLECULE
    rows = [
        theirs.index(MULTIMOLECULE_WORDS.get(t, t)) for t in SpliceBertTokenizer.TOKENS
    ]
    translated = {}
    for name, tensor in weights.items():
        own = name.removeprefix("splicebert.").replace("layer_norm", "LayerNorm")
        own = own.replace("lm_head.", "cls.predictions.")
        if own in BY_WORD:
            if len(tensor) != len(theirs):
                raise InputError(
                    f"{source}: {name} has {len(tensor)} words, MultiMolecule's RNA "
                    f"vocabulary {len(theirs)}; take `multimolecule/splicebert`, or "
                    "the authors' own SpliceBERT-1024nt"
                )
            tensor = tensor[torch.tensor(rows)].contiguous()
        translated[own] = tensor
    named = {
        MULTIMOLECULE_SETTINGS.get(key, key): value for key, value in settings.items()
    }
    return named | {"vocab_size": len(rows)}, translated
