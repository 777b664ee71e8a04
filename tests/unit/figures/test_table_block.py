"""Tables of report pages: no text is cut where it can be wrapped or moved closer."""

from __future__ import annotations

import pytest
from matplotlib.text import Text

from error_sequence_model.figures import Column, Page, PageSpec, draw_table, use_style
from page_checks import find_text_problems

PROSE = "a site of the other type, at least as strong as half of the annotated ones, "


def draw(columns, monkeypatch, **options):
    """Draw a table; give its texts, its rows and the problems of the page."""
    with use_style():
        spec = PageSpec("t", lambda page: None)
        page = Page(spec, header="toy", number=1, total=1)
        known = set(page.figure.findobj(Text))
        rows = draw_table(page, columns, **options)
        texts = [text for text in page.figure.findobj(Text) if text not in known]
        problems = find_text_problems(page.figure, monkeypatch)
    return [text.get_text() for text in texts], rows, problems, page.top


def make_columns(count=4, repeats=4):
    return [
        Column("cause", [f"cause {number}" for number in range(count)]),
        Column("true when", [PROSE * repeats, *["short"] * (count - 1)]),
        Column("sites", ["1"] * count, "right"),
    ]


def test_long_cells_go_on_in_a_second_line(monkeypatch):
    texts, rows, problems, bottom = draw(make_columns(), monkeypatch, wrap_within=4.0)
    assert problems == []
    assert not any("…" in text for text in texts)
    assert PROSE * 4 in " ".join(texts) + " "
    assert rows.count == 4
    _, _, _, flat = draw(make_columns(repeats=1), monkeypatch, wrap_within=4.0)
    assert bottom > flat, "the wrapped row is taller"


@pytest.mark.parametrize("within", [0.0, 0.5])
def test_without_room_long_cells_are_cut_on_their_line(monkeypatch, within):
    # A narrow one: on a screen, unlike in a PDF, long lines are drawn a little wider.
    options = {"wrap_within": within, "width": 3.0}
    texts, _, problems, _ = draw(make_columns(), monkeypatch, **options)
    assert problems == []
    assert sum(text.endswith("…") for text in texts) == 1


def test_columns_move_closer_before_a_text_is_cut(monkeypatch):
    columns = [Column("n", ["long name"]), *[Column(str(k), ["0.00"]) for k in "abc"]]
    needed = draw(columns, monkeypatch, size=6.5)[1].width
    texts, rows, problems, _ = draw(columns, monkeypatch, width=needed - 0.2)
    assert problems == []
    assert "long name" in texts
    assert rows.width <= needed - 0.2 + 1e-9
