"""The numbers behind the map pages of a report, computed once per unit and method.

Differences are always the positive class (error) minus the other (correct), and a
positive attribution speaks for an error, whatever pred_type the page is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from error_sequence_model.figures import format_p, format_signed
from error_sequence_model.reports.prose import tell
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

REGION_FOLD = 1.5


@dataclass(frozen=True)
class MapStatistics:
    """Profiles and regional means of one unit, splice type and method.

    What takes time is computed when a page first asks for it.

    Attributes:
        data: The report's data.
        unit: The unit.
        splice_type: Splice type of the sites drawn.
        method: Attribution method.
        explained: Sites and maps.
        scaled: Per-site scaled maps, float32 (n_sites, length).
    """

    data: ReportData
    unit: Unit
    splice_type: str
    method: str
    explained: Explained
    scaled: np.ndarray

    @property
    def offsets(self) -> np.ndarray:
        """Int (length,)."""
        return self.explained.maps.offsets

    @property
    def draws(self) -> int:
        """Permutations behind the p-values."""
        return self.data.inputs.draws

    @cached_property
    def comparison(self) -> Comparison:
        """Scaled attribution of both classes and their difference."""
        first, genes = self.explained.is_first, self.explained.genes
        return compare_classes(self.scaled, first, genes, **self.data.drawing)

    @cached_property
    def p_value(self) -> np.ndarray:
        """Family-wise p per position, (length,)."""
        first, genes = self.explained.is_first, self.explained.genes
        strata, drawing = self._strata[0], self.data.drawing
        return permute_classes(self.scaled, first, genes, strata, **drawing).p_value

    @property
    def strata(self) -> str:
        """How labels were permuted, in words."""
        return self._strata[1]

    @cached_property
    def _strata(self) -> tuple[np.ndarray, str]:
        return _make_strata(self.explained, self.data)

    @cached_property
    def regions(self) -> pd.DataFrame:
        """One row per named region."""
        upstream = self.explained.maps.upstream
        known = (self.explained, self.splice_type, self._strata[0], self.data)
        return _measure_regions(self.scaled, upstream, *known)

    @cached_property
    def attention(self) -> Comparison | None:
        """Attention received per base of both classes, or None."""
        if self.unit.lead.attention is None:
            return None
        seen = self.unit.explained(self.unit.lead.attention, self.splice_type)
        if not len(seen.rows):
            return None
        return compare_classes(
            seen.scores, seen.is_first, seen.genes, **self.data.drawing
        )

    @property
    def key(self) -> str:
        """The unit and splice type in names of tables."""
        return f"{self.unit.contrast}.{self.splice_type}"

    @property
    def footer(self) -> str:
        """Foot of a page of these maps."""
        return self.unit.footer(splice_type=self.splice_type)

    @property
    def where(self) -> str:
        """The unit at this splice type, in words."""
        return self.unit.name_at(self.splice_type)

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


def collect_statistics(data: ReportData) -> list[MapStatistics]:
    """Map statistics of every unit that has maps."""
    found = [
        get_map_statistics(unit, splice_type, data)
        for unit in data.units
        for splice_type in unit.splice_types
    ]
    return [statistics for statistics in found if statistics is not None]


def get_map_statistics(
    unit: Unit, splice_type: str, data: ReportData
) -> MapStatistics | None:
    """Choose a unit's best checked method and scale its maps.

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
    return MapStatistics(data, unit, splice_type, method, explained, scaled)


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
    # Log-odds as they are: per site, scaling would make errors and correct calls alike
    # in size, and a region of either a matter of all the others.
    raw = explained.scores
    sums = np.stack([raw[:, part].sum(axis=1) for part in slices], axis=1)
    compared = compare_classes(
        sums, explained.is_first, explained.genes, **data.drawing
    )
    test = permute_classes(
        sums, explained.is_first, explained.genes, strata, **data.drawing
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
    return table.sort_values(
        "difference", key=np.abs, ascending=False, ignore_index=True
    )


def write_statistics(statistics: MapStatistics) -> None:
    """Write the numbers of the profile and region figures beside the report."""
    data = statistics.data
    frame = pd.DataFrame({"offset": statistics.offsets})
    _add_profiles(frame, statistics.comparison)
    frame["p_value"] = statistics.p_value
    data.write("attribution_profile", frame, statistics.key)
    if statistics.attention is not None:
        frame = pd.DataFrame({"offset": statistics.unit.lead.attention.offsets})
        _add_profiles(frame, statistics.attention)
        data.write("attention_profile", frame, statistics.key)
    if len(statistics.regions):
        data.write("regions", statistics.regions, statistics.key)


def _add_profiles(frame: pd.DataFrame, comparison: Comparison) -> None:
    for name, profile in zip(
        ("error", "correct", "difference"), comparison, strict=True
    ):
        frame[name] = profile.mean
        frame[f"{name}_low"], frame[f"{name}_high"] = profile.low, profile.high
        if name != "difference":
            frame[f"{name}_sites"] = profile.n_sites


def describe_regions(statistics: MapStatistics) -> list[str]:
    """Where attribution concentrates and where the classes differ, by region."""
    table, draws = statistics.regions, statistics.draws
    if not len(table):
        return [f"{statistics.where}: no named regions for this splice type."]
    top = table[table["fold"] >= REGION_FOLD].nlargest(2, "fold")
    found = table[table["p_value"] < 0.05].sort_values("p_value").head(3)
    return tell(
        "regions",
        where=statistics.where,
        top=list(top.itertuples()),
        is_tested=table["p_value"].notna().any(),
        names=statistics.explained.names,
        found=[
            (row.label, format_signed(row.difference), _write_p(row.p_value, draws))
            for row in found.itertuples()
        ],
    )


def _write_p(value: float, draws: int) -> str:
    text = format_p(value, draws)
    return text if text.startswith("≤") else f"= {text}"
