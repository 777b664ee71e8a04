"""A loaded predictor: from a sequence to scores, the mean of its networks.

    predictor = load_predictor("spliceai", ["spliceai1.h5", "spliceai2.h5"])
    scores = predictor.predict(flanked)      # (len(flanked) - 2 * predictor.context, 3)

A donor's score lies on the last base of the exon, an acceptor's on the first, for all
families: ``site_base: exon``, which the workflow takes by default.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from error_sequence_model.core import (
    InputError,
    get_device,
    has_amx,
    has_fast_bf16,
    hash_file,
)
from error_sequence_model.predictors.base_codes import encode
from error_sequence_model.predictors.engine import AUTO, Engine, Workspace, measure
from error_sequence_model.predictors.family import Family, Member
from error_sequence_model.predictors.known_families import (
    get_family,
    list_channels,
    list_tracks,
    list_weights,
)
from error_sequence_model.predictors.weight_files import read_weights

logger = logging.getLogger(__name__)

FP32, BF16 = "fp32", "bf16"
PRECISIONS = (AUTO, FP32, BF16)
# bf16 rounds scores: it must be worth it.
_LEAST_GAIN = 1.3
_TRIAL = 16_384  # bases
# Of all bases that a tile computes, at most this share is context.
_CONTEXT_SHARE = 0.0285
_SMALLEST_TILE = 65_536


class SplicePredictor:
    """A predictor: one network, or the mean of several.

    Args:
        family: What the networks are of.
        members: The networks, each with the channels that count.
        paths: Their files.
        tissue: What they were made for, if the family has tissues.
        device: Where they run; None: the first GPU, else the CPU.
        precision: fp32, bf16, or auto: bf16 where a trial shows that it is faster.

    Attributes:
        context: Bases on each side of a base that its scores depend on.
        channels: Names of the scores.
        precision: fp32 or bf16.
    """

    def __init__(
        self,
        family: Family,
        members: Sequence[Member],
        paths: Sequence[Path],
        *,
        tissue: str | None = None,
        device: str | torch.device | None = None,
        precision: str = FP32,
    ) -> None:
        self.family, self.paths, self.tissue = family, tuple(paths), tissue
        self.members = tuple(members)
        self.device = _find_device(device)
        self.context = self.members[0].network.context
        self.channels = list_channels(m.channels for m in self.members)
        self.precision = self._choose_precision(precision)
        self._engines = self._make_engines(self.precision)

    @property
    def tracks(self) -> tuple[str, ...]:
        """What a genome's scores are: donor, acceptor, and usage if there is one.

        Raises:
            InputError: Pangolin without a tissue has no such scores.
        """
        return list_tracks(self.family, self.channels)

    @property
    def tile(self) -> int:
        """Bases that are scored at once, so long that little of it is context."""
        return max(_SMALLEST_TILE, int(2 * self.context / _CONTEXT_SHARE))

    def predict(self, sequence: str | bytes | np.ndarray) -> np.ndarray:
        """Score a sequence.

        Args:
            sequence: Text (any case; what is not A, C, G or T is N), or ASCII uint8
                ``(length,)``, with `context` bases on each side of what is scored.

        Returns:
            float32 ``(length - 2 * context, channels)``.

        Raises:
            InputError: It is no longer than the context on both sides.
        """
        codes = encode(sequence)
        n_scored = len(codes) - 2 * self.context
        if n_scored <= 0:
            raise InputError(
                f"a sequence of {len(codes):,} bases: {self.family.name} needs "
                f"{self.context:,} bases on each side of what it scores, so at least "
                f"{2 * self.context + 1:,}; pad it with N where nothing is known"
            )
        scores = np.empty((n_scored, len(self.channels)), dtype=np.float32)
        for start in range(0, n_scored, self.tile):
            end = min(start + self.tile, n_scored)
            scores[start:end] = self.score_codes(codes[start : end + 2 * self.context])
        return scores

    def score_codes(self, codes: np.ndarray) -> np.ndarray:
        """Score one tile of letters' numbers, see `predict`; memory grows with it.

        Args:
            codes: uint8 ``(length,)``.

        Returns:
            float32 ``(length - 2 * context, channels)``.
        """
        return _average(self._engines, self.members, self.channels, codes)

    def compare_precisions(self, codes: np.ndarray) -> float:
        """Largest difference of a score to fp32 on a sequence; 0 in fp32.

        Args:
            codes: uint8 ``(length,)``, with context.
        """
        if self.precision == FP32:
            return 0.0
        exact = self._make_engines(FP32)
        wanted = _average(exact, self.members, self.channels, codes)
        return float(np.abs(wanted - self.score_codes(codes)).max())

    def describe(self) -> dict[str, object]:
        """What scores come from: weights and their hashes, licence, precision."""
        methods = {
            f"{stage.kernel} taps, dilation {stage.dilation}": stage.method
            for stage in self._engines[0].stages
        }
        return {
            "predictor": self.family.name,
            "tissue": self.tissue,
            "channels": list(self.channels),
            "context": self.context,
            "weights": [
                {"file": path.name, "sha256": hash_file(path)} for path in self.paths
            ],
            "licence": self.family.licence,
            "citation": self.family.citation,
            "device": self.device.type,
            "precision": self.precision,
            "computed_by": methods,
        }

    def _make_engines(self, precision: str) -> list[Engine]:
        dtype = torch.bfloat16 if precision == BF16 else torch.float32
        workspace = Workspace()
        return [
            Engine(m.network, self.device, dtype=dtype, workspace=workspace)
            for m in self.members
        ]

    def _choose_precision(self, request: str) -> str:
        """Turn auto into fp32 or bf16, by a trial where the hardware has bf16."""
        if request not in PRECISIONS:
            raise InputError(
                f"precision is {request!r}; it must be one of {', '.join(PRECISIONS)}; "
                "set `scores.precision`"
            )
        if request != AUTO:
            return request
        # Without AMX the gain is too small to be worth the rounding, and near enough to
        # the limit that jobs of one machine could choose differently.
        on_cpu = self.device.type == "cpu"
        if not (has_amx(self.device) if on_cpu else has_fast_bf16(self.device)):
            return FP32
        network = self.members[0].network
        length = _TRIAL + 2 * network.context
        codes = torch.from_numpy(np.arange(length, dtype=np.uint32) % 4).to(torch.uint8)
        clock = time.process_time if on_cpu else time.perf_counter
        seconds = {}
        for name, dtype in ((FP32, torch.float32), (BF16, torch.bfloat16)):
            engine = Engine(network, self.device, dtype=dtype)
            # Getting the scores waits for a GPU.
            seconds[name] = measure(lambda e=engine: e.run(codes).cpu(), clock=clock)
        gain = seconds[FP32] / seconds[BF16]
        chosen = BF16 if gain >= _LEAST_GAIN else FP32
        logger.info("precision: bf16 is %.2f times as fast; %s is used", gain, chosen)
        return chosen


def _find_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or the first GPU, else the CPU.

    Raises:
        InputError: There is none of this name.
    """
    try:
        found = get_device(None if device is None else str(device))
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"device {str(device)!r} cannot be used here ({reason}); give cpu, or "
            "cuda where there is a GPU"
        ) from error
    return found


def _average(
    engines: Sequence[Engine],
    members: Sequence[Member],
    channels: Sequence[str],
    codes: np.ndarray,
) -> np.ndarray:
    """Mean of the networks, per channel over those that have it."""
    tensor = torch.from_numpy(np.ascontiguousarray(codes))
    sums: np.ndarray | None = None
    counts = np.zeros(len(channels), dtype=np.float32)
    for engine, member in zip(engines, members, strict=True):
        scores = engine.run(tensor).cpu().numpy()
        if sums is None:
            sums = np.zeros((len(scores), len(channels)), dtype=np.float32)
        for column, name in enumerate(channels):
            if name in member.channels:
                sums[:, column] += scores[:, member.channels[name]]
                counts[column] += 1
    return sums / counts


def load_predictor(
    model: str,
    weights: str | Path | Iterable[str | Path],
    *,
    tissue: str | None = None,
    device: str | torch.device | None = None,
    precision: str = FP32,
) -> SplicePredictor:
    """Load a predictor; an ensemble is the mean of its networks.

    Args:
        model: spliceai, openspliceai or pangolin.
        weights: Files, or a folder of them; "package": those that the installed PyPI
            package of the family brings (found, never imported).
        tissue: Of pangolin: heart, liver, brain or testis. None: all twelve outputs.
        device: "cpu", "cuda" …; None: the first GPU, else the CPU.
        precision: fp32, bf16, or auto: bf16 where a trial shows that it is faster.

    Raises:
        InputError: An unknown family or tissue, no weights, or weights that do not fit:
            of another family or context, damaged, given twice.
    """
    family = get_family(model, tissue)
    paths = list_weights(family, weights, tissue)
    members = []
    for path in paths:
        channels = family.name_channels(path, tissue)
        members.append(Member(family.read(read_weights(path)), channels))
    _refuse_mixture(paths, members)
    return SplicePredictor(
        family, members, paths, tissue=tissue, device=device, precision=precision
    )


def _refuse_mixture(paths: Sequence[Path], members: Sequence[Member]) -> None:
    contexts = [member.network.context for member in members]
    if len(set(contexts)) > 1:
        listed = "; ".join(
            f"{path}: {2 * context:,} nt"
            for path, context in zip(paths, contexts, strict=True)
        )
        raise InputError(
            f"weights of different contexts cannot be averaged: {listed}; give those "
            "of one context in `scores.weights`"
        )
