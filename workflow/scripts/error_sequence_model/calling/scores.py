"""A predictor's scores from bigWig, bedGraph, OpenSpliceAI BED or a plain table.

All become one frame: chrom, junction (interbase, 0-based), strand, splice_type, score
(float32). Positions without a score are taken as scored zero.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.score_files import (
    read_openspliceai,
    refuse_ends_beyond,
    require_file,
    use_contig_names,
)
from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SITE,
    SPLICE_TYPES,
    STRANDS,
    Genome,
    get_junctions,
    match_contigs,
    open_bigwig,
)
from error_sequence_model.tables import (
    convert_intervals,
    convert_scores,
    read_rows,
    read_table,
    refuse,
    rename_columns,
)

logger = logging.getLogger(__name__)

FORMATS = ("bigwig", "bedgraph", "openspliceai", "table")


def read_scores(
    tracks: Mapping[str, Any],
    genome: Genome,
    *,
    coordinate_base: int = 1,
    site_base: str = "exon",
    minimum: float = 0.0,
) -> pd.DataFrame:
    """Read scores in any of the formats.

    Args:
        tracks: ``format`` and its files. bigwig and bedgraph: ``donor`` and
            ``acceptor``, each ``{"+": file, "-": file}``, and for `read_extra`
            ``usage``. openspliceai: ``donor`` and
            ``acceptor``, each one BED of ``openspliceai predict``. table: ``path``, a
            table of chrom, position, strand, splice_type and score, or with
            donor_score and acceptor_score instead of the last two.
        genome: Where the scores lie.
        coordinate_base: For a table: what its first base is called.
        site_base: Which base of a site carries the score (not for openspliceai).
        minimum: Scores below are dropped.

    Returns:
        SITE columns and score, sorted, one row per site.

    Raises:
        InputError: Unknown format, missing file, contig or value out of place.
    """
    kind = tracks.get("format")
    if kind not in FORMATS:
        raise InputError(
            f"scores.format is {kind!r}; it must be one of {', '.join(FORMATS)}"
        )
    if kind == "table":
        scores = _read_score_table(tracks, coordinate_base, site_base)
    elif kind == "openspliceai":
        scores = read_openspliceai(tracks, genome)
    else:
        reader = _read_bigwig if kind == "bigwig" else _read_bedgraph
        parts = []
        for splice_type, strand, path in _list_tracks(tracks):
            part = reader(path, genome, minimum)
            junctions = get_junctions(
                part.pop("base").to_numpy(),
                np.full(len(part), strand == "+"),
                np.full(len(part), splice_type == "donor"),
                coordinate_base=0,
                site_base=site_base,
            )
            parts.append(
                part.assign(junction=junctions, strand=strand, splice_type=splice_type)
            )
        scores = pd.concat(parts, ignore_index=True)
    scores = scores[scores["score"] >= minimum]
    scores = use_contig_names(scores, genome, f"scores: {tracks}")
    _check_places(scores, genome, str(tracks))
    scores["score"] = scores["score"].astype("float32")
    best = scores.sort_values("score", ascending=False, kind="stable")
    best = best.drop_duplicates(SITE).sort_values(SITE, ignore_index=True)
    logger.info("scores: %d positions", len(best))
    return best[[*SITE, "score"]]


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
    parts = [
        _read_bigwig(require_file(path), genome, 0.0).assign(strand=strand)
        for strand, path in files.items()
    ]
    values = pd.concat(parts).assign(position=lambda rows: rows.pop("base") + 1)
    places = table[["chrom", "position", "strand"]]
    found = places.merge(values, how="left", on=list(places))
    return found["score"].fillna(0).to_numpy(np.float32)


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


def _read_bigwig(path: Path, genome: Genome, minimum: float) -> pd.DataFrame:
    parts = []
    with open_bigwig(path, what="scores") as track:
        mapping, _ = match_contigs(track.chroms(), genome.lengths)
        for chrom, length in track.chroms().items():
            own = genome.lengths.get(mapping.get(chrom, ""), length)
            if own != length:
                raise InputError(
                    f"scores: {path}: {chrom} has {length} bases, but {genome.path} "
                    f"gives it {own}: another genome build?"
                )
            intervals = track.intervals(chrom)
            if not intervals:
                continue
            starts, ends, values = (np.array(x) for x in zip(*intervals, strict=True))
            if (starts >= ends).any() or ends.max() > length or np.isinf(values).any():
                raise InputError(
                    f"scores: {path}: {chrom} has empty intervals, intervals beyond "
                    "its end or infinite scores; make it or copy it anew"
                )
            parts.append(_spread(chrom, starts, ends, values, minimum))
    return pd.concat(parts, ignore_index=True) if parts else _spread("", *_NOTHING, 0)


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _spread(
    chrom: str | pd.Series,
    starts: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
    minimum: float,
) -> pd.DataFrame:
    """Turn intervals of one value into one row per base (0-based)."""
    kept = values >= minimum
    starts, widths, values = starts[kept], (ends - starts)[kept], values[kept]
    inside = np.arange(widths.sum()) - np.repeat(np.cumsum(widths) - widths, widths)
    names = chrom if isinstance(chrom, str) else np.repeat(chrom[kept], widths)
    return pd.DataFrame(
        {
            "chrom": names,
            "base": np.repeat(starts, widths).astype(np.int64) + inside,
            "score": np.repeat(values, widths).astype(np.float32),
        }
    )


def _read_bedgraph(path: Path, genome: Genome, minimum: float) -> pd.DataFrame:
    names = {0: "chrom", 1: "start", 2: "end", 3: "score"}
    rows = read_rows(path, names, what="bedGraph")
    rows = convert_intervals(rows, path, first=0, what="bedGraph")
    rows = convert_scores(rows, path)
    rows = use_contig_names(rows, genome, f"scores: {path}")
    refuse_ends_beyond(rows, genome, path)
    columns = (rows[name].to_numpy() for name in ("start", "end", "score"))
    return _spread(rows["chrom"].to_numpy(dtype=object), *columns, minimum)


def _read_score_table(
    tracks: Mapping[str, Any], coordinate_base: int, site_base: str
) -> pd.DataFrame:
    path = require_file(tracks.get("path", ""))
    table = read_table(path)
    frame = rename_columns(
        table.frame,
        path,
        required=("chrom", "position", "strand"),
        column_names=tracks.get("columns"),
    )
    if "score" in frame and "splice_type" in frame:
        parts = [frame]
    else:
        frame = rename_columns(frame, path, required=("donor_score", "acceptor_score"))
        parts = [
            frame.assign(splice_type=kind, score=frame[f"{kind}_score"])
            for kind in SPLICE_TYPES
        ]
    problems = list(table.problems)
    numbers = []
    for part in parts:
        position = pd.to_numeric(part["position"], errors="coerce")
        score = pd.to_numeric(part["score"], errors="coerce")
        is_bad = ~(np.isfinite(score) & (position % 1 == 0))
        is_bad |= ~position.between(coordinate_base, 2**53)
        is_bad |= part["chrom"].isna()
        is_bad |= ~part["strand"].isin(STRANDS)
        is_bad |= ~part["splice_type"].isin(SPLICE_TYPES)
        for row in np.flatnonzero(is_bad):
            values = part.iloc[row][
                ["chrom", "position", "strand", "splice_type", "score"]
            ]
            problems.append((int(table.lines[row]), f"not a score: {values.to_dict()}"))
        numbers.append(part.assign(position=position, score=score))
    if problems:
        refuse(path, problems, advice="Correct the rows.")
    scores = pd.concat(numbers, ignore_index=True)
    if scores.empty:
        refuse(path, [(1, "no rows below the header")], advice="Scores are needed.")
    scores["junction"] = get_junctions(
        scores["position"].to_numpy(np.int64),
        scores["strand"].eq("+").to_numpy(),
        scores["splice_type"].eq("donor").to_numpy(),
        coordinate_base=coordinate_base,
        site_base=site_base,
    )
    return scores[[*SITE, "score"]]


def _check_places(scores: pd.DataFrame, genome: Genome, path: str) -> None:
    # Without a row the names have no type.
    lengths = scores["chrom"].map(genome.lengths).astype("float64")
    is_out = (scores["junction"] < 0) | (scores["junction"] > lengths)
    if is_out.any():
        first = scores[is_out].iloc[0]
        raise InputError(
            f"scores: {int(is_out.sum())} positions beyond the contig's ends, such as "
            f"{first['chrom']}:{first['junction']} in {path}: another genome build?"
        )
