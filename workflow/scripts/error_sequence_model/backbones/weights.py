"""Reading weight files without running anything that came with them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from error_sequence_model.core import InputError, list_problems, read_json

SAFETENSORS = "model.safetensors"
SAFETENSORS_INDEX = "model.safetensors.index.json"
TORCH_FILE = "pytorch_model.bin"
LFS_POINTER = b"version https://git-lfs"
# Settings that say how many modules are made; each has tensors of its own.
COUNTS = ("num_hidden_layers", "n_layer", "num_inner_mlps")
DRAWS = ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_")
# What damaged weight files make the libraries raise.
_DAMAGE = (
    *(SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AttributeError),
    *(EOFError, OSError, MemoryError, OverflowError, IndexError, AssertionError),
)


def read_weights(folder: Path) -> tuple[dict[str, Tensor], Path]:
    """Read the weights of a checkpoint folder.

    ``model.safetensors`` (or its shards) is preferred; ``pytorch_model.bin`` is read
    with ``weights_only``, which unpickles tensors and nothing else.

    Args:
        folder: The checkpoint.

    Returns:
        Name to tensor, and the file (or index) they come from.

    Raises:
        InputError: There is no such file, it is damaged, or it holds more than tensors.
    """
    if (folder / SAFETENSORS).exists():
        file = folder / SAFETENSORS
        return read_safetensors(file), file
    if (folder / SAFETENSORS_INDEX).exists():
        file = folder / SAFETENSORS_INDEX
        return _read_shards(file), file
    if (folder / TORCH_FILE).exists():
        file = folder / TORCH_FILE
        return _read_torch(file), file
    raise InputError(
        f"{folder}: no weights; expected {SAFETENSORS} or {TORCH_FILE} (a Lightning "
        "weights.ckpt is a pickle that runs code and is not read)"
    )


def _refuse_pointer(file: Path) -> None:
    with file.open("rb") as handle:
        if handle.read(len(LFS_POINTER)) == LFS_POINTER:
            raise InputError(
                f"{file} is a Git LFS pointer, not the weights; run `git lfs pull` in "
                "its folder"
            )


def read_safetensors(file: Path) -> dict[str, Tensor]:
    """Read one safetensors file; its header claims nothing that the file has not.

    Raises:
        InputError: It is missing, truncated or damaged.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    _refuse_pointer(file)
    try:
        return load_file(file)
    except _DAMAGE as error:
        raise InputError(
            f"{file}: cannot be read as safetensors ({error}); it is truncated or "
            "damaged, copy or download it again"
        ) from error


def _read_shards(index: Path) -> dict[str, Tensor]:
    content = read_json(index)
    shards = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(shards, dict) or not all(
        isinstance(name, str) for name in shards.values()
    ):
        raise InputError(
            f"{index}: not an index of weight files (no table `weight_map` of names)"
        )
    weights: dict[str, Tensor] = {}
    for name in sorted(set(shards.values())):
        # A name with a folder in it could point anywhere on the disk.
        file = index.parent / Path(name).name
        if not file.is_file():
            raise InputError(f"{index} names {name}, which is not there")
        weights |= read_safetensors(file)
    return weights


def _read_torch(file: Path) -> dict[str, Tensor]:
    _refuse_pointer(file)
    _refuse_packed(file)
    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{file}: a pickle that holds more than tensors, which would run code when "
            "loaded, and is refused. Ask for the weights as safetensors"
        ) from error
    except _DAMAGE as error:
        raise InputError(
            f"{file}: cannot be read as PyTorch weights ({error}); it is truncated or "
            "damaged, copy or download it again"
        ) from error
    is_plain = isinstance(content, dict) and all(
        isinstance(value, Tensor) for value in content.values()
    )
    if not is_plain:
        raise InputError(
            f"{file}: not a plain table of named tensors; save the model's state_dict()"
        )
    for name, tensor in content.items():
        held = tensor.untyped_storage().nbytes() if tensor.is_contiguous() else 0
        if tensor.layout != torch.strided or tensor.nbytes > held:
            # A few bytes, repeated, can stand for any number of weights.
            raise InputError(
                f"{file}: {name} is no plain tensor with all its numbers in the file; "
                "save the model's state_dict()"
            )
    return dict(content)


def _refuse_packed(file: Path) -> None:
    """Refuse a PyTorch file with packed members: a small file could fill the memory."""
    if not zipfile.is_zipfile(file):
        return
    try:
        with zipfile.ZipFile(file) as members:
            is_packed = any(
                member.compress_type != zipfile.ZIP_STORED
                for member in members.infolist()
            )
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{file}: cannot be read as PyTorch weights ({error}); it is truncated or "
            "damaged, copy or download it again"
        ) from error
    if is_packed:
        raise InputError(
            f"{file}: its members are compressed, which PyTorch never does; save the "
            "model's state_dict() anew"
        )


def refuse_misfits(
    expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: Path
) -> None:
    """Stop if weights do not fit the model that their config.json describes.

    Args:
        expected: The model's own tensors; they may lie on the device "meta", which
            takes no memory whatever their shape.
        weights: Name to tensor, as read.
        source: Their file, for the message.

    Raises:
        InputError: Tensors are missing, unexpected, misshapen, no numbers where there
            should be, or not finite; each is named.
    """
    problems = [f"missing: {name}" for name in expected if name not in weights]
    problems += [f"unexpected: {name}" for name in weights if name not in expected]
    for name in (name for name in expected if name in weights):
        mine, theirs = expected[name], weights[name]
        if theirs.shape != mine.shape:
            shapes = f"{tuple(theirs.shape)} instead of {tuple(mine.shape)}"
            problems.append(f"shape of {name}: {shapes}")
        elif mine.is_floating_point() != theirs.is_floating_point():
            problems.append(f"type of {name}: {theirs.dtype} instead of {mine.dtype}")
        elif theirs.is_floating_point() and not theirs.float().isfinite().all():
            problems.append(f"not finite: {name} holds NaN or infinity")
    if problems:
        raise InputError(
            f"{source}: the weights do not fit the model of its config.json; nothing "
            f"was loaded:\n{list_problems(problems)}"
        )


def build_skeleton(
    build: Callable[[], nn.Module], settings: Mapping[str, Any], n_tensors: int
) -> nn.Module:
    """Build a model that takes no memory, to compare its shapes with a file's.

    Args:
        build: Makes the model.
        settings: Its config.json, which may claim anything.
        n_tensors: How many tensors the files hold.

    Raises:
        InputError: A number of layers is no number, or more than the tensors are.
        Exception: Whatever ``build`` raises for sizes that make no model.
    """
    for key in COUNTS:
        count = settings.get(key, 0)
        if not isinstance(count, int) or not 0 <= count <= n_tensors:
            raise InputError(
                f"{key} is {count!r}, but the weights are {n_tensors} tensors"
            )
    with torch.device("meta"), _Undrawn():
        return build()


class _Undrawn(TorchFunctionMode):
    """Draws no weights: without memory to fill that would load torch's compiler."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a function of torch, unless it fills a tensor with random numbers."""
        given = kwargs or {}
        if getattr(function, "__name__", None) in DRAWS:
            return given["tensor"] if "tensor" in given else args[0]
        return function(*args, **given)
