"""The verification page: do the language and the classical models use the same?"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.core import read_saved_table
from error_sequence_model.figures import (
    BAD,
    BODY_WIDTH,
    GOOD,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    Column,
    Page,
    PageSpec,
    draw_table,
    format_estimates,
    plot_forest,
)
from error_sequence_model.results import ReportData, Unit
from error_sequence_model.verification import SMALLEST_EFFECT

FOREST_WIDTH = 2.4
VERDICTS = {
    "confirmed": ("✓ confirmed", GOOD),
    "contradicted": ("✗ contradicted", BAD),
    "LM-only": ("LM only", POSITIVE),
    "classical-only": ("classical only", NEGATIVE),
    "undecided": ("undecided", MUTED),
}
# Inches kept below a table for its caption, and for the axis of its forest.
CAPTION, AXIS = 0.75, 0.4


def make_verification_pages(data: ReportData, unit: Unit) -> list[PageSpec]:
    """Specification of a unit's verification page; none where nothing was verified."""
    path = unit.lead.path / "verification.tsv"
    if not path.is_file():
        return []
    table = read_saved_table(path)
    name = data.write("verification", table, unit.key)
    return [
        PageSpec(
            f"Feature verification: {unit.name}",
            partial(_draw, table=table, name=name),
            unit.footer(f"{unit.lead.name} · verification.tsv"),
            "Do both kinds of model use the same? Features changed in held-out "
            "sequences beside matched random changes; intervals: bootstrap over genes.",
        )
    ]


def describe_verdicts(table: pd.DataFrame) -> str:
    """The verdicts of the classical features in one sentence."""
    own = table[table["source"] == "classical"]
    if own.empty:
        return (
            "No feature of the classical model could be tested: none that a change of "
            "the sequence can undo helps it on the validation part, or too few "
            "held-out sites have it."
        )
    counts = own["verdict"].value_counts()
    parts = [
        f"{counts[key]} {VERDICTS[key][0].removeprefix('✓ ').removeprefix('✗ ')}"
        for key in VERDICTS
        if key in counts
    ]
    return f"{len(own)} tests of classical features: {', '.join(parts)}."


def _draw(page: Page, *, table: pd.DataFrame, name: str) -> None:
    page.bullet(describe_verdicts(table))
    page.bullet(
        "Confirmed: both models answer to the change, in the same direction. Classical "
        "only: the language model does not use it. LM only: the classical model does "
        "not. Contradicted: they answer in opposite directions. Undecided: neither "
        f"answers measurably. An answer is at least {SMALLEST_EFFECT} log-odds, with "
        "an interval that excludes 0."
    )
    own = table[table["source"] == "classical"]
    if not own.empty:
        page.heading("Classical features, changed in the sequence")
        _draw_effects(page, own, name)
    motifs = table[table["source"] == "motif"]
    if not motifs.empty:
        page.heading("Motifs of the maps, added to the classical features")
        _draw_motifs(page, motifs, name)


def _draw_effects(page: Page, own: pd.DataFrame, name: str) -> None:
    columns = [
        Column(
            "feature",
            [text.split(": ")[0].replace("_", " ") for text in own["definition"]],
        ),
        Column("change", own["mode"].tolist()),
        Column("sites", [f"{n:,}" for n in own["n_sites"]], "right"),
        Column("language model [95 %]", format_estimates(own, "model")),
        Column("classical [95 %]", format_estimates(own, "classical")),
        Column("verdict", [VERDICTS[v][0] for v in own["verdict"]]),
    ]
    width = BODY_WIDTH - FOREST_WIDTH - 0.25
    drawn = draw_table(page, columns, width=width, most_rows=14, rest=f" in {name}")
    rows = own.head(drawn.count)
    rows = rows.assign(color=[VERDICTS[v][1] for v in rows["verdict"]])
    height = drawn.step * drawn.count
    ax = page.axes(MARGIN + width + 0.25, drawn.top, FOREST_WIDTH, height)
    plot_forest(rows, ax, value="model", reference=0.0)
    places = np.arange(len(rows))
    ax.scatter(
        *(rows["classical"], places),
        **{"s": 16, "facecolors": "white", "edgecolors": MUTED, "lw": 0.9, "zorder": 4},
    )
    ax.set_xlabel("change of the log-odds of an error", labelpad=2)
    page.top += AXIS
    page.caption(
        "Natural log-odds of an error, changed sequence minus a matched random change "
        "of as many bases in the same region, paired by site. Dot and line: language "
        "model, coloured by verdict; white circle: classical model. Above 0 the change "
        "makes a site look more like an error. Features in the order of the validation "
        "AUPRC that the classical model loses without them."
    )


def _draw_motifs(page: Page, motifs: pd.DataFrame, name: str) -> None:
    columns = [
        Column("motif", motifs["feature"].tolist()),
        Column("consensus and place", motifs["definition"].tolist()),
        Column("effect on the language model", format_estimates(motifs, "model")),
        Column("AUPRC it adds", format_estimates(motifs, "classical", digits=3)),
        Column("verdict", [VERDICTS[v][0] for v in motifs["verdict"]]),
    ]
    step = 8.0 * 1.75 / 72
    most = max(int((page.room - CAPTION) / step) - 1, 1)
    draw_table(page, columns, most_rows=most, rest=f" in {name}")
    page.caption(
        "Left: change of the log-odds when the motif is put into windows that lack it. "
        "Right: average precision that its hits add to the classical features, on "
        f"{int(motifs['n_sites'].iloc[0]):,} held-out sites that have no map."
    )
