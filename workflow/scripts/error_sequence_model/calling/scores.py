"""A predictor's scores from bigWig, bedGraph, OpenSpliceAI BED or a plain table.

All become ``Scores``: one number and one float32 per site. Positions without a score
are taken as scored zero where their contig, strand and type has scores at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.calling.keys import (
    BITS,
    JUNCTION,
    Scores,
    ScoreStore,
    join_keys,
    make_frame,
)
from error_sequence_model.calling.openspliceai_beds import read_openspliceai
from error_sequence_model.calling.score_files import (
    ContigNames,
    match_lengths,
    refuse_ends_beyond,
    require_file,
)
from error_sequence_model.calling.score_tables import read_score_table
from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SPLICE_TYPES,
    STRANDS,
    Genome,
    get_junctions,
    open_bigwig,
    stream_bigwig,
)
from error_sequence_model.tables import (
    convert_intervals,
    convert_scores,
    iterate_rows,
    refuse,
)

logger = logging.getLogger(__name__)

FORMATS = ("bigwig", "bedgraph", "openspliceai", "table")
# Lower scores are none: a dense track has one at every base, nearly all of them lower.
LEAST = 1e-4
_BEDGRAPH = {0: "chrom", 1: "start", 2: "end", 3: "score"}


def read_scores(
    tracks: Mapping[str, Any],
    genome: Genome,
    *,
    coordinate_base: int = 1,
    site_base: str = "exon",
    minimum: float = LEAST,
) -> Scores:
    """Read scores in any of the formats.

    Args:
        tracks: ``format`` and its files. bigwig and bedgraph: ``donor`` and
            ``acceptor``, each ``{"+": file, "-": file}`` (and ``usage``, see
            `read_extra`). openspliceai: ``donor`` and ``acceptor``, each one BED of
            ``openspliceai predict``. table: ``path``, a table of chrom, position,
            strand, splice_type and score, or with donor_score and acceptor_score
            instead of the last two, or with score alone (the type is then that of the
            dinucleotide); and ``columns``.
        genome: Where the scores lie.
        coordinate_base: For a table: what its first base is called.
        site_base: Which base of a site carries the score (not for openspliceai).
        minimum: Scores below are dropped.

    Returns:
        The scores, one per site.

    Raises:
        InputError: Unknown format, missing file, contig or value out of place.
    """
    kind = tracks.get("format")
    if kind not in FORMATS:
        raise InputError(
            f"scores.format is {kind!r}; it must be one of {', '.join(FORMATS)}"
        )
    store = ScoreStore(pd.Index(genome.lengths), minimum)
    convention = {"coordinate_base": coordinate_base, "site_base": site_base}
    if kind == "table":
        read_score_table(tracks, genome, store, **convention)
    elif kind == "openspliceai":
        read_openspliceai(tracks, genome, store)
    else:
        reader = _read_bigwig if kind == "bigwig" else _read_bedgraph
        for splice_type, strand, path in _list_tracks(tracks):
            for part in reader(path, genome, store.contigs):
                _add_intervals(store, part, splice_type, strand, site_base, path)
    scores = store.sort()
    _check_places(scores, genome, str(tracks))
    logger.info("scores: %d positions", len(scores.keys))
    return scores


def read_extra(
    files: Mapping[str, str], table: pd.DataFrame, genome: Genome
) -> np.ndarray:
    """Read another track of the predictor at the sites of an error table.

    Args:
        files: bigWig by strand.
        table: chrom, position (1-based, exonic base), strand.
        genome: Where they lie.

    Returns:
        float32 ``(len(table),)``; zero where the track has none.
    """
    values = np.zeros(len(table), np.float32)
    bases, chroms = table["position"].to_numpy() - 1, table["chrom"].to_numpy()
    for strand, path in files.items():
        rows = np.flatnonzero(table["strand"].eq(strand))
        with open_bigwig(require_file(path), what="scores.usage") as track:
            lengths = track.chroms()
            names, _ = genome.match_contigs(lengths)
            theirs = {ours: theirs for theirs, ours in names.items()}
            for row in rows:
                contig, base = theirs.get(chroms[row]), int(bases[row])
                if contig is not None and base < lengths[contig]:
                    (values[row],) = track.values(contig, base, base + 1)
    return np.nan_to_num(values)


def _list_tracks(tracks: Mapping[str, Any]) -> Iterator[tuple[str, str, Path]]:
    for splice_type in SPLICE_TYPES:
        files = tracks.get(splice_type)
        if not isinstance(files, Mapping) or set(files) != set(STRANDS):
            raise InputError(
                f"scores.{splice_type} is {files!r}; it must be "
                '{"+": file, "-": file}'
            )
        for strand in STRANDS:
            yield splice_type, strand, require_file(files[strand])


class _Part(NamedTuple):
    """Intervals of one score each, every array ``(n,)``; contig by its number."""

    contig: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    levels: np.ndarray


def _add_intervals(
    store: ScoreStore,
    part: _Part,
    splice_type: str,
    strand: str,
    site_base: str,
    path: Path,
) -> None:
    """Take in every base of the intervals that reaches the smallest score."""
    place, sides = f"scores: {path}", (strand == "+", splice_type == "donor")
    store.check(part.levels, place)
    contigs = np.unique(part.contig)
    store.mark(join_keys(contigs, np.zeros(len(contigs), np.int64), *sides))
    part = _Part(*(x[store.is_kept(part.levels)] for x in part))
    widths = part.ends - part.starts
    rows = np.repeat(np.arange(len(widths)), widths)
    inside = np.arange(len(rows)) - (np.cumsum(widths) - widths)[rows]
    junctions = get_junctions(
        part.starts[rows] + inside, *sides, coordinate_base=0, site_base=site_base
    )
    store.add(join_keys(part.contig[rows], junctions, *sides), part.levels[rows], place)


def _read_bigwig(path: Path, genome: Genome, contigs: pd.Index) -> Iterator[_Part]:
    with stream_bigwig(path, what="scores") as (lengths, batches):
        mapping = match_lengths(lengths, genome, path)
        for chrom, *arrays in batches:
            if chrom in mapping:
                part = np.isfinite(arrays[2])
                if np.isinf(arrays[2]).any():
                    raise InputError(
                        f"scores: {path}: {chrom} has infinite scores; make it or copy "
                        "it anew"
                    )
                contig = np.full(part.sum(), contigs.get_loc(mapping[chrom]))
                yield _Part(contig, *(x[part] for x in arrays))


def _read_bedgraph(path: Path, genome: Genome, contigs: pd.Index) -> Iterator[_Part]:
    names = ContigNames(genome, f"scores: {path}")
    for block in iterate_rows(path, _BEDGRAPH, what="bedGraph"):
        rows = convert_intervals(block, path, first=0, what="bedGraph")
        _refuse_empty(rows, path)
        rows = names.rename(convert_scores(rows, path))
        refuse_ends_beyond(rows, genome, path)
        arrays = (rows[name].to_numpy() for name in ("start", "end", "score"))
        yield _Part(contigs.get_indexer(rows["chrom"]), *arrays)
    names.finish()


def _refuse_empty(rows: pd.DataFrame, path: Path) -> None:
    """Refuse intervals of no base: their scores would vanish."""
    is_empty = rows["start"].eq(rows["end"])
    if is_empty.any():
        problems = [
            (int(line), f"{row.chrom}:{row.start}-{row.end} holds no base")
            for line, row in rows[is_empty].iterrows()
        ]
        advice = "A bedGraph counts from 0, and `end` is one past the last base."
        refuse(path, problems, advice=advice)


def _check_places(scores: Scores, genome: Genome, path: str) -> None:
    lengths = np.array([*genome.lengths.values()])
    is_out = (scores.keys & JUNCTION) > lengths[scores.keys >> (BITS + 2)]
    if is_out.any():
        first = make_frame(scores.keys[is_out][:1], scores.contigs).iloc[0]
        raise InputError(
            f"scores: {int(is_out.sum())} positions beyond the contig's ends, such as "
            f"{first['chrom']}:{first['junction']} in {path}: another genome build?"
        )
