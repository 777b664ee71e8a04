"""Small random backbones, and checkpoints written as the models' authors write them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace

from error_sequence_model.backbones import FAMILIES, create_lm_head, make_config
from error_sequence_model.tokenizers import BPETokenizer

FILE = "model.safetensors"
SMALL = {
    "nucleotide_encoder": {"layers": 1, "hidden_size": 16, "heads": 2},
    "dnabert2": {
        **{"layers": 2, "hidden_size": 24, "heads": 3},
        **{"intermediate_size": 32, "vocab_size": 64},
    },
    "hyenadna": {"layers": 2, "hidden_size": 16, "max_seq_len": 130},
    "nucleotide_transformer": {
        **{"layers": 2, "hidden_size": 24, "heads": 3},
        "intermediate_size": 32,
    },
    "splicebert": {
        **{"layers": 2, "hidden_size": 24, "heads": 3},
        "intermediate_size": 32,
    },
    "modernbert": {
        **{"layers": 4, "hidden_size": 24, "heads": 3, "local_attention": 16},
        **{"intermediate_size": 32, "vocab_size": 64},
    },
}


def make_bpe() -> BPETokenizer:
    """A small BPE in the layout of DNABERT-2's."""
    names = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", *"ACGT"]
    merges = [("G", "T"), ("A", "G"), ("AG", "GT"), ("A", "A"), ("C", "A")]
    names += ["".join(merge) for merge in merges]
    model = BPE(
        {name: index for index, name in enumerate(names)},
        merges,
        unk_token="[UNK]",  # noqa: S106 - not a password
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = Whitespace()
    return BPETokenizer(tokenizer)


def make_small(name: str, **options):
    torch.manual_seed(0)
    config = make_config(name, **{**SMALL[name], **options})
    return FAMILIES[name].model_class(config).eval()


def write_published(folder, name: str, settings: dict, head: dict[str, str]):
    """Write a small random model as its authors would; return backbone and head."""
    prefix = {"dnabert2": "bert.", "hyenadna": "hyena."}.get(name, "esm.")
    backbone = make_small(name)
    torch.manual_seed(1)
    lm_head = create_lm_head(backbone)
    tensors = {prefix + key: value for key, value in backbone.state_dict().items()}
    own = lm_head.state_dict()
    tensors |= {theirs: own[ours] for ours, theirs in head.items()}
    save_file({k: v.clone() for k, v in tensors.items()}, folder / FILE)
    known = backbone.config.to_dict()
    config = {k: v for k, v in known.items() if k not in ("model_type", "dtype")}
    (folder / "config.json").write_text(json.dumps(config | settings))
    return backbone, lm_head


def write_dnabert2(folder: Path) -> Path:
    folder.mkdir()
    transform = "cls.predictions.transform"
    write_published(
        folder,
        "dnabert2",
        {"alibi_starting_size": 512, "auto_map": {"AutoModel": "code.Model"}},
        {
            "dense.weight": f"{transform}.dense.weight",
            "dense.bias": f"{transform}.dense.bias",
            "norm.weight": f"{transform}.LayerNorm.weight",
            "norm.bias": f"{transform}.LayerNorm.bias",
            "decoder.bias": "cls.predictions.decoder.bias",
        },
    )
    make_bpe().save_pretrained(folder)
    return folder


def write_hyenadna(folder: Path) -> Path:
    folder.mkdir()
    write_published(
        folder,
        "hyenadna",
        {"model_type": "hyenadna", "use_bias": True},
        {"decoder.weight": "lm_head.weight"},
    )
    settings = {"tokenizer_class": "HyenaDNATokenizer", "padding_side": "left"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def edit_weights(folder, change) -> None:
    tensors = load_file(folder / FILE)
    change(tensors)
    save_file(tensors, folder / FILE)


def edit_config(folder, **changes) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
