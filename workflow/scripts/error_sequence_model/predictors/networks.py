"""The one shape that all three families share, ready to be computed.

A residual network of dilated convolutions: a lookup of the base, residual units, and
taps that read the trunk at the start and after some units; the sum of the taps, cropped
by the context, gives the logits. What is linear is folded together once, in float64:
batch norms that follow a convolution into it, the tap convolutions into the heads, so
that a tap costs as many channels as the output has. Tensors are float32, channels
named ``width``; sequences run along the last axis of weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SOFTMAX, SIGMOID = "softmax", "sigmoid"
N_LETTERS = 5  # A, C, G, T and N, which is a column of zeros
N_CODE = N_LETTERS - 1


@dataclass(frozen=True)
class Convolution:
    """One convolution as a file holds it.

    Attributes:
        weight: float ``(out, in, kernel)``, correlation (no flip).
        bias: float ``(out,)``.
        dilation: In bases.
    """

    weight: Tensor
    bias: Tensor
    dilation: int = 1


@dataclass(frozen=True)
class BatchNorm:
    """One batch norm as a file holds it, each tensor float ``(width,)``.

    Attributes:
        gamma: Scale.
        beta: Shift.
        mean: Running mean.
        variance: Running variance.
        epsilon: Added to the variance; 1e-3 in Keras, 1e-5 in PyTorch.
    """

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    variance: Tensor
    epsilon: float

    def get_affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift that do the same, float64 ``(width,)`` each."""
        scale = self.gamma.double() / (self.variance.double() + self.epsilon).sqrt()
        return scale, self.beta.double() - self.mean.double() * scale


@dataclass(frozen=True)
class Unit:
    """A residual unit: x + second(act(first(act(x * scale + shift)))).

    Attributes:
        scale: float32 ``(width,)``.
        shift: float32 ``(width,)``.
        first: With the batch norm that follows it.
        second: As in the file.
    """

    scale: Tensor
    shift: Tensor
    first: Convolution
    second: Convolution

    @property
    def kernel(self) -> int:
        """Taps of both convolutions."""
        return self.first.weight.shape[-1]

    @property
    def dilation(self) -> int:
        """Of both convolutions, in bases."""
        return self.first.dilation

    @property
    def context(self) -> int:
        """Bases on each side that the unit reads."""
        return (self.kernel - 1) * self.dilation


@dataclass(frozen=True)
class Network:
    """A network ready to be computed.

    Attributes:
        embedding: float32 ``(5, width)``: the first convolution of A, C, G, T and N.
        units: In order.
        start_logits: float32 ``(5, outputs)``: the tap at the start, by letter, and all
            biases of taps and heads.
        taps: Number of units before the tap -> float32 ``(outputs, width)``.
        slope: Of the leaky ReLU; 0 is the plain one.
        heads: What turns logits into scores: (softmax or sigmoid, channels), in order.
    """

    embedding: Tensor
    units: tuple[Unit, ...]
    start_logits: Tensor
    taps: Mapping[int, Tensor]
    slope: float
    heads: tuple[tuple[str, int], ...]

    @property
    def context(self) -> int:
        """Bases on each side that a score depends on."""
        return sum(unit.context for unit in self.units)

    @property
    def width(self) -> int:
        """Channels of the trunk."""
        return self.embedding.shape[1]

    @property
    def outputs(self) -> int:
        """Channels of the output."""
        return self.start_logits.shape[1]

    @cached_property
    def operations(self) -> int:
        """Floating-point operations of the dilated convolutions per base."""
        return sum(
            2 * convolution.weight.numel()
            for unit in self.units
            for convolution in (unit.first, unit.second)
        )


def fold_unit(
    norm_1: BatchNorm,
    convolution_1: Convolution,
    norm_2: BatchNorm,
    convolution_2: Convolution,
) -> Unit:
    """Make a residual unit; the second batch norm goes into the first convolution."""
    scale, shift = norm_1.get_affine()
    after, offset = norm_2.get_affine()
    weight = convolution_1.weight.double() * after[:, None, None]
    bias = convolution_1.bias.double() * after + offset
    first = Convolution(weight.float(), bias.float(), convolution_1.dilation)
    return Unit(scale.float(), shift.float(), first, convolution_2)


def fold_network(
    first: Convolution,
    units: Sequence[Unit],
    taps: Mapping[int, Convolution],
    outputs: Sequence[Convolution],
    *,
    slope: float,
    heads: Sequence[tuple[str, int]],
) -> Network:
    """Make a network out of what a file holds.

    Args:
        first: From the one-hot sequence (A, C, G, T) to the trunk, kernel 1.
        units: The residual units.
        taps: Number of units before the tap (0: at the start) -> convolution of the
            trunk, kernel 1, whose outputs are summed.
        outputs: The heads, kernel 1, on the sum of the taps.
        slope: Of the leaky ReLU.
        heads: softmax or sigmoid, and channels, in the order of the output.
    """
    from torch import cat  # imported here: who only names families needs no torch

    lifted = first.weight[:, :, 0].double()
    letters = lifted.new_zeros(N_LETTERS, len(lifted))
    letters[:N_CODE] = lifted.T
    embedding = letters + first.bias.double()
    head = cat([output.weight[:, :, 0] for output in outputs]).double()
    folded = {place: head @ tap.weight[:, :, 0].double() for place, tap in taps.items()}
    bias = cat([output.bias for output in outputs]).double()
    bias += head @ sum(tap.bias.double() for tap in taps.values())
    start = embedding @ folded.pop(0).T + bias
    return Network(
        embedding.float(),
        tuple(units),
        start.float(),
        {place: weight.float() for place, weight in folded.items()},
        slope,
        tuple(heads),
    )
