"""The pages of named causes: odds ratios, prevalences, coverage, what is left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BODY_TOP,
    BODY_WIDTH,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    SMALL_SIZE,
    Column,
    Page,
    PageSpec,
    draw_table,
    format_q,
    format_ratios,
    make_note_page,
    say_nothing_to_draw,
    wrap_text,
)
from error_sequence_model.reports.findings.causes import (
    UnitCauses,
    advise,
    describe_cause_control,
    describe_coverage,
    describe_left_out,
    describe_rest,
    get_names,
    read_unit_causes,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.ratio_table import draw_ratio_table
from error_sequence_model.results import ReportData, Unit

FOREST_WIDTH, SIZE = 2.9, 8.0
# Inches: a row of the table, a line of small print, and all between the two.
ROW, LINE, BELOW_FOREST = 0.195, 0.149, 1.15
# Of the page of several units: its caption, and what a forest's axis takes.
NOTE, AXIS = 0.75, 0.55


def make_front_cause_page(data: ReportData, units: Sequence[Unit]) -> PageSpec:
    """Specification of the page of the main causes of all units."""
    return PageSpec(
        "Named causes",
        partial(_draw_front, data=data, units=units),
        data.footer("causes.tsv"),
        "What is known to mislead predictors: how often errors have it, alone and "
        "beside the explanations of page one.",
    )


def _draw_front(page: Page, *, data: ReportData, units: Sequence[Unit]) -> None:
    room = (page.room - NOTE) / len(units)
    drawn = []
    for number, unit in enumerate(units):
        page.heading(unit.name)
        causes = read_unit_causes(unit)
        if causes is None:
            page.bullet("The named causes are not stored.", mark="open")
            continue
        for line in describe_coverage(causes, unit)[:1]:
            page.bullet(line, size=8.5)
        rows = arrange_rows(causes.table, causes.summary["fdr"])
        if rows.empty or rows["odds_ratio"].isna().all():
            page.bullet("No cause could be compared.", mark="open", size=8.5)
            continue
        end = BODY_TOP + room * (number + 1)
        most = max(int((end - page.top - AXIS) / ROW) - 1, 3)
        by = rows["q"].fillna(1).to_numpy()
        chosen = rows.iloc[np.sort(np.argsort(by, kind="stable")[:most])]
        _draw_table(page, unit, causes, chosen)
        drawn.append(chosen)
    if drawn:
        _explain_table(page, units[0], pd.concat(drawn))


def make_cause_pages(data: ReportData, unit: Unit) -> list[PageSpec]:
    """Specifications of a unit's pages of all named causes."""
    causes = read_unit_causes(unit)
    title = f"All named causes: {unit.name}"
    footer = unit.footer("causes.tsv")
    if causes is None:
        text = (
            f"The named causes of {unit.name} are not stored (causes and explanations, "
            ".tsv, .parquet and .json, beside the split). Run the steps name_causes "
            "and explain_errors and write the report again."
        )
        return [make_note_page(title, footer, text)]
    _write_tables(data, unit, causes)
    error, correct = get_names(unit)
    subtitle = (
        f"All sites of the contrast but those the split excluded ({error}: "
        f"{_count(causes, 1):,}, {correct}: {_count(causes, 0):,}); what is learnt for "
        "a flag is learnt from training sites."
    )
    draw = partial(_draw_causes, data=data, unit=unit, causes=causes)
    return [PageSpec(title, draw, footer, subtitle)]


def _count(causes: UnitCauses, label: int) -> int:
    return int((causes.sites["label"] == label).sum())


def _write_tables(data: ReportData, unit: Unit, causes: UnitCauses) -> None:
    data.write("causes", causes.table, unit.key)
    rest = causes.sites.index[causes.sites["is_unexplained"].astype(bool)]
    columns = ["chrom", "junction", "strand", "pred_type", "score", "gene_id", "part"]
    sites = unit.sites.reindex(rest)[columns]
    sites["probability"] = unit.predicted["probability"].reindex(rest)
    data.write("unexplained", sites.reset_index(), unit.key)


def arrange_rows(table: pd.DataFrame, fdr: float) -> pd.DataFrame:
    """Rows of the forest: tested causes by odds ratio, with their colours.

    Args:
        table: ``causes.tsv``.
        fdr: False discovery rate up to which a row is coloured.

    Returns:
        The tested rows, largest odds ratio first; without any test, those that occur,
        most frequent first.
    """
    tested = table[table["odds_ratio"].notna()]
    if tested.empty:
        counts = table[[name for name in table if name.startswith("n_")]].sum(axis=1)
        rows = table[counts > 0].assign(color=MUTED)
        return rows.loc[counts[counts > 0].sort_values(ascending=False).index]
    rows = tested.sort_values("odds_ratio", ascending=False)
    is_found = rows["q"] <= fdr
    color = np.where(rows["odds_ratio"] > 1, POSITIVE, NEGATIVE)
    return rows.assign(color=np.where(is_found, color, MUTED))


def _draw_causes(
    page: Page, *, data: ReportData, unit: Unit, causes: UnitCauses
) -> None:
    for line in (*describe_coverage(causes, unit), *describe_rest(causes, unit, data)):
        page.bullet(line)
    page.bullets(map(describe_cause_control, data.controls[:2]))
    page.top += 0.06
    notes = " ".join(describe_left_out(causes))
    below = 0.1 + len(wrap_text(notes, BODY_WIDTH, SMALL_SIZE)) * LINE + BELOW_FOREST
    most = max(int((page.room - below) / ROW), 3)
    rows = arrange_rows(causes.table, causes.summary["fdr"])
    if rows.empty:
        page.paragraph("No site has any of the causes that could be looked for.")
    elif rows["odds_ratio"].notna().any():
        _draw_forest(page, unit, causes, rows.head(most), len(rows))
    else:
        _draw_shares(page, unit, causes, rows, most)
    page.caption(notes)


def _draw_forest(
    page: Page, unit: Unit, causes: UnitCauses, rows: pd.DataFrame, n_all: int
) -> None:
    """Table and forest of the first rows; ``n_all`` is how many there are."""
    _draw_table(page, unit, causes, rows)
    _explain_table(page, unit, rows, n_all - len(rows))


def _explain_table(page: Page, unit: Unit, rows: pd.DataFrame, more: int = 0) -> None:
    """Caption of what ``_draw_table`` has drawn; ``more`` rows are left out."""
    causes = read_unit_causes(unit)
    page.caption(
        explain(
            "causes",
            error=get_names(unit)[0],
            fdr=causes.summary["fdr"],
            has_joint=bool(rows["joint_odds_ratio"].notna().any()),
            more=more,
        )
    )


def _draw_table(page: Page, unit: Unit, causes: UnitCauses, rows: pd.DataFrame) -> None:
    error, correct = get_names(unit)
    classes = causes.summary["classes"]
    names = {f"joint_{name}": name for name in ("odds_ratio", "low", "high")}
    joint = rows[list(names)].rename(columns=names)
    columns = [
        Column("cause", rows["cause"].tolist()),
        *_make_share_columns(rows, [(error, classes[1]), (correct, classes[0])]),
        Column("odds ratio [95 %]", [format_ratios(r, "–") for r in rows.itertuples()]),
        Column("q", [format_q(q) for q in rows["q"]], "right"),
    ]
    if joint["odds_ratio"].notna().any():
        cells = [format_ratios(row, "–") for row in joint.itertuples()]
        columns.append(Column("beside the others [95 %]", cells))
    label = f", {error} against {correct}"
    draw_ratio_table(page, columns, rows, forest=FOREST_WIDTH, label=label, size=SIZE)


def _make_share_columns(
    rows: pd.DataFrame, names: list[tuple[str, str]]
) -> list[Column]:
    return [
        Column(
            shown,
            [
                f"{share:.1%} ({int(n):,})" if np.isfinite(share) else "–"
                for share, n in zip(rows[f"share_{key}"], rows[f"n_{key}"], strict=True)
            ],
            "right",
        )
        for shown, key in names
    ]


def _draw_shares(
    page: Page, unit: Unit, causes: UnitCauses, rows: pd.DataFrame, most: int
) -> None:
    """Prevalences alone, where nothing could be tested."""
    classes = causes.summary["classes"]
    names = [(name, name) for name in classes]
    if len(classes) == 2:
        error, correct = get_names(unit)
        names = [(error, classes[1]), (correct, classes[0])]
    columns = [Column("cause", rows["cause"].tolist())]
    shares = _make_share_columns(rows, names)
    draw_table(page, columns + shares, most_rows=most, rest=" in causes.tsv")
    if len(classes) == 2:
        ax = page.axes(MARGIN, page.top, BODY_WIDTH, 0.6)
        say_nothing_to_draw(ax, "Too few sites to compare the classes.", size=8.5)
        page.top += 0.75


def make_definition_pages(data: ReportData) -> list[PageSpec]:
    """One page, for all units, of what each cause means; none without causes."""
    found = [causes for unit in data.units if (causes := read_unit_causes(unit))]
    if not found:
        return []
    table = pd.concat([causes.table for causes in found], ignore_index=True)
    table = table.drop_duplicates(["flag", "definition"]).drop_duplicates("flag")
    return [
        PageSpec(
            "What the causes mean",
            partial(_draw_definitions, table=table),
            f"predictor {data.predictor} · causes.tsv",
            "A cause is true, false or undefined at a site; a site may have several.",
        )
    ]


def _draw_definitions(page: Page, *, table: pd.DataFrame) -> None:
    columns = [
        Column("cause", table["cause"].tolist()),
        Column("true when", table["definition"].tolist()),
        Column("unit", table["unit"].tolist()),
        Column("expected in", [t.replace(",", ", ") for t in table["expected"]]),
        Column("suggests", [advise(flag) or "–" for flag in table["flag"]]),
    ]
    draw_table(
        page,
        columns,
        size=7.5,
        most_rows=32,
        rest=" in causes.tsv",
        wrap_within=page.room - 0.6,
    )
    page.caption(
        "Learnt thresholds are those of the first contrast. Suggestions follow from "
        "what a cause means; they were not tested on this predictor."
    )
