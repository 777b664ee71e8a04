"""What reports and tracks are about: units, each a contrast at one splice type.

A unit is everything about one contrast at one splice type; its leading model is chosen
by *validation* AUPRC, never by the test part that is reported.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.results.files import Maps
from error_sequence_model.results.folds import average_folds
from error_sequence_model.results.run import RunResults, merge_folds
from error_sequence_model.settings import COMPANY

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unit:
    """One contrast at one splice type, seen from one pred_type.

    Attributes:
        focus: The pred_type the page is about.
        models: One entry per backbone and seed (folds merged), best validation first.
        runs: The single runs.
        comparison: Rows of ``comparison.tsv``, or None.
        sites: Sites of the split with label, part, pred_type, gene, score …, indexed by
            site_id; empty if there is no split. ``call`` is the pred_type, and of
            errors told apart by who else makes them "private FN" or "shared FN".
    """

    focus: str
    models: tuple[RunResults, ...]
    runs: tuple[RunResults, ...]
    comparison: pd.DataFrame | None
    sites: pd.DataFrame

    @cached_property
    def memory(self) -> dict[str, Any]:
        """What was read of the unit's folder, by name: pages ask for it again."""
        return {}

    @property
    def lead(self) -> RunResults:
        """The model whose maps are shown."""
        return self.models[0]

    @property
    def contrast(self) -> str:
        """Name of the contrast."""
        return self.lead.contrast

    @property
    def splice_type(self) -> str:
        """Splice type: donor, acceptor or any."""
        return self.lead.splice_type

    @property
    def key(self) -> str:
        """The unit in names of tables."""
        return f"{self.contrast}.{self.splice_type}"

    def footer(self, source: str = "", splice_type: str = "") -> str:
        """Foot of a page about the unit.

        Args:
            source: What its figures come from; the leading model if not given.
            splice_type: The one that is drawn, where the unit has both.
        """
        return (
            f"predictor {self.lead.predictor} · contrast {self.contrast} · "
            f"{splice_type or self.splice_type} · {source or self.lead.signature}"
        )

    @property
    def name(self) -> str:
        """The unit in words."""
        return self.name_at(self.splice_type)

    def name_at(self, splice_type: str) -> str:
        """The unit at one splice type, in words: "FP against TP, donor"."""
        place = "donor and acceptor" if splice_type == "any" else splice_type
        return f"{self.pair}, {place}"

    @cached_property
    def pair(self) -> str:
        """The calls told apart; the contrast's name where that says more."""
        if self.sites.empty or self.lead.is_control or len(self.lead.classes) != 2:
            return self.contrast
        errors, correct = self.names
        words = f"{errors} against {correct}"
        # A contrast of the user's own, or a matched one, is more than its classes.
        return words if self.is_usual else f"{words} ({self.contrast})"

    @cached_property
    def names(self) -> tuple[str, str]:
        """The errors and the other class by their calls; empty without sites."""
        is_error = self.sites["label"] == 1
        return join_calls(self.sites[is_error]), join_calls(self.sites[~is_error])

    @property
    def is_usual(self) -> bool:
        """Whether the contrast's name says no more than its calls."""
        first, second = self.names
        second = "shared" if second.startswith("shared ") else second
        return self.contrast.lower() == f"{first}_vs_{second}".lower().replace(" ", "_")

    @cached_property
    def focus_label(self) -> int | None:
        """Label of the class that holds the focus pred_type; the private one of two."""
        labels = self.sites.loc[self.sites["call"] == self.focus_call, "label"]
        return None if labels.empty else int(labels.mode().iloc[0])

    @property
    def focus_call(self) -> str:
        """The call that the page is about, as in ``sites``."""
        private = f"private {self.focus}"
        return private if private in self.sites["call"].array else self.focus

    @property
    def positive_label(self) -> int:
        """The class the curves are about: the error, or the focus among several."""
        return 1 if len(self.lead.classes) == 2 else int(self.focus_label or 0)

    @property
    def positive_name(self) -> str:
        """The positive class by its calls."""
        return join_calls(self.sites[self.sites["label"] == self.positive_label])

    @cached_property
    def averages(self) -> pd.DataFrame | None:
        """Rows of ``comparison.tsv``, those of several folds averaged; or None."""
        return None if self.comparison is None else average_folds(self.comparison)

    @cached_property
    def test_sites(self) -> pd.DataFrame:
        """Sites of the held-out test part."""
        return self.sites[self.sites["part"] == "test"]

    @cached_property
    def predicted(self) -> pd.DataFrame:
        """Test sites with ``probability`` of the positive class, indexed by site_id."""
        return get_predicted(self, self.lead)

    def explained(self, maps: Maps, splice_type: str | None = None) -> Explained:
        """The maps of the focus and of the other class among the test sites."""
        known = pd.Index(maps.site_id).isin(self.test_sites.index)
        keep = np.flatnonzero(known)
        sites = self.test_sites.loc[maps.site_id[keep]]
        # In a class of several pred_types only the focus is shown, not its companions.
        is_focus = sites["call"] == self.focus_call
        wanted = is_focus | (sites["label"] != self.focus_label)
        if splice_type in ("donor", "acceptor"):
            wanted &= sites["splice_type"] == splice_type
        keep, sites = keep[wanted.to_numpy()], sites[wanted.to_numpy()]
        first = (sites["label"] == self.positive_label).to_numpy()
        return Explained(maps, keep, sites, first)

    @property
    def places(self) -> str:
        """What it is about: donors, acceptors, or sites of both types."""
        return "sites" if self.splice_type == "any" else f"{self.splice_type}s"

    @property
    def splice_types(self) -> list[str]:
        """Splice types drawn apart: a model of both still has two pictures."""
        if self.splice_type != "any":
            return [self.splice_type]
        return sorted(self.test_sites["splice_type"].unique()) or ["any"]


@dataclass(frozen=True)
class Explained:
    """Maps of chosen sites next to the sites.

    Attributes:
        maps: All maps of the file.
        rows: Rows of ``maps`` that are used, int (n_sites,).
        sites: The sites, in the same order.
        is_first: Whether a site is of the positive class (the error), bool (n_sites,).
    """

    maps: Maps
    rows: np.ndarray
    sites: pd.DataFrame
    is_first: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """float32 (n_sites, length)."""
        return self.maps.scores[self.rows]

    @property
    def genes(self) -> np.ndarray:
        """Resampling unit of each site."""
        return get_clusters(self.sites)

    @property
    def names(self) -> tuple[str, str]:
        """Both classes by their calls."""
        first, second = self.sites[self.is_first], self.sites[~self.is_first]
        return join_calls(first), join_calls(second, "correct")

    @property
    def counts(self) -> tuple[int, int]:
        """Number of sites of both classes."""
        return int(self.is_first.sum()), int((~self.is_first).sum())


def join_calls(sites: pd.DataFrame, without: str = "error") -> str:
    """Name sites by their calls, such as "FN/FP"; ``without`` where there are none."""
    return "/".join(sorted(sites["call"].unique())) or without


def get_clusters(sites: pd.DataFrame) -> np.ndarray:
    """Resampling unit of each site: its gene, or the site itself without one."""
    own = "site " + sites.index.astype(str).to_series(index=sites.index)
    return (
        sites["gene_id"].astype(object).where(sites["gene_id"].notna(), own).to_numpy()
    )


def name_cluster(gene_ids: pd.Series) -> str:
    """What is drawn as a whole for intervals, see ``get_clusters``: gene or site."""
    return "gene" if gene_ids.notna().any() else "site"


def describe_clusters(gene_ids: pd.Series) -> str:
    """Say over what intervals are drawn, and how pages are to be read then."""
    note = " (no gene_id: read “genes” as sites)"
    name = name_cluster(gene_ids)
    return f"{name}s{note if name == 'site' else ''}"


def get_predicted(unit: Unit, run: RunResults) -> pd.DataFrame:
    """Test sites of a unit with a model's ``probability`` of the positive class.

    Models of different folds are not comparable: ``tested_in`` is the fold, and
    ``rank`` the site's place in it, from 0 to 1.
    """
    table = run.predictions
    column = f"probability_{run.classes[unit.positive_label]}"
    if table is None or column not in table or unit.sites.empty:
        names = ("probability", "tested_in", "rank")
        none = dict.fromkeys(names, pd.Series(dtype=float))
        return unit.test_sites.iloc[:0].assign(**none)
    table = table[table["part"] == "test"].drop_duplicates("site_id")
    scores = pd.DataFrame({"probability": table[column].astype(float)})
    scores["tested_in"] = table.get("fold", run.folds[0])
    scores.index = pd.Index(table["site_id"], name="site_id")
    found = unit.test_sites.join(scores, how="inner")
    ranks = found.groupby("tested_in")["probability"].rank(pct=True)
    return found.assign(rank=ranks)


def load_units(
    runs: Sequence[str | Path],
    sites: pd.DataFrame,
    comparisons: Mapping[tuple[str, str], pd.DataFrame] | None = None,
    focus: str | None = None,
) -> tuple[tuple[Unit, ...], tuple[Unit, ...]]:
    """Load runs and group them into units: those to show, and controls.

    Arguments are those of ``build_units``, but for the runs: these are folders.

    Raises:
        InputError: A run path that is not one.
    """
    loaded = [RunResults.load(run) for run in runs]
    units = build_units(loaded, sites, comparisons or {}, focus)
    logger.info("%s: %d runs in %d contrasts", focus or "all", len(loaded), len(units))
    shown = tuple(unit for unit in units if not unit.lead.is_control)
    return shown, tuple(unit for unit in units if unit.lead.is_control)


def build_units(
    runs: Sequence[RunResults],
    sites: pd.DataFrame,
    comparisons: Mapping[tuple[str, str], pd.DataFrame],
    focus: str | None,
) -> list[Unit]:
    """Group runs into units, keeping those whose classes hold the focus pred_type.

    Args:
        runs: All runs of the predictor.
        sites: From ``read_sites``.
        comparisons: From ``read_comparisons``.
        focus: A pred_type; None keeps all units and takes each one's error class.
    """
    grouped: dict[tuple[str, str], list[RunResults]] = {}
    for run in runs:
        grouped.setdefault((run.contrast, run.splice_type), []).append(run)
    units = []
    for key, members in sorted(grouped.items(), key=_unit_order):
        splits = [r.split for r in members if r.split is not None]
        if splits:
            # Folds test disjoint sites; the test row of a site is the one that counts.
            split = pd.concat(splits).drop_duplicates(["site_id", "fold"])
            rank = split["part"].map({"test": 0, "validation": 1, "train": 2}).fillna(3)
            split = split.assign(rank=rank).sort_values(["rank", "site_id"])
            split = split.drop_duplicates("site_id").set_index("site_id")
            table = split[["label", "part"]].join(sites, how="inner").sort_index()
        else:
            table = sites.iloc[:0].assign(label=0, part="")
        # A control belongs to every report: it shows what chance looks like here.
        is_control = members[0].is_control
        classes = dict(enumerate(members[0].classes))
        company = table["label"].map(classes).where(lambda name: name.isin(COMPANY))
        table["call"] = (company + " ").fillna("") + table["pred_type"]
        own = _get_error_type(table) if is_control or not focus else focus
        # Without a split only the contrast's name can tell; its page says what is gone.
        named = not splits and str(focus).lower() in key[0].lower().split("_")
        has_focus = focus is None or (table["pred_type"] == focus).any()
        if has_focus or named or is_control:
            models = _order_models(members)
            comparison = comparisons.get(key)
            units.append(Unit(own, models, tuple(members), comparison, table))
    return units


def _unit_order(item: tuple[tuple[str, str], Any]) -> tuple[int, str, int, str]:
    (contrast, splice_type), _ = item
    known = ("fp_vs_tp", "fn_vs_tp", "fn_vs_tn")
    rank = known.index(contrast) if contrast in known else len(known)
    return rank, contrast, 0 if splice_type == "donor" else 1, splice_type


def _get_error_type(table: pd.DataFrame) -> str:
    errors = table.loc[table["label"] == 1, "pred_type"]
    return "error" if errors.empty else str(errors.mode().iloc[0])


def _order_models(runs: Sequence[RunResults]) -> tuple[RunResults, ...]:
    grouped: dict[tuple[str, int], list[RunResults]] = {}
    for run in sorted(runs, key=lambda r: (r.backbone, r.seed, r.folds)):
        grouped.setdefault((run.backbone, run.seed), []).append(run)

    def rate(members: list[RunResults]) -> float:
        values = [m.metrics.get("validation", {}).get("auprc") for m in members]
        known = [value for value in values if value is not None]
        return -float(np.mean(known)) if known else 1.0

    ordered = sorted(grouped.values(), key=rate)
    # Only the leading backbone's maps are drawn, with its other seeds for comparison.
    return tuple(
        merge_folds(
            [run.with_maps() for run in members]
            if members[0].backbone == ordered[0][0].backbone
            and not members[0].is_control
            else members
        )
        for members in ordered
    )
