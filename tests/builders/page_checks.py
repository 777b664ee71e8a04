"""Find text on a drawn page that overlaps other text or leaves the page."""

from __future__ import annotations

from itertools import combinations

import matplotlib.text
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure

TOLERANCE = 1.5


def collect_texts(figure: Figure, monkeypatch) -> list[matplotlib.text.Text]:
    """Every text that is really drawn (not the ticks outside of an axis)."""
    drawn: dict[int, matplotlib.text.Text] = {}
    original = RendererAgg.draw_text

    def record(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        if mtext is not None and s.strip():
            drawn[id(mtext)] = mtext
        return original(self, gc, x, y, s, prop, angle, ismath, mtext)

    with monkeypatch.context() as patch:
        patch.setattr(RendererAgg, "draw_text", record)
        FigureCanvasAgg(figure).draw()
    return list(drawn.values())


def find_text_problems(figure: Figure, monkeypatch) -> list[str]:
    """Texts that overlap each other or are cut by the page's edge, in words."""
    texts = collect_texts(figure, monkeypatch)
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    page = figure.bbox
    problems = [
        f"outside the page: {name!r}"
        for name, box in boxes
        if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1
    ]
    for (name, box), (other, second) in combinations(boxes, 2):
        width = min(box.x1, second.x1) - max(box.x0, second.x0)
        height = min(box.y1, second.y1) - max(box.y0, second.y0)
        if width > TOLERANCE and height > TOLERANCE:
            problems.append(f"{name!r} overlaps {other!r}")
    return problems
