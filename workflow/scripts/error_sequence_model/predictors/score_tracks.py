"""Writes scores of a genome: bigWig per track and strand, or one table.

A score lies on the exonic base beside the junction (the last base of the exon for a
donor, the first for an acceptor), 0-based in bigWig and 1-based in the table: what the
calling reads by default (``coordinate_base: 1``, ``site_base: exon``). Scores below the
minimum are left out; a base without a score was below it.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, atomic_path
from error_sequence_model.genome import STRANDS, open_bigwig
from error_sequence_model.predictors.stretches import Stretch

STRAND_NAMES = {"+": "plus", "-": "minus"}
# Room that scores take at most, per scored base, with their parts; measured 0.2.
_BYTES_PER_BASE = 0.5
_ROWS_AT_ONCE = 1_000_000


class Points(NamedTuple):
    """Scores of one track and strand, in the order of the genome.

    Attributes:
        contig: Number of the contig, int32 ``(n,)``.
        position: 0-based, int32 ``(n,)``.
        score: float32 ``(n,)``.
    """

    contig: np.ndarray
    position: np.ndarray
    score: np.ndarray


Part = Mapping[tuple[str, str], Points]


def list_files(folder: Path, tracks: Sequence[str]) -> dict[tuple[str, str], Path]:
    """Track and strand -> bigWig in a folder: donor.plus.bw and so on."""
    return {
        (track, strand): folder / f"{track}.{STRAND_NAMES[strand]}.bw"
        for track in tracks
        for strand in STRANDS
    }


def require_room(folder: Path, n_bases: int) -> None:
    """Refuse to start where the scores would not fit.

    Raises:
        InputError: Too little room on the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed = int(n_bases * _BYTES_PER_BASE) + (1 << 20)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: {free / 1e6:,.0f} MB are free, and scores of {n_bases:,} bases "
            f"may take {needed / 1e6:,.0f} MB; make room there, then run again"
        )


def write_bigwigs(
    folder: Path, lengths: Mapping[str, int], tracks: Sequence[str], parts: Any
) -> dict[str, int]:
    """Write all tracks in one pass over the parts; whole files or none.

    Args:
        folder: Where to.
        lengths: Contig -> length, in the genome's order.
        tracks: Their names.
        parts: Iterable of `Part`, in the genome's order.

    Returns:
        File name -> bases with a score.

    Raises:
        OSError: A file could not be written whole (no space left).
    """
    import pyBigWig  # imported here: the networks alone need no such library

    files = list_files(folder, tracks)
    names = list(lengths)
    counts = dict.fromkeys(files, 0)
    with ExitStack() as stack:
        places = {key: stack.enter_context(atomic_path(p)) for key, p in files.items()}
        opened = {}
        for key, place in places.items():
            opened[key] = pyBigWig.open(str(place), "w")
            opened[key].addHeader([(name, int(n)) for name, n in lengths.items()])
        try:
            for part in parts:
                for key, points in part.items():
                    _add_points(opened[key], points, names)
                    counts[key] += len(points.position)
            for key, count in counts.items():
                if not count:
                    # A bigWig of nothing cannot be read; 0 is what no score means.
                    opened[key].addEntries(names[0], [0], values=[0.0], span=1)
        finally:
            for file in opened.values():
                file.close()
        for key, place in places.items():
            _refuse_incomplete(place, files[key], counts[key] or 1)
    return {files[key].name: count for key, count in counts.items()}


def _add_points(file: Any, points: Points, names: Sequence[str]) -> None:
    breaks = np.flatnonzero(np.diff(points.contig)) + 1
    for rows in np.split(np.arange(len(points.contig)), breaks):
        if not len(rows):
            continue
        name = names[int(points.contig[rows[0]])]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            file.addEntries(
                name,
                points.position[some].tolist(),
                values=points.score[some].astype(float).tolist(),
                span=1,
            )


def _refuse_incomplete(place: Path, path: Path, count: int) -> None:
    """The library says nothing where the disk is full: look at what is there."""
    try:
        with open_bigwig(place, what="scores") as track:
            is_whole = track.header()["nBasesCovered"] == count
    except InputError:
        is_whole = False
    if not is_whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def write_table(
    path: Path, lengths: Mapping[str, int], tracks: Sequence[str], parts: Any
) -> dict[str, int]:
    """Write one table: chrom, position (1-based), strand, donor_score and so on.

    Args:
        path: ``.tsv`` or ``.tsv.gz``.
        lengths: Contig -> length, in the genome's order.
        tracks: Their names.
        parts: Iterable of `Part`, in the genome's order.

    Returns:
        File name -> rows.
    """
    names = np.array(list(lengths), dtype=object)
    columns = ["chrom", "position", "strand", *(f"{track}_score" for track in tracks)]
    n_rows = 0
    with atomic_path(path) as temporary, _open_text(temporary) as file:
        file.write("\t".join(columns) + "\n")
        for part in parts:
            for strand in STRANDS:
                rows = _join_tracks(part, strand, tracks)
                rows["chrom"] = names[rows["contig"].to_numpy()]
                rows = rows.assign(position=rows["position"] + 1, strand=strand)
                n_rows += len(rows)
                rows[columns].to_csv(
                    file,
                    sep="\t",
                    index=False,
                    header=False,
                    float_format="%.6g",
                    lineterminator="\n",
                )
    return {path.name: n_rows}


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    with ExitStack() as stack:
        raw: IO[bytes] = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            # No time in the header: the same scores are the same bytes.
            raw = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        yield stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8"))


def _join_tracks(part: Part, strand: str, tracks: Sequence[str]) -> pd.DataFrame:
    """One row per base with a score in any track; 0 where a track has none."""
    joined: pd.DataFrame | None = None
    for track in tracks:
        points = part[track, strand]
        rows = pd.DataFrame(
            {
                "contig": points.contig,
                "position": points.position,
                f"{track}_score": points.score,
            }
        )
        if joined is None:
            joined = rows
        else:
            joined = joined.merge(rows, on=["contig", "position"], how="outer")
    joined = pd.DataFrame() if joined is None else joined
    return joined.fillna(0.0).sort_values(["contig", "position"], ignore_index=True)


def write_bed(path: Path, stretches: Sequence[Stretch]) -> None:
    """Write what was scored as BED of six columns, 0-based half-open."""
    with atomic_path(path) as temporary:
        lines = (
            f"{s.chrom}\t{s.start}\t{s.end}\t.\t0\t{s.strand}\n" for s in stretches
        )
        temporary.write_text("".join(lines), encoding="utf-8")
