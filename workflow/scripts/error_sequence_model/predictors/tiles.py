"""Scores stretches of a genome: windows with their context, many in one pass.

A window is a stretch with `context` real bases on both sides (N beyond the contig), in
transcript direction. Windows are laid end to end up to a budget of bases and computed
as one sequence: no score of a window reaches into its neighbours, so nothing is padded
and nothing is wasted but the context itself. Stretches that lie nearer to each other
than their contexts are long are one window, with what is between them. Scores come back
in genome order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
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
from error_sequence_model.predictors.stretches import (
    Stretch,
    cut_stretches,
    group_near,
)


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
    batch: list[tuple[list[Stretch], np.ndarray]] = []
    total = 0
    context = predictor.context
    budget = predictor.tile + 2 * context
    tiles = cut_stretches(stretches, predictor.tile)
    for near in group_near(tiles, 2 * context, predictor.tile):
        codes = fetch_codes(genome, replace(near[0], end=near[-1].end), context)
        if batch and total + len(codes) > budget:
            yield from _score_batch(predictor, batch)
            batch, total = [], 0
        batch.append((near, codes))
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
    predictor: SplicePredictor, batch: list[tuple[list[Stretch], np.ndarray]]
) -> Iterator[Scored]:
    context = predictor.context
    masks = [_mark_wanted(near, codes, context) for near, codes in batch]
    pieces = [list(_find_runs(mask, 2 * context)) for mask in masks]
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
    for (near, codes), mask, found in zip(batch, masks, pieces, strict=True):
        of_tile = np.zeros((len(mask), n_channels), dtype=np.float32)
        for start, end in found:
            of_tile[start:end] = scores[place : place + end - start]
            place += end - start + 2 * context
        of_tile[~mask] = 0
        tracks, is_untyped = _make_tracks(predictor, of_tile, codes)
        way = 1 if near[0].strand == "+" else -1
        for stretch in near:
            part = slice(stretch.start - near[0].start, stretch.end - near[0].start)
            yield Scored(
                stretch,
                {name: values[::way][part] for name, values in tracks.items()},
                int(is_untyped[::way][part].sum()),
            )


def _mark_wanted(near: list[Stretch], codes: np.ndarray, context: int) -> np.ndarray:
    """Mark what is to be scored: bases of the stretches that are known.

    Returns:
        bool, from the first to the last stretch, in the direction of their strand.
    """
    is_inside = np.zeros(len(codes) - 2 * context, dtype=bool)
    for stretch in near:
        is_inside[stretch.start - near[0].start : stretch.end - near[0].start] = True
    is_inside = is_inside if near[0].strand == "+" else is_inside[::-1]
    return is_inside & (codes[context : len(codes) - context] != N_CODE)


def _find_runs(mask: np.ndarray, gap: int) -> Iterator[tuple[int, int]]:
    """Find runs of true values; those that at most ``gap`` others part are one.

    Yields:
        Start and end.
    """
    padded = np.concatenate([[False], mask, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return
    is_gap = starts[1:] - ends[:-1] > gap
    firsts = np.concatenate([starts[:1], starts[1:][is_gap]])
    lasts = np.concatenate([ends[:-1][is_gap], ends[-1:]])
    yield from zip(firsts.tolist(), lasts.tolist(), strict=True)


def _make_tracks(
    predictor: SplicePredictor, scores: np.ndarray, codes: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores by track, in transcript direction, and which had no type."""
    is_untyped = np.zeros(len(scores), dtype=bool)
    columns = {name: scores[:, n] for n, name in enumerate(predictor.channels)}
    if predictor.family.typed:
        return {name: columns[name] for name in predictor.tracks}, is_untyped
    splice = columns["splice"]
    is_donor, is_acceptor = assign_types(codes, predictor.context)
    tracks = {
        DONOR: np.where(is_donor, splice, np.float32(0)),
        ACCEPTOR: np.where(is_acceptor, splice, np.float32(0)),
    }
    if USAGE in columns:
        tracks[USAGE] = columns[USAGE]
    return tracks, ~(is_donor | is_acceptor) & (splice >= 0.5)
