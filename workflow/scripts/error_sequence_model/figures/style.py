"""Colours, fonts, page size and fixed PDF metadata, the same in every figure.

Sizes are inches on the page and points for type. Errors are warm and correct calls
cool, so that FP against TP or FN against TN reads without a legend and in every common
form of colour blindness (Okabe and Ito's palette). No pyplot: figures are objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

CLASS_COLOURS = {"FP": "#D55E00", "FN": "#E69F00", "TP": "#0072B2", "TN": "#56B4E9"}
CLASS_NAMES = {
    "FP": "false positive",
    "FN": "false negative",
    "TP": "true positive",
    "TN": "true negative",
}
BASE_COLOURS = {
    "A": "#00805D",
    "C": "#0072B2",
    "G": "#C98500",
    "T": "#C0392B",
    "N": "#999999",
}
SPLICE_COLOURS = {"donor": "#4D4D4D", "acceptor": "#A8A8A8"}
SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
POSITIVE = "#B2182B"
NEGATIVE = "#2166AC"
INK = "#1F1F1F"
MUTED = "#5F5F5F"
RULE = "#BDBDBD"
GRID = "#E2E2E2"
SHADE = "#F2F2F2"
GOOD = "#00694B"
BAD = "#A3261B"
LINK = "#0B5394"

PAGE_WIDTH, PAGE_HEIGHT = 11.69, 8.27
MARGIN = 0.6
BODY_WIDTH = PAGE_WIDTH - 2 * MARGIN
BODY_SIZE = 9.5
SMALL_SIZE = 7.5

RC = {
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "font.family": "sans-serif",
    # DejaVu travels with matplotlib: the same glyphs, and bytes, on every machine.
    "font.sans-serif": ["DejaVu Sans"],
    "font.monospace": ["DejaVu Sans Mono"],
    "font.size": 8.0,
    "text.color": INK,
    # Names of genes, models and contrasts are text, never formulas.
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 7.5,
    "path.simplify": True,
}


_class_colours: ContextVar[Mapping[str, str]] = ContextVar(
    "class colours", default=CLASS_COLOURS
)


@contextmanager
def use_style(colours: Mapping[str, str] | None = None) -> Iterator[None]:
    """Apply the shared style within the block and restore what was set before.

    Args:
        colours: Colours of pred_types ("#rrggbb") that differ from ours.
    """
    token = _class_colours.set({**CLASS_COLOURS, **(colours or {})})
    try:
        with mpl.rc_context(RC):
            yield
    finally:
        _class_colours.reset(token)


@contextmanager
def open_pdf(path: Path, title: str) -> Iterator[PdfPages]:
    """Open a PDF whose bytes depend on its content only (no dates).

    Args:
        path: The file to write.
        title: Document title in the metadata.
    """
    metadata = {
        "Title": title,
        "Creator": "splice-error-analysis",
        "Producer": "matplotlib",
        "CreationDate": None,
        "ModDate": None,
    }
    with PdfPages(path, metadata=metadata) as pdf:
        yield pdf


def get_class_colour(name: str) -> str:
    """Colour of a pred_type, or of classes joined as "TP/FN" (the first one's).

    An error that no other predictor makes, "private FN", has its pred_type's.
    """
    first = name.split("/")[0].removeprefix("private ")
    return _class_colours.get().get(first, MUTED)


@lru_cache(maxsize=4096)
def _measure_word(word: str, weight: str) -> float:
    """Advance of a word at 1 pt, in points."""
    return sum(_measure_letter(letter, weight) for letter in word)


@cache
def _measure_letter(letter: str, weight: str) -> float:
    """Advance of a letter at 1 pt, in points."""
    font = FontProperties(family="DejaVu Sans", size=100, weight=weight)
    # Between bars, because a glyph's box leaves out the space around it.
    whole, _, _ = text_to_path.get_text_width_height_descent(f"|{letter}|", font, False)
    bars, _, _ = text_to_path.get_text_width_height_descent("||", font, False)
    return (whole - bars) / 100


def measure_text(text: str, size: float, weight: str = "normal") -> float:
    """Width of one line of text, without kerning: a little too wide, never too narrow.

    Args:
        text: The line.
        size: Type size in points.
        weight: "normal" or "bold".

    Returns:
        Width in inches.
    """
    return _measure_word(text, weight) * size / 72


def wrap_text(
    text: str, width: float, size: float = BODY_SIZE, weight: str = "normal"
) -> list[str]:
    """Break text into lines by measured width; a word that is too long is cut up.

    Args:
        text: One paragraph.
        width: Line width in inches.
        size: Type size in points.
        weight: "normal" or "bold".

    Returns:
        The lines.
    """
    lines: list[str] = []
    line, used = "", 0.0
    space = measure_text(" ", size, weight)
    for word in text.split():
        long = measure_text(word, size, weight)
        while long > width:
            cut = len(word) - 1
            while cut > 1 and measure_text(word[:cut], size, weight) > width:
                cut -= 1
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:cut])
            word = word[cut:]
            long = measure_text(word, size, weight)
        # Without kerning a line is as wide as its words and the spaces between them.
        if line and used + space + long > width:
            lines.append(line)
            line = ""
        line, used = (f"{line} {word}", used + space + long) if line else (word, long)
    return [*lines, line] if line else lines


def shorten_text(
    text: str, width: float, size: float = BODY_SIZE, weight: str = "normal"
) -> str:
    """Cut a line to a width in inches, with an ellipsis where something is left out."""
    if measure_text(text, size, weight) <= width:
        return text
    while text and measure_text(text + "…", size, weight) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def say_nothing_to_draw(ax: Axes, reason: str, *, size: float = BODY_SIZE) -> Axes:
    """Write in words, inside empty axes, why there is nothing to draw."""
    width = ax.get_position().width * ax.figure.get_figwidth() - 0.2
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.patch.set_facecolor(SHADE)
    ax.text(
        0.5,
        0.5,
        "\n".join(wrap_text(reason, max(width, 0.5), size)),
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=MUTED,
        fontsize=size,
    )
    return ax
