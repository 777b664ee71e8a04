"""Scores stretches of a genome: windows with their context, many in one pass.

A window is a stretch with `context` real bases on both sides (N beyond the contig), in
transcript direction. Windows are laid end to end up to a budget of bases and computed
as one sequence: no score of a window reaches into its neighbours, so nothing is padded
and nothing is wasted but the context itself. Scores come back in genome order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from error_sequence_model.genome import Genome
from error_sequence_model.predictors.base_codes import (
    assign_types,
    encode,
    reverse_complement_codes,
)
from error_sequence_model.predictors.known_families import ACCEPTOR, DONOR, USAGE
from error_sequence_model.predictors.networks import N_CODE
from error_sequence_model.predictors.splice_predictor import SplicePredictor
from error_sequence_model.predictors.stretches import Stretch, cut_stretches


class Scored(NamedTuple):
    """Scores of one stretch.

    Attributes:
        stretch: Which bases.
        scores: Track -> float32 ``(stretch.length,)``, in genome order on both strands.
        n_untyped: Bases whose score is 0.5 or more and that have no type.
    """

    stretch: Stretch
    scores: dict[str, np.ndarray]
    n_untyped: int


def score_stretches(
    predictor: SplicePredictor, genome: Genome, stretches: Iterable[Stretch]
) -> Iterator[Scored]:
    """Score stretches; each is cut into tiles, and N alone is not computed.

    Args:
        predictor: With donor and acceptor among its channels, or splice.
        genome: Where they lie.
        stretches: What to score.

    Yields:
        Tiles in the order of the stretches. A base that is N scores 0.
    """
    batch: list[tuple[Stretch, np.ndarray]] = []
    total = 0
    budget = predictor.tile + 2 * predictor.context
    for tile in cut_stretches(stretches, predictor.tile):
        codes = fetch_codes(genome, tile, predictor.context)
        if batch and total + len(codes) > budget:
            yield from _score_batch(predictor, batch)
            batch, total = [], 0
        batch.append((tile, codes))
        total += len(codes)
    if batch:
        yield from _score_batch(predictor, batch)


def fetch_codes(genome: Genome, stretch: Stretch, context: int) -> np.ndarray:
    """A stretch with its context, in the direction of its strand.

    Returns:
        Letters' numbers, uint8 ``(stretch.length + 2 * context,)``.
    """
    text = genome.fetch(stretch.chrom, stretch.start - context, stretch.end + context)
    codes = encode(text)
    return codes if stretch.strand == "+" else reverse_complement_codes(codes)


def _score_batch(
    predictor: SplicePredictor, batch: list[tuple[Stretch, np.ndarray]]
) -> Iterator[Scored]:
    context = predictor.context
    pieces = [list(_find_known(codes, context)) for _, codes in batch]
    windows = [
        codes[start : end + 2 * context]
        for (_, codes), found in zip(batch, pieces, strict=True)
        for start, end in found
    ]
    n_channels = len(predictor.channels)
    scores = np.zeros((0, n_channels), dtype=np.float32)
    if windows:
        scores = predictor.score_codes(np.concatenate(windows))
    place = 0
    for (stretch, codes), found in zip(batch, pieces, strict=True):
        of_tile = np.zeros((stretch.length, n_channels), dtype=np.float32)
        for start, end in found:
            of_tile[start:end] = scores[place : place + end - start]
            place += end - start + 2 * context
        of_tile[codes[context : context + stretch.length] == N_CODE] = 0
        tracks, n_untyped = _make_tracks(predictor, of_tile, codes)
        if stretch.strand == "-":
            tracks = {name: values[::-1] for name, values in tracks.items()}
        yield Scored(stretch, tracks, n_untyped)


def _find_known(codes: np.ndarray, context: int) -> Iterator[tuple[int, int]]:
    """Parts of a tile between runs of N that are longer than their context.

    Yields:
        Start and end of what is to be scored, counted from the tile's first base.
    """
    inner = codes[context : len(codes) - context]
    is_known = np.concatenate([[False], inner != N_CODE, [False]])
    edges = np.flatnonzero(is_known[1:] != is_known[:-1])
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return
    is_gap = starts[1:] - ends[:-1] > 2 * context
    firsts = np.concatenate([starts[:1], starts[1:][is_gap]])
    lasts = np.concatenate([ends[:-1][is_gap], ends[-1:]])
    yield from zip(firsts.tolist(), lasts.tolist(), strict=True)


def _make_tracks(
    predictor: SplicePredictor, scores: np.ndarray, codes: np.ndarray
) -> tuple[dict[str, np.ndarray], int]:
    """Scores by track, in transcript direction, and how many had no type."""
    columns = {name: scores[:, n] for n, name in enumerate(predictor.channels)}
    if predictor.family.typed:
        return {name: columns[name] for name in predictor.tracks}, 0
    splice = columns["splice"]
    is_donor, is_acceptor = assign_types(codes, predictor.context)
    tracks = {
        DONOR: np.where(is_donor, splice, np.float32(0)),
        ACCEPTOR: np.where(is_acceptor, splice, np.float32(0)),
    }
    if USAGE in columns:
        tracks[USAGE] = columns[USAGE]
    n_untyped = int((~(is_donor | is_acceptor) & (splice >= 0.5)).sum())
    return tracks, n_untyped
