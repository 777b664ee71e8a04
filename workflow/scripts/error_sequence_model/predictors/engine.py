"""Computes a network on a sequence of any length, as fast as the processor lets it.

The trunk is ``(length, width)``, bases outside, channels inside. Nothing is padded:
each convolution returns what it has the context for, and stages (units of one dilation
between taps) run piece by piece, so that their working memory stays in the cache.

A stage is computed in one of two ways. *Direct*: ``conv2d`` in the channels-last
layout, several times faster than ``conv1d``. *Fourier*: wide kernels as products of
spectra (overlap-save). Every ``dilation``-th base is a sequence of its own there, so
that the kernel has no holes; blocks of 2**n bases are transformed, and at each
frequency the channels are mixed by one matrix product. With 41 taps that takes a
seventh of the multiplications, and float32 rounds no worse than in the direct sum.
Kernels of 16 taps and more always go that way; for shorter ones it depends on the
processor, and is measured once per process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from error_sequence_model.predictors.networks import (
    N_CODE,
    N_LETTERS,
    SOFTMAX,
    Convolution,
    Network,
    Unit,
)

AUTO, DIRECT, FOURIER = "auto", "direct", "fourier"
# Positions of a stage that are computed at once on a CPU: 1 to 2 MB of channels.
_PIECE = {DIRECT: 16_384, FOURIER: 8_192}
_TRIAL = 8_192  # positions of the timed trials
# From so many taps on spectra win wherever they were measured: by a factor of 1.2 with
# 21 taps and 2.3 with 41 where direct convolutions are fastest, by more elsewhere.
_WIDE = 16
_leaky = torch.ops.aten.leaky_relu.out


@dataclass(frozen=True)
class _Stage:
    """Units of one kernel and dilation, and the tap after them, if any."""

    units: tuple[Unit, ...]
    tap: Tensor | None
    method: str

    @property
    def context(self) -> int:
        return sum(unit.context for unit in self.units)

    @property
    def kernel(self) -> int:
        return self.units[0].kernel

    @property
    def dilation(self) -> int:
        return self.units[0].dilation


class Workspace:
    """Large tensors, kept from tile to tile and from network to network.

    The system clears fresh memory page by page, which takes longer than what is done in
    it; whoever asks again for a name gets the same memory.
    """

    def __init__(self) -> None:
        self._known: dict[str, Tensor] = {}

    def take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor with any content, of the type and on the device of another.

        Args:
            name: Which memory.
            shape: Of the tensor.
            like: Has its type and device.
        """
        size = math.prod(shape)
        known = self._known.get(name)
        if known is None or len(known) < size:
            known = self._known[name] = like.new_empty(size)
        return known[:size].view(*shape)


class Engine:
    """A network on a device, in one precision.

    Args:
        network: What to compute.
        device: Where.
        dtype: Of the convolutions' inputs; everything between them is float32.
        method: auto, direct or fourier; other precisions than float32 and GPUs always
            are direct.
        workspace: Memory that networks which run in turn may share.
    """

    def __init__(
        self,
        network: Network,
        device: torch.device,
        *,
        dtype: torch.dtype = torch.float32,
        method: str = AUTO,
        workspace: Workspace | None = None,
    ) -> None:
        self.network, self.device, self.dtype = network, device, dtype
        if device.type != "cpu" or dtype != torch.float32:
            method = DIRECT
        self._embedding = network.embedding.to(device)
        self._start = network.start_logits.to(device)
        self.stages = tuple(_list_stages(network, method, device, dtype))
        steps = [s.dilation for s in self.stages if s.method == FOURIER]
        self._step = math.lcm(*steps) if steps else 1
        self._workspace = workspace or Workspace()
        self._spectra: dict[int, tuple[Tensor, Tensor]] = {}

    @torch.inference_mode()
    def run(self, codes: Tensor) -> Tensor:
        """Score a sequence.

        Args:
            codes: uint8 ``(length,)``: 0 to 3 for A, C, G and T, 4 for N.

        Returns:
            float32 ``(length - 2 * context, outputs)`` on the device.
        """
        context = self.network.context
        kept = len(codes) - 2 * context
        # Stages in the Fourier way take whole numbers of their dilation.
        codes = F.pad(codes, (0, -kept % self._step), value=N_CODE)
        codes = codes.to(self.device).long()
        inner = codes[context : len(codes) - context]
        logits = self._start[inner]
        width = self.network.width
        trunk = self._workspace.take("trunk 0", (len(codes), width), self._embedding)
        torch.index_select(self._embedding, 0, codes, out=trunk)
        reach = context
        with torch.backends.cudnn.flags(
            enabled=True, allow_tf32=False, benchmark=False, deterministic=False
        ):
            for number, stage in enumerate(self.stages, start=1):
                shape = (len(trunk) - 2 * stage.context, width)
                name = f"trunk {number % 2}"
                result = self._workspace.take(name, shape, self._embedding)
                self._run_stage(stage, trunk, result)
                trunk = result
                reach -= stage.context
                if stage.tap is not None:
                    logits.addmm_(trunk[reach : len(trunk) - reach], stage.tap.T)
        return _apply_heads(logits[:kept], self.network)

    def _run_stage(self, stage: _Stage, trunk: Tensor, result: Tensor) -> None:
        """Run a stage, trunk and result float32 ``(length, width)``."""
        if stage.method == FOURIER:
            self._run_fourier(stage, trunk, result)
        else:
            self._run_direct(stage, trunk, result)

    def _run_direct(self, stage: _Stage, trunk: Tensor, result: Tensor) -> None:
        """Run a stage by convolutions."""
        length = len(result)
        size = length
        if self.device.type == "cpu":
            # What is computed twice at the edges of pieces is at most an eighth.
            piece = max(_PIECE[DIRECT], 8 * stage.context)
            size = math.ceil(length / math.ceil(length / piece))
        for start in range(0, length, size):
            # Pieces of one size: libraries prepare a convolution per shape.
            first = max(0, min(start, length - size))
            piece = trunk[first : first + size + 2 * stage.context]
            x = piece.T[None, :, None]
            for unit in stage.units:
                x = self._run_unit(unit, x)
            result[first : first + size] = x[0, :, 0].T

    def _run_unit(self, unit: Unit, x: Tensor) -> Tensor:
        """Run a residual unit on ``(1, width, 1, length)``, channels last."""
        options = {"dilation": (1, unit.dilation)}
        slope = self.network.slope
        hidden = torch.addcmul(unit.shift, x, unit.scale)
        hidden = F.leaky_relu_(hidden, slope).to(self.dtype)
        hidden = F.conv2d(hidden, unit.first.weight, unit.first.bias, **options)
        hidden = F.leaky_relu_(hidden, slope)
        hidden = F.conv2d(hidden, unit.second.weight, unit.second.bias, **options)
        reach = unit.context
        return hidden.float().add_(x[..., reach : x.shape[-1] - reach])

    def _run_fourier(self, stage: _Stage, trunk: Tensor, result: Tensor) -> None:
        """Run a stage by spectra.

        ``trunk`` is seen as ``(rows, dilation, width)``: a phase is what lies
        ``dilation`` bases apart. Pieces are some phases whole, or a part of one.
        """
        width, dilation = trunk.shape[1], stage.dilation
        halo = 2 * stage.context // dilation
        phases = trunk.view(-1, dilation, width)
        made = result.view(-1, dilation, width)
        for rows, columns in _cut_phases(len(made), dilation):
            piece = phases[rows.start : rows.stop + halo, columns.start : columns.stop]
            made[rows.start : rows.stop, columns.start : columns.stop] = (
                self._run_phases(stage, piece)
            )

    def _run_phases(self, stage: _Stage, piece: Tensor) -> Tensor:
        """Run a stage on phases, float32 ``(rows, phases, width)``; rows shrink."""
        n_rows, n_phases, width = piece.shape
        reach, n_units = stage.kernel - 1, len(stage.units)
        block = _get_block(stage.kernel)
        # What lies beyond the rows is never kept; it must only be finite.
        rows = piece.new_zeros(n_phases, n_rows + block, width)
        rows[:, :n_rows] = piece.transpose(0, 1)
        # A plain transpose of a matrix is several times faster than a permutation.
        trunk = rows.view(-1, width).T.contiguous().view(width, n_phases, -1)
        hidden = torch.zeros_like(trunk)
        valid = n_rows
        for number, unit in enumerate(stage.units):
            start = number * reach
            valid -= reach
            blocks = _view_blocks(trunk, start, valid, stage.kernel)
            taken = torch.addcmul(unit.shift, blocks, unit.scale)
            F.leaky_relu_(taken, self.network.slope)
            made = self._multiply(unit.first, taken)
            n_made = made.shape[2] * made.shape[3]
            into = hidden[:, :, :n_made].view_as(made)
            _leaky(made, self.network.slope, out=into)
            valid -= reach
            taken = _view_blocks(hidden, 0, valid, stage.kernel).contiguous()
            made = self._multiply(unit.second, taken)
            n_made = made.shape[2] * made.shape[3]
            trunk[:, :, start + reach :][:, :, :n_made].view_as(made).add_(made)
        start = n_units * reach
        kept = trunk[:, :, start : start + valid].reshape(width, -1)
        return kept.T.contiguous().view(n_phases, valid, width).transpose(0, 1)

    def _multiply(self, convolution: Convolution, blocks: Tensor) -> Tensor:
        """Convolve blocks, float32 ``(width, phases, n, block)``.

        Returns:
            float32 ``(width, phases, n, block - kernel + 1)``, a view.
        """
        width, *inner, block = blocks.shape
        spectrum, bias = self._get_spectrum(convolution, block)
        n_bins = len(spectrum)
        bins = torch.fft.rfft(blocks.view(-1, block))
        columns = self._workspace.take("columns", bins.T.shape, bins)
        columns.copy_(bins.T)
        shape = (n_bins, width, len(bins) // width)
        mixed = self._workspace.take("mixed", shape, bins)
        torch.bmm(spectrum, columns.view(shape), out=mixed)
        # A constant is the lowest frequency alone.
        mixed[0] += bias
        bins.copy_(mixed.view(n_bins, -1).T)
        made = torch.fft.irfft(bins, n=block).view(-1, *inner, block)
        return made[..., : block - convolution.weight.shape[-1] + 1]

    def _get_spectrum(
        self, convolution: Convolution, block: int
    ) -> tuple[Tensor, Tensor]:
        """Spectrum complex64 ``(bins, out, in)`` and bias complex64 ``(out, 1)``."""
        known = self._spectra.get(id(convolution))
        if known is None:
            spectrum = torch.fft.rfft(convolution.weight.double(), n=block).conj()
            spectrum = spectrum.permute(2, 0, 1).to(torch.complex64).contiguous()
            bias = (convolution.bias.double() * block).to(torch.complex64)[:, None]
            known = self._spectra[id(convolution)] = (spectrum, bias)
        return known


def _list_stages(
    network: Network, method: str, device: torch.device, dtype: torch.dtype
) -> Iterator[_Stage]:
    """Cut the units into stages, each with the way that is fastest for it."""
    units: list[Unit] = []
    for number, unit in enumerate(network.units, start=1):
        units.append(unit)
        following = network.units[number : number + 1]
        goes_on = bool(following) and (
            (following[0].kernel, following[0].dilation) == (unit.kernel, unit.dilation)
        )
        tap = network.taps.get(number)
        if goes_on and tap is None:
            continue
        chosen = method
        if method == AUTO:
            chosen = _choose_method(network.width, unit.kernel, torch.get_num_threads())
        ready = tuple(_prepare(u, device, dtype, chosen) for u in units)
        yield _Stage(ready, None if tap is None else tap.to(device), chosen)
        units = []


def _prepare(unit: Unit, device: torch.device, dtype: torch.dtype, method: str) -> Unit:
    """Put a unit on its device, in the layout that its stage takes."""

    def lay_out(convolution: Convolution) -> Convolution:
        weight = convolution.weight.to(device, dtype)
        if method == DIRECT:
            weight = weight[:, :, None].to(memory_format=torch.channels_last)
        return replace(
            convolution, weight=weight, bias=convolution.bias.to(device, dtype)
        )

    shape = (1, -1, 1, 1) if method == DIRECT else (-1, 1, 1, 1)
    return Unit(
        unit.scale.to(device).view(shape),
        unit.shift.to(device).view(shape),
        lay_out(unit.first),
        lay_out(unit.second),
    )


def _get_block(kernel: int) -> int:
    """Length of the transformed blocks; the kernel is at most a sixth of it."""
    return 1 << (6 * kernel - 1).bit_length()


def _view_blocks(rows: Tensor, start: int, valid: int, kernel: int) -> Tensor:
    """Overlapping blocks of rows ``(width, phases, length)``, enough for ``valid``.

    Returns:
        A view ``(width, phases, n, block)``.
    """
    block = _get_block(kernel)
    hop = block - kernel + 1
    return rows.as_strided(
        (*rows.shape[:2], math.ceil(valid / hop), block),
        (*rows.stride()[:2], hop, 1),
        rows.storage_offset() + start,
    )


def _cut_phases(n_rows: int, dilation: int) -> Iterator[tuple[range, range]]:
    """Cut ``n_rows`` of all phases into pieces: rows, phases."""
    budget = _PIECE[FOURIER]
    size = math.ceil(n_rows / math.ceil(n_rows / budget))
    count = max(1, min(dilation, budget // size))
    for column in range(0, dilation, count):
        columns = range(column, min(column + count, dilation))
        for start in range(0, n_rows, size):
            yield range(start, min(start + size, n_rows)), columns


def _apply_heads(logits: Tensor, network: Network) -> Tensor:
    scores = []
    for part, (kind, _) in zip(
        logits.split([n for _, n in network.heads], dim=1), network.heads, strict=True
    ):
        scores.append(part.softmax(1) if kind == SOFTMAX else part.sigmoid())
    return torch.cat(scores, dim=1)


@cache
def _choose_method(width: int, kernel: int, threads: int) -> str:
    """Tell which way is faster for a stage of four units, by a trial if need be.

    Args:
        width: Channels.
        kernel: Taps.
        threads: Of the process; the answer depends on them.
    """
    if kernel >= _WIDE:
        return FOURIER
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(width, width, kernel, generator=generator) / width
    convolution = Convolution(weight, torch.zeros(width))
    ones = torch.ones(width)
    network = Network(
        torch.randn(N_LETTERS, width, generator=generator),
        (Unit(ones, ones, convolution, convolution),) * 4,
        torch.zeros(N_LETTERS, 1),
        {},
        0.0,
        ((SOFTMAX, 1),),
    )
    letters = torch.arange(_TRIAL + 2 * network.context, dtype=torch.uint8)
    codes = letters % N_LETTERS
    seconds = {}
    for method in (DIRECT, FOURIER):
        engine = Engine(network, torch.device("cpu"), method=method)
        seconds[method] = measure(lambda e=engine: e.run(codes))
    return min(seconds, key=seconds.__getitem__)


def measure(
    run: Callable[[], object],
    *,
    times: int = 3,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Seconds that a call takes at best, after one to warm up.

    Args:
        run: What to time.
        times: How often.
        clock: CPU time by default: other work on the machine must not decide. A GPU
            needs the time on the wall.
    """
    run()
    best = math.inf
    for _ in range(times):
        start = clock()
        run()
        best = min(best, clock() - start)
    return best
