"""Motifs from seqlets: stranded clusters of like contributions, aligned to one another.

Contributions are float (…, 4): the map's value in the column of the base that is there.
Two seqlets are alike by the cosine of their contributions at the best shift; a reverse
complement is never tried, because what binds RNA reads one strand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from error_sequence_model.features import average_letters, get_bits, write_consensus

FRAME = 25  # columns that hold any seqlet
MOST_SHIFT = 12
FLANK = 4  # columns beside a motif's frame that the alignment may move it into
LEAST_COSINE = 0.6  # mean over the pairs of a cluster
MERGE_COSINE = 0.75  # between the means of two clusters
MOST_SEQLETS = 1500  # per sign; the highest scores
FEWEST_SEQLETS = 5
FEWEST_BASES = 4
TRIM_SHARE = 0.2  # of the highest column, below which a motif's ends are cut
PLACED = 0.8  # share of a motif's seqlets that say where it lies
BITS = 0.5  # information below which a motif's ends are cut, and a letter is N


@dataclass(frozen=True)
class Motif:
    """One motif, as found in the maps of one sign.

    Attributes:
        sign: 1 speaks for an error, -1 for a correct call.
        rows: Row of the maps of each seqlet, int (n_seqlets,).
        starts: Column of the motif's first base in it, int (n_seqlets,).
        matrix: Share of each base, float64 (width, 4).
        contributions: Mean signed contribution, float64 (width, 4).
    """

    sign: int
    rows: np.ndarray
    starts: np.ndarray
    matrix: np.ndarray
    contributions: np.ndarray

    @property
    def width(self) -> int:
        """Bases."""
        return len(self.matrix)

    @property
    def place(self) -> tuple[int, int]:
        """First and last column of the shortest stretch with most of the starts.

        It holds four fifths of them: a word that lies elsewhere by chance is read too
        and must not widen the place.
        """
        starts = np.sort(self.starts)
        reach = math.ceil(PLACED * len(starts)) - 1
        spans = starts[reach:] - starts[: len(starts) - reach]
        first = int(np.argmin(spans))
        return int(starts[first]), int(starts[first + reach])

    @property
    def consensus(self) -> str:
        """IUPAC letters of bases with a share of 30 %; N below half a bit."""
        return write_consensus(self.matrix, least=0.3, bits=BITS)


def find_motifs_in_seqlets(
    seqlets: pd.DataFrame, scaled: np.ndarray, codes: np.ndarray
) -> list[Motif]:
    """Cluster seqlets into motifs.

    Args:
        seqlets: From ``call_seqlets``.
        scaled: Scaled maps, float (n_sites, length).
        codes: Base codes of the same sites, int (n_sites, length).

    Returns:
        Motifs of at least five seqlets, those with most seqlets first.
    """
    motifs = []
    for sign, group in seqlets.groupby("sign", sort=True):
        strongest = group.nlargest(MOST_SEQLETS, "score").sort_index()
        placed = _Placed.cut(strongest, int(sign), scaled, codes)
        clusters = _merge(placed, _split(placed.similarity()))
        motifs += [placed.make_motif(members) for members in clusters]
    kept = [motif for motif in motifs if motif is not None]
    return sorted(kept, key=lambda m: (-len(m.rows), m.consensus))


@dataclass
class _Placed:
    """Seqlets of one sign in frames of equal width, and where their frames start."""

    sign: int
    rows: np.ndarray
    frames: np.ndarray  # int (n,): column of the frame's first base
    values: np.ndarray  # float (n, FRAME, 4), unit length, sign * contribution
    scaled: np.ndarray
    codes: np.ndarray

    @classmethod
    def cut(
        cls, seqlets: pd.DataFrame, sign: int, scaled: np.ndarray, codes: np.ndarray
    ) -> _Placed:
        rows = seqlets["row"].to_numpy()
        start, end = seqlets["start"].to_numpy(), seqlets["end"].to_numpy()
        frames = (start + end - FRAME) // 2
        columns = frames[:, None] + np.arange(FRAME)
        inside = (columns >= start[:, None]) & (columns < end[:, None])
        values = _get_contributions(scaled, codes, rows, columns) * sign
        values = np.clip(values * inside[..., None], 0, None)
        norm = np.sqrt((values**2).sum(axis=(1, 2), keepdims=True))
        return cls(sign, rows, frames, values / np.maximum(norm, 1e-12), scaled, codes)

    def similarity(self) -> np.ndarray:
        """Cosine at the best shift, float32 (n, n)."""
        flat = self.values.reshape(len(self.values), -1).astype(np.float32)
        best = np.zeros((len(flat), len(flat)), dtype=np.float32)
        for shift in range(MOST_SHIFT + 1):
            moved = np.zeros_like(flat)
            moved[:, : flat.shape[1] - 4 * shift] = flat[:, 4 * shift :]
            cosine = moved @ flat.T
            np.maximum(best, cosine, out=best)
            np.maximum(best, cosine.T, out=best)
        return best

    def align(self, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift members onto their mean: shifts, int (m,), and mean (FRAME, 4)."""
        values = self.values[members]
        flat = values.reshape(len(members), -1)
        # The member most like the others is what all are first laid onto.
        mean = values[int((flat @ flat.mean(axis=0)).argmax())]
        shifts = np.zeros(len(members), dtype=int)
        for _ in range(3):
            found = _find_shifts(values, mean)
            moved = np.stack(
                [
                    _move(value, shift)
                    for value, shift in zip(values, found, strict=True)
                ]
            )
            mean = moved.mean(axis=0)
            if np.array_equal(found, shifts):
                break
            shifts = found
        return shifts, mean

    def make_motif(self, members: np.ndarray) -> Motif | None:
        """Align a cluster's members and trim the ends; None if too few are left."""
        shifts, _ = self.align(members)
        starts = self.frames[members] + shifts - FLANK
        columns = starts[:, None] + np.arange(FRAME + 2 * FLANK)
        return make_motif(
            self.sign, self.rows[members], columns, self.scaled, self.codes
        )


def make_motif(
    sign: int,
    rows: np.ndarray,
    columns: np.ndarray,
    scaled: np.ndarray,
    codes: np.ndarray,
) -> Motif | None:
    """Make a motif of aligned stretches: trimmed, and each place counted once.

    Args:
        sign: 1 or -1.
        rows: Row of the maps of each stretch, int (m,).
        columns: Columns of each, int (m, width); they may leave the window.
        scaled: Scaled maps, float (n_sites, length).
        codes: Base codes of the same sites, int (n_sites, length).

    Returns:
        The motif; None if fewer than four bases matter or too few stretches are left.
    """
    length = codes.shape[1]
    values = _get_contributions(scaled, codes, rows, columns)
    first, last = _find_core(sign, values, rows, columns, codes)
    if last - first < FEWEST_BASES:
        return None
    columns = columns[:, first:last]
    starts = columns[:, 0]
    inside = (starts >= 0) & (columns[:, -1] < length)
    # Two seqlets of one place are one: of a site, the motif is counted once there.
    _, single = np.unique(np.column_stack([rows, starts]), axis=0, return_index=True)
    chosen = np.sort(single[inside[single]])
    if len(chosen) < FEWEST_SEQLETS:
        return None
    letters = codes[rows[chosen, None], columns[chosen]]
    return Motif(
        sign,
        rows[chosen],
        starts[chosen],
        average_letters(letters),
        values[chosen, first:last].mean(axis=0),
    )


def _find_core(
    sign: int,
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    codes: np.ndarray,
) -> tuple[int, int]:
    """First and end column that both matter to the map and say what base it is."""
    height = np.clip(sign * values.mean(axis=0), 0, None).sum(axis=1)
    inside = (columns >= 0) & (columns < codes.shape[1])
    places = np.clip(columns, 0, codes.shape[1] - 1)
    letters = np.where(inside, codes[rows[:, None], places], 4)
    bits = get_bits(average_letters(letters)).sum(axis=1)
    kept = np.flatnonzero((height >= TRIM_SHARE * height.max()) & (bits >= BITS))
    return (int(kept[0]), int(kept[-1]) + 1) if len(kept) else (0, 0)


def _get_contributions(
    scaled: np.ndarray, codes: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Contributions at columns of sites, float64 (n, width, 4); 0 beyond the window."""
    length = scaled.shape[1]
    inside = (columns >= 0) & (columns < length)
    places = np.clip(columns, 0, length - 1)
    values = np.where(inside, scaled[rows[:, None], places], 0.0)
    letters = codes[rows[:, None], places]
    return values[..., None] * (letters[..., None] == np.arange(4))


def _move(value: np.ndarray, shift: int) -> np.ndarray:
    """Move columns left by ``shift`` (right if negative), zeros behind."""
    moved = np.zeros_like(value)
    if shift >= 0:
        moved[: len(value) - shift] = value[shift:]
    else:
        moved[-shift:] = value[:shift]
    return moved


def _find_shifts(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Best shift of each value onto a target, int (n,); the smallest of equals."""
    shifts = np.array(sorted(range(-MOST_SHIFT, MOST_SHIFT + 1), key=abs))
    padded = np.pad(target, ((MOST_SHIFT, MOST_SHIFT), (0, 0)))
    moved = padded[MOST_SHIFT - shifts[:, None] + np.arange(len(target))]
    products = values.reshape(len(values), -1) @ moved.reshape(len(shifts), -1).T
    return shifts[products.round(9).argmax(axis=1)]


def _split(similarity: np.ndarray) -> list[np.ndarray]:
    """Average-linkage clusters, as arrays of members."""
    if len(similarity) < 2:
        return [np.arange(len(similarity))]
    distance = np.clip(1 - similarity.astype(np.float64), 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average")
    names = fcluster(tree, 1 - LEAST_COSINE, criterion="distance")
    return [np.flatnonzero(names == name) for name in np.unique(names)]


def _merge(placed: _Placed, clusters: list[np.ndarray]) -> list[np.ndarray]:
    """Merge clusters whose means are alike; drop those that stay small."""
    clusters = sorted(clusters, key=len, reverse=True)
    merged: list[tuple[np.ndarray, np.ndarray]] = []
    for members in clusters:
        mean = _scale(placed.align(members)[1])
        for place, (others, other) in enumerate(merged):
            shift = int(_find_shifts(mean[None], other)[0])
            if (_move(mean, shift) * other).sum() >= MERGE_COSINE:
                joined = np.concatenate([others, members])
                merged[place] = (joined, _scale(placed.align(joined)[1]))
                break
        else:
            merged.append((members, mean))
    return [np.sort(members) for members, _ in merged if len(members) >= FEWEST_SEQLETS]


def _scale(mean: np.ndarray) -> np.ndarray:
    return mean / max(float(np.sqrt((mean**2).sum())), 1e-12)
