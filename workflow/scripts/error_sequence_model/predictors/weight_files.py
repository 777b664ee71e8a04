"""Reads files of weights: tensors by name, and nothing that could run.

h5 (Keras) with h5py; torch checkpoints with ``weights_only=True``; safetensors. Their
libraries are imported where a file is read: who only lists files needs none of them.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from error_sequence_model.core import InputError, list_few
from error_sequence_model.predictors.networks import BatchNorm, Convolution

if TYPE_CHECKING:
    from torch import Tensor

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
_POINTER = b"version https://"
# Of layers as PyTorch writes them.
EPSILON = 1e-5
UNUSED = (".num_batches_tracked",)
_WRAPPERS = ("state_dict", "model_state_dict")
_DAMAGE = (
    *(OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError),
    *(MemoryError, OverflowError, AttributeError, pickle.UnpicklingError),
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
        path: The file.
        tensors: Name -> float32 tensor (integers stay integers), in the file's order.
        graph: The layers that a Keras file describes (``config.layers``); else empty.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    graph: tuple[Mapping[str, Any], ...] = ()


class Reading:
    """Takes tensors out of a file by name, each once, and holds them to a shape.

    Args:
        weights: The file.
        family: Whose weights they must be, for messages.
    """

    def __init__(self, weights: Weights, family: str) -> None:
        self.weights, self.family = weights, family
        self._left = dict(weights.tensors)

    def take(self, name: str, shape: tuple[int | None, ...]) -> Tensor:
        """Take a tensor.

        Args:
            name: Its name.
            shape: What it must be; None: any size.

        Raises:
            InputError: It is missing, has another shape, or holds NaN or infinity.
        """
        tensor = self._left.pop(name, None)
        if tensor is None:
            raise self.refuse(f"it has no {name}")
        fits = tensor.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, tensor.shape, strict=True)
        )
        if not fits:
            wanted = "×".join("any" if n is None else str(n) for n in shape)
            found = "×".join(map(str, tensor.shape)) or "a single number"
            raise self.refuse(f"{name} is {found}; it must be {wanted}")
        if not tensor.is_floating_point() or not bool(tensor.isfinite().all()):
            raise self.refuse(f"{name} holds values that are no finite numbers")
        return tensor

    def finish(self, *, unused: tuple[str, ...] = ()) -> None:
        """Refuse a file with tensors that nothing took.

        Args:
            unused: Endings of names that are known to be of no use.

        Raises:
            InputError: Tensors are left.
        """
        left = [name for name in self._left if not name.endswith(unused or ("\0",))]
        if left:
            raise self.refuse(f"it also has {list_few(left, 3)}")

    def refuse(self, reason: str) -> InputError:
        """An error that names the file, what it must be, and what it looks like."""
        return InputError(
            f"{self.weights.path}: not weights of {self.family} ({reason}); it looks "
            f"like {_describe(self.weights)}; set `scores.model` and `scores.weights` "
            "to what belongs together"
        )


def take_convolution(
    reading: Reading,
    name: str,
    inputs: int | None,
    outputs: int | None = None,
    kernel: int | None = 1,
) -> Convolution:
    """Take PyTorch's ``name.weight`` (out, in, kernel) and ``name.bias``."""
    weight = reading.take(f"{name}.weight", (outputs, inputs, kernel))
    return Convolution(weight, reading.take(f"{name}.bias", (weight.shape[0],)))


def take_batch_norm(reading: Reading, name: str, width: int) -> BatchNorm:
    """Take weight, bias, running_mean and running_var below a name."""
    parts = ("weight", "bias", "running_mean", "running_var")
    tensors = [reading.take(f"{name}.{part}", (width,)) for part in parts]
    if bool((tensors[3] < 0).any()):
        raise reading.refuse(f"{name}.running_var has negative values")
    return BatchNorm(*tensors, epsilon=EPSILON)


def read_weights(path: str | Path) -> Weights:
    """Read a file of weights, told apart by its content.

    Raises:
        InputError: No such file, cut short, or of no kind that is read safely.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights; set `scores.weights`")
    with path.open("rb") as file:
        start = file.read(16)
    if start == _POINTER:
        raise InputError(
            f"{path} is a Git LFS pointer, not the weights; run `git lfs pull` in its "
            "folder"
        )
    try:
        if start.startswith(_HDF5):
            weights = _read_keras(path)
        elif start[8:9] == b"{" and not start.startswith(_ZIP):
            weights = _read_safetensors(path)
        else:
            weights = _read_torch(path)
    except InputError:
        raise
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # advises to run its code
            reason = "it holds more than tensors, which is not loaded, or none"
        raise InputError(
            f"{path}: not a file of weights, or cut short ({reason[:200]}); Keras h5, "
            "safetensors and torch state dictionaries are read; copy it anew"
        ) from error
    if not weights.tensors:
        raise InputError(f"{path}: no tensor in it; copy it anew")
    return weights


def _read_keras(path: Path) -> Weights:
    import h5py
    import torch

    tensors: dict[str, Tensor] = {}
    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        for name, data in _walk(root):
            tensors[name] = torch.from_numpy(data[()].astype("float32"))
        text = file.attrs.get("model_config", b"")
    text = text.decode() if isinstance(text, bytes) else str(text)
    graph: tuple[Mapping[str, Any], ...] = ()
    if text:
        config = json.loads(text)["config"]
        graph = tuple(config["layers"] if isinstance(config, dict) else config)
    return Weights(path, tensors, graph)


def _walk(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All data sets below a group with their names; links out are not followed."""
    import h5py

    for key in group:
        if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
            raise ValueError(f"{prefix}{key} lies in another file")
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from _walk(item, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", item


def _read_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return Weights(path, {k: _to_float32(v) for k, v in tensors.items()})


def _read_torch(path: Path) -> Weights:
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    is_plain = isinstance(content, dict) and all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items()
    )
    if not is_plain:
        raise ValueError("it holds something else than a state dictionary")
    return Weights(path, {k: _to_float32(v) for k, v in content.items()})


def _to_float32(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return tensor.float() if tensor.is_floating_point() else tensor


def _describe(weights: Weights) -> str:
    """Name the family that a file's tensors are of, as far as their names tell."""
    names = list(weights.tensors)
    if any(name.endswith("kernel:0") for name in names):
        return f"a Keras file of {len(names)} tensors ({names[0]}, …)"
    if "initial_conv.weight" in weights.tensors:
        units = sum(name.endswith("conv1.weight") for name in names)
        return f"OpenSpliceAI with {units} units"
    if any(name.startswith("conv_last") for name in names):
        return "Pangolin"
    shown = ", ".join(names[:3])
    return f"something else ({len(names)} tensors: {shown}, …)"
