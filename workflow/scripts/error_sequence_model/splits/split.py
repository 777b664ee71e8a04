"""Training, validation and test sites that share nothing.

`split.parquet`, one row per (site, fold):
    site_id int64, label int8, fold int16, part (train | validation | test | excluded),
    training_similarity float32 (test only: greatest similarity to a training window,
    see ``homology``; null elsewhere), relative bool (test only: a training window is a
    relative, see ``relatives``; null elsewhere and where it was not looked for)

Test keeps all its sites. A validation site that shares its sequence, the reverse
complement, a base of the genome or (near-duplicates) much of its sequence with a test
site is excluded, and a training site that does with a test or validation site.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, list_few
from error_sequence_model.genome import get_window_starts, normalise_contig
from error_sequence_model.settings import (
    Contrast,
    SplitSettings,
    find_company,
    label_sites,
    list_compared,
    parse_settings,
)
from error_sequence_model.splits.grouping import (
    deal_groups,
    find_families,
    get_column,
    group_sites,
)
from error_sequence_model.splits.leakage import PARTS, audit_fold, require_no_leak
from error_sequence_model.splits.leakfilter import EXCLUDED, LeakFilter
from error_sequence_model.splits.matched_classes import match_parts
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)

SHOWN = 20  # names of chromosomes in a message
COLUMNS = ("site_id", "label", "fold", "part", "training_similarity", "relative")


def make_split(
    sites: pd.DataFrame,
    windows: Windows,
    contrast: Contrast,
    splice_type: str,
    settings: Mapping[str, Any] | SplitSettings,
    *,
    peers: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Split a contrast's sites and audit the result.

    Args:
        sites: sites.parquet.
        windows: Their windows.
        contrast: Which pred_types are told apart.
        splice_type: ``donor``, ``acceptor`` or ``any``.
        settings: The `splits` section of the config (see ``SplitSettings``).
        peers: ``peers.parquet``, for a contrast of errors private or shared.

    Returns:
        ``(split, leakage)``: split.parquet (see the top) and leakage.json.

    Raises:
        InputError: An unknown chromosome, a part without a class, or a leak.
    """
    settings = parse_settings(settings)
    _require_known(sites, settings)
    chosen, left_out = _choose_sites(sites, windows, contrast, splice_type, peers)
    matrix = windows.get_matrix(chosen["site_id"].to_numpy())
    families = None
    if settings.by == "homology":
        families = find_families(matrix, settings.similarity)
    folds = assign_parts(chosen, matrix, settings, families)
    filter_ = LeakFilter(chosen, matrix, settings, families)
    frames, report = [], {}
    for fold, assigned in enumerate(folds):
        parts, removed = filter_.remove_leaks(assigned)
        labels = chosen["label"].to_numpy().copy()
        if contrast.match:
            parts, n_unmatched = match_parts(
                chosen, matrix, parts, contrast, settings, upstream=windows.upstream
            )
            removed["unmatched"] = n_unmatched
        if contrast.shuffle_labels:
            labels = shuffle_labels(labels, parts, settings.seed + fold)
        require_classes(labels, parts, contrast, splice_type, fold, settings)
        nearest = filter_.get_training_similarity(parts)
        relative = filter_.find_relatives(parts)
        counts = audit_fold(chosen, matrix, parts, settings)
        counts["near_duplicates"] = max(
            counts["near_duplicates"], int((nearest >= settings.similarity).sum())
        )
        counts["searched_for_relatives"] = int(relative.notna().sum())
        counts["with_relatives"] = int(relative.sum())
        counts["removed_from_training"] = int(
            ((assigned == "train") & (parts == EXCLUDED)).sum()
        )
        counts["removed"] = removed
        counts["counts"] = _count_classes(labels, parts, contrast)
        report[str(fold)] = counts
        frames.append(
            pd.DataFrame(
                {
                    "site_id": chosen["site_id"].to_numpy(),
                    "label": labels.astype(np.int8),
                    "fold": np.int16(fold),
                    "part": parts.astype(str),
                    "training_similarity": nearest,
                    "relative": relative,
                }
            )
        )
        logger.info(
            "%s %s fold %d: %s; removed %s",
            contrast.name,
            splice_type,
            fold,
            counts["counts"],
            {reason: n for reason, n in removed.items() if n} or "nothing",
        )
    leakage = {
        "folds": report,
        "passed": True,
        "by": settings.by,
        "column": settings.column,
        "near_duplicates": settings.near_duplicates,
        "similarity": settings.similarity,
        "contrast": contrast.name,
        "splice_type": splice_type,
        "shuffled_labels": contrast.shuffle_labels,
        "matched_on": list(contrast.match),
        "same_dinucleotide": contrast.same_dinucleotide,
        "duplicated_windows": int((np.diff(np.sort(filter_.digests)) == 0).sum()),
        "left_out": left_out,
        "absent": _list_absent(chosen, settings),
    }
    if contrast.peers is not None and peers is not None:
        leakage["peers"] = list(contrast.peers) or list_compared(peers)[1:]
    if settings.by != "chromosome":
        sizes = np.bincount(group_sites(chosen, matrix, settings, families))
        leakage["groups"] = {"number": len(sizes), "largest": int(sizes.max())}
    require_no_leak(leakage)
    return pd.concat(frames, ignore_index=True), leakage


def _choose_sites(
    sites: pd.DataFrame,
    windows: Windows,
    contrast: Contrast,
    splice_type: str,
    peers: pd.DataFrame | None,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The contrast's sites with start and end, and how many were left out and why."""
    if splice_type not in ("donor", "acceptor", "any"):
        raise InputError(
            f"splice_type is {splice_type!r}; it must be donor, acceptor or any"
        )
    if splice_type != "any":
        sites = sites[sites["splice_type"].eq(splice_type)]
    sites = sites[sites["pred_type"].isin(contrast.pred_types)]
    chosen = label_sites(sites, contrast, peers).reset_index(drop=True)
    left_out = {}
    if peers is not None and contrast.peers is not None:
        left_out = _count_unclear(sites, contrast, peers)
        logger.info("%s %s: left out: %s", contrast.name, splice_type, left_out)
    n_all = len(sites) - sum(left_out.values())
    if len(chosen) < n_all:
        # More than a few: their junctions may be guesses (tables of sequences).
        level = logging.WARNING if len(chosen) < 0.9 * n_all else logging.INFO
        logger.log(
            level,
            "%s %s: %d of %d sites left out, not GT or AG (the contrast's "
            "`same_dinucleotide: false` keeps them)",
            contrast.name,
            splice_type,
            n_all - len(chosen),
            n_all,
        )
    left_out["other_dinucleotide"] = n_all - len(chosen)
    has_window = windows.has_windows(chosen["site_id"].to_numpy())
    left_out["no_window"] = int((~has_window).sum())
    if not has_window.all():
        logger.warning(
            "%s %s: %d of %d sites left out, without a window (see the log of windows)",
            contrast.name,
            splice_type,
            left_out["no_window"],
            len(chosen),
        )
        chosen = chosen[has_window].reset_index(drop=True)
    if chosen.empty:
        raise InputError(
            f"contrast {contrast.name!r}, {splice_type}: the error table has no such "
            f"site ({n_all} of these classes; left out: {left_out})"
        )
    starts = get_window_starts(
        chosen["junction"].to_numpy(),
        chosen["strand"].eq("+").to_numpy(),
        upstream=windows.upstream,
        downstream=windows.downstream,
    )
    return chosen.assign(start=starts, end=starts + windows.length), left_out


def _count_unclear(
    sites: pd.DataFrame, contrast: Contrast, peers: pd.DataFrame
) -> dict[str, int]:
    """Count the errors that are neither private nor shared by all peers."""
    company = find_company(peers, contrast.pred_types[0], contrast.peers or ())
    # A site that is not in the table was judged by nobody else.
    counts = sites["site_id"].map(company).fillna("not_judged").value_counts()
    return {name: int(counts.get(name, 0)) for name in ("partly_shared", "not_judged")}


def _list_absent(sites: pd.DataFrame, settings: SplitSettings) -> list[str]:
    """Names of the split that no site has: those of a preset need not all be there."""
    if settings.by != "chromosome":
        return []
    there = {
        normalise_contig(name) for name in get_column(sites, settings.column).unique()
    }
    named = (*settings.validation, *settings.test)
    return [name for name in named if normalise_contig(name) not in there]


def assign_parts(
    sites: pd.DataFrame,
    windows: np.ndarray,
    settings: SplitSettings,
    families: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Assign every site to a part, once per fold.

    Args:
        sites: The contrast's sites with label, start and end.
        windows: uint8 ``(n, length)``.
        settings: How to split.
        families: Of the windows, where they are known (by: homology).

    Returns:
        One object array ``(n,)`` of train, validation and test per fold.

    Raises:
        InputError: There are fewer groups than folds.

    Example:
        >>> sites = pd.DataFrame({"chrom": ["chr1", "chr2", "chr3"], "label": 0})
        >>> settings = SplitSettings(test=("chr2",), validation=("chr3",))
        >>> windows = np.zeros((3, 9), dtype=np.uint8)
        >>> [fold.tolist() for fold in assign_parts(sites, windows, settings)]
        [['train', 'test', 'validation']]
    """
    if settings.by == "chromosome" and (settings.test or settings.validation):
        return [_hold_out(sites, settings)]
    groups = group_sites(sites, windows, settings, families)
    labels = sites["label"].to_numpy()
    if settings.folds is None:
        validation, test = settings.validation_share, settings.test_share
        shares = np.array([1 - validation - test, validation, test])
        bins = deal_groups(groups, labels, shares, settings.seed)
        return [np.array(PARTS, dtype=object)[bins]]
    n = settings.folds
    n_groups = len(np.unique(groups))
    if n_groups < n:
        raise InputError(
            f"splits.folds is {n}, but there are only {n_groups} groups to split by "
            f"{settings.by}; use fewer folds or another `splits.by`"
        )
    bins = deal_groups(groups, labels, np.full(n, 1 / n), settings.seed)
    folds = []
    for fold in range(n):
        parts = np.full(len(sites), "train", dtype=object)
        parts[bins == fold] = "test"
        parts[bins == (fold + 1) % n] = "validation"
        folds.append(parts)
    return folds


def _hold_out(sites: pd.DataFrame, settings: SplitSettings) -> np.ndarray:
    values = get_column(sites, settings.column)
    parts = np.full(len(sites), "train", dtype=object)
    for part in ("validation", "test"):
        wanted = _find_values(values, getattr(settings, part), part, settings)
        parts[values.isin(wanted).to_numpy()] = part
    # Of the two one is named, or both; what is not is drawn from the rest.
    for part, share in (
        ("validation", settings.validation_share),
        ("test", settings.test_share),
    ):
        if getattr(settings, part):
            continue
        rest = np.flatnonzero(parts == "train")
        if not len(rest):
            named = "test" if settings.test else "validation"
            raise InputError(
                f"splits.{named}: {list(getattr(settings, named))} are all there is in "
                f"column {settings.column!r}; leave some for the other parts"
            )
        groups = pd.factorize(values.iloc[rest])[0]
        bins = deal_groups(
            groups,
            sites["label"].to_numpy()[rest],
            np.array([1 - share, share]),
            settings.seed,
        )
        parts[rest[bins == 1]] = part
    return parts


def _find_values(
    values: pd.Series, wanted: tuple[str, ...], part: str, settings: SplitSettings
) -> list[str]:
    there = sorted(values.unique())
    if settings.preset:
        names = {normalise_contig(name) for name in wanted}
        found = [value for value in there if normalise_contig(value) in names]
        if wanted and not found:
            raise InputError(
                f"splits.preset {settings.preset!r}: none of its {part} chromosomes "
                f"{list(wanted)} is in column {settings.column!r}, which has {there}"
            )
        return found
    # A contig without a site of this contrast is no mistake: see `_require_known`.
    return [name for name in wanted if name in there]


def _require_known(sites: pd.DataFrame, settings: SplitSettings) -> None:
    """Refuse names that no site at all has, whatever its class.

    Raises:
        InputError: The names, and some of those that there are.
    """
    if settings.by != "chromosome" or settings.preset:
        return
    there = set(get_column(sites, settings.column).unique())
    for part in ("validation", "test"):
        unknown = [name for name in getattr(settings, part) if name not in there]
        if unknown:
            raise InputError(
                f"splits.{part}: {unknown} not in column {settings.column!r}; there "
                f"are {list_few(sorted(there), SHOWN)}"
            )


def shuffle_labels(labels: np.ndarray, parts: np.ndarray, seed: int) -> np.ndarray:
    """Permute labels ``(n,)`` within each part: the negative control of a contrast."""
    generator = np.random.default_rng(seed)
    shuffled = labels.copy()
    for part in PARTS:
        rows = np.flatnonzero(parts == part)
        shuffled[rows] = generator.permutation(labels[rows])
    return shuffled


def require_classes(
    labels: np.ndarray,
    parts: np.ndarray,
    contrast: Contrast,
    splice_type: str,
    fold: int,
    settings: SplitSettings,
) -> None:
    """Make sure that every part has every class.

    Raises:
        InputError: A part lacks a class.
    """
    counts = _count_classes(labels, parts, contrast)
    empty = [
        f"{part} has no {name}"
        for part in PARTS
        for name in contrast.class_names
        if not counts[part][name]
    ]
    if empty:
        raise InputError(
            f"contrast {contrast.name!r}, {splice_type}, fold {fold} (split by "
            f"{settings.by}): {'; '.join(empty)}. Counts: {counts}. Give that part "
            "more in `splits.test`/`splits.validation`, use fewer `splits.folds`, "
            "another `splits.by`, or leave this contrast or splice type out"
        )


def _count_classes(
    labels: np.ndarray, parts: np.ndarray, contrast: Contrast
) -> dict[str, dict[str, int]]:
    return {
        part: {
            name: int(((parts == part) & (labels == label)).sum())
            for label, name in enumerate(contrast.class_names)
        }
        for part in (*PARTS, EXCLUDED)
    }
