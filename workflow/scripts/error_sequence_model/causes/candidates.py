"""What may explain a contrast's errors: flags, known elements and motifs, as columns.

A candidate is true or false at each site, and most are read off the windows: base codes
int8 (n, length), 0-3 = ACGT, 4 other, the junction before column ``upstream``. Where
the bases of another candidate are hidden (4), what owed itself to them is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.causes.registry import CAUSES
from error_sequence_model.causes.sequence import (
    WEAKNESSES,
    cover_alu_tracts,
    list_zones,
)
from error_sequence_model.core import read_json, read_saved_table
from error_sequence_model.features import (
    NAMED_BITS,
    KnownElement,
    cover_hits,
    find_matrix_hits,
    find_placed_hits,
    find_threshold,
    get_background,
    get_bits,
    get_log_odds,
    keep_inside,
    scan_matrix,
)
from error_sequence_model.settings import Contrast
from error_sequence_model.windows import say_region

HIT_CHANCE, NEAR_CHANCE = 1e-3, 5e-3  # of a position of the motif's place
NONE, NEAR, HIT = 0, 1, 2
FEWEST_PLACED = 20  # sites with a word that say where it lies
NEARLY = 0.99  # of the excess
MOST_PLACED = 4000  # sites looked at for that
BESIDE = 15  # bases beside where the maps show a motif, that it may lie at as well
KINDS = ("flag", "element", "motif")

Find = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Candidate:
    """One possible explanation.

    Attributes:
        kind: flag, element or motif.
        key: Unique name.
        name: In words.
        place: Where it lies, in words; empty for what has no place.
        p: Of its own test.
        find: Base codes (n, length) -> level of each site (``NONE``, ``NEAR``, ``HIT``;
            int8 (n,)) and the bases it is made of, bool (n, length); None: a flag.
        cover: Of a flag, the bases it is made of, where it is made of some.
        is_absence: Errors have it less often: the explanation is that it is missing.
        beyond_composition: Whether it is more than the composition of its place; None:
            not asked.
        effect: delta_logit, delta_low and delta_high of its insertion, where measured.
        shadow_of: An element that accounts for it already.
        is_expected: Whether it may be a cause of these errors.
        is_shown: Whether the maps show it: a motif, or an element that one is like.
        starts: Base codes -> where it starts at its place, bool (n, length); None: it
            has no letters.
        width: Of its letters, bases.
        stretch: Of a motif, first offset of its place and the one after its last.
    """

    kind: str
    key: str
    name: str
    place: str
    p: float
    find: Find | None = None
    cover: Callable[[np.ndarray], np.ndarray] | None = None
    is_absence: bool = False
    beyond_composition: bool | None = None
    effect: Mapping[str, float] = field(default_factory=dict)
    shadow_of: str | None = None
    is_expected: bool = True
    is_shown: bool = True
    starts: Callable[[np.ndarray], np.ndarray] | None = None
    width: int = 0
    stretch: tuple[int, int] | None = None


@dataclass(frozen=True)
class MotifRun:
    """Motifs and known elements of one run, as the step ``motifs`` wrote them.

    Attributes:
        name: Of the run; empty where there is one.
        motifs: ``motifs.tsv``.
        elements: ``elements.tsv``.
        matrices: Motif -> share of each base, float (width, 4).
        fold: Whose test sites were held out of its model.
    """

    name: str
    motifs: pd.DataFrame
    elements: pd.DataFrame
    matrices: Mapping[str, np.ndarray]
    fold: int = 0


def label_explanation(name: str, is_absence: bool) -> str:
    """Label an explanation as what errors have: "no CUCUCU" where they lack it."""
    return f"no {name}" if is_absence else name


def read_motif_runs(paths: Sequence[Path]) -> list[MotifRun]:
    """Read what the step ``motifs`` wrote: paths of ``motifs.tsv``, first one leads."""
    runs = []
    for path in paths:
        place = "/".join(path.parts[-4:-1]) if len(paths) > 1 else ""
        details = read_json(path.with_suffix(".json"))["motifs"]
        fold = re.fullmatch(r"fold(\d+)", path.parent.name)
        runs.append(
            MotifRun(
                place,
                read_saved_table(path),
                read_saved_table(path.with_name("elements.tsv")),
                {entry["motif"]: np.array(entry["matrix"]) for entry in details},
                int(fold[1]) if fold else 0,
            )
        )
    return runs


def list_flags(
    table: pd.DataFrame, contrast: Contrast, upstream: int
) -> list[Candidate]:
    """Flags of ``causes.tsv`` that were tested and that errors have more often."""
    errors = set(contrast.classes[-1][1])
    words = {"alu_like_tract": partial(cover_alu_tracts, upstream=upstream)}
    return [
        Candidate(
            *("flag", row.flag, row.cause, "", float(row.p)),
            is_expected=bool(errors & set(str(row.expected).split(","))),
            cover=words.get(row.flag),
        )
        for row in table.itertuples()
        if np.isfinite(row.p) and row.odds_ratio > 1
    ]


def list_elements(
    run: MotifRun,
    elements: Sequence[KnownElement],
    upstream: int,
    is_donor: np.ndarray,
) -> list[Candidate]:
    """Known elements of one run, region by region, that were tested."""
    known = {element.name: element for element in elements}
    rows = run.elements.dropna(subset=["p"])
    shown = run.motifs[["matches", "contains"]].to_numpy().ravel()
    words = set(re.findall(r"\w+", " ".join(map(str, shown))))
    return [
        Candidate(
            *("element", f"{row.element}@{row.region}", _say(known[row.element])),
            *(say_region(row.region), float(row.p)),
            find=partial(_cover_element, **options),
            starts=partial(_find_element, **options),
            width=known[row.element].width,
            is_absence=bool(row.odds_ratio < 1),
            beyond_composition=bool(row.beyond_composition),
            is_shown=row.element in words,
            shadow_of=row.explained_by if isinstance(row.explained_by, str) else None,
            effect=_get_effect(row),
        )
        for row in rows.itertuples()
        if row.element in known
        for options in [
            {
                "element": known[row.element],
                "place": (int(row.start), int(row.end)),
                "upstream": upstream,
                "is_donor": is_donor,
            }
        ]
    ]


def list_motifs(
    run: MotifRun,
    codes: np.ndarray,
    upstream: int,
    labels: np.ndarray,
    *,
    contrast: Contrast,
    splice_types: Collection[str],
) -> list[Candidate]:
    """Motifs of one run that were tested, each where errors have it.

    A motif that errors lack within a site's own signal is the weakness of the site in
    other words: expected to cause what that flag is expected to cause.

    Args:
        run: The run.
        codes: Base codes of sites that no motif is tested on, int8 (n, length).
        upstream: Bases before the junction.
        labels: Of these sites, 1 an error, int (n,).
        contrast: The classes.
        splice_types: Those of the sites.
    """
    signals = [
        zone
        for cause in CAUSES
        if cause.name in WEAKNESSES and not cause.is_expected(contrast)
        for zone in list_zones(cause.name, splice_types)
    ]
    start = f"{run.name}:" if run.name else ""
    found = []
    for row in run.motifs.dropna(subset=["p"]).itertuples():
        matrix = run.matrices[row.motif]
        stretch = (upstream + int(row.start), upstream + int(row.end))
        background = get_background(codes[:, slice(*stretch)])
        is_absence = bool(row.odds_ratio < 1)
        reach = (max(stretch[0] - BESIDE, 0), min(stretch[1] + BESIDE, codes.shape[1]))
        starts = find_matrix_hits(codes, matrix, background)
        starts = keep_inside(starts, len(matrix), *reach)
        with_word = labels == (0 if is_absence else 1)
        first, last = find_place(starts, len(matrix), with_word, *reach) or stretch
        place = f"{say_region(str(row.region))}, {_say_offsets(first, last, upstream)}"
        options = {"matrix": matrix, "background": background}
        options |= {"first": first, "last": last}
        found.append(
            Candidate(
                *("motif", f"{start}{row.motif}", _say_motif(row)),
                *(place, float(row.p)),
                find=partial(_find_motif, **options),
                starts=partial(_start_motif, **options),
                width=len(matrix),
                stretch=(first - upstream, last - upstream),
                is_absence=is_absence,
                is_expected=not (
                    is_absence
                    and any(a <= (first + last) / 2 - upstream < b for a, b in signals)
                ),
                beyond_composition=bool(row.beyond_composition),
                effect=_get_effect(row),
            )
        )
    return found


def find_place(
    starts: np.ndarray, width: int, with_word: np.ndarray, first: int, last: int
) -> tuple[int, int] | None:
    """Where one class has a word and the other has not.

    Maps of both classes say where a motif lies, blind to the labels: words that lie
    there by chance widen the stretch, or hide a part of it.

    Args:
        starts: Where the word starts, bool (n, length).
        width: Of the word, bases.
        with_word: Sites of the class that has it, bool (n,).
        first: First column to look at.
        last: Column after them.

    Returns:
        First and end column of the shortest stretch that holds nearly all of the
        excess of sites with it; None with fewer than ``FEWEST_PLACED`` of them.
    """
    if (starts.any(axis=1) & with_word).sum() < FEWEST_PLACED or with_word.all():
        return None
    excess = np.zeros((last - first, last - first))
    for low in range(first, last - width + 1):
        # Whether a site has the word at or after `low`, up to each column.
        has_word = np.logical_or.accumulate(starts[:, low : last - width + 1], axis=1)
        gain = has_word[with_word].mean(axis=0) - has_word[~with_word].mean(axis=0)
        excess[low - first, low - first : last - width + 1 - first] = gain
    if excess.max() <= 0:
        return None
    low, high = np.nonzero(excess >= NEARLY * excess.max())
    shortest = int((high - low).argmin())
    return first + int(low[shortest]), first + int(high[shortest]) + width


def _get_effect(row: Any) -> dict[str, float]:
    names = ("delta_logit", "delta_low", "delta_high")
    names += ("knockout_logit", "knockout_low", "knockout_high")
    return {name: float(getattr(row, name, np.nan)) for name in names}


def _say(element: KnownElement) -> str:
    """Letters, and the element's name, or of a short word all that bind it."""
    is_telling = get_bits(element.matrix).sum() >= NAMED_BITS
    what = element.label if is_telling else element.factor
    return f"{element.letters} ({what})" if what else element.letters


def _say_motif(row: Any) -> str:
    letters = str(row.consensus).strip("N")
    has_family = isinstance(row.family, str) and row.family
    return f"{letters} ({row.family})" if has_family else letters


def _say_offsets(first: int, last: int, upstream: int) -> str:
    ends = (first - upstream, last - 1 - upstream)
    return "..".join(f"{end:+d}".replace("-", "−") for end in ends)


def _find_element(
    codes: np.ndarray,
    *,
    element: KnownElement,
    place: tuple[int, int],
    upstream: int,
    is_donor: np.ndarray,
) -> np.ndarray:
    hits = find_placed_hits(codes, element, upstream, is_donor)
    return keep_inside(hits, element.width, *(upstream + end for end in place))


def _cover_element(
    codes: np.ndarray, *, element: KnownElement, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    hits = _find_element(codes, element=element, **options)
    return HIT * hits.any(axis=1).astype(np.int8), cover_hits(hits, element.width)


def _start_motif(
    codes: np.ndarray,
    *,
    matrix: np.ndarray,
    background: np.ndarray,
    first: int,
    last: int,
) -> np.ndarray:
    hits = find_matrix_hits(codes, matrix, background)
    return keep_inside(hits, len(matrix), first, last)


def _find_motif(
    codes: np.ndarray,
    *,
    matrix: np.ndarray,
    first: int,
    last: int,
    background: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    log_odds = get_log_odds(matrix, background)
    scores = scan_matrix(codes, log_odds)
    levels = np.zeros(len(codes), dtype=np.int8)
    covered = np.zeros(codes.shape, dtype=bool)
    for level, chance in ((NEAR, NEAR_CHANCE), (HIT, HIT_CHANCE)):
        hits = scores >= find_threshold(log_odds, background, chance)
        inside = keep_inside(hits, len(matrix), first, last)
        levels[inside.any(axis=1)] = level
        # Beside its place a word is the word if it is a hit, not if it is near one.
        covered |= cover_hits(inside if level == NEAR else hits, len(matrix))
    return levels, covered
