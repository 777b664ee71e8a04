"""OpenSpliceAI (Chao et al. 2025): 80, 400, 2,000 or 10,000 nt, any species.

Three channels: neither, acceptor, donor. A donor's score lies on the last base of the
exon, an acceptor's on the first. Units and taps are counted together in the file
(0 to 3 are units, 4 is a tap, 5 to 8 are units …); how many there are tells the
context. Leaky ReLU of 0.1, batch norm epsilon 1e-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from error_sequence_model.predictors.family import (
    UNITS_PER_GROUP,
    Family,
    get_dilation,
)
from error_sequence_model.predictors.networks import (
    SOFTMAX,
    Convolution,
    Network,
    Unit,
    fold_network,
    fold_unit,
)
from error_sequence_model.predictors.weight_files import (
    UNUSED,
    Reading,
    Weights,
    take_batch_norm,
    take_convolution,
)

CHANNELS = ("neither", "acceptor", "donor")
SLOPE = 0.1


def read_network(weights: Weights) -> Network:
    """Make the network of a state dictionary.

    Raises:
        InputError: It is of another family or layout.
    """
    reading = Reading(weights, "openspliceai")
    first = take_convolution(reading, "initial_conv", 4)
    width = first.weight.shape[0]
    taps = {0: take_convolution(reading, "initial_skip.conv", width, width)}
    units: list[Unit] = []
    number = 0
    while any(name.startswith(f"residual_units.{number}.") for name in weights.tensors):
        name = f"residual_units.{number}"
        if number % (UNITS_PER_GROUP + 1) == UNITS_PER_GROUP:
            taps[len(units)] = take_convolution(reading, f"{name}.conv", width, width)
        else:
            units.append(_take_unit(reading, name, width, len(units)))
        number += 1
    if not units or len(units) not in taps:
        raise reading.refuse(f"{len(units)} units, and no skip convolution after them")
    output = take_convolution(reading, "final_conv", width, len(CHANNELS))
    reading.finish(unused=UNUSED)
    heads = [(SOFTMAX, len(CHANNELS))]
    return fold_network(first, units, taps, [output], slope=SLOPE, heads=heads)


def _take_unit(reading: Reading, name: str, width: int, number: int) -> Unit:
    parts: list[Any] = []
    for half in (1, 2):
        parts.append(take_batch_norm(reading, f"{name}.batchnorm{half}", width))
        made: Convolution = take_convolution(
            reading, f"{name}.conv{half}", width, width, kernel=None
        )
        dilation = get_dilation(number, made.weight.shape[2], reading.refuse)
        parts.append(replace(made, dilation=dilation))
    return fold_unit(*parts)


def name_channels(path: Path, tissue: str | None) -> Mapping[str, int]:
    """All three channels, whatever the file is called."""
    return {name: number for number, name in enumerate(CHANNELS)}


FAMILY = Family(
    name="openspliceai",
    read=read_network,
    name_channels=name_channels,
    licence="OpenSpliceAI weights: GPL-3.0",
    citation="Chao et al., OpenSpliceAI, eLife 2025",
    suffixes=(".pt", ".pth", ".safetensors"),
)
