"""The Hyena operator: gates, an implicit long filter, and its matrix written out.

Sequences are (batch, channels, length) inside the operator. The filter is made and
applied in float32 whatever the precision around it: half-precision filters ruin the
output, and half-precision FFTs exist only for lengths that are powers of two.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.backbone import NetworkConfig
from error_sequence_model.core import InputError

DECAY_FLOOR = 0.05


class OperatorParts(NamedTuple):
    """What a mixer's matrix is made of; float32.

    Attributes:
        x0: Gate after the long convolution, (batch, channels, length).
        x1: Gate before it, same shape.
        v: What is mixed, same shape.
        filter: Impulse response h[c, lag] without the skip term, (channels, length).
        skip: Weight D of the skip term, (channels,).
    """

    x0: Tensor
    x1: Tensor
    v: Tensor
    filter: Tensor
    skip: Tensor


class Sine(nn.Module):
    """sin(freq × a) with a learned frequency per unit; one for all filter layers."""

    def __init__(self, width: int, frequency: float) -> None:
        super().__init__()
        self.freq = nn.Parameter(torch.full((1, width), float(frequency)))

    def forward(self, values: Tensor) -> Tensor:
        """Map (…, width) to the same shape."""
        return torch.sin(self.freq * values)


class PositionFeatures(nn.Module):
    """Buffers of the published weights: time and its Fourier features.

    ``t`` (1, max_seq_len, 1) runs from 0 to 1; ``z`` (1, max_seq_len, emb_dim) is t,
    the cosines, then the negative sines of the bands.
    """

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        length, n_bands = config.max_seq_len, (config.emb_dim - 1) // 2
        times = torch.linspace(0, 1, length)[None, :, None]
        angles = 2 * math.pi * torch.arange(length)[None, :, None] / length
        phases = torch.linspace(1e-4, n_bands - 1, n_bands) * angles
        features = torch.cat([times, phases.cos(), -phases.sin()], dim=-1)
        self.register_buffer("z", features)
        self.register_buffer("t", times)


class Modulation(nn.Module):
    """Buffer of the published weights: decay rate per channel, (1, 1, channels).

    The rates lie between a slow and a fast decay to 1 %.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        slowest, fastest = math.log(1e-2) / 1.5, math.log(1e-2) / 0.3
        rates = torch.linspace(slowest, fastest, channels)
        self.register_buffer("deltas", rates[None, None])


class ImplicitFilter(nn.Module):
    """The network from position features to filter values.

    Layers carry the numbers they have in the published weights, where the three sines
    are one module: only ``1.freq`` exists here.
    """

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        width = config.filter_order
        sizes = [config.emb_dim] + [width] * (config.num_inner_mlps + 1)
        for index, (in_size, out_size) in enumerate(itertools.pairwise(sizes)):
            self.add_module(str(2 * index), nn.Linear(in_size, out_size))
        self.add_module("1", Sine(width, config.activation_freq))
        self.last = str(2 * len(sizes) - 2)
        self.add_module(self.last, nn.Linear(width, config.d_model, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """Map (1, length, emb_dim) to (1, length, channels)."""
        sine = self.get_submodule("1")
        for index in range(0, int(self.last), 2):
            features = sine(self.get_submodule(str(index))(features))
        return self.get_submodule(self.last)(features)


class LongFilter(nn.Module):
    """The long convolution: its filter, its skip weight ``bias``, and itself."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(config.d_model))
        self.pos_emb = PositionFeatures(config)
        self.modulation = Modulation(config.d_model)
        self.implicit_filter = ImplicitFilter(config)

    def get_filter(self, length: int) -> Tensor:
        """The first ``length`` lags of the filter, (channels, length), float32.

        Positions are normalised by the length the model was made for, not by this one.
        """
        features = self.pos_emb.z[:, :length].float()
        times = self.pos_emb.t[:, :length].float()
        with torch.autocast(features.device.type, enabled=False):
            decay = torch.exp(-times * self.modulation.deltas.float().abs())
            values = self.implicit_filter(features) * (decay + DECAY_FLOOR)
        return values[0].transpose(0, 1)

    def forward(self, signal: Tensor) -> Tensor:
        """Convolve causally, and add the skip term.

        Args:
            signal: (batch, channels, length).

        Returns:
            Same shape, float32.
        """
        length = signal.shape[-1]
        response = self.get_filter(length)
        with torch.autocast(signal.device.type, enabled=False):
            signal = signal.float()
            spectrum = torch.fft.rfft(signal, n=2 * length)
            spectrum = spectrum * torch.fft.rfft(response, n=2 * length)
            convolved = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
            return convolved + signal * self.bias.float()[:, None]


class HyenaMixer(nn.Module):
    """y = x0 · (long filter of (x1 · v)), between two projections."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        width, reach = config.d_model, config.short_filter_order
        self.in_proj = nn.Linear(width, 3 * width)
        self.short_filter = nn.Conv1d(
            3 * width, 3 * width, reach, padding=reach - 1, groups=3 * width
        )
        self.filter_fn = LongFilter(config)
        self.out_proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.hyena_dropout)

    def _get_gates(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        length = states.shape[1]
        projected = self.in_proj(states).transpose(1, 2)
        # Padded on both sides and cut at the end: only bases 5' of a position count.
        x0, x1, v = self.short_filter(projected)[..., :length].chunk(3, dim=1)
        return x0, x1, v

    def forward(self, states: Tensor) -> Tensor:
        """Map normalised states (batch, length, hidden) to the same shape."""
        x0, x1, v = self._get_gates(states)
        mixed = self.filter_fn(self.dropout(v * x1)) * x0
        return self.out_proj(mixed.transpose(1, 2))

    def get_parts(self, states: Tensor) -> OperatorParts:
        """Factors of the mixing matrix for normalised states."""
        x0, x1, v = (part.float() for part in self._get_gates(states))
        response = self.filter_fn.get_filter(states.shape[1])
        return OperatorParts(x0, x1, v, response, self.filter_fn.bias.float())


def build_mixing(parts: OperatorParts, channels: slice) -> Tensor:
    """Write out the matrices of some channels.

    Returns:
        (batch, chosen channels, length, length): rows t, columns s, zero for s > t.
    """
    length = parts.x0.shape[-1]
    positions = torch.arange(length, device=parts.x0.device)
    lags = positions[:, None] - positions[None, :]
    response = parts.filter[channels].clone()
    response[:, 0] += parts.skip[channels]
    toeplitz = response[:, lags.clamp(min=0)].masked_fill(lags < 0, 0.0)
    gates = parts.x0[:, channels, :, None], parts.x1[:, channels, None, :]
    return gates[0] * toeplitz * gates[1]


def reduce_mixing(
    parts: OperatorParts,
    projection: Tensor,
    reduction: str | None,
    *,
    chunk_size: int,
) -> Tensor:
    """Write out the mixing matrix of a layer and reduce it over channels.

    Args:
        parts: Factors of the matrix.
        projection: Weight of the output projection, (hidden, channels).
        reduction: "absolute", "mean", "output" or ``None``; see
            ``HyenaDNAModel.mixing_matrices``.
        chunk_size: Rows of the matrix written out at once, for all channels.

    Returns:
        (batch, length, length), or (batch, channels, length, length).

    Raises:
        InputError: The reduction is unknown.
    """
    if reduction not in ("absolute", "mean", "output", None):
        raise InputError(
            f'reduction is {reduction!r}; allowed: "absolute", "mean", "output", None'
        )
    if reduction is None:
        return build_mixing(parts, slice(None))
    response = parts.filter.clone()
    response[:, 0] += parts.skip
    gates, sources = parts.x0, parts.x1
    if reduction == "output":
        sources = sources * parts.v
    elif reduction == "absolute":
        # |A| is the product of its factors' absolute values.
        response, gates, sources = response.abs(), gates.abs(), sources.abs()
    reduced = []
    for gate, source in zip(gates, sources, strict=True):
        matrix = gate.new_zeros(gate.shape[-1], gate.shape[-1])
        for rows, terms in _iterate_rows(response, source, chunk_size):
            weights = gate[:, rows].T
            if reduction == "output":
                outputs = projection @ (terms * weights[:, :, None])
                values = outputs.norm(dim=1)
            else:
                values = (weights[:, None] @ terms)[:, 0] / len(source)
            matrix[rows, : values.shape[-1]] = values
        reduced.append(matrix)
    return torch.stack(reduced)


def _iterate_rows(
    response: Tensor, source: Tensor, n_rows: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield h[c, t - s] · source[c, s] for a few rows t at a time.

    Args:
        response: Filter with the skip term, (channels, length).
        source: (channels, length).
        n_rows: Rows t of one piece.

    Yields:
        The rows, and their terms (rows, channels, columns); columns run from 0 to the
        last of the rows, as later ones are zero.
    """
    length = response.shape[-1]
    # Row t of the Toeplitz matrix is a window of the reversed filter: a view, no copy.
    windows = F.pad(response.flip(-1), (0, length - 1)).unfold(-1, length, 1)
    toeplitz = windows.transpose(0, 1)
    for start in range(0, length, n_rows):
        stop = min(start + n_rows, length)
        piece = toeplitz[length - stop : length - start].flip(0)[..., :stop]
        yield slice(start, stop), piece * source[:, :stop]


@dataclass
class HyenaDNAConfig(NetworkConfig):
    """Size and options; the defaults are those of the tiny-1k model.

    Field names are those of the published ``config.json``. ``max_seq_len`` is part of
    the filters: it must stay what the weights were trained with. It counts tokens; the
    two above the round number were meant for specials.
    """

    model_type = "hyenadna"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: int = 12
    pad_vocab_size_multiple: int = 8
    d_model: int = 128
    n_layer: int = 2
    d_inner: int | None = None
    max_seq_len: int = 1026
    emb_dim: int = 5
    filter_order: int = 64
    num_inner_mlps: int = 2
    hyena_order: int = 2
    short_filter_order: int = 3
    activation_freq: float | int = 10
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    hyena_dropout: float | int = 0.0
    pad_token_id: int | None = 4

    def __post_init__(self) -> None:
        """Complete and check the sizes.

        Raises:
            ValueError: Says which option to change.
        """
        super().__post_init__()
        if self.d_inner is None:
            self.d_inner = 4 * self.d_model
        if self.hyena_order != 2:
            raise ValueError(f"hyena_order {self.hyena_order} must be 2")
        if self.emb_dim < 3 or self.emb_dim % 2 == 0:
            raise ValueError(f"emb_dim {self.emb_dim} must be odd and at least 3")

    @property
    def padded_vocab_size(self) -> int:
        """Rows of the embedding and columns of the logits; those above are unused."""
        multiple = self.pad_vocab_size_multiple
        return -(-self.vocab_size // multiple) * multiple
