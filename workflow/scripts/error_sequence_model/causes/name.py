"""Named causes of a predictor's errors: flags per site, tests and coverage.

`causes.parquet`, one row per site of the contrast and splice type (not the sites that
the split excluded): site_id int64, label int8, part, one nullable boolean per flag.
`causes.tsv`, one row per flag: flag, label, definition, unit, expected, tested (else
why not), n_{class} and share_{class}, odds_ratio with low, high, p and q, is_enriched.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.causes.coverage import (
    check_held_out,
    compare_flags,
    describe_coverage,
    is_enriched,
)
from error_sequence_model.causes.flags import flag_sites
from error_sequence_model.causes.registry import Cause
from error_sequence_model.genome import GeneModels
from error_sequence_model.settings import COMPANY, CauseSettings, Contrast, Track
from error_sequence_model.statistics import (
    CONFIDENCE,
    FEWEST_SITES,
    number_groups,
)
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)

FEWEST_KNOWN = 0.5  # share of each class at which a flag must be defined
MOST_UNLIKE = 0.1  # greatest difference of these shares between the classes


class NamedCauses(NamedTuple):
    """What ``name_causes`` finds; see the top for the tables.

    Attributes:
        table: One row per flag.
        sites: One row per site.
        summary: Coverage, and what was left out.
    """

    table: pd.DataFrame
    sites: pd.DataFrame
    summary: dict[str, Any]


def name_causes(
    sites: pd.DataFrame,
    windows: Windows,
    split: pd.DataFrame,
    contrast: Contrast,
    splice_type: str,
    *,
    models: GeneModels | None = None,
    tracks: Sequence[Track] = (),
    settings: CauseSettings | None = None,
    draws: int = 500,
    seed: int = 1,
) -> NamedCauses:
    """Flag a contrast's sites with named causes and test what errors have more of.

    Args:
        sites: ``sites.parquet``.
        windows: Their windows.
        split: ``split.parquet`` of the contrast and splice type.
        contrast: The classes.
        splice_type: donor, acceptor or any.
        models: The annotation's genes, or None.
        tracks: The user's files.
        settings: Thresholds.
        draws: Bootstrap draws over genes.
        seed: Seed of the draws.

    Returns:
        Flags, tests and coverage. Only a contrast of two classes is tested.
    """
    settings = settings or CauseSettings()
    chosen = choose_sites(sites, split)
    flags, causes, missing = flag_sites(
        chosen, sites, windows, split, splice_type, models, tracks, settings
    )
    labels = chosen["label"].to_numpy(dtype=np.int64)
    genes = number_groups(chosen["gene_id"].to_numpy(), len(chosen))
    types = chosen["splice_type"].to_numpy()
    reasons = {}
    for cause in causes:
        # Elsewhere it means nothing; odds ratios are taken within splice types.
        applies = np.isin(types, cause.splice_types)
        own = flags.loc[applies, cause.name]
        reasons[cause.name] = _find_reason(own, cause, labels[applies], contrast)
    usable = flags[[name for name, reason in reasons.items() if not reason]]
    found = compare_flags(usable, labels, genes, settings, types)
    expected = [cause.name for cause in causes if cause.is_expected(contrast)]
    found_more = found.index[is_enriched(found, settings)]
    enriched = [name for name in found_more if name in expected]
    table = _make_table(causes, flags, labels, contrast, reasons)
    table = table.join(found, on="flag")
    table["is_enriched"] = table["flag"].isin(enriched)
    has_cause = flags[enriched].eq(1).any(axis=1).to_numpy()
    summary = {
        "contrast": contrast.name,
        "splice_type": splice_type,
        "classes": list(contrast.class_names),
        "n_sites": len(chosen),
        "n_genes": len(np.unique(genes)),
        "fdr": settings.fdr,
        "level": CONFIDENCE,
        "enriched": enriched,
        "coverage": describe_coverage(
            *(has_cause, labels, genes, contrast), draws=draws, seed=seed
        ),
        "held_out": check_held_out(
            usable.filter(expected), chosen, genes, settings, draws, seed
        ),
        "left_out": [
            {"flag": name, "why": reason} for name, reason in reasons.items() if reason
        ],
        "missing": missing,
    }
    _report(summary, len(causes), usable.shape[1])
    return NamedCauses(table, _make_sites(chosen, flags), summary)


def _report(summary: dict[str, Any], n_flags: int, n_tested: int) -> None:
    logger.info(
        "%s %s: %d sites, %d flags, %d tested, enriched: %s",
        summary["contrast"],
        summary["splice_type"],
        summary["n_sites"],
        n_flags,
        n_tested,
        ", ".join(summary["enriched"]) or "none",
    )


def choose_sites(sites: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """The contrast's sites with label, part and fold, once each, by site_id.

    Of several folds the one counts in which a site is tested. What the split excluded
    (for its likeness to a held-out site) is left out.
    """
    kept = split[split["part"] != "excluded"]
    rank = kept["part"].map({"test": 0, "validation": 1, "train": 2})
    kept = kept.assign(rank=rank).sort_values(["site_id", "rank", "fold"])
    kept = kept.drop_duplicates("site_id")[["site_id", "label", "part", "fold"]]
    return kept.merge(sites, on="site_id", how="inner", validate="1:1")


def _find_reason(
    flag: pd.Series, cause: Cause, labels: np.ndarray, contrast: Contrast
) -> str:
    """Why a flag cannot be tested, in words; empty if it can."""
    if not contrast.is_binary:
        return "odds ratios need a contrast of two classes"
    known = flag.notna().to_numpy()
    shares = [
        known[labels == label].mean() if (labels == label).any() else 0.0
        for label in (1, 0)
    ]
    names = [
        f"{name} {'/'.join(kinds)}" if name in COMPANY else "/".join(kinds)
        for name, kinds in contrast.classes
    ][::-1]
    undefined = [kind for kind in contrast.pred_types if kind not in cause.defined]
    # Where all told apart are errors of one type, it can only be unknown.
    if undefined and contrast.peers is None:
        hits = flag[(labels == 1)].eq(1)
        text = (
            f"defined at {' and '.join(cause.defined)} sites only, so that here it "
            "would be the label in other words"
        )
        if known[labels == 1].any():
            text += f" ({hits[known[labels == 1]].mean():.0%} of {names[0]} have it)"
        return text
    if min(shares) < FEWEST_KNOWN or abs(shares[0] - shares[1]) > MOST_UNLIKE:
        return (
            f"known for {shares[0]:.0%} of {names[0]} and {shares[1]:.0%} of {names[1]}"
        )
    hits = int(flag.eq(1).sum())
    if min(hits, int(known.sum()) - hits) < FEWEST_SITES:
        return f"true at {hits} of {int(known.sum())} sites"
    if min((labels == 1).sum(), (labels == 0).sum()) < FEWEST_SITES:
        return f"fewer than {FEWEST_SITES} sites in a class"
    return ""


def _make_table(
    causes: Sequence[Cause],
    flags: pd.DataFrame,
    labels: np.ndarray,
    contrast: Contrast,
    reasons: dict[str, str],
) -> pd.DataFrame:
    rows = []
    for cause in causes:
        row: dict[str, Any] = {
            "flag": cause.name,
            "cause": cause.label,
            "definition": cause.definition,
            "unit": cause.unit,
            "expected": ",".join(cause.expected),
            "tested": reasons[cause.name] or "yes",
        }
        # Errors first: they are what the table is about.
        for label in range(len(contrast.classes))[::-1]:
            name = contrast.class_names[label]
            column = flags.loc[labels == label, cause.name]
            known = column.notna().sum()
            row[f"n_{name}"] = int(column.eq(1).sum())
            row[f"share_{name}"] = column.eq(1).sum() / known if known else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _make_sites(chosen: pd.DataFrame, flags: pd.DataFrame) -> pd.DataFrame:
    first = chosen[["site_id", "label", "part"]]
    nullable = flags.set_axis(first.index).apply(
        lambda column: column.eq(1).astype("boolean").mask(column.isna())
    )
    return pd.concat([first, nullable], axis=1)
