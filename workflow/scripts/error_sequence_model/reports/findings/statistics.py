"""The numbers behind the map pages of a report, computed once per unit and method.

Differences are always the positive class (error) minus the other (correct), and a
positive attribution speaks for an error, whatever pred_type the page is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import write_tsv
from error_sequence_model.results import Explained, ReportData, Unit
from error_sequence_model.statistics import (
    Comparison,
    compare_classes,
    make_strata,
    measure_gc_content,
    permute_classes,
    scale_maps,
)
from error_sequence_model.windows import get_regions


@dataclass(frozen=True)
class MapStatistics:
    """Profiles and regional means of one unit, splice type and method.

    Attributes:
        unit: The unit.
        splice_type: Splice type of the sites drawn.
        method: Attribution method.
        explained: Sites and maps.
        scaled: Per-site scaled maps, float32 (n_sites, length).
        offsets: int (length,).
        comparison: Scaled attribution of both classes and their difference.
        p_value: Family-wise p per position, (length,).
        regions: One row per named region.
        draws: Permutations behind the regions' p-values.
        strata: How labels were permuted, in words.
        attention: Attention received per base of both classes, or None.
        attention_offsets: int (length,).
    """

    unit: Unit
    splice_type: str
    method: str
    explained: Explained
    scaled: np.ndarray
    offsets: np.ndarray
    comparison: Comparison
    p_value: np.ndarray
    regions: pd.DataFrame
    draws: int
    strata: str
    attention: Comparison | None
    attention_offsets: np.ndarray

    @property
    def key(self) -> str:
        """Name in table files."""
        return f"{self.unit.contrast}.{self.splice_type}"

    @property
    def method_name(self) -> str:
        """The method in words."""
        return self.method.replace("_", " ")

    @property
    def warning(self) -> str:
        """What every figure of this method must say about its checks, if anything."""
        return get_warning(self.unit, self.method)


def get_warning(unit: Unit, method: str) -> str:
    """Failure or absence of a method's checks, in words; empty if it passed."""
    passed = unit.lead.has_passed(method)
    if passed:
        return ""
    name = method.replace("_", " ")
    if passed is None:
        return f"{name}: faithfulness not checked; see the trust page."
    checks = unit.lead.faithfulness["methods"][method]
    failed = [
        check.replace("_", " ")
        for check, result in checks.items()
        if isinstance(result, dict) and result.get("passed") is False
    ]
    which = ", ".join(failed) or "its gate"
    return f"{name} FAILED its faithfulness check ({which}): do not rely on this map."


def get_map_statistics(
    unit: Unit, splice_type: str, data: ReportData
) -> MapStatistics | None:
    """Compute a unit's map statistics for its best checked method.

    Args:
        unit: Contrast and splice type.
        splice_type: Which sites, where the unit has both.
        data: The report's data.

    Returns:
        The statistics, or None if there are no maps of test sites.
    """
    if not unit.lead.methods:
        return None
    method = unit.lead.methods[0]
    explained = unit.explained(unit.lead.attributions[method], splice_type)
    if not len(explained.rows):
        return None
    scaled = scale_maps(explained.scores)
    first, genes = explained.is_first, explained.genes
    options = {"draws": data.draws, "seed": data.seed}
    comparison = compare_classes(scaled, first, genes, **options)
    strata, words = _make_strata(explained, data)
    p_value = permute_classes(scaled, first, genes, strata, **options).p_value
    maps = explained.maps
    regions = _measure_regions(
        scaled, maps.upstream, explained, splice_type, strata, data
    )
    attention, attention_offsets = None, np.zeros(0, dtype=int)
    if unit.lead.attention is not None:
        seen = unit.explained(unit.lead.attention, splice_type)
        attention_offsets = unit.lead.attention.offsets
        if len(seen.rows):
            attention = compare_classes(
                seen.scores, seen.is_first, seen.genes, **options
            )
    return MapStatistics(
        unit,
        splice_type,
        method,
        explained,
        scaled,
        maps.offsets,
        comparison,
        p_value,
        regions,
        data.draws,
        words,
        attention,
        attention_offsets,
    )


def _make_strata(explained: Explained, data: ReportData) -> tuple[np.ndarray, str]:
    site_ids = explained.sites.index.to_numpy()
    sequences = data.get_sequences(site_ids)
    if not sequences:
        return np.zeros(
            len(site_ids), dtype=int
        ), "over all sites (no sequences stored)"
    gc = measure_gc_content([sequences.get(int(site), "") for site in site_ids])
    scores = explained.sites["score"].to_numpy(dtype=float, na_value=np.nan)
    return make_strata(gc, scores, explained.is_first)


def _measure_regions(
    scaled: np.ndarray,
    upstream: int,
    explained: Explained,
    splice_type: str,
    strata: np.ndarray,
    data: ReportData,
) -> pd.DataFrame:
    length = scaled.shape[1]
    regions = get_regions(splice_type, upstream, length - upstream)
    if not regions:
        return pd.DataFrame()
    slices = [slice(r.start + upstream, r.end + upstream) for r in regions]
    means = np.stack([scaled[:, part].mean(axis=1) for part in slices], axis=1)
    options = {"draws": data.draws, "seed": data.seed}
    compared = compare_classes(means, explained.is_first, explained.genes, **options)
    test = permute_classes(
        means, explained.is_first, explained.genes, strata, **options
    )
    table = pd.DataFrame(
        {
            "region": [r.key for r in regions],
            "label": [r.label for r in regions],
            "start": [r.start for r in regions],
            "end": [r.end for r in regions],
        }
    )
    for name, profile in zip(("error", "correct", "difference"), compared, strict=True):
        table[name] = profile.mean
        table[f"{name}_low"], table[f"{name}_high"] = profile.low, profile.high
    table["p_value"] = test.p_value
    size = np.abs(scaled)
    total = size.sum(axis=1, keepdims=True)
    shares = np.divide(size, total, out=np.zeros_like(size), where=total > 0)
    table["share"] = [shares[:, part].sum(axis=1).mean() for part in slices]
    table["share_of_bases"] = (table["end"] - table["start"]) / length
    table["fold"] = table["share"] / table["share_of_bases"]
    return table


def write_map_tables(statistics: MapStatistics, folder: Path, prefix: str) -> None:
    """Write the numbers of the profile and region figures beside the report.

    Args:
        statistics: What is drawn.
        folder: The report's tables folder.
        prefix: Start of the file names (the error type).
    """
    key = f"{prefix}.{statistics.key}"
    frame = pd.DataFrame({"offset": statistics.offsets})
    _add_profiles(frame, statistics.comparison)
    frame["p_value"] = statistics.p_value
    write_tsv(folder / f"{key}.attribution_profile.tsv", frame)
    if statistics.attention is not None:
        frame = pd.DataFrame({"offset": statistics.attention_offsets})
        _add_profiles(frame, statistics.attention)
        write_tsv(folder / f"{key}.attention_profile.tsv", frame)
    if len(statistics.regions):
        write_tsv(folder / f"{key}.regions.tsv", statistics.regions)


def _add_profiles(frame: pd.DataFrame, comparison: Comparison) -> None:
    for name, profile in zip(
        ("error", "correct", "difference"), comparison, strict=True
    ):
        frame[name] = profile.mean
        frame[f"{name}_low"], frame[f"{name}_high"] = profile.low, profile.high
        if name != "difference":
            frame[f"{name}_sites"] = profile.n_sites
