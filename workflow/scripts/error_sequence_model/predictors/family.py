"""What a family of predictors is: one record, made by one file per family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError
from error_sequence_model.predictors.networks import Network, Unit, fold_unit
from error_sequence_model.predictors.weight_files import (
    Reading,
    Weights,
    take_batch_norm,
    take_convolution,
)

# Dilation of the units, four by four; kernels of 11, 11, 21 and 41 taps go with them.
DILATIONS = (1, 4, 10, 25)
KERNELS = (11, 11, 21, 41)
UNITS_PER_GROUP = 4
# Of families that tell donors from acceptors.
TYPED_CHANNELS = ("neither", "acceptor", "donor")


@dataclass(frozen=True)
class Member:
    """One network of an ensemble and what of it counts.

    Attributes:
        network: The network.
        channels: Name of a score -> the network's output that it is.
    """

    network: Network
    channels: Mapping[str, int]


@dataclass(frozen=True)
class Family:
    """A family of predictors.

    Attributes:
        name: As in the configuration.
        read: Makes a network from a file, or raises `InputError`.
        name_channels: From a file's name and the tissue asked for to the channels that
            count: name -> output of the network.
        licence: One line on the weights, for logs and Methods.
        citation: Whom to cite.
        suffixes: Of the weights in a folder.
        tissues: What `tissue` may be; empty: the family has none.
        package: PyPI package that brings weights, for ``weights: package``.
        package_files: These weights, below the package's site folder.
        typed: Whether donors and acceptors have scores of their own; else `splice` is
            the score of both, and the dinucleotide tells the type.
    """

    name: str
    read: Callable[[Weights], Network]
    name_channels: Callable[[Path, str | None], Mapping[str, int]]
    licence: str
    citation: str
    suffixes: tuple[str, ...]
    tissues: tuple[str, ...] = ()
    package: str | None = None
    package_files: Sequence[str] = field(default=())
    typed: bool = True


def get_dilation(unit: int, kernel: int, refuse: Callable[[str], InputError]) -> int:
    """Dilation of a unit, which no file of weights holds.

    Args:
        unit: Its number, from 0.
        kernel: Its taps, which must be those of its place.
        refuse: Makes the error.

    Raises:
        InputError: A unit too many, or of another kernel.
    """
    group = unit // UNITS_PER_GROUP
    if group >= len(DILATIONS):
        raise refuse(f"it has more than {UNITS_PER_GROUP * len(DILATIONS)} units")
    if kernel != KERNELS[group]:
        raise refuse(
            f"unit {unit + 1} has kernels of {kernel} taps; its place has "
            f"{KERNELS[group]}"
        )
    return DILATIONS[group]


def list_tap_places(n_units: int) -> list[int]:
    """Numbers of units after which the trunk is read: each fourth, and the last."""
    places = set(range(UNITS_PER_GROUP, n_units + 1, UNITS_PER_GROUP)) | {n_units}
    return sorted(places)


def take_unit(
    reading: Reading, number: int, width: int, *, norm: str, convolution: str
) -> Unit:
    """Take a unit as PyTorch writes it: twice a batch norm and a convolution.

    Args:
        reading: The file.
        number: Of the unit, from 0.
        width: Channels.
        norm: Name of a batch norm, but for the 1 or 2 at its end.
        convolution: Name of a convolution, likewise.

    Raises:
        InputError: A tensor is missing or of another shape.
    """
    parts: list[Any] = []
    for half in (1, 2):
        parts.append(take_batch_norm(reading, f"{norm}{half}", width))
        made = take_convolution(
            reading, f"{convolution}{half}", width, width, kernel=None
        )
        dilation = get_dilation(number, made.weight.shape[2], reading.refuse)
        parts.append(replace(made, dilation=dilation))
    return fold_unit(*parts)


def name_typed_channels(path: Path, tissue: str | None) -> Mapping[str, int]:
    """All three channels, whatever the file is called."""
    return {name: number for number, name in enumerate(TYPED_CHANNELS)}
