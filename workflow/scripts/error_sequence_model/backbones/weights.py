"""Reading weight files without running anything that came with them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from error_sequence_model.errors import InputError

SAFETENSORS = "model.safetensors"
SAFETENSORS_INDEX = "model.safetensors.index.json"
TORCH_FILE = "pytorch_model.bin"
LFS_POINTER = b"version https://git-lfs"


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
        return _read_safetensors(file), file
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


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    _refuse_pointer(file)
    try:
        return load_file(file)
    except (SafetensorError, ValueError) as error:
        raise InputError(
            f"{file}: cannot be read as safetensors ({error}); it is truncated or "
            "damaged, copy or download it again"
        ) from error


def _read_shards(index: Path) -> dict[str, Tensor]:
    try:
        shards = json.loads(index.read_text())["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index}: not an index of weight files ({error})") from error
    weights: dict[str, Tensor] = {}
    for name in sorted(set(shards.values())):
        # A name with a folder in it could point anywhere on the disk.
        file = index.parent / Path(name).name
        if not file.exists():
            raise InputError(f"{index} names {name}, which is not there")
        weights |= _read_safetensors(file)
    return weights


def _read_torch(file: Path) -> dict[str, Tensor]:
    _refuse_pointer(file)
    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{file}: a pickle that holds more than tensors, which would run code when "
            "loaded, and is refused. Ask for the weights as safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
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
    return dict(content)
