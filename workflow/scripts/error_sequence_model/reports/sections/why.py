"""Page one of a splice type: why its calls are wrong, at a glance.

The explanations that hold beside each other with their words and places, how many
errors each adds, and one line each on performance, trust and what to try.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    CLASS_NAMES,
    INK,
    LINK,
    MARGIN,
    MUTED,
    SHADE,
    Column,
    Page,
    PageSpec,
    count_words,
    draw_table,
    format_estimate,
    format_share,
    get_class_colour,
    measure_text,
    shorten_text,
    wrap_text,
)
from error_sequence_model.reports.findings.answers import (
    answer_controls,
    answer_gain,
    answer_meaning,
    answer_trust,
)
from error_sequence_model.reports.findings.causes import get_names, read_unit_causes
from error_sequence_model.reports.findings.explanations import (
    UnitExplanations,
    count_steps,
    name_calls,
    read_unit_explanations,
    say_headline,
    say_ratio,
    say_share,
)
from error_sequence_model.reports.sections.summary import CONTENTS
from error_sequence_model.reports.sections.words import (
    INDENT,
    CardSize,
    draw_card,
    place_all_words,
)
from error_sequence_model.results import ReportData, Unit, describe_clusters

CARD = CardSize(logo=1.55, places=1.75, gap=0.3, size=8)
HEADS = 0.22  # inches, of the line above the first word
LOWEST, HIGHEST, MOST_ROWS = 1.2, 1.9, 3  # rows of explanations
LINES = 2.15  # what stands below them
FOOT, SHADOW, MOST_SHADOWS = 0.75, 0.2, 6  # of what is not named
JOINS = ("beside ", "part of ")  # before a key
SIDE = 3.35  # of the waterfall and what stands below it


def make_why_page(data: ReportData, unit: Unit, fronts: Sequence[str]) -> PageSpec:
    """Specification of a unit's first page.

    Args:
        data: The report's data.
        unit: The unit.
        fronts: Titles of the pages before the appendix, for the links at its foot;
            filled in before the page is drawn.
    """
    error, correct = get_names(unit)
    n_error, n_correct = ((unit.sites["label"] == label).sum() for label in (1, 0))
    subtitle = (
        f"{n_error:,} {error}, {n_correct:,} {correct}, {unit.splice_type} sites; "
        "what rests on the model: of held-out ones. Intervals: 95 %, over "
        f"{describe_clusters(data.sites['gene_id'])}."
    )
    return PageSpec(
        name_why(unit),
        partial(_draw, data=data, unit=unit, fronts=fronts),
        unit.footer("explanations.tsv"),
        subtitle,
    )


def name_why(unit: Unit) -> str:
    """Title of a unit's first page."""
    words = CLASS_NAMES.get(unit.focus, unit.focus)
    name = f"{words.capitalize()} {unit.places} of {unit.lead.predictor}: why"
    return name if unit.is_usual else f"{name} ({unit.contrast})"


def _draw(page: Page, *, data: ReportData, unit: Unit, fronts: Sequence[str]) -> None:
    found = read_unit_explanations(unit)
    page.paragraph(say_headline(unit, found), size=13, weight="bold", after=0.16)
    top = page.top
    bottom = _draw_explanations(page, data, unit, found) if found else top
    page.top = top
    left = MARGIN + BODY_WIDTH - SIDE
    if found is not None:
        _draw_waterfall(page, unit, found, left)
    page.top = max(page.top, bottom) + 0.1
    _draw_lines(page, data, unit)
    if found is not None:
        _draw_shadows(page, unit, found)
    _draw_links(page, fronts)


def _draw_explanations(
    page: Page, data: ReportData, unit: Unit, found: UnitExplanations
) -> float:
    """The first explanations in rows at the left; give where they end."""
    placed = place_all_words(data, unit)
    rows = list(found.named.head(MOST_ROWS).itertuples())
    with_word = [
        row.explanation for row in rows if placed.find(row.explanation) is not None
    ]
    height = (page.room - LINES - HEADS * bool(with_word)) / max(len(rows), 1)
    height = min(max(height, LOWEST), HIGHEST)
    right = MARGIN + BODY_WIDTH - SIDE - 0.35
    for row in rows:
        if row.explanation in with_word[:1]:
            _draw_heads(page, unit)
        draw_card(
            *(page, unit, placed, row.explanation, _describe_row(unit, row)),
            **{"sizes": CARD, "height": height - 0.36, "right": right},
        )
        page.top += height if row.explanation in with_word else LOWEST
    more = len(found.named) - len(rows)
    if more > 0:
        page.caption(
            f"{count_words(more, 'further explanation')}: explanations.tsv.",
            width=BODY_WIDTH - SIDE - 0.4,
        )
    return page.top


def _draw_heads(page: Page, unit: Unit) -> None:
    page.write("word", MARGIN + INDENT, page.top, size=8, weight="bold")
    place = MARGIN + INDENT + CARD.logo + CARD.gap
    page.write("where it starts, % of", place, page.top, size=8, weight="bold")
    place += measure_text("where it starts, % of ", 8, "bold")
    for name in get_names(unit):
        color = get_class_colour(name)
        page.write(name, place, page.top, size=8, weight="bold", color=color)
        place += measure_text(f"{name}  ", 8, "bold")
    page.top += HEADS


def _describe_row(unit: Unit, row: Any) -> list[tuple[str, str, str]]:
    """What is written of an explanation: text, weight and colour."""
    lines = [(row.name, "bold", INK)]
    if isinstance(row.place, str) and row.place:
        lines.append((row.place, "normal", MUTED))
    shares = [
        f"{say_share(share, n)} {name_calls(kind, unit)}"
        for share, n, kind in zip(
            (row.share_error, row.share_correct),
            (row.n_errors, row.n_correct),
            get_names(unit),
            strict=True,
        )
    ]
    lines.append(
        (f"{'lacked by ' if row.is_absence else ''}{', '.join(shares)}", "normal", INK)
    )
    lines.append((say_ratio(row), "normal", INK))
    lines += [(text, "normal", INK) for text in say_effects(row)]
    if row.kind == "flag":
        causes = read_unit_causes(unit)
        if causes is not None:
            table = causes.table.set_index("flag")["definition"]
            lines.insert(1, (str(table.get(row.explanation, "")), "normal", MUTED))
    return lines


def say_effects(row: Any) -> list[str]:
    """What the model answers when a word is put in, and taken out, one line each."""
    lines = []
    for verb, name in (("put in", "delta"), ("taken out", "knockout")):
        values = [getattr(row, f"{name}_{end}") for end in ("logit", "low", "high")]
        if np.isfinite(values[0]):
            lines.append(f"{verb}: {format_estimate(*values)} log-odds of an error")
    return lines


def _draw_waterfall(
    page: Page, unit: Unit, found: UnitExplanations, left: float
) -> None:
    """How many errors each explanation adds, from all of them to the unexplained."""
    steps = count_steps(found)
    error = get_names(unit)[0]
    total = int(steps["errors"].sum())
    page.heading(f"What explains the {total:,} {error}", left=left, width=SIDE)
    color, bar = get_class_colour(error), 0.15
    shown = steps.head(5)
    if len(steps) > 6:
        rest = steps.iloc[5:-1]
        shown = pd.concat(
            [
                shown,
                rest.head(1).assign(
                    name=f"{len(rest)} more", errors=rest["errors"].sum()
                ),
                steps.tail(1),
            ]
        )
    else:
        shown = steps
    scale = SIDE / max(total, 1)
    for place, row in enumerate(shown.itertuples()):
        is_last = place == len(shown) - 1
        share = row.errors / max(total, 1)
        number = f"{row.errors:,} ({share:.0%})"
        room = SIDE - measure_text(number, 8) - 0.15
        name = shorten_text(row.name, room, 8)
        page.write(name, left, page.top, size=8)
        page.write(number, left + SIDE, page.top, size=8, align="right", color=MUTED)
        page.top += 0.17
        page.fill(left, page.top, SIDE, bar, color=SHADE)
        width = max(row.errors * scale, 0.01)
        tint = MUTED if is_last else color
        page.fill(left + row.before * scale, page.top, width, bar, color=tint)
        page.top += bar + 0.09
    share = found.summary["explained_share"]
    page.caption(
        f"Each bar begins where the one above it ends: {error} that have an "
        f"explanation and none of those above. Together {share:.0%} beyond what "
        "correct calls have as well.",
        left=left,
        width=SIDE,
    )


def _draw_lines(page: Page, data: ReportData, unit: Unit) -> None:
    """Performance, trust, control and what to try: one line each."""
    where = name_calls(get_names(unit)[0], unit).capitalize()
    lines = [
        (text.replace(": it ", ": the language model ", 1), mark)
        for text, mark in answer_gain(unit, where)
    ]
    # Attention that failed is drawn nowhere: its line is on the trust page.
    failed = ": attention FAILED"
    lines += [line for line in answer_trust([unit]) if failed not in line[0]]
    lines += answer_controls(data)[:1] + answer_meaning(unit, where, data.focus)[:2]
    page.heading("How sure is this, and what to do")
    lines = [
        (text.replace(": it ", ": the language model ", 1), m) for text, m in lines
    ]
    for text, mark in lines:
        rows = len(wrap_text(text, BODY_WIDTH - 0.2, 8.5))
        if page.room < rows * 0.17 + 0.5:
            break
        page.bullet(text, mark=mark, size=8.5)


def _draw_shadows(page: Page, unit: Unit, found: UnitExplanations) -> None:
    """What errors have more of, too, and why it is not named, while there is room."""
    rows = found.table[~found.table["is_named"].astype(bool)]
    count = min(len(rows), int((page.room - FOOT) / SHADOW) - 1, MOST_SHADOWS)
    if count < 1:
        return
    page.heading("More frequent or rarer in the errors too, but not named")
    error, correct = get_names(unit)
    shown = rows.sort_values("q", kind="stable").head(count)
    reasons = _name_reasons(found.table, shown["why_not"].fillna("").astype(str))
    columns = [
        Column("what", shown["name"].tolist()),
        Column("where", shown["place"].fillna("").tolist()),
        *(
            Column(name, [format_share(share) for share in shares], "right")
            for name, shares in (
                (error, _get_shares(shown, "error")),
                (correct, _get_shares(shown, "correct")),
            )
        ),
        Column("why not", reasons),
    ]
    draw_table(page, columns, size=8.0, most_rows=count)


def _name_reasons(table: pd.DataFrame, reasons: pd.Series) -> list[str]:
    """Reasons with an explanation's name in place of its key, or of its element's."""
    names = table.set_index("explanation")["name"].astype(str).to_dict()
    elements = {key.partition("@")[0]: name for key, name in reversed(names.items())}
    told = []
    for reason in reasons:
        start, word, key = reason.partition(next(filter(reason.count, JOINS), " "))
        told.append(f"{start}{word}{(elements | names).get(key, key)}")
    return told


def _get_shares(rows: pd.DataFrame, which: str) -> pd.Series:
    """Share of sites that have it; the table's own is of those that lack it."""
    share = rows[f"share_{which}"]
    return share.where(~rows["is_absence"].astype(bool), 1 - share)


def _draw_links(page: Page, fronts: Sequence[str]) -> None:
    """The pages that follow, as links, along the foot of the page."""
    page.top += page.room - 0.36
    page.rule(page.top - 0.06)
    left, top = MARGIN, page.top
    for title in [*dict.fromkeys(fronts), CONTENTS]:
        text = f"{title} ({page.numbers.get(title)})"
        if title not in page.numbers or page.numbers[title] == page.number:
            continue
        if left + measure_text(text, 7.5) > MARGIN + BODY_WIDTH:
            left, top = MARGIN, top + 0.16
        left += page.refer(text, title, left, top, color=LINK) + 0.22
    page.top = top
