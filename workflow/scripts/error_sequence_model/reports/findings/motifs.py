"""What a report reads of a unit's motifs and known elements, and says about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.figures import count_words, format_estimate, format_q
from error_sequence_model.reports.findings.causes import get_names
from error_sequence_model.results import Unit
from error_sequence_model.windows import say_region

WIDEST_PLACE = 60  # bases of the stretch with most of a motif's offsets
NAMED = 0.1  # q of a motif's likeness from which its element is named


@dataclass(frozen=True)
class UnitMotifs:
    """The motifs of one unit's leading model, as ``motifs`` wrote them.

    Attributes:
        table: ``motifs.tsv``.
        elements: ``elements.tsv``.
        about: ``motifs.json`` without its motifs.
        details: Its motifs by name: matrix, contributions, offsets.
    """

    table: pd.DataFrame
    elements: pd.DataFrame
    about: dict[str, Any]
    details: dict[str, dict[str, Any]]

    @property
    def significant(self) -> pd.DataFrame:
        """The motifs enriched or depleted at errors."""
        return self.table[self.table["significant"]]


def read_unit_motifs(unit: Unit) -> UnitMotifs | None:
    """Read the motifs of a unit's leading model (of its first fold); None without."""
    return read_motifs(unit.lead.path)


def read_motifs(folder: Path) -> UnitMotifs | None:
    """Read the motifs of a run folder; None where the step has not run."""
    try:
        about = read_json(folder / "motifs.json")
        details = {entry["motif"]: entry for entry in about.pop("motifs")}
        table = read_saved_table(folder / "motifs.tsv")
        elements = read_saved_table(folder / "elements.tsv")
    except (FileNotFoundError, InputError, KeyError, ValueError):
        return None
    for frame in (table, elements):
        for name in ("significant", "beyond_composition"):
            frame[name] = frame[name].astype(bool)
    return UnitMotifs(table, elements, about, details)


def describe_motifs(motifs: UnitMotifs, unit: Unit) -> list[str]:
    """How many motifs there are, and how many tell errors from correct calls."""
    error, correct = get_names(unit)
    about, seqlets = motifs.about, motifs.about["n_seqlets"]
    method = about["method"].replace("_", " ")
    called = (
        f"{seqlets['error']:,} stretches that speak for {error} and "
        f"{seqlets['correct']:,} for {correct}"
        if about["signed"]
        else f"{seqlets['error']:,} stretches"
    )
    lines = [
        f"The maps ({method}, {about['n_explained']:,} held-out sites) hold {called} "
        f"beyond chance (false discovery rate {about['fdr']:.0%}); they form "
        f"{count_words(len(motifs.table), 'motif')} of at least five."
    ]
    if motifs.table.empty:
        lines.append("Without a motif there is nothing to test.")
        return lines
    found = motifs.significant
    if found.empty:
        lines.append(
            f"None of them is more, or less, frequent in held-out {error} than in "
            f"{correct} at a false discovery rate of {about['fdr']:.0%}."
        )
        return lines
    more = int((found["odds_ratio"] > 1).sum())
    lines.append(
        f"Tested in held-out sites, {count_words(more, 'motif')} more frequent in "
        f"{error} than in {correct}, {count_words(len(found) - more, 'motif')} less "
        f"frequent (q ≤ {about['fdr']:g}; composition accounted for)."
    )
    return lines


def describe_elements(motifs: UnitMotifs, unit: Unit) -> list[str]:
    """How many known elements differ, and which most."""
    error, correct = get_names(unit)
    table, about = motifs.elements, motifs.about
    counts = about["all_sites"]
    tested = int(table["p"].notna().sum())
    line = (
        f"{table['element'].nunique()} known elements in each region: "
        f"{tested:,} tests on {counts['errors']:,} {error} and "
        f"{counts['correct']:,} {correct} of all parts of the split. "
    )
    found = table[table["significant"]]
    if found.empty:
        return [f"{line}None differs at a false discovery rate of {about['fdr']:.0%}."]
    own = found[found["explained_by"].isna()]
    beyond = int(own["beyond_composition"].sum())
    rate = f"at a false discovery rate of {about['fdr']:.0%}"
    if len(found) == 1:
        how = "by more than" if beyond else "by no more than"
        return [f"{line}1 differs {rate}, {how} the composition of the place gives."]
    return [
        f"{line}{len(found)} differ {rate}, "
        f"{len(own)} of them in their own right (the others add nothing beside a more "
        "significant element, named in the table), and "
        f"{beyond} of these by more than the composition of the place gives."
    ]


def describe_motif_control(unit: Unit) -> tuple[str, str] | None:
    """Whether a shuffled-label control has no enriched motif, as it should."""
    motifs = read_unit_motifs(unit)
    if motifs is None:
        return None
    n_motifs, n_elements = len(motifs.significant), motifs.elements["significant"].sum()
    counts = f"{count_words(n_motifs, 'motif')} and {n_elements} element tests"
    return (
        f"Control {unit.name} (shuffled labels): {counts} significant.",
        "good" if n_motifs == 0 else "bad",
    )


def say_place(row: Any) -> str:
    """Where a motif lies, in words: its region and the offsets of its first base."""
    low, high = (f"{v:+d}".replace("-", "−") for v in (row.offset_low, row.offset_high))
    if row.offset_high - row.offset_low > WIDEST_PLACE:
        return f"no one place, {low} to {high}"
    region = say_region(str(row.region))
    return f"{region}, {low}" if low == high else f"{region}, {low} to {high}"


def say_name(element: str) -> str:
    """An element's name as it is read: without underscores."""
    return element.replace("_", " ")


def say_element(row: Any) -> str:
    """The known element a motif is like, or holds, if there is one."""
    if isinstance(row.element, str) and row.element_q <= NAMED:
        return f"like {say_name(row.element)} (q {format_q(row.element_q)})"
    if isinstance(row.contains, str) and row.contains:
        return f"contains {say_name(row.contains)}"
    return "like no known element"


def format_effect(row: Any) -> str:
    """The change of the log-odds with its interval."""
    if not np.isfinite(row.delta_logit):
        return "not measured"
    return format_estimate(row.delta_logit, row.delta_low, row.delta_high)
