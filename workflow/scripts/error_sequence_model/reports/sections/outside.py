"""The overview's pages on facts measured elsewhere: do they bear the causes out?"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.core import read_saved_table
from error_sequence_model.figures import (
    MUTED,
    NEGATIVE,
    POSITIVE,
    Column,
    Page,
    PageSpec,
    format_q,
    format_ratios,
    format_share,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.ratio_table import draw_ratio_table
from error_sequence_model.results import ReportData

FOREST = 2.3  # inches
ROWS_PER_PAGE = 22
SIGNS = {"supports": "✓ supports", "contradicts": "✗ contradicts"}
TABLE = "outside_truth.tsv"


def make_outside_pages(data: ReportData) -> list[PageSpec]:
    """Pages on facts measured elsewhere; none where none are given."""
    tables = [
        read_saved_table(path).assign(predictor=path.parent.name)
        for path in data.inputs.beside
        if path.name == TABLE
    ]
    if not tables:
        return []
    table = pd.concat(tables, ignore_index=True)
    # What is empty in a table is read as missing.
    words = ["cause", "caution", "definition", "source", "joined"]
    table[words] = table[words].fillna("")
    data.write("outside_truth", table)
    footer = data.footer(TABLE)
    errors = table[table["cause"].eq("") & table["verdict"].ne("not expected")]
    named = table[table["cause"].ne("") & table["verdict"].ne("not expected")]
    return [
        *_make_pages(
            errors[errors["n_with"].gt(0)],
            "Facts measured elsewhere, at errors and at correct calls",
            footer,
            explain("outside_errors"),
        ),
        *_make_pages(
            named,
            "Facts measured elsewhere, at errors with and without a named cause",
            footer,
            explain("outside_causes"),
        ),
    ]


def _make_pages(
    rows: pd.DataFrame, title: str, footer: str, caption: str
) -> list[PageSpec]:
    pages = []
    for start in range(0, len(rows), ROWS_PER_PAGE):
        part = rows.iloc[start : start + ROWS_PER_PAGE]
        draw = partial(_draw, rows=part, caption=caption)
        name = f"{title} (continued)" if start else title
        subtitle = "None of these was known to a model or to the list of causes."
        pages.append(PageSpec(name, draw, footer, subtitle))
    return pages


def _draw(page: Page, *, rows: pd.DataFrame, caption: str) -> None:
    color = np.where(rows["odds_ratio"] > 1, POSITIVE, NEGATIVE)
    rows = rows.assign(color=np.where(rows["q"] <= 0.05, color, MUTED))
    caution = rows["caution"].tolist()
    columns = [
        Column(
            "predictor",
            [
                f"{p}{' ¹' * bool(c)}"
                for p, c in zip(rows["predictor"], caution, strict=True)
            ],
        ),
        # The page's title says that it is with and without.
        Column(
            "compared",
            rows["compared"].str.replace(" with and without", "").tolist(),
        ),
        Column("fact", rows["label"].tolist()),
        Column("known", [f"{v:.0%}" for v in rows["known"]], "right"),
        Column("with", _say(rows, "with"), "right"),
        Column("without", _say(rows, "without"), "right"),
        Column("odds ratio [95 %]", [format_ratios(r, "–") for r in rows.itertuples()]),
        Column("q", [format_q(q) for q in rows["q"]], "right"),
        Column("", [SIGNS.get(v, v) for v in rows["verdict"]]),
    ]
    draw_ratio_table(page, columns, rows, forest=FOREST, label="", size=7.5)
    page.caption(caption)
    for note in dict.fromkeys(filter(None, caution)):
        page.caption(f"¹ {note[0].upper()}{note[1:]}.")
    words = [
        f"{fact.label}: {fact.definition} ({fact.source}; joined: {fact.joined})"
        for fact in rows.drop_duplicates("fact").itertuples()
        if fact.definition
    ]
    page.caption(". ".join([*words, ""]).strip())


def _say(rows: pd.DataFrame, side: str) -> list[str]:
    pairs = zip(rows[f"share_{side}"], rows[f"n_{side}"], strict=True)
    return [
        "–" if np.isnan(share) else f"{format_share(share)} of {n:,}"
        for share, n in pairs
    ]
