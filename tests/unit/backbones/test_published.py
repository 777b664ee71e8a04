"""Full-size models have the published numbers of weights and file layouts."""

import json

import pytest
import torch

from error_sequence_model.backbones import FAMILIES, create_lm_head, make_config
from error_sequence_model.backbones.layouts import LAYOUTS


def make_on_meta(name: str, **options):
    with torch.device("meta"):
        backbone = FAMILIES[name].model_class(make_config(name, **options))
        return backbone, create_lm_head(backbone)


def count_weights(*modules: torch.nn.Module) -> int:
    unique = {id(p): p.numel() for module in modules for p in module.parameters()}
    return sum(unique.values())


def test_dnabert2_has_the_published_size():
    backbone, head = make_on_meta("dnabert2")
    assert count_weights(backbone, head) == 117_074_176


def test_dnabert2_has_the_published_file_layout():
    backbone, head = make_on_meta("dnabert2")
    layer = [
        *("attention.self.Wqkv.weight", "attention.self.Wqkv.bias"),
        *("attention.output.dense.weight", "attention.output.dense.bias"),
        *("attention.output.LayerNorm.weight", "attention.output.LayerNorm.bias"),
        *("mlp.gated_layers.weight", "mlp.wo.weight", "mlp.wo.bias"),
        *("mlp.layernorm.weight", "mlp.layernorm.bias"),
    ]
    names = {f"encoder.layer.{i}.{name}" for i in range(12) for name in layer}
    names |= {f"embeddings.LayerNorm.{part}" for part in ("weight", "bias")}
    names |= {f"embeddings.{kind}_embeddings.weight" for kind in ("word", "token_type")}
    assert set(backbone.state_dict()) == names
    layout = LAYOUTS["dnabert2"].heads
    ours = {mine for kind, mine in layout.values() if kind == "masked_lm"}
    assert set(head.state_dict()) == ours
    # Of the published file, what is no weight is what the format adds per tensor; the
    # decoder, which is the word embedding, is stored once.
    n_stored = len(names) + len(ours) - 1
    added = 468_354_983 - 4 * count_weights(backbone, head)
    assert 400 < added / n_stored < 430


@pytest.mark.parametrize(
    ("width", "layers", "length", "count", "n_bytes"),
    [
        (128, 2, 1026, 438_144, None),
        (256, 2, 1026, 1_645_184, None),
        (256, 4, 32_770, 3_281_664, None),
        (256, 8, 160_002, 6_554_624, 56_971_992),
        (256, 8, 1_000_002, 6_554_624, 218_252_304),
    ],
    ids=["tiny-1k", "tiny-1k-d256", "small-32k", "medium-160k", "large-1m"],
)
def test_hyenadna_has_the_published_size_and_file(
    width, layers, length, count, n_bytes
):
    backbone, head = make_on_meta(
        "hyenadna", d_model=width, layers=layers, max_seq_len=length
    )
    assert count_weights(backbone, head) == count
    if n_bytes is None:
        return
    tensors = {f"hyena.{k}": tuple(v.shape) for k, v in backbone.state_dict().items()}
    tensors["lm_head.weight"] = tuple(head.decoder.weight.shape)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for key in sorted(tensors):
        end = offset + 4 * torch.Size(tensors[key]).numel()
        header[key] = {"dtype": "F32", "shape": tensors[key]}
        header[key]["data_offsets"], offset = [offset, end], end
    size = len(json.dumps(header, separators=(",", ":")))
    assert 8 + -(-size // 8) * 8 + offset == n_bytes


def test_nucleotide_transformer_has_the_published_size():
    backbone, head = make_on_meta("nucleotide_transformer")
    # The published number counts tables that the model never uses.
    unused_positions, unused_contacts = 2050 * 512, 12 * 16 + 1
    total = count_weights(backbone, head) + unused_positions + unused_contacts
    assert total == 55_904_972


def test_modernbert_has_the_published_size_of_moderngena_base():
    """As a copy tells; of the head's biases the published one has the decoder's."""
    backbone, head = make_on_meta(
        "modernbert",
        **{"vocab_size": 32_768, "hidden_size": 768, "intermediate_size": 1152},
        **{"layers": 22, "heads": 12, "local_attention": 128},
    )
    zeros = {*LAYOUTS["modernbert"].zeros} - {"decoder.bias"}
    added = sum(p.numel() for n, p in head.named_parameters() if n in zeros)
    assert count_weights(backbone, head) - added == 136_120_832
