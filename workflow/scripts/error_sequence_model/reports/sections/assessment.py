"""The pages of a unit's assessment: all models in full, pairs, re-ranking, strata."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    MARGIN,
    MUTED,
    SERIES_COLOURS,
    Column,
    Page,
    PageSpec,
    draw_table,
    format_number,
    format_scores,
    make_note_page,
    plot_forest,
    say_nothing_to_draw,
)
from error_sequence_model.reports.findings.assessment import (
    UnitAssessment,
    describe_calibration,
    describe_ensemble,
    describe_pairs,
    describe_reranking,
    read_unit_assessment,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.results import ReportData, Unit

FIGURE_HEIGHT = 1.7
FOREST_WIDTH = 2.6
ROW = 0.183
FEWEST_GENES = 5  # of a stratum that is drawn
KINDS = {"backbone": 0, "hybrid": 1, "ensemble": 2, "baseline": 3, "reference": 4}


def make_assessment_pages(data: ReportData, unit: Unit) -> list[PageSpec]:
    """Specifications of a unit's pages of models in full and of strata."""
    assessment = read_unit_assessment(unit)
    title = f"All models: {unit.name}"
    footer = unit.footer("assessment/*.tsv")
    if assessment is None:
        text = (
            f"The assessment of {unit.name} is not stored (assessment/ beside "
            "comparison.tsv). Run the step compare and write the report again."
        )
        return [make_note_page(title, footer, text)]
    names = {
        name: data.write(f"assessment_{name}", table, unit.key)
        for name, table in assessment._asdict().items()
    }
    pages = [
        PageSpec(
            title,
            partial(_draw_models, unit=unit, assessment=assessment),
            footer,
            "Held-out test parts; folds weighted by their sites, seeds averaged. "
            "Temperatures and weights come from the validation parts.",
        )
    ]
    if len(assessment.strata):
        pages.append(
            PageSpec(
                f"Where the model does well: {unit.name}",
                partial(
                    _draw_strata,
                    unit=unit,
                    strata=assessment.strata,
                    name=names["strata"],
                ),
                footer,
                "The leading model by kind of site; intervals by bootstrap over genes.",
            )
        )
    return pages


def _draw_models(page: Page, *, unit: Unit, assessment: UnitAssessment) -> None:
    page.bullets(
        (
            describe_ensemble(unit, assessment),
            (describe_pairs(unit, assessment.pairs), ""),
            describe_calibration(unit, assessment.models),
            describe_reranking(unit, assessment.reranking),
        )
    )
    page.top += 0.08
    rows = assessment.models
    order = np.lexsort((-rows["auprc"].fillna(0), rows["kind"].map(KINDS).fillna(9)))
    rows = rows.iloc[order]
    has_curve = len(assessment.reranking) > 0
    below = (FIGURE_HEIGHT + 0.95 if has_curve else 0) + 0.45
    most = max(int((page.room - below) / ROW) - 1, 3)
    draw_table(page, _make_model_columns(rows), size=7.5, most_rows=most)
    page.caption(explain("models"))
    if has_curve:
        _draw_reranking(page, unit, assessment.reranking)


def _make_model_columns(rows: pd.DataFrame) -> list[Column]:
    def get(name: str, digits: int = 2) -> list[str]:
        if name not in rows:
            return ["–"] * len(rows)
        return [format_number(value, digits) for value in rows[name]]

    def spread(name: str) -> list[str]:
        known = rows.get(f"{name}_seed_sd", pd.Series(np.nan, index=rows.index))
        return [
            format_number(value) + (f" ± {sd:.2f}" if np.isfinite(sd) else "")
            for value, sd in zip(rows[name], known.astype(float), strict=True)
        ]

    columns = [
        Column("model", rows["model"].astype(str).tolist()),
        Column("kind", rows["kind"].astype(str).tolist()),
        Column("AUPRC", spread("auprc")),
        Column("AUROC", spread("auroc")),
        Column("top-k", get("top_k"), "right"),
        Column("recall at P 90 %", get("recall_at_precision_90"), "right"),
        Column("at P 95 %", get("recall_at_precision_95"), "right"),
        Column(
            "ECE",
            [
                f"{a} ({b})"
                for a, b in zip(get("ece", 3), get("ece_by_chance", 3), strict=True)
            ],
        ),
        Column(
            "Brier",
            [
                f"{a} ({b})"
                for a, b in zip(
                    get("brier", 3), get("brier_of_prevalence", 3), strict=True
                )
            ],
        ),
        Column("temperature", get("temperature"), "right"),
    ]
    if "natural_auprc" in rows:
        share = rows["natural_prevalence"].dropna()
        title = f"AUPRC at {share.iloc[0]:.1%}" if len(share) else "natural AUPRC"
        columns.append(Column(title, get("natural_auprc"), "right"))
    return columns


def _draw_reranking(page: Page, unit: Unit, reranking: pd.DataFrame) -> None:
    rows = reranking[reranking["model"] == unit.lead.backbone]
    ax = page.axes(MARGIN + 0.5, page.top + 0.3, 3.6, FIGURE_HEIGHT)
    if rows.empty:
        say_nothing_to_draw(ax, "The leading model has no re-ranked calls.")
        return
    lines = (("precision_score", "score alone"), ("precision_model", "error model"))
    for (column, label), colour in zip(
        (*lines, ("precision_both", "both")), (MUTED, *SERIES_COLOURS), strict=False
    ):
        ax.plot(rows["recall"], rows[column], color=colour, lw=1.6, label=label)
    ax.set(xlabel="recall of real sites", ylabel="precision", xlim=(0.1, 0.95))
    ax.set_title("The predictor's calls ranked again", pad=6)
    ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.75))
    gain = page.axes(MARGIN + 6.3, page.top + 0.3, 3.4, FIGURE_HEIGHT)
    gain.fill_between(
        *(rows[name] for name in ("recall", "gain_low", "gain_high")),
        color=SERIES_COLOURS[1],
        alpha=0.25,
        lw=0,
    )
    gain.plot(rows["recall"], rows["gain"], color=SERIES_COLOURS[1], lw=1.6)
    gain.axhline(0, color=MUTED, lw=1, ls=(0, (4, 3)))
    gain.set(xlabel="recall of real sites", ylabel="gain", xlim=(0.1, 0.95))
    gain.set_title("Precision gained by both, with 95 % band", pad=6)
    page.top += FIGURE_HEIGHT + 0.85


def _say_value(value: object) -> str:
    """A stratum without the number that sorts it: "0.5 to 0.6"."""
    text = re.sub(r"^\d+: ", "", str(value))
    return re.sub(r"(?<![\w.])-(?=[\d.])", "−", text)


def _draw_strata(page: Page, *, unit: Unit, strata: pd.DataFrame, name: str) -> None:
    rows = strata[strata["model"] == unit.lead.backbone].copy()
    silent = rows["auprc"].isna() | (rows["n_genes"] < FEWEST_GENES)
    left_out = int(silent.sum())
    if not silent.all():
        rows = rows[~silent]
    others = [m for m in strata["model"].unique() if m != unit.lead.backbone]
    rows["color"] = np.where(rows["few"], MUTED, SERIES_COLOURS[0])
    most = max(int((page.room - 1.0) / ROW) - 1, 3)
    numbers = ["auprc", "auprc_low", "auprc_high", "prevalence"]
    rows[numbers] = rows[numbers].astype(float)
    first = ~rows["stratum"].duplicated()
    columns = [
        Column("stratum", rows["stratum"].where(first, "").tolist()),
        Column("value", [_say_value(value) for value in rows["value"]]),
        Column("genes", [f"{n:,}" for n in rows["n_genes"]], "right"),
        Column("sites", [f"{n:,}" for n in rows["n_sites"]], "right"),
        Column("errors", [f"{n:,}" for n in rows["n_errors"]], "right"),
        Column("AUPRC [95 %]", format_scores(rows, numbers[:3])),
        Column("AUROC", [format_number(v) for v in rows["auroc"]], "right"),
    ]
    drawn = draw_table(
        page,
        columns,
        width=BODY_WIDTH - FOREST_WIDTH - 0.3,
        most_rows=most,
        rest=f" in {name}",
    )
    left = MARGIN + drawn.width + 0.35
    width = MARGIN + BODY_WIDTH - left
    ax = page.axes(left, drawn.top, width, drawn.step * drawn.count)
    plot_forest(rows.head(drawn.count), ax, value="auprc", marks="prevalence")
    ax.set_xlabel("AUPRC (tick: prevalence)", labelpad=2)
    page.top += 0.42
    page.caption(
        explain(
            "strata", genes=FEWEST_GENES, left_out=left_out, others=others, name=name
        )
    )
