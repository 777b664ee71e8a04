"""The audit of a split: what training, validation and test share. Must be nothing.

Written independently of ``splits``, which removes the leaks: other data structures,
same definitions. An interval is a window's ``[start, end)`` on the forward strand.

The audits of all splits make one table: what must be sound before training.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from error_sequence_model.core import InputError, read_json
from error_sequence_model.genome import complement_bases
from error_sequence_model.settings import SplitSettings

PARTS = ("train", "validation", "test")
WORD, FIRST = 16, 11  # bases
SAMPLE, SAMPLED_AGAINST = 500, 10_000  # windows: held-out ones, and the others
MUST_BE_ZERO = (
    "shared_sequences",
    "shared_reverse_complements",
    "overlapping_intervals",
)


def count_shared_sequences(windows: np.ndarray, parts: np.ndarray) -> tuple[int, int]:
    """Count windows found in an earlier part, as they are and reverse-complemented.

    Args:
        windows: uint8 ``(n, length)`` ASCII. Windows of N only are passed over.
        parts: ``(n,)`` of train, validation, test or excluded.

    Returns:
        ``(shared sequences, shared reverse complements)``: validation windows that are
        in training, and test windows that are in training or validation.
    """
    seen: set[int] = set()
    shared = turned = 0
    for part in PARTS:
        rows = np.flatnonzero(parts == part)
        mine: set[int] = set()
        for start in range(0, len(rows), 8192):
            block = windows[rows[start : start + 8192]]
            if (block[:, 0] == ord("N")).any():
                block = block[(block != ord("N")).any(axis=1)]
            digests = _digest(block)
            mine.update(digests)
            if not seen:
                continue
            shared += sum(map(seen.__contains__, digests))
            block = complement_bases(block[:, ::-1])
            turned += sum(map(seen.__contains__, _digest(block)))
        seen |= mine
    return shared, turned


def _digest(windows: np.ndarray) -> list[int]:
    text, length = windows.tobytes(), windows.shape[1]
    return [hash(text[x : x + length]) for x in range(0, len(text), length)]


def count_overlaps(sites: pd.DataFrame, parts: np.ndarray) -> int:
    """Count windows that share a base of the genome with a window of another part.

    Args:
        sites: chrom, start, end.
        parts: ``(n,)``.
    """
    kept = sites[["chrom", "start", "end"]].assign(part=parts)
    kept = kept[kept["part"].isin(PARTS)].sort_values(["chrom", "start"])
    if kept.empty:
        return 0
    starts, ends = kept["start"].to_numpy(), kept["end"].to_numpy()
    # Contigs end to end; then how far each part reaches before each window.
    offsets = pd.factorize(kept["chrom"])[0] * (int(ends.max() - starts.min()) + 1)
    is_shared = np.zeros(len(kept), dtype=bool)
    for part in PARTS:
        is_mine = kept["part"].eq(part).to_numpy()
        reach = np.maximum.accumulate(
            np.where(is_mine, ends + offsets, starts.min() - 1)
        )
        is_shared[1:] |= ~is_mine[1:] & (reach[:-1] > (starts + offsets)[1:])
    return int(is_shared.sum())


def count_shared_genes(sites: pd.DataFrame, parts: np.ndarray) -> int:
    """Count genes with sites in more than one part."""
    found = pd.DataFrame({"gene": sites["gene_id"].array, "part": parts})
    found = found[found["part"].isin(PARTS)].dropna().drop_duplicates()
    return int((found["gene"].value_counts() > 1).sum())


def count_near_copies(
    windows: np.ndarray, parts: np.ndarray, similarity: float, seed: int
) -> tuple[int, int]:
    """Count held-out windows that are near-copies of windows they must not be like.

    A sample of validation and test windows is held against training (test also against
    validation), every pair exactly; of what is large, a sample is drawn.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        parts: ``(n,)`` of train, validation, test or excluded.
        similarity: From which on they are near-copies, see ``homology``.
        seed: Of the sample.

    Returns:
        ``(near-copies, windows looked at)``.
    """
    generator = np.random.default_rng(seed)
    found = looked = 0
    for place, part in enumerate(PARTS[1:], start=1):
        held, others = (
            generator.permutation(np.flatnonzero(np.isin(parts, names)))[:most]
            for names, most in (([part], SAMPLE), (PARTS[:place], SAMPLED_AGAINST))
        )
        nearest = _measure_nearest(windows[held], windows[others])
        found += int((nearest >= similarity).sum())
        looked += len(held)
    return found, looked


def _measure_nearest(held: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Greatest Jaccard index of sets of 16-mers, either orientation, float ``(n,)``."""
    nearest = np.zeros(len(held))
    # Turned, the few held-out windows stand for turning all others.
    both = [_number_words(x) for x in (held, complement_bases(held[:, ::-1]))]
    # Sorted: np.unique hashes, which takes long where nearly all are different.
    known = np.sort(np.concatenate(both), axis=None)
    known = known[np.diff(known, prepend=-1) > 0]
    if not len(known):
        return nearest
    marks = [_mark_words(words, known) for words in both]
    for start in range(0, len(others), 2048):
        words = np.sort(_number_words(others[start : start + 2048]), axis=1)
        sizes = (np.diff(words, axis=1, prepend=-1) > 0).sum(axis=1)
        theirs = _mark_words(words, known).T
        for mine in marks:
            shared = (mine @ theirs).toarray()
            union = mine.sum(axis=1)[:, None] + sizes - shared
            similarity = shared / np.maximum(union, 1)
            nearest = np.maximum(nearest, similarity.max(axis=1))
    return nearest


def _number_words(windows: np.ndarray) -> np.ndarray:
    """The 16-mers as numbers, int64 ``(n, width)``; -1 with an N."""
    digits = np.zeros(256, dtype=np.int64) - 4**WORD
    digits[list(b"ACGT")] = range(4)
    words, size = digits[windows], 1
    while size < WORD:  # a power of two
        words = words[:, :-size] + words[:, size:] * 4**size
        size *= 2
    return np.maximum(words, -1)


def _mark_words(words: np.ndarray, known: np.ndarray) -> csr_array:
    """Which known words each row has, int32 ``(n, n_known)`` of ones."""
    # Nearly all are unknown: told at one look, by their first bases.
    table = np.zeros(4**FIRST, dtype=bool)
    table[known % 4**FIRST] = True
    cells = np.flatnonzero(table.take(words & (4**FIRST - 1)) & (words >= 0))
    rows, found = cells // words.shape[1], words.ravel()[cells]
    places = np.minimum(np.searchsorted(known, found), len(known) - 1)
    is_known = known[places] == found
    cells = np.sort(rows[is_known] * len(known) + places[is_known])
    rows, places = np.divmod(cells[np.diff(cells, prepend=-1) > 0], len(known))
    ones = np.ones(len(rows), dtype=np.int32)
    return csr_array((ones, (rows, places)), shape=(len(words), len(known)))


def audit_fold(
    sites: pd.DataFrame,
    windows: np.ndarray,
    parts: np.ndarray,
    settings: SplitSettings,
) -> dict[str, int]:
    """Audit one fold.

    Args:
        sites: chrom, start, end, gene_id per site.
        windows: uint8 ``(n, length)`` ASCII.
        parts: ``(n,)`` of train, validation, test or excluded.
        settings: similarity and seed.

    Returns:
        Counts: shared_sequences, shared_reverse_complements, overlapping_intervals,
        shared_genes, and near_duplicates among the windows audited_exactly.
    """
    shared, turned = count_shared_sequences(windows, parts)
    near, looked = count_near_copies(windows, parts, settings.similarity, settings.seed)
    return {
        "shared_sequences": shared,
        "shared_reverse_complements": turned,
        "overlapping_intervals": count_overlaps(sites, parts),
        "shared_genes": count_shared_genes(sites, parts),
        "near_duplicates": near,
        "audited_exactly": looked,
    }


def require_no_leak(leakage: dict[str, Any]) -> None:
    """Raise if a fold leaks.

    Raises:
        InputError: Names the fold and the counts.
    """
    wanted = list(MUST_BE_ZERO)
    if leakage["by"] in ("gene", "homology"):
        wanted.append("shared_genes")
    if leakage["near_duplicates"] == "exclude":
        wanted.append("near_duplicates")
    bad = [
        f"fold {fold}: {name} {counts[name]}"
        for fold, counts in leakage["folds"].items()
        for name in wanted
        if counts[name]
    ]
    if bad:
        raise InputError(
            "the split leaks from training or validation into test: "
            + "; ".join(bad)
            + ". Split by: homology, or change `splits.test`"
        )


def summarise_audits(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read the audits of splits.

    Args:
        paths: ``results/{predictor}/{contrast}/{splice_type}/leakage.json`` files.

    Returns:
        One row per split and fold: predictor, contrast, splice_type, fold, the sites of
        each part, those removed from training, and whether the audit passed.

    Raises:
        InputError: An audit did not pass.
    """
    rows = []
    for path in paths:
        predictor, contrast, splice_type = path.parts[-4:-1]
        audit = read_json(path)
        if not audit["passed"]:
            raise InputError(f"{path}: the parts of this split share sites; see there")
        for fold, counts in audit["folds"].items():
            rows.append(
                {
                    "predictor": predictor,
                    "contrast": contrast,
                    "splice_type": splice_type,
                    "fold": fold,
                    **{
                        part: sum(counts["counts"][part].values())
                        for part in ("train", "validation", "test")
                    },
                    "removed_from_training": counts["removed_from_training"],
                    "passed": audit["passed"],
                }
            )
    return rows
