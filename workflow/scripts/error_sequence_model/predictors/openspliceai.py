"""OpenSpliceAI (Chao et al. 2025): 80, 400, 2,000 or 10,000 nt, any species.

Three channels: neither, acceptor, donor. A donor's score lies on the last base of the
exon, an acceptor's on the first. Units and taps are counted together in the file
(0 to 3 are units, 4 is a tap, 5 to 8 are units …); how many there are tells the
context. Leaky ReLU of 0.1, batch norm epsilon 1e-5.
"""

from __future__ import annotations

from error_sequence_model.predictors.family import (
    TYPED_CHANNELS,
    UNITS_PER_GROUP,
    Family,
    name_typed_channels,
    take_unit,
)
from error_sequence_model.predictors.networks import (
    SOFTMAX,
    Network,
    Unit,
    fold_network,
)
from error_sequence_model.predictors.weight_files import (
    UNUSED,
    Reading,
    Weights,
    take_convolution,
)

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
            units.append(
                take_unit(
                    reading,
                    len(units),
                    width,
                    norm=f"{name}.batchnorm",
                    convolution=f"{name}.conv",
                )
            )
        number += 1
    if not units or len(units) not in taps:
        raise reading.refuse(f"{len(units)} units, and no skip convolution after them")
    output = take_convolution(reading, "final_conv", width, len(TYPED_CHANNELS))
    reading.finish(unused=UNUSED)
    heads = [(SOFTMAX, len(TYPED_CHANNELS))]
    return fold_network(first, units, taps, [output], slope=SLOPE, heads=heads)


FAMILY = Family(
    name="openspliceai",
    read=read_network,
    name_channels=name_typed_channels,
    licence="OpenSpliceAI weights: GPL-3.0",
    citation="Chao et al., OpenSpliceAI, eLife 2025",
    suffixes=(".pt", ".pth", ".safetensors"),
)
