"""Scores a genome, part by part: a killed job goes on where it was.

Stretches are put together to parts of some megabases. A part is written as soon as it
is done, under a name that depends on everything that shapes it (weights, genome,
stretches, minimum), so parts of an earlier try are taken only if they are the same.
When all are there, the tracks are written from them and the parts removed. Several
jobs may each do some parts: ``part="1/4"`` is the first of four. Memory holds one
part's scores and one tile, whatever the genome.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from error_sequence_model.core import (
    InputError,
    atomic_path,
    get_hardware,
    get_time,
    get_versions,
    write_json,
)
from error_sequence_model.genome import STRANDS, Genome
from error_sequence_model.predictors.score_tracks import (
    Part,
    Points,
    require_room,
    write_bed,
    write_bigwigs,
    write_table,
)
from error_sequence_model.predictors.splice_predictor import SplicePredictor
from error_sequence_model.predictors.stretches import (
    Stretch,
    cut_stretches,
    group_stretches,
)
from error_sequence_model.predictors.tiles import (
    fetch_codes,
    score_stretches,
)

logger = logging.getLogger(__name__)

MINIMUM = 0.001
PART_BASES = 4_000_000
# Each cut costs the context of one network anew: 2 % of a part, at worst.
_FEWEST_PARTS, _SMALLEST_PART = 16, 500_000
_SAMPLE_BASES = 50_000  # to compare precisions on
_SECONDS_BETWEEN_LINES = 10.0
_PARTS = "parts"
# Each part may have been computed elsewhere.
_OF_A_PART = ("device", "precision", "computed_by")


@dataclass(frozen=True)
class _Plan:
    """What is to be scored, and where its parts lie."""

    predictor: SplicePredictor
    genome: Genome
    stretches: Sequence[Stretch]
    minimum: float
    folder: Path

    @cached_property
    def groups(self) -> list[list[Stretch]]:
        size = get_part_size(self.stretches)
        return list(group_stretches(cut_stretches(self.stretches, size), size))

    def locate(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def get_part_size(stretches: Sequence[Stretch]) -> int:
    """Bases of a part: less where little is scored, so that jobs can share it."""
    total = sum(stretch.length for stretch in stretches)
    return min(PART_BASES, max(total // _FEWEST_PARTS, _SMALLEST_PART))


def score_genome(
    predictor: SplicePredictor,
    genome: Genome,
    stretches: Sequence[Stretch],
    output: str | Path,
    *,
    minimum: float = MINIMUM,
    part: str | None = None,
) -> Mapping[str, Any] | None:
    """Score stretches of a genome and write what the calling reads.

    Args:
        predictor: What scores.
        genome: Where.
        stretches: From `join_stretches`: none overlaps another of its strand.
        output: A folder, which gets ``{donor,acceptor}.{plus,minus}.bw`` (and
            ``usage.*``), ``regions.bed`` and ``provenance.json``; or a ``.tsv`` or
            ``.tsv.gz``.
        minimum: Scores below are left out.
        part: ``i/n``: do the i-th of n shares of the work (from 1) and no more; the
            call without it then finds all parts done.

    Returns:
        What provenance.json says; None for a share.

    Raises:
        InputError: A predictor without donors and acceptors, a bad minimum or share, or
            too little room on the disk.
    """
    _check(genome, stretches, minimum)
    share, tracks = _parse_share(part), predictor.tracks
    output = Path(output)
    is_table = output.suffix in (".tsv", ".gz")
    home = output.with_name(f"{output.name}.{_PARTS}") if is_table else output / _PARTS
    require_room(
        output.parent if is_table else output, sum(s.length for s in stretches)
    )
    name = _identify(predictor, genome, stretches, minimum)
    plan = _Plan(predictor, genome, stretches, minimum, home / name)
    logger.info(
        "scores: %s of %d files, %s; %s",
        *(predictor.family.name, len(predictor.paths), predictor.precision),
        predictor.family.licence,
    )
    _do_parts(plan, share)
    if share is not None:
        return None
    if is_table:
        written = write_table(output, genome.lengths, tracks, _read_parts(plan))
    else:
        written = write_bigwigs(output, genome.lengths, tracks, _read_parts(plan))
        write_bed(output / "regions.bed", stretches)
    provenance = _describe(plan, written)
    if not is_table:
        write_json(output / "provenance.json", provenance)
    shutil.rmtree(home, ignore_errors=True)
    logger.info("scores: %s", written)
    return provenance


def _check(
    genome: Genome,
    stretches: Sequence[Stretch],
    minimum: float,
) -> None:
    """Refuse what cannot be scored or gives no scores, before any work is done."""
    if not 0 < minimum < 1:
        raise InputError(f"minimum is {minimum}; it must lie between 0 and 1")
    pieces = cut_stretches(stretches, _SAMPLE_BASES)
    if not any(genome.fetch(s.chrom, s.start, s.end).strip("N") for s in pieces):
        raise InputError(
            f"{genome.path}: all {sum(s.length for s in stretches):,} bases to score "
            "are N: a masked genome, or other `scores.regions` than meant?"
        )


def _parse_share(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, count = text.partition("/")
    if not (first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
        raise InputError(f"part is {text!r}; it must be i/n, such as 1/4 to 4/4")
    return int(first), int(count)


def _identify(
    predictor: SplicePredictor,
    genome: Genome,
    stretches: Sequence[Stretch],
    minimum: float,
) -> str:
    """Twelve digits for what shapes a part; device and precision do not count."""
    said = predictor.describe()
    known = {key: said[key] for key in ("predictor", "tissue", "weights", "channels")}
    stat = genome.path.stat()
    known["genome"] = [genome.describe(), stat.st_size, stat.st_mtime_ns]
    known["minimum"], known["part"] = minimum, get_part_size(stretches)
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for stretch in stretches:
        digest.update(repr(stretch).encode())
    return digest.hexdigest()[:12]


def _do_parts(plan: _Plan, share: tuple[int, int] | None) -> None:
    first, step = (share[0] - 1, share[1]) if share else (0, 1)
    mine = [
        (number, group)
        for number, group in enumerate(plan.groups)
        if number % step == first
    ]
    todo = [(n, group) for n, group in mine if not plan.locate(n).is_file()]
    if len(todo) < len(mine):
        logger.info(
            "scores: %d of %d parts are there", len(mine) - len(todo), len(mine)
        )
    total = sum(stretch.length for _, group in todo for stretch in group)
    with _Progress(total) as progress:
        for number, group in todo:
            _do_part(plan, number, group, progress)


def _do_part(
    plan: _Plan, number: int, group: Sequence[Stretch], progress: _Progress
) -> None:
    """Score the stretches of a part and write it."""
    order = {name: n for n, name in enumerate(plan.genome.lengths)}
    tracks = plan.predictor.tracks
    found: dict[tuple[str, str], list[Points]] = {
        (track, strand): [] for track in tracks for strand in STRANDS
    }
    n_untyped = 0
    for scored in score_stretches(plan.predictor, plan.genome, group):
        stretch = scored.stretch
        for track, scores in scored.scores.items():
            kept = np.flatnonzero(scores >= plan.minimum)
            points = Points(
                np.full(len(kept), order[stretch.chrom], dtype=np.int32),
                (stretch.start + kept).astype(np.int32),
                scores[kept].astype(np.float32),
            )
            found[track, stretch.strand].append(points)
        n_untyped += scored.n_untyped
        progress.add(stretch.length)
    arrays = {
        f"{track} {strand} {field}": np.concatenate(
            [getattr(p, field) for p in points] or [np.zeros(0, dtype)]
        )
        for (track, strand), points in found.items()
        for field, dtype in zip(
            Points._fields, (np.int32, np.int32, np.float32), strict=True
        )
    }
    said = {key: plan.predictor.describe()[key] for key in _OF_A_PART}
    said |= {"n_untyped": n_untyped, "largest_difference": _compare(plan, group)}
    arrays["said"] = np.array(json.dumps({**said, "hardware": get_hardware()}))
    with atomic_path(plan.locate(number)) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _compare(plan: _Plan, group: Sequence[Stretch]) -> float:
    """Largest difference of a score to fp32, on the first bases of a part."""
    if plan.predictor.precision == "fp32":
        return 0.0
    sample = next(cut_stretches(group, _SAMPLE_BASES))
    codes = fetch_codes(plan.genome, sample, plan.predictor.context)
    return plan.predictor.compare_precisions(codes)


def _read_parts(plan: _Plan) -> Iterator[Part]:
    """The parts in the genome's order."""
    for number in range(len(plan.groups)):
        with np.load(plan.locate(number), allow_pickle=False) as arrays:
            yield {
                (track, strand): Points(
                    *(arrays[f"{track} {strand} {f}"] for f in Points._fields)
                )
                for track in plan.predictor.tracks
                for strand in STRANDS
            }


def _describe(plan: _Plan, written: Mapping[str, int]) -> dict[str, Any]:
    said: list[dict[str, Any]] = []
    for number in range(len(plan.groups)):
        with np.load(plan.locate(number), allow_pickle=False) as arrays:
            said.append(json.loads(str(arrays["said"])))
    result = {
        **plan.predictor.describe(),
        **{key: _list_unlike(part[key] for part in said) for key in _OF_A_PART},
        "genome": plan.genome.describe(),
        "stretches": len(plan.stretches),
        "bases": sum(s.length for s in plan.stretches),
        "minimum": plan.minimum,
        "coordinates": "a score lies on the exonic base at the junction: "
        "coordinate_base 0 in bigWig, 1 in tables; site_base exon",
        "largest_difference_to_fp32": max(part["largest_difference"] for part in said),
        "scored": dict(written),
        "versions": get_versions(),
        "hardware": _list_unlike(part["hardware"] for part in said),
        "time": get_time(),
    }
    if not plan.predictor.family.typed:
        result["untyped_scores_of_half_or_more"] = sum(p["n_untyped"] for p in said)
    return result


def _list_unlike(values: Iterable[Any]) -> list[Any]:
    """Each value once."""
    return list({json.dumps(v, sort_keys=True): v for v in values}.values())


class _Progress:
    """Bases done, bases per second and time left: a bar, or lines in a log.

    Args:
        total: Bases.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self._start = self._last = time.monotonic()
        self._bar = tqdm(
            total=total,
            desc="scoring",
            unit="base",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        if self.total and self._bar.disable:
            self._log()

    def add(self, n_bases: int) -> None:
        """Note bases that are done."""
        self.done += n_bases
        self._bar.update(n_bases)
        now = time.monotonic()
        if self._bar.disable and now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            self._log()

    def _log(self) -> None:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = self.done / seconds
        left = (self.total - self.done) / rate if rate else 0.0
        logger.info(
            "scoring: %.2f of %.2f Mb, %s bases/s, %d:%02d:%02d left",
            *(self.done / 1e6, self.total / 1e6, f"{rate:,.0f}"),
            *(left // 3600, left % 3600 // 60, left % 60),
        )
