"""Classes matched on what should not tell them apart.

Within each part the sites are cut into strata of equal dinucleotide, GC content,
splice-site strength or score; in every stratum the classes keep the same number of
sites. What is left over gets the part ``excluded``. The matched contrast stands beside
the unmatched one: the workflow runs `fp_vs_tp: {match: [dinucleotide, gc]}` as
`fp_vs_tp` and `fp_vs_tp_matched`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.settings import Contrast, SplitSettings
from error_sequence_model.splits.leakage import PARTS
from error_sequence_model.splits.leakfilter import EXCLUDED

N_BINS = 5  # quantiles of a number
STRENGTH_REACH = 10  # bases on either side of the junction that the strength looks at
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


def match_parts(
    sites: pd.DataFrame,
    windows: np.ndarray,
    parts: np.ndarray,
    contrast: Contrast,
    settings: SplitSettings,
    *,
    upstream: int,
) -> tuple[np.ndarray, int]:
    """Exclude sites until the classes agree on the contrast's ``match``.

    Args:
        sites: label, splice_type, dinucleotide, score and pred_type per site.
        windows: uint8 ``(n, length)`` ASCII.
        parts: ``(n,)`` of train, validation, test and excluded.
        contrast: What to match on.
        settings: For the seed.
        upstream: Index of the junction in the windows.

    Returns:
        ``(parts, n_excluded)``.

    Raises:
        InputError: Matching on the score where sites have none.
    """
    columns = [sites["splice_type"].to_numpy(dtype=object)]
    for what in contrast.match:
        columns.append(_stratify(what, sites, windows, parts, upstream))
    strata = pd.MultiIndex.from_arrays([*columns, parts]).factorize()[0]
    labels = sites["label"].to_numpy()
    n_classes = len(contrast.classes)
    counts = np.zeros((int(strata.max()) + 1, n_classes), dtype=np.int64)
    np.add.at(counts, (strata, labels), 1)
    wanted = counts.min(axis=1)
    generator = np.random.default_rng(settings.seed)
    # A random order, then rank within (stratum, class): the first ones stay.
    order = generator.permutation(len(sites))
    rank = (
        pd.DataFrame({"stratum": strata[order], "label": labels[order]})
        .groupby(["stratum", "label"])
        .cumcount()
        .to_numpy()
    )
    is_kept = np.empty(len(sites), dtype=bool)
    is_kept[order] = rank < wanted[strata[order]]
    matched = parts.copy()
    is_left_over = ~is_kept & np.isin(parts, PARTS)
    matched[is_left_over] = EXCLUDED
    return matched, int(is_left_over.sum())


def _stratify(
    what: str,
    sites: pd.DataFrame,
    windows: np.ndarray,
    parts: np.ndarray,
    upstream: int,
) -> np.ndarray:
    """Return the stratum of each site, ``(n,)``."""
    if what == "dinucleotide":
        return sites["dinucleotide"].to_numpy(dtype=object)
    if what == "gc":
        is_base = np.isin(windows, _BASES)
        is_gc = np.isin(windows, np.frombuffer(b"GC", dtype=np.uint8))
        values = is_gc.sum(axis=1) / np.maximum(1, is_base.sum(axis=1))
    elif what == "strength":
        values = measure_strength(sites, windows, parts == "train", upstream)
    else:
        values = sites["score"].to_numpy("float64", na_value=np.nan)
        if np.isnan(values).any():
            raise InputError(
                f"cannot match on score: {int(np.isnan(values).sum())} sites have none"
            )
    # Bin edges come from the training sites alone.
    known = values[parts == "train"]
    if not len(known):
        return np.zeros(len(values), dtype=np.int64)
    edges = np.quantile(known, np.linspace(0, 1, N_BINS + 1)[1:-1])
    return np.searchsorted(edges, values, side="right")


def measure_strength(
    sites: pd.DataFrame, windows: np.ndarray, is_train: np.ndarray, upstream: int
) -> np.ndarray:
    """Score sites with a position weight matrix of the annotated training sites.

    Args:
        sites: splice_type and pred_type.
        windows: uint8 ``(n, length)`` ASCII.
        is_train: bool ``(n,)``; only these TP and FN enter the matrix.
        upstream: Index of the junction in the windows.

    Returns:
        float64 ``(n,)``, bits above a uniform background, 10 bases to either side.
    """
    start = max(0, upstream - STRENGTH_REACH)
    around = windows[:, start : upstream + STRENGTH_REACH]
    is_letter = around[:, :, None] == _BASES
    strength = np.zeros(len(sites))
    for splice_type in sites["splice_type"].unique():
        rows = sites["splice_type"].eq(splice_type).to_numpy()
        known = rows & is_train & sites["pred_type"].isin(["TP", "FN"]).to_numpy()
        counts = is_letter[known].sum(axis=0) + 1.0
        weights = np.log2(counts / counts.sum(axis=1, keepdims=True) * 4)
        strength[rows] = (is_letter[rows] * weights).sum(axis=(1, 2))
    return strength
