"""The page of a unit's hybrid: what the trees use beside the language model.

Features are named as they are read on a page ("GGGT at 0..+49", not
"kmer:GGGT:0:50"); in tables they keep their names, and ``features.tsv`` defines each.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import read_saved_table
from error_sequence_model.figures import (
    BODY_WIDTH,
    GRID,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    SERIES_COLOURS,
    Page,
    PageSpec,
    format_interval,
    format_number,
    shorten_text,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.results import ReportData, Unit

BARS, PANELS = 15, 4
OWN = "model:"


class UnitShap(NamedTuple):
    """SHAP values of a unit's trees over all folds of its leading model.

    Attributes:
        pushes: On the log odds of an error: one column per feature, index site_id.
        inputs: What the features were, likewise.
    """

    pushes: pd.DataFrame
    inputs: pd.DataFrame

    def rank(self) -> pd.DataFrame:
        """Mean |SHAP| per feature, the largest first, and its direction.

        ``direction`` is the rank correlation of push and value: above 0 means that
        higher values speak for an error.
        """
        strength = self.pushes.abs().mean()
        order = strength.sort_values(ascending=False, kind="stable").index
        # Of the sites where the feature has a value.
        with np.errstate(invalid="ignore", divide="ignore"):
            direction = [
                # Ranks by hand: pandas' own way loads all of scipy.stats.
                self.pushes[name][known].rank().corr(self.inputs[name][known].rank())
                for name in order
                for known in [self.pushes[name].notna() & self.inputs[name].notna()]
            ]
        return pd.DataFrame(
            {
                "feature": order,
                "mean_abs_shap": strength[order].to_numpy(),
                "direction": np.nan_to_num(direction),
            }
        )


def read_unit_shap(unit: Unit) -> UnitShap | None:
    """Read the SHAP values of the leading model's folds; None where there are none."""
    lead = unit.lead
    frames: dict[str, list[pd.DataFrame]] = {"shap": [], "shap_values": []}
    for fold in lead.folds:
        for name, found in frames.items():
            path = lead.path.parent / f"fold{fold}" / f"{name}.parquet"
            if path.is_file():
                table = read_saved_table(path)
                if "site_id" in table:
                    found.append(table.set_index("site_id"))
    if not frames["shap"] or len(frames["shap"]) != len(frames["shap_values"]):
        return None
    # Folds choose their own features: one that a fold did not see pushed nothing there.
    pushes = pd.concat(frames["shap"]).fillna(0.0)
    return UnitShap(pushes, pd.concat(frames["shap_values"])[pushes.columns])


def describe_hybrid(unit: Unit) -> list[tuple[str, str]]:
    """What each hybrid gains over the best baseline: sentences and their marks."""
    table = unit.comparison
    if table is None or "kind" not in table:
        return []
    rows = table[(table["kind"] == "hybrid") & table["delta_auprc"].notna()]
    rows = rows[rows["model"].str.startswith(f"{unit.lead.backbone} + ")]
    rows = rows[rows["seed"] == unit.lead.seed]
    found = []
    for row in rows.itertuples():
        interval = format_interval((row.delta_low, row.delta_high))
        mark = "good" if row.delta_low > 0 else "open"
        gain = f"{format_number(row.delta_auprc, sign=True)}{interval}"
        where = f", fold {row.fold}" if len(unit.lead.folds) > 1 else ""
        found.append(
            (
                f"{row.model}{where}: AUPRC {row.auprc:.2f}, Δ {gain} against the best "
                f"baseline, {row.against}.",
                mark,
            )
        )
    return found


def make_hybrid_pages(data: ReportData, unit: Unit) -> list[PageSpec]:
    """Specification of a unit's page of its hybrid; none where there is no hybrid."""
    shap = read_unit_shap(unit)
    if shap is None or shap.pushes.empty:
        return []
    ranking = shap.rank()
    data.write("shap", ranking, unit.key)
    return [
        PageSpec(
            f"Model plus features: {unit.name}",
            partial(_draw_hybrid, unit=unit, shap=shap, ranking=ranking),
            unit.footer("shap.parquet"),
            "Gradient boosting on the language model's log odds, components of its "
            "embedding and classical features; fitted out of fold.",
        )
    ]


def _draw_hybrid(
    page: Page, *, unit: Unit, shap: UnitShap, ranking: pd.DataFrame
) -> None:
    page.bullets(describe_hybrid(unit))
    own = ranking["feature"].str.startswith(OWN)
    share = ranking.loc[own, "mean_abs_shap"].sum() / ranking["mean_abs_shap"].sum()
    page.bullet(
        f"The language model holds {share:.0%} of the trees' mean |SHAP|; the rest is "
        "what classical features say beside it."
    )
    top = page.top + 0.35
    height = min(page.room - 1.2, 4.6)
    shown = ranking.head(BARS)[::-1]
    ax = page.axes(MARGIN + 2.4, top, 2.0, height)
    colours = np.where(
        shown["feature"].str.startswith(OWN),
        MUTED,
        np.where(shown["direction"] > 0, POSITIVE, NEGATIVE),
    )
    ax.barh(np.arange(len(shown)), shown["mean_abs_shap"], color=colours, height=0.7)
    ax.set_yticks(
        np.arange(len(shown)),
        [shorten_text(say_feature(name), 2.3, 7.5) for name in shown["feature"]],
        fontsize=7.5,
    )
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("mean |SHAP| (log-odds)")
    ax.set_title("What the trees use", pad=6)
    ax.grid(axis="x", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    others = ranking.loc[~own, "feature"].head(PANELS).tolist()
    _draw_dependence(page, shap, others, top, height)
    page.top = top + height + 0.55
    page.caption(explain("shap", n=len(shap.pushes)))


def _draw_dependence(
    page: Page, shap: UnitShap, names: list[str], top: float, height: float
) -> None:
    left, width = MARGIN + 5.1, BODY_WIDTH - 5.1
    gap_x, gap_y = 0.75, 0.75
    cell = ((width - gap_x) / 2, (height - gap_y) / 2)
    for index, name in enumerate(names):
        x = left + (index % 2) * (cell[0] + gap_x)
        y = top + (index // 2) * (cell[1] + gap_y)
        ax = page.axes(x, y, *cell)
        ax.axhline(0, color=MUTED, lw=0.8, ls=(0, (4, 3)))
        ax.scatter(
            shap.inputs[name],
            shap.pushes[name],
            s=5,
            color=SERIES_COLOURS[1],
            alpha=0.5,
            lw=0,
            rasterized=True,
        )
        text = f"{say_feature(name)}{say_unit(name)}"
        ax.set_xlabel(shorten_text(text, cell[0] + 0.3, 8))
        ax.set_ylabel("SHAP (log-odds)")


SCALES = {"gc": "GC", "cpg": "CpG", "entropy": "dinucleotide entropy"}
SIDES = {"5prime": "5′", "3prime": "3′"}
GROUPS = {
    "tract": "polypyrimidine tract",
    "branch": "branch point",
    "strength": "strength of the site",
    "column": "column",
}
RIVALS = {"same": "rival", "other": "site of the other type"}
UNITS = {
    "kmer": "count",
    "element": "hits",
    "gc": "share",
    "cpg": "observed / expected",
    "entropy": "bits",
    "strength": "bits",
    "decoy": "bits",
}


def say_feature(name: str) -> str:
    """A feature's name in words; a name of no known form stays as it is."""
    group, *rest = name.split("@")[0].split(":")
    if group == "model" and rest:
        return f"language model: {' '.join(rest).replace('log odds', 'log-odds')}"
    if group in ("kmer", "element") and len(rest) == 3:
        return f"{rest[0].replace('_', ' ')} at {_say_range(*rest[1:])}"
    if group == "base" and len(rest) == 2:
        return f"{rest[0]} at {_sign(int(rest[1]))}"
    if group in SCALES and len(rest) == 1:
        if rest[0] == "difference":
            return f"{SCALES[group]} 3′ minus 5′ of the junction"
        side = SIDES.get(rest[0])
        where = f"{side} of the junction" if side else f"within {rest[0]} nt"
        return f"{SCALES[group]} {where}"
    if group == "decoy" and len(rest) >= 2:
        place = f" at {_say_range(*rest[2:])}" if len(rest) == 4 else ""
        kind = {
            "best": "strongest",
            "margin": "margin over the strongest",
            "stronger": "number of stronger",
            "distance": "distance to a stronger",
        }
        return f"{kind.get(rest[1], rest[1])} {RIVALS.get(rest[0], rest[0])}{place}"
    if group in GROUPS and rest:
        return f"{GROUPS[group]}: {' '.join(rest).replace('_', ' ')}"
    return name


def say_unit(name: str) -> str:
    """The unit of a feature's values, with a space before it; empty if not known."""
    unit = UNITS.get(name.split(":")[0])
    if name.startswith(("decoy:same:distance", "decoy:same:stronger")):
        unit = "nt" if "distance" in name else "count"
    return f" ({unit})" if unit else ""


def _say_range(start: str, end: str) -> str:
    return f"{_sign(int(start))}..{_sign(int(end) - 1)}"


def _sign(offset: int) -> str:
    return f"{offset:+d}".replace("-", "−") if offset else "0"
