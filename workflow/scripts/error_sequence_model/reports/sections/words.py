"""What a word looks like on a page: its logo, and where sites have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.features import (
    Word,
    get_bits,
    place_words,
    read_words,
)
from error_sequence_model.figures import (
    MARGIN,
    SHADE,
    Page,
    get_class_colour,
    mark_junction,
    plot_logo,
    wrap_text,
)
from error_sequence_model.reports.findings.causes import get_names
from error_sequence_model.reports.findings.explanations import read_unit_explanations
from error_sequence_model.results import ReportData, Unit

MOST_PLACED = 1500  # sites of a class whose places are drawn
REACH, BIN = 100, 4  # offsets drawn on each side of the junction, bases of a bin
INDENT, MOST_LINES = 0.2, 3  # of a card, inches; of one of its texts


class PlacedWords(NamedTuple):
    """The words among a unit's named explanations, and which sites have them where.

    Attributes:
        words: The words, the first explanation's first.
        places: From ``place_words``, of errors and of correct calls.
        counts: How many of each were looked at.
    """

    words: list[Word]
    places: pd.DataFrame
    counts: list[int]

    def find(self, explanation: str) -> int | None:
        """Number of an explanation's word; None where it is no word."""
        keys = [word.key for word in self.words]
        return keys.index(explanation) if explanation in keys else None


class CardSize(NamedTuple):
    """Inches of a card's logo, places and the gaps beside them; type size in points."""

    logo: float
    places: float
    gap: float
    size: float


def read_unit_words(unit: Unit) -> list[Word]:
    """The words among a unit's named explanations, the first one first."""
    return read_words(unit.lead.path.parents[2], unit.lead.path)


def place_unit_words(
    data: ReportData, unit: Unit, words: list[Word], site_ids: np.ndarray
) -> pd.DataFrame:
    """Where words lie in some sites of a unit, see ``place_words``."""
    found = read_unit_explanations(unit)
    if found is None or not words or not len(site_ids):
        return place_words([], pd.DataFrame(), {}, 0)
    sequences = data.get_sequences(site_ids)
    upstream = int(found.summary["upstream"])
    return place_words(words, found.sites, sequences, upstream)


def place_all_words(data: ReportData, unit: Unit) -> PlacedWords:
    """A unit's words in the sites of both classes that are drawn."""
    chosen = [draw_sites(unit, label) for label in (1, 0)]
    words = read_unit_words(unit)
    places = place_unit_words(data, unit, words, np.concatenate(chosen))
    return PlacedWords(words, places, [len(ids) for ids in chosen])


def draw_card(
    page: Page,
    unit: Unit,
    placed: PlacedWords,
    explanation: str,
    lines: Sequence[tuple[str, str, str]],
    *,
    sizes: CardSize,
    height: float,
    right: float,
) -> None:
    """Draw an explanation at the cursor: a word's logo and places, and texts.

    Args:
        page: The page; its cursor stays.
        unit: The unit.
        placed: The unit's words.
        explanation: Which one.
        lines: Texts with weight and colour; empty ones are left out.
        sizes: Widths and type.
        height: Of logo and places, inches.
        right: Where the texts end, inches.
    """
    left, number = MARGIN + INDENT, placed.find(explanation)
    if number is not None:
        word = placed.words[number]
        plot_word(word, page.axes(left, page.top, sizes.logo, height))
        left += sizes.logo + sizes.gap
        ax = page.axes(left, page.top, sizes.places, height)
        plot_places(placed.places, number, word, unit, ax, placed.counts)
        left += sizes.places + sizes.gap
    top = page.top - 0.03
    for text, weight, color in lines:
        for line in wrap_text(text, right - left, sizes.size, weight)[:MOST_LINES]:
            page.write(line, left, top, size=sizes.size, color=color, weight=weight)
            top += sizes.size * 0.019


def draw_sites(unit: Unit, label: int) -> np.ndarray:
    """Sites of a class whose places are drawn: all, or the first of many."""
    sites = unit.sites.index[unit.sites["label"] == label]
    return sites.to_numpy()[:: max(len(sites) // MOST_PLACED, 1)]


def plot_word(word: Word, ax: Axes) -> Axes:
    """Draw a word's logo, in bits."""
    plot_logo(get_bits(word.matrix), ax, start=1, limit=2.0)
    ax.set(ylim=(0, 2), xticks=[], yticks=[0, 2])
    ax.tick_params(labelsize=6.5, length=2, pad=1)
    ax.spines["bottom"].set_visible(False)
    return ax


def plot_places(
    places: pd.DataFrame, number: int, word: Word, unit: Unit, ax: Axes, counts: list
) -> Axes:
    """Draw how many sites per 100 of each class have a word by where it starts.

    Args:
        places: From ``place_words``, of both classes.
        number: The word's number.
        word: The word.
        unit: The unit.
        ax: Where to draw.
        counts: How many errors, and correct calls, were looked at.
    """
    own = places[places["word"] == number]
    labels = unit.sites["label"].reindex(own["site_id"]).to_numpy()
    ax.axvspan(max(word.start, -REACH), min(word.end, REACH), color=SHADE, lw=0)
    edges = np.arange(-REACH, REACH + BIN, BIN)
    for label, name, n in zip((1, 0), get_names(unit), counts, strict=True):
        heights = (
            np.histogram(own["start"][labels == label], edges)[0] * 100 / max(n, 1)
        )
        ax.stairs(heights, edges, color=get_class_colour(name), lw=1.1)
    mark_junction(ax)
    ax.set(xlim=(-REACH, REACH), xticks=[-100, -50, 0, 50, 100])
    ax.set_ylim(bottom=0)
    ax.tick_params(labelsize=6.5, length=2, pad=1)
    ax.locator_params(axis="y", nbins=3)
    return ax
