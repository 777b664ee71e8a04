"""SpliceAI (Jaganathan et al. 2019): Keras h5 files, five of them in its package.

Three channels: neither, acceptor, donor. A donor's score lies on the last base of the
exon, an acceptor's on the first. Layers carry running numbers: the first convolution,
the tap at the start, two convolutions per unit, a tap after each fourth unit and the
last, the output; batch norms two per unit. ReLU, batch norm epsilon 1e-3. Where the
file describes its graph, dilations and epsilon are read there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from error_sequence_model.predictors.family import (
    TYPED_CHANNELS,
    Family,
    get_dilation,
    list_tap_places,
    name_typed_channels,
)
from error_sequence_model.predictors.networks import (
    SOFTMAX,
    BatchNorm,
    Convolution,
    Network,
    Unit,
    fold_network,
    fold_unit,
)
from error_sequence_model.predictors.weight_files import Reading, Weights

EPSILON = 1e-3  # Keras' default; PyTorch's is 1e-5
_CONVOLUTION, _BATCH_NORM = "conv1d", "batch_normalization"


def read_network(weights: Weights) -> Network:
    """Make the network of a Keras file.

    Raises:
        InputError: It is of another family or layout.
    """
    reading = Reading(weights, "spliceai")
    convolutions = _list_layers(weights, _CONVOLUTION)
    norms = _list_layers(weights, _BATCH_NORM)
    n_units = len(norms) // 2
    places = list_tap_places(n_units) if n_units else []
    if not n_units or len(convolutions) != 3 + 2 * n_units + len(places):
        raise reading.refuse(
            f"{len(convolutions)} convolutions and {len(norms)} batch norms"
        )
    graph = {layer["config"]["name"]: layer["config"] for layer in weights.graph}
    names, norm_names = iter(convolutions), iter(norms)
    first = _take_convolution(reading, next(names), 4)
    width = first.weight.shape[0]
    taps = {0: _take_convolution(reading, next(names), width, width)}
    units: list[Unit] = []
    for number in range(n_units):
        parts: list[Any] = []
        for _ in range(2):
            parts.append(_take_batch_norm(reading, next(norm_names), width, graph))
            parts.append(_take_dilated(reading, next(names), width, number, graph))
        units.append(fold_unit(*parts))
        if number + 1 in places:
            taps[number + 1] = _take_convolution(reading, next(names), width, width)
    output = _take_convolution(reading, next(names), width, len(TYPED_CHANNELS))
    reading.finish()
    heads = [(SOFTMAX, len(TYPED_CHANNELS))]
    return fold_network(first, units, taps, [output], slope=0.0, heads=heads)


def _list_layers(weights: Weights, kind: str) -> list[str]:
    """Names of the layers of a kind, in the order in which they were made."""
    pattern = re.compile(rf"({kind}(?:_(\d+))?)/")
    found = {}
    for name in weights.tensors:
        match = pattern.match(name)
        if match:
            found[match[1]] = int(match[2] or 0)
    return sorted(found, key=found.__getitem__)


def _take_convolution(
    reading: Reading,
    name: str,
    inputs: int | None,
    outputs: int | None = None,
    kernel: int | None = 1,
    dilation: int = 1,
) -> Convolution:
    # Keras: (kernel, in, out), correlation as in PyTorch.
    weight = reading.take(f"{name}/{name}/kernel:0", (kernel, inputs, outputs))
    bias = reading.take(f"{name}/{name}/bias:0", (weight.shape[2],))
    return Convolution(weight.permute(2, 1, 0).contiguous(), bias, dilation)


def _take_dilated(
    reading: Reading,
    name: str,
    width: int,
    number: int,
    graph: Mapping[str, Mapping[str, Any]],
) -> Convolution:
    weight = reading.weights.tensors.get(f"{name}/{name}/kernel:0")
    kernel = 0 if weight is None else weight.shape[0]
    dilation = get_dilation(number, kernel, reading.refuse)
    stated = graph.get(name, {}).get("dilation_rate", [dilation])
    if list(stated) != [dilation]:
        raise reading.refuse(f"{name} has dilation {stated}; its place has {dilation}")
    return _take_convolution(reading, name, width, width, None, dilation)


def _take_batch_norm(
    reading: Reading, name: str, width: int, graph: Mapping[str, Mapping[str, Any]]
) -> BatchNorm:
    parts = ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
    tensors = [reading.take(f"{name}/{name}/{part}", (width,)) for part in parts]
    if bool((tensors[3] < 0).any()):
        raise reading.refuse(f"{name}: negative moving_variance")
    epsilon = float(graph.get(name, {}).get("epsilon", EPSILON))
    return BatchNorm(*tensors, epsilon=epsilon)


FAMILY = Family(
    name="spliceai",
    read=read_network,
    name_channels=name_typed_channels,
    licence="SpliceAI weights: CC BY-NC 4.0 (non-commercial)",
    citation="Jaganathan et al., Cell 2019",
    suffixes=(".h5", ".hdf5", ".safetensors"),
    package="spliceai",
    package_files=tuple(f"spliceai/models/spliceai{n}.h5" for n in range(1, 6)),
)
