"""The words that explain a contrast's errors, and where they lie in its sites.

A word is a named explanation made of letters: a motif or a known element. Which sites
have it is stored (`explanations.parquet`); where in a site it lies is the place, inside
the word's stretch, that fits its matrix best. Offsets count from the junction.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.features.catalogue import spell_consensus
from error_sequence_model.features.scanning import get_log_odds, scan_matrix
from error_sequence_model.features.strength import encode_bases

HIT = 2  # level of a site that has the word itself


class Word(NamedTuple):
    """A word that explains errors.

    Attributes:
        key: Column of `explanations.parquet`.
        name: In words, or letters.
        matrix: Share of each base, float (width, 4).
        start: First offset of the stretch it is looked for in.
        end: Offset after its last one.
        is_absence: Errors lack it.
        contributions: Mean attribution, float (width, 4); None: an element.
    """

    key: str
    name: str
    matrix: np.ndarray
    start: int
    end: int
    is_absence: bool
    contributions: np.ndarray | None


def read_words(folder: Path, run: Path) -> list[Word]:
    """Read the named words of a contrast and splice type, the first one first.

    Args:
        folder: Of `explanations.tsv` and `explanations.json`.
        run: Run folder with `motifs.tsv`, `motifs.json` and `elements.tsv`.

    Returns:
        None of them where a file is missing or explanations name no word.
    """
    try:
        table = read_saved_table(folder / "explanations.tsv")
        stretches = read_json(folder / "explanations.json").get("stretches", {})
        motifs = read_saved_table(run / "motifs.tsv").set_index("motif")
        elements = read_saved_table(run / "elements.tsv")
        details = {e["motif"]: e for e in read_json(run / "motifs.json")["motifs"]}
    except (FileNotFoundError, InputError, KeyError, ValueError):
        return []
    elements = elements.set_index(elements["element"] + "@" + elements["region"])
    words = []
    for row in table[table["is_named"].astype(bool)].itertuples():
        # Motifs of several runs have the run's name before their own.
        name = str(row.explanation).rpartition(":")[2]
        source = {"motif": motifs, "element": elements}.get(row.kind)
        if source is None or name not in source.index:
            continue
        place, known = source.loc[name], details.get(name)
        # A motif's place is found anew where it explains errors.
        stretch = stretches.get(row.explanation, (place["start"], place["end"]))
        words.append(
            Word(
                *(row.explanation, row.name),
                np.array(known["matrix"])
                if row.kind == "motif"
                else spell_consensus(place["consensus"], name),
                *(int(stretch[0]), int(stretch[1]), bool(row.is_absence)),
                np.array(known["contributions"]) if row.kind == "motif" else None,
            )
        )
    return words


def place_words(
    words: Sequence[Word], sites: pd.DataFrame, sequences: dict[int, str], upstream: int
) -> pd.DataFrame:
    """Find where the words lie in sites that have them.

    Args:
        words: What to look for.
        sites: `explanations.parquet`, indexed by site_id.
        sequences: Windows by site_id; other sites are left out.
        upstream: Bases of a window before the junction.

    Returns:
        site_id, word (number in ``words``), start and end (offsets, half-open); one row
        per site and word.
    """
    parts = [pd.DataFrame(columns=["site_id", "word", "start", "end"], dtype=np.int64)]
    background = np.full(4, 0.25)
    for number, word in enumerate(words):
        if word.key not in sites:
            continue
        # Of what errors lack, a hit is a site without it.
        has_it = sites[word.key] == (0 if word.is_absence else HIT)
        ids = [site for site in sites.index[has_it] if int(site) in sequences]
        if not ids:
            continue
        letters = "".join(sequences[int(site)] for site in ids).encode()
        codes = encode_bases(np.frombuffer(letters, dtype=np.uint8))
        codes = codes.reshape(len(ids), -1)
        scores = scan_matrix(codes, get_log_odds(word.matrix, background))
        first = max(word.start + upstream, 0)
        last = max(word.end + upstream - len(word.matrix) + 1, first + 1)
        starts = first + scores[:, first:last].argmax(axis=1) - upstream
        places = {"start": starts, "end": starts + len(word.matrix)}
        parts.append(pd.DataFrame({"site_id": ids, "word": number, **places}))
    return pd.concat(parts, ignore_index=True).astype(np.int64)
