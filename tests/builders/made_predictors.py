"""Files of weights of all families with random values, and a plain way to run them.

The plain way is written from the description of the networks, layer by layer, with
`conv1d` and without folding anything: what the fast way must agree with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F

KERNELS = (11, 11, 21, 41)
DILATIONS = (1, 4, 10, 25)
LETTERS = "ACGT"
# What speaks for a site: offset from its exonic base -> letter -> weight.
DONOR = {-1: {"A": 1}, 0: {"G": 1}, 1: {"G": 3}, 2: {"T": 3}}
DONOR |= {3: {"A": 1, "G": 1}, 4: {"A": 1}, 5: {"G": 1}}
ACCEPTOR = {-2: {"A": 3}, -1: {"G": 3}, 0: {"G": 1}}
ACCEPTOR |= {-3: {"C": 2, "T": 1}, -4: {"C": 0.2}, -5: {"T": 1, "C": 0.5}}


class Layers:
    """Random layers of a network.

    Args:
        n_units: 4, 8, 12 or 16.
        width: Channels.
        outputs: Channels of the output.
        seed: For the values.
    """

    def __init__(self, n_units: int, width: int, outputs: int, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.n_units = n_units
        self.first = self._convolve(4, width, 1)
        self.taps = [self._convolve(width, width, 1) for _ in range(n_units // 4 + 1)]
        self.units = [
            [
                (self._norm(width), self._convolve(width, width, KERNELS[number // 4]))
                for _ in range(2)
            ]
            for number in range(n_units)
        ]
        self.output = self._convolve(width, outputs, 1)

    def _convolve(self, inputs: int, outputs: int, kernel: int) -> tuple:
        weight = torch.randn(outputs, inputs, kernel, generator=self.generator)
        bias = torch.randn(outputs, generator=self.generator)
        return weight / (inputs * kernel) ** 0.5, bias * 0.1

    def _norm(self, width: int) -> tuple:
        gamma, beta, mean = torch.randn(3, width, generator=self.generator)
        # Small variances make the epsilon count.
        variance = torch.rand(width, generator=self.generator) + 0.01
        return gamma * 0.5, beta * 0.3, mean * 0.3, variance

    @property
    def context(self) -> int:
        return sum(
            (KERNELS[n // 4] - 1) * DILATIONS[n // 4] for n in range(self.n_units)
        )

    def run(self, sequence: str, *, slope: float, epsilon: float) -> np.ndarray:
        """Logits, float64 ``(len(sequence) - 2 * context, outputs)``."""
        onehot = torch.tensor([[b == letter for b in sequence] for letter in LETTERS])
        x = self._apply(onehot[None].double(), self.first)
        total = self._apply(x, self.taps[0])
        for number, unit in enumerate(self.units):
            y = x
            for (gamma, beta, mean, variance), (weight, bias) in unit:
                y = F.batch_norm(
                    y,
                    mean.double(),
                    variance.double(),
                    gamma.double(),
                    beta.double(),
                    eps=epsilon,
                )
                y = F.leaky_relu(y, slope)
                dilation = DILATIONS[number // 4]
                y = F.conv1d(
                    y,
                    weight.double(),
                    bias.double(),
                    dilation=dilation,
                    padding=(weight.shape[2] - 1) * dilation // 2,
                )
            x = x + y
            if number % 4 == 3:
                total = total + self._apply(x, self.taps[number // 4 + 1])
        kept = total[:, :, self.context : total.shape[2] - self.context]
        return self._apply(kept, self.output)[0].T.numpy()

    def _apply(self, x: torch.Tensor, convolution: tuple) -> torch.Tensor:
        return F.conv1d(x, convolution[0].double(), convolution[1].double())


def make_reading_layers(sharpness: float = 1.0) -> Layers:
    """Layers of SpliceAI's kind that read splice sites off their bases.

    The trunk is the four letters, then what there is of a donor's AG|GTRAG and of an
    acceptor's YNCAG|G beyond GT and AG; only the first unit adds to it.

    Args:
        sharpness: Steepness of the scores.
    """
    layers = Layers(4, 6, 3, seed=1)
    for convolution in (layers.first, *layers.taps, layers.output):
        for tensor in convolution:
            tensor.zero_()
    layers.first[0][:4, :, 0] = torch.eye(4)
    for unit in layers.units:
        for norm, convolution in unit:
            for tensor, value in zip(norm, (1, 0, 0, 1), strict=True):
                tensor.fill_(value)
            for tensor in convolution:
                tensor.zero_()
    (_, first), (_, second) = layers.units[0]
    for channel, pattern in ((4, DONOR), (5, ACCEPTOR)):
        for offset, weights in pattern.items():
            for letter, weight in weights.items():
                first[0][channel, LETTERS.index(letter), offset + 5] = weight
        first[1][channel] = -6
        second[0][channel, channel, 5] = 1
    layers.taps[1][0][[2, 1], [4, 5], 0] = 2 * sharpness
    layers.taps[1][1][0] = 6 * sharpness
    layers.output[0][:, :3, 0] = torch.eye(3)
    return layers


def softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(1).numpy()


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).sigmoid().numpy()


def make_sequence(length: int, seed: int = 1, letters: str = "ACGTN") -> str:
    generator = np.random.default_rng(seed)
    shares = [0.24, 0.24, 0.24, 0.24, 0.04][: len(letters)]
    shares = np.array(shares) / sum(shares)
    return "".join(generator.choice(list(letters), size=length, p=shares))


def write_openspliceai(
    path: Path, *, n_units: int = 4, width: int = 8, seed: int = 1
) -> Layers:
    layers = Layers(n_units, width, 3, seed)
    names = {"initial_conv": layers.first, "initial_skip.conv": layers.taps[0]}
    names["final_conv"] = layers.output
    state = {}
    number = 0
    for count, unit in enumerate(layers.units):
        for half, (norm, convolution) in enumerate(unit, start=1):
            names[f"residual_units.{number}.conv{half}"] = convolution
            _add_norm(state, f"residual_units.{number}.batchnorm{half}", norm)
        number += 1
        if count % 4 == 3:
            names[f"residual_units.{number}.conv"] = layers.taps[count // 4 + 1]
            number += 1
    _add_convolutions(state, names)
    torch.save(state, path)
    return layers


def write_pangolin(path: Path, *, width: int = 8, seed: int = 1) -> Layers:
    layers = Layers(16, width, 12, seed)
    names = {"conv1": layers.first, "skip": layers.taps[0]}
    state = {}
    for number, unit in enumerate(layers.units):
        for half, (norm, convolution) in enumerate(unit, start=1):
            names[f"resblocks.{number}.conv{half}"] = convolution
            _add_norm(state, f"resblocks.{number}.bn{half}", norm)
    for number, tap in enumerate(layers.taps[1:]):
        names[f"convs.{number}"] = tap
    place = 0
    for number, size in enumerate([2, 1] * 4, start=1):
        part = slice(place, place + size)
        names[f"conv_last{number}"] = tuple(x[part] for x in layers.output)
        place += size
    _add_convolutions(state, names)
    torch.save(state, path)
    return layers


def write_spliceai(
    path: Path,
    *,
    n_units: int = 4,
    width: int = 8,
    seed: int = 1,
    first_number: int = 1,
    with_graph: bool = True,
    layers: Layers | None = None,
) -> Layers:
    """Write a Keras file; where a program made several models, numbers start later."""
    layers = layers or Layers(n_units, width, 3, seed)
    n_units = layers.n_units
    ordered: list[tuple[tuple, int]] = [(layers.first, 1), (layers.taps[0], 1)]
    norms: list[tuple] = []
    for count, unit in enumerate(layers.units):
        for norm, convolution in unit:
            norms.append(norm)
            ordered.append((convolution, DILATIONS[count // 4]))
        if count % 4 == 3:
            ordered.append((layers.taps[count // 4 + 1], 1))
    ordered.append((layers.output, 1))
    graph = []
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        for number, ((weight, bias), dilation) in enumerate(ordered, first_number):
            name = f"conv1d_{number}"
            group = root.create_group(f"{name}/{name}")
            group["kernel:0"] = weight.permute(2, 1, 0).numpy()
            group["bias:0"] = bias.numpy()
            config = {"name": name, "dilation_rate": [dilation]}
            graph.append({"class_name": "Conv1D", "config": config})
        for number, values in enumerate(norms, first_number):
            name = f"batch_normalization_{number}"
            group = root.create_group(f"{name}/{name}")
            parts = ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
            for part, value in zip(parts, values, strict=True):
                group[part] = value.numpy()
            config = {"name": name, "epsilon": 1e-3}
            graph.append({"class_name": "BatchNormalization", "config": config})
        if with_graph:
            text = json.dumps({"class_name": "Model", "config": {"layers": graph}})
            file.attrs["model_config"] = text
    return layers


def _add_norm(state: dict, name: str, norm: Sequence[torch.Tensor]) -> None:
    parts = ("weight", "bias", "running_mean", "running_var")
    for part, value in zip(parts, norm, strict=True):
        state[f"{name}.{part}"] = value
    state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def _add_convolutions(state: dict, names: dict[str, tuple]) -> None:
    for name, (weight, bias) in names.items():
        state[f"{name}.weight"], state[f"{name}.bias"] = weight.clone(), bias.clone()
