"""Checkpoints that are none, or claim too much: refused before anything is made."""

from __future__ import annotations

import io
import json
import pickle
import resource
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from error_sequence_model import load_model
from error_sequence_model.backbones import load_backbone
from error_sequence_model.classifier import save_model
from error_sequence_model.core import InputError
from published_checkpoints import (
    FILE,
    edit_config,
    edit_weights,
    write_dnabert2,
    write_hyenadna,
)
from tiny_models import make_tiny_classifier

# More memory than a test may take to refuse a file of some kilobytes.
SPARE_KB = 200 << 10


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """A sound checkpoint of every way to load one."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save_model(make_tiny_classifier(), folder / "classifier")
    return {
        "dnabert2": write_dnabert2(folder / "dnabert2"),
        "hyenadna": write_hyenadna(folder / "hyenadna"),
        "classifier": folder / "classifier",
    }


LOADERS = {
    "dnabert2": load_backbone,
    "hyenadna": load_backbone,
    "classifier": load_model,
}


@pytest.fixture(params=LOADERS)
def refuse(request, checkpoints, tmp_path) -> Callable[..., str]:
    """Spoil a copy of a checkpoint; check that it is refused, in little memory."""
    folder = shutil.copytree(checkpoints[request.param], tmp_path / "copy")
    load = LOADERS[request.param]
    load(folder)

    def check(spoil: Callable[[Path], None], *words: str) -> str:
        spoil(folder)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(InputError) as caught:
            load(folder)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert after - before < SPARE_KB
        for word in (str(folder), *words):
            assert word in str(caught.value)
        return str(caught.value)

    return check


def rewrite_header(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """Change the header of the weights, and leave their numbers as they are."""

    def rewrite(folder: Path) -> None:
        raw = (folder / FILE).read_bytes()
        (size,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + size])
        changed = change(header)
        text = json.dumps(header if changed is None else changed).encode()
        packed = struct.pack("<Q", len(text)) + text + raw[8 + size :]
        (folder / FILE).write_bytes(packed)

    return rewrite


def set_length(length: int) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        raw = (folder / FILE).read_bytes()
        (folder / FILE).write_bytes(struct.pack("<Q", length) + raw[8:])

    return rewrite


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(content)

    return rewrite


def set_first(**values: object) -> Callable[[dict], None]:
    def change(header: dict) -> None:
        name = next(key for key in header if key != "__metadata__")
        header[name] |= values

    return change


def overlap(header: dict) -> None:
    names = [key for key in header if key != "__metadata__"]
    header[names[1]]["data_offsets"] = header[names[0]]["data_offsets"]


def add_claim(header: dict) -> None:
    header["vast"] = {
        "dtype": "F32",
        "shape": [1 << 40],
        "data_offsets": [0, 1 << 42],
    }


WEIGHTS: dict[str, Callable[[Path], None]] = {
    "empty": write(FILE, b""),
    "seven bytes": write(FILE, b"\0" * 7),
    "a text": write(FILE, b"<html>404</html>" * 50),
    "header of no length": set_length(0),
    "header beyond the file": set_length(1 << 20),
    "header beyond the memory": set_length(1 << 62),
    "header of the greatest length": set_length((1 << 64) - 1),
    "header that is no JSON": lambda folder: set_length(30)(folder),
    "header that never closes": write(FILE, struct.pack("<Q", 90_000) + b"[" * 90_000),
    "header that is a list": rewrite_header(lambda header: [1, 2]),
    "huge shape": rewrite_header(set_first(shape=[1 << 40, 1 << 40])),
    "shape that overflows": rewrite_header(set_first(shape=[1 << 33, 1 << 31, 2])),
    "negative shape": rewrite_header(set_first(shape=[-1])),
    "offsets the wrong way round": rewrite_header(set_first(data_offsets=[64, 0])),
    "offsets beyond the file": rewrite_header(set_first(data_offsets=[0, 1 << 50])),
    "offsets that overlap": rewrite_header(overlap),
    "a tensor that is not there": rewrite_header(add_claim),
    "unknown type": rewrite_header(set_first(dtype="Q99")),
    "cut short": lambda folder: write(FILE, (folder / FILE).read_bytes()[:-100])(
        folder
    ),
    "bytes at the end": lambda folder: write(
        FILE, (folder / FILE).read_bytes() + b"\0" * 64
    )(folder),
    "a folder": lambda folder: ((folder / FILE).unlink(), (folder / FILE).mkdir()),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weight_files(refuse, case):
    refuse(WEIGHTS[case], FILE)


def set_numbers(value: float) -> Callable[[Path], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[next(iter(tensors))].flatten()[0] = value

    return lambda folder: edit_weights(folder, change)


def test_weights_that_are_no_numbers(refuse):
    refuse(set_numbers(float("nan")), "holds NaN or infinity")
    refuse(set_numbers(float("inf")), "holds NaN or infinity")


def test_weights_that_are_whole_numbers(refuse):
    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = next(iter(tensors))
        tensors[name] = tensors[name].long()

    refuse(lambda folder: edit_weights(folder, change), "torch.int64 instead of")


CONFIGS: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{'model_type': 'bert'}",
    "half": b'{"model_type": "ber',
    "a list": b"[1, 2]",
    "null": b"null",
    "no settings": b"{}",
    "binary": bytes(range(256)),
    "brackets that never close": b"[" * 100_000,
    "a number of too many digits": b'{"hidden_size": ' + b"9" * 5000 + b"}",
    "another model": b'{"model_type": "llama", "architectures": ["Llama"]}',
    "a model with code": b'{"auto_map": {"AutoConfig": "code.Config"}}',
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configs(refuse, case):
    refuse(write("config.json", CONFIGS[case]))


# Values that would make gigabytes of modules or tensors, or make none.
CLAIMS = [
    *(1 << 40, 1 << 62, 1 << 70, 0, -1, 2.5, float("nan")),
    *("many", None, [], [1, 2], {}),
]
SIZES = {
    "dnabert2": (
        *("hidden_size", "num_hidden_layers", "num_attention_heads"),
        *("intermediate_size", "vocab_size", "type_vocab_size"),
    ),
    "hyenadna": (
        *("d_model", "n_layer", "max_seq_len", "emb_dim", "filter_order"),
        *("num_inner_mlps", "vocab_size", "d_inner", "hyena_order"),
    ),
    "classifier": (
        *("hidden_size", "num_hidden_layers", "num_attention_heads"),
        *("stem_channels", "stem_kernel_size", "stem_dilations", "vocab_size"),
        "intermediate_ratio",
    ),
}


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind in SIZES for key in SIZES[kind]]
)
def test_sizes_that_are_claimed(checkpoints, tmp_path, kind, key):
    folder = shutil.copytree(checkpoints[kind], tmp_path / "copy")
    sound = json.loads((folder / "config.json").read_text())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for claim in CLAIMS:
        settings = json.loads(json.dumps(sound))
        network = settings["backbone"] if kind == "classifier" else settings
        assert key in network
        if claim is None and key in DEFAULTED:
            continue
        network[key] = claim
        (folder / "config.json").write_text(json.dumps(settings))
        with pytest.raises(InputError, match=str(folder)):
            LOADERS[kind](folder)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < SPARE_KB


# None is how their files say that the family's own rule holds.
DEFAULTED = ("d_inner",)
HEADS = {
    "head_size": [1 << 40, 0, -1, "x", None],
    "classes": [["one"], ["a"] * 9, ["a", "a"], 5, {"a": 1}, "error"],
    "decision_threshold": ["x", 7, -0.1, None, float("nan")],
    "pooling": ["middle", "", 5, None, "mean"],
    "backbone": [{}, None, [], "x", {"model_type": "llama"}, {"model_type": []}],
    "dropout": ["x", 7.0, None],
}


@pytest.mark.parametrize("key", HEADS)
def test_heads_that_are_claimed(checkpoints, tmp_path, key):
    folder = shutil.copytree(checkpoints["classifier"], tmp_path / "copy")
    for claim in HEADS[key]:
        edit_config(folder, **{key: claim})
        with pytest.raises(InputError, match=str(folder)):
            load_model(folder)


def make_legacy(claim: int) -> bytes:
    """A PyTorch file of the old kind that claims a tensor of some size."""
    file = io.BytesIO()
    tensor = torch.zeros(16)
    torch.save({"weight": tensor}, file, _use_new_zipfile_serialization=False)
    raw = file.getvalue()
    assert raw.count(b"K\x10") >= 1
    return raw.replace(b"K\x10", b"\x8a\x06" + claim.to_bytes(6, "little"))


def repack(folder: Path) -> None:
    """Write the weights as a PyTorch file whose members are compressed."""
    tensors = load_file(folder / FILE)
    (folder / FILE).unlink()
    plain = io.BytesIO()
    torch.save(tensors, plain)
    file = folder / "pytorch_model.bin"
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))


def repeat(folder: Path) -> None:
    """A tensor of one number that stands for terabytes."""
    tensors = load_file(folder / FILE)
    (folder / FILE).unlink()
    name = next(iter(tensors))
    tensors[name] = torch.zeros(1).expand(1 << 40)
    torch.save(tensors, folder / "pytorch_model.bin")


class Code:
    def __reduce__(self):
        return (sys.exit, ("code was run",))


TORCH_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (write("pytorch_model.bin", b""), "truncated or damaged"),
    "a text": (write("pytorch_model.bin", b"<html>" * 9), ""),
    "a zip": (write("pytorch_model.bin", b"PK\x05\x06" + b"\0" * 18), ""),
    "code": (write("pytorch_model.bin", pickle.dumps(Code())), "would run code"),
    "an old file of a vast claim": (
        write("pytorch_model.bin", make_legacy(1 << 44)),
        "truncated or damaged",
    ),
    "compressed members": (repack, "compressed"),
    "one number repeated": (repeat, "no plain tensor"),
    "a list": (
        lambda folder: torch.save([torch.zeros(1)], folder / "pytorch_model.bin"),
        "not a plain table",
    ),
}


@pytest.mark.parametrize("case", TORCH_FILES)
def test_torch_files(checkpoints, tmp_path, case):
    folder = shutil.copytree(checkpoints["dnabert2"], tmp_path / "copy")
    spoil, words = TORCH_FILES[case]
    spoil(folder)
    (folder / FILE).unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=words):
        load_backbone(folder)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < SPARE_KB


INDICES = {
    "no table": b"[]",
    "no names": b'{"weight_map": {"a": 5}}',
    "another folder": b'{"weight_map": {"a": "../../outside.safetensors"}}',
    "absolute": b'{"weight_map": {"a": "/etc/passwd"}}',
    "no JSON": b"{",
}


@pytest.mark.parametrize("case", INDICES)
def test_indices_of_shards(checkpoints, tmp_path, case):
    folder = shutil.copytree(checkpoints["dnabert2"], tmp_path / "deep" / "copy")
    save_file(load_file(folder / FILE), tmp_path / "outside.safetensors")
    (folder / FILE).unlink()
    (folder / f"{FILE}.index.json").write_bytes(INDICES[case])
    with pytest.raises(InputError, match="index"):
        load_backbone(folder)


TOKENIZERS = {
    "no JSON": b"{",
    "a list": b"[1]",
    "no model": b'{"model": null}',
    "no merges": b'{"model": {"type": "BPE", "vocab": {}}}',
    "a vast id": b'{"model": {"type": "BPE", "vocab": {"[UNK]": 1e99}, "merges": []}}',
}


@pytest.mark.parametrize("case", TOKENIZERS)
def test_tokenizers(checkpoints, tmp_path, case):
    folder = shutil.copytree(checkpoints["dnabert2"], tmp_path / "copy")
    (folder / "tokenizer.json").write_bytes(TOKENIZERS[case])
    with pytest.raises(InputError, match=str(folder)):
        load_backbone(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_bytes(TOKENIZERS[case])
    with pytest.raises(InputError, match=str(folder)):
        load_backbone(folder)
    (folder / "vocab.txt").write_bytes(b"\xff\xfe\0A")
    with pytest.raises(InputError, match=str(folder)):
        load_backbone(folder)
