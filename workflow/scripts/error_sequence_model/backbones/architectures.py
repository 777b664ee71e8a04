"""The registry: what the rest of the package needs to know about each architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from error_sequence_model.backbones.published import CITATIONS, LICENCES, UNKNOWN
from error_sequence_model.tokenizers import (
    HyenaDNATokenizer,
    KmerTokenizer,
    NucleotideTokenizer,
    SequenceTokenizer,
    SpliceBertTokenizer,
)

Classes = tuple[type[Any], type[Any]]

# What users may write in the configuration for every family, and the field it sets.
SHORT_NAMES = {"layers": "num_hidden_layers", "heads": "num_attention_heads"}


@dataclass(frozen=True)
class Family:
    """One architecture.

    Attributes:
        name: The architecture's name in the configuration, and its ``model_type``.
        load_classes: Gives its configuration's class and its backbone's. Here, each is
            loaded when it is asked for: a tokenizer needs no torch, and what is
            transformers' own takes seconds.
        tokenizer_family: The kind of tokenizer it reads.
        make_tokenizer: Makes the tokenizer of a model trained from scratch; ``None`` if
            it needs a vocabulary from a checkpoint.
        is_causal: Whether a token sees only what lies 5' of it.
        default_pooling: How the classifier reads the states unless told otherwise;
            measured, see docs/pooling.md.
        lora_targets: Linear layers that LoRA adapts, by the end of their names.
        no_decay_names: Parts of names of parameters without weight decay.
        published_rate: Learning rate at which all of the published weights are tuned:
            their authors', where they give one.
        licence: Licence of the published weights, or of our own; that of the authors'
            code is in ``published.LICENCES``.
        citation: What to cite when using it.
    """

    name: str
    load_classes: Callable[[], Classes]
    tokenizer_family: str
    make_tokenizer: Callable[[], SequenceTokenizer] | None
    is_causal: bool
    default_pooling: str
    lora_targets: tuple[str, ...]
    no_decay_names: tuple[str, ...]
    licence: str
    citation: str
    published_rate: float = 5.0e-5

    @property
    def config_class(self) -> type[Any]:
        """Its configuration: a `NetworkConfig`, or transformers' own class."""
        return self.load_classes()[0]

    @property
    def model_class(self) -> type[Any]:
        """Its backbone: a `Backbone`, or transformers' own class."""
        return self.load_classes()[1]


def _load_nucleotide_encoder() -> Classes:
    from error_sequence_model.backbones import nucleotide_encoder as it

    return it.NucleotideEncoderConfig, it.NucleotideEncoder


def _load_dnabert2() -> Classes:
    from error_sequence_model.backbones import dnabert2 as it

    return it.DNABert2Config, it.DNABert2Model


def _load_hyenadna() -> Classes:
    from error_sequence_model.backbones import hyenadna as it

    return it.HyenaDNAConfig, it.HyenaDNAModel


def _load_nucleotide_transformer() -> Classes:
    from error_sequence_model.backbones import nucleotide_transformer as it

    return it.NucleotideTransformerConfig, it.NucleotideTransformerModel


def _load_splicebert() -> Classes:
    from error_sequence_model.backbones import splicebert as it

    return it.SpliceBertConfig, it.SpliceBertModel


def _load_modernbert() -> Classes:
    from error_sequence_model.backbones import modernbert as it

    return it.ModernBertDnaConfig, it.ModernBertDnaModel


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            name="nucleotide_encoder",
            load_classes=_load_nucleotide_encoder,
            tokenizer_family="nucleotide",
            make_tokenizer=NucleotideTokenizer,
            is_causal=False,
            # Measured on planted motifs: "junction" alone learns them late, a mean
            # blurs them, and a maximum finds them for some initial weights only.
            default_pooling="junction+peak",
            lora_targets=(
                *("attention_input", "attention_output"),
                *("mlp_input", "mlp_output"),
            ),
            no_decay_names=("bias", "norm", "embeddings"),
            licence="MIT",
            citation="this software",
        ),
        Family(
            name="dnabert2",
            load_classes=_load_dnabert2,
            tokenizer_family="bpe",
            make_tokenizer=None,
            is_causal=False,
            default_pooling="junction",
            lora_targets=("Wqkv", "attention.output.dense", "gated_layers", "wo"),
            no_decay_names=("bias", "LayerNorm", "layernorm"),
            # finetune/train.py of the authors, for every task.
            published_rate=3e-5,
            licence=LICENCES["dnabert2"].weights,
            citation=CITATIONS["dnabert2"],
        ),
        Family(
            name="hyenadna",
            load_classes=_load_hyenadna,
            tokenizer_family="hyenadna",
            make_tokenizer=HyenaDNATokenizer,
            is_causal=True,
            default_pooling="junction+mean",
            lora_targets=("in_proj", "out_proj", "fc1", "fc2"),
            # The filters' own parameters were trained without decay.
            no_decay_names=("bias", "norm", "ln_f", "filter_fn"),
            # The authors' configuration for the tasks of Nucleotide Transformer.
            published_rate=6e-4,
            licence=LICENCES["hyenadna"].weights,
            citation=CITATIONS["hyenadna"],
        ),
        Family(
            name="nucleotide_transformer",
            load_classes=_load_nucleotide_transformer,
            tokenizer_family="kmer",
            make_tokenizer=KmerTokenizer,
            is_causal=False,
            default_pooling="junction+max",
            lora_targets=("query", "key", "value", "dense"),
            no_decay_names=("bias", "LayerNorm", "layer_norm"),
            licence=LICENCES["nucleotide_transformer"].weights,
            citation=CITATIONS["nucleotide_transformer"],
        ),
        Family(
            name="splicebert",
            load_classes=_load_splicebert,
            tokenizer_family="splicebert",
            make_tokenizer=SpliceBertTokenizer,
            is_causal=False,
            default_pooling="junction+max",
            lora_targets=("query", "key", "value", "dense"),
            no_decay_names=("bias", "LayerNorm"),
            # The authors' runs on Spliceator's sites.
            published_rate=5e-5,
            licence=LICENCES["splicebert"].weights,
            citation=CITATIONS["splicebert"],
        ),
        Family(
            name="modernbert",
            load_classes=_load_modernbert,
            tokenizer_family="bpe",
            make_tokenizer=None,
            is_causal=False,
            default_pooling="junction+max",
            lora_targets=("Wqkv", "attn.Wo", "mlp.Wi", "mlp.Wo"),
            no_decay_names=("norm",),
            licence=UNKNOWN.weights,
            citation=CITATIONS["modernbert"],
        ),
    )
}
