"""Pangolin (Zeng and Li 2022): heart, liver, brain and testis.

Twelve outputs: per tissue P(not a splice site), P(splice site) and usage. A score lies
on the last base of the exon (donor) or the first (acceptor); there is one for both.
A file ``final.M.K.3`` or ``final.M.K.3.v2`` is replicate M of the network that was
tuned for quantity K of eight (heart P(splice), heart usage, liver P(splice) …); only
that output of it is meant to be read. ReLU, batch norm epsilon 1e-5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from error_sequence_model.core import InputError
from error_sequence_model.predictors.family import (
    DILATIONS,
    UNITS_PER_GROUP,
    Family,
    list_tap_places,
    take_unit,
)
from error_sequence_model.predictors.networks import (
    SIGMOID,
    SOFTMAX,
    Network,
    fold_network,
)
from error_sequence_model.predictors.weight_files import (
    UNUSED,
    Reading,
    Weights,
    take_convolution,
)

TISSUES = ("heart", "liver", "brain", "testis")
QUANTITIES = ("not_splice", "splice", "usage")
N_UNITS = UNITS_PER_GROUP * len(DILATIONS)
_RELEASED = re.compile(r"final\.(\d+)\.([0-7])\.3(\.v2)?")


def read_network(weights: Weights) -> Network:
    """Make the network of a state dictionary.

    Raises:
        InputError: It is of another family or layout.
    """
    reading = Reading(weights, "pangolin")
    first = take_convolution(reading, "conv1", 4)
    width = first.weight.shape[0]
    taps = {0: take_convolution(reading, "skip", width, width)}
    units = [
        take_unit(
            reading,
            number,
            width,
            norm=f"resblocks.{number}.bn",
            convolution=f"resblocks.{number}.conv",
        )
        for number in range(N_UNITS)
    ]
    for number, place in enumerate(list_tap_places(N_UNITS)):
        taps[place] = take_convolution(reading, f"convs.{number}", width, width)
    heads = [(SOFTMAX, 2), (SIGMOID, 1)] * len(TISSUES)
    parts = [
        take_convolution(reading, f"conv_last{number}", width, size)
        for number, (_, size) in enumerate(heads, start=1)
    ]
    reading.finish(unused=UNUSED)
    return fold_network(first, units, taps, parts, slope=0.0, heads=heads)


def name_channels(path: Path, tissue: str | None) -> Mapping[str, int]:
    """Name what counts of a file.

    Args:
        path: The file; a released name tells what the network was tuned for.
        tissue: None: all twelve outputs, ``heart_not_splice`` and so on. A tissue:
            ``splice`` or ``usage``, whichever the file was tuned for; both if the name
            does not tell.

    Raises:
        InputError: The file was tuned for another tissue.
    """
    names = [f"{t}_{quantity}" for t in TISSUES for quantity in QUANTITIES]
    if tissue is None:
        return {name: number for number, name in enumerate(names)}
    quantities = QUANTITIES[1:]
    released = _RELEASED.match(path.name)
    if released:
        tuned_for, quantity = divmod(int(released[2]), 2)
        if TISSUES[tuned_for] != tissue:
            raise InputError(
                f"{path}: tuned for {TISSUES[tuned_for]}, not for {tissue}; give the "
                f"files final.*.{2 * TISSUES.index(tissue)}.3* (and "
                f"final.*.{2 * TISSUES.index(tissue) + 1}.3* for usage) in "
                "`scores.weights`, or set `scores.tissue`"
            )
        quantities = (quantities[quantity],)
    return {q: names.index(f"{tissue}_{q}") for q in quantities}


FAMILY = Family(
    name="pangolin",
    read=read_network,
    name_channels=name_channels,
    licence="Pangolin weights: GPL-3.0",
    citation="Zeng and Li, Genome Biology 2022",
    suffixes=(".v2", ".3", ".pt", ".pth", ".safetensors"),
    tissues=TISSUES,
    typed=False,
)
