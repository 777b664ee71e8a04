"""Known splicing elements: a small catalogue, a user's MEME file, learnt splice sites.

Matrices are float (width, 4), the share of A, C, G and T at each position, on the
transcript strand; no element is ever reverse-complemented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, find_shipped
from error_sequence_model.features.element_features import IUPAC, parse_consensus
from error_sequence_model.features.strength import CONSENSUS

CATALOGUE = find_shipped("resources/elements.tsv")
CATALOGUE_COLUMNS = ["name", "factor", "consensus", "place", "reference", "doi"]
FEWEST_TEACHERS = 20
NAMED_BITS = 8.5  # a word of fewer (GGG, CCCC, GGTG, ACDGS) names no protein
WIDE = 10**9
SIDES = {"intron": "donor 0..; acceptor ..-1", "exon": "donor ..-1; acceptor 0.."}
_ZONE = re.compile(r"(donor|acceptor) (-?\d+)?\.\.(-?\d+)?")
_BITS = np.array([1, 2, 4, 8], dtype=np.uint8)


@dataclass(frozen=True)
class KnownElement:
    """One element with a name.

    Attributes:
        name: Unique name.
        matrix: float64 (width, 4), rows sum to 1.
        consensus: IUPAC letters; hits are then exact matches. None: hits are scored.
        factor: What binds it.
        place: Where it usually lies, in words.
        reference: Authors, year, journal.
        zones: Splice type -> offsets [start, end) its bases lie in; none: anywhere.
    """

    name: str
    matrix: np.ndarray
    consensus: str | None = None
    factor: str = ""
    place: str = ""
    reference: str = ""
    zones: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Bases."""
        return len(self.matrix)

    @property
    def letters(self) -> str:
        """The consensus, spelt from the matrix where none is given."""
        return self.consensus or write_consensus(self.matrix)

    @property
    def label(self) -> str:
        """What reports call it: the proteins, where it is named after one of them.

        Example:
            >>> {e.name: e.label for e in read_elements()}["u_tract_tia1"]
            'TIA1/TIAL1'
        """
        parts, factors = self.name.lower().split("_"), self.factor.split(", ")
        is_protein = any(
            part == factor.lower()
            or (len(part) > 3 and factor.lower().startswith(part))
            for part in parts
            for factor in factors
        )
        if is_protein or (len(parts) == 1 and self.factor):
            return "/".join(factors)
        return " ".join(parts).replace("u12", "U12")


def read_elements(path: str | Path | None = None) -> list[KnownElement]:
    """Read elements from a catalogue (TSV) or a file in MEME format.

    Args:
        path: None: the catalogue that comes with the workflow. ``.tsv``: columns name,
            factor, consensus (IUPAC), place, reference, doi, and, if wanted, zone (see
            ``parse_zones``): where hits count. Else MEME format.

    Raises:
        InputError: The file is missing, is no such file, or names an element twice.
    """
    path = CATALOGUE if path is None else Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read; set `motifs.elements`") from error
    elements = (
        _read_catalogue(path) if path.suffix == ".tsv" else _read_meme(text, path)
    )
    names = pd.Series([element.name for element in elements])
    if names.duplicated().any():
        twice = ", ".join(sorted(set(names[names.duplicated()])))
        raise InputError(f"{path}: elements named twice: {twice}")
    return elements


def _read_catalogue(path: Path) -> list[KnownElement]:
    try:
        table = pd.read_csv(
            path, sep="\t", comment="#", dtype=str, keep_default_na=False, quoting=3
        )
    except ValueError as error:
        raise InputError(f"{path}: not a table of elements ({error})") from error
    missing = [name for name in CATALOGUE_COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; a catalogue of elements has "
            f"{', '.join(CATALOGUE_COLUMNS)}, separated by tabs"
        )
    return [
        KnownElement(
            row.name,
            spell_consensus(row.consensus, row.name),
            consensus=row.consensus.upper(),
            factor=row.factor,
            place=row.place,
            reference=f"{row.reference} doi:{row.doi}" if row.doi else row.reference,
            zones=parse_zones(getattr(row, "zone", ""), f"{path}: {row.name}"),
        )
        for row in table.itertuples(index=False, name="Row")
    ]


def parse_zones(text: str, name: str) -> dict[str, tuple[int, int]]:
    """Read where an element lies: "intron", "exon", or "acceptor -47..-16".

    Args:
        text: Parts divided by ";": a splice type, and the offsets of its first and
            last base, either of which may be left out.
        name: Of the element, for the error.

    Raises:
        InputError: It cannot be read.
    """
    zones = {}
    for part in filter(None, (SIDES.get(text, text)).split(";")):
        found = _ZONE.fullmatch(part.strip())
        if not found:
            raise InputError(
                f"{name}: zone {text!r}; allowed are intron, exon, or a splice type "
                "and offsets, as in 'donor 6..49; acceptor -47..-16'"
            )
        first, last = found[2], found[3]
        zones[found[1]] = (int(first or -WIDE), int(last or WIDE) + 1)
    return zones


def spell_consensus(consensus: str, name: str) -> np.ndarray:
    """Turn IUPAC letters into a matrix of equal shares, float64 (width, 4)."""
    allowed = (parse_consensus(consensus, name)[:, None] & _BITS) > 0
    return allowed / allowed.sum(axis=1, keepdims=True)


_MOTIF = re.compile(r"^MOTIF\s+(\S+)(?:[ \t]+(\S+))?", re.MULTILINE)
_HEADER = re.compile(r"letter-probability matrix:[^\n]*\n")


def _read_meme(text: str, path: Path) -> list[KnownElement]:
    starts = list(_MOTIF.finditer(text))
    if not starts:
        raise InputError(
            f"{path}: no line starts with MOTIF; `motifs.elements` takes a file in "
            "MEME format, or a .tsv catalogue like resources/elements.tsv"
        )
    ends = [*[match.start() for match in starts[1:]], len(text)]
    return [
        KnownElement(
            match[1],
            _read_matrix(text[match.end() : end], match[1], path),
            factor=match[2] or "",
            reference=path.name,
        )
        for match, end in zip(starts, ends, strict=True)
    ]


def _read_matrix(text: str, name: str, path: Path) -> np.ndarray:
    header = _HEADER.search(text)
    rows = []
    for line in text[header.end() :].splitlines() if header else []:
        try:
            rows.append([float(field) for field in line.split()])
        except ValueError:
            break
        if not rows[-1]:
            rows.pop()
            if rows:
                break
    if not rows or any(len(row) != 4 for row in rows):
        raise InputError(
            f"{path}: motif {name} has no letter-probability matrix of four columns "
            "(A, C, G, T)"
        )
    matrix = np.array(rows)
    sums = matrix.sum(axis=1)
    if (matrix < 0).any() or (np.abs(sums - 1) > 0.02).any():
        raise InputError(f"{path}: motif {name}: a row of its matrix does not sum to 1")
    return matrix / sums[:, None]


def learn_splice_sites(
    codes: np.ndarray, splice_types: np.ndarray, upstream: int
) -> list[KnownElement]:
    """Learn the splice-site matrices from annotated sites.

    Args:
        codes: Base codes of their windows, int (n, length).
        splice_types: donor or acceptor, (n,).
        upstream: Bases of a window before the junction.

    Returns:
        ``splice_donor`` and ``splice_acceptor``, each where at least 20 sites teach it
        and the windows hold it.
    """
    elements = []
    for splice_type, (first, last) in CONSENSUS.items():
        rows = codes[np.asarray(splice_types) == splice_type]
        start, end = upstream + first, upstream + last
        if len(rows) < FEWEST_TEACHERS or start < 0 or end > codes.shape[1]:
            continue
        elements.append(
            KnownElement(
                f"splice_{splice_type}",
                average_letters(rows[:, start:end], pseudocount=1.0),
                factor="U1 snRNP" if splice_type == "donor" else "U2AF",
                place="another site of its kind",
                reference=f"learnt from {len(rows)} annotated training sites",
            )
        )
    return elements


def average_letters(codes: np.ndarray, *, pseudocount: float = 0.5) -> np.ndarray:
    """Share of each base by position, float64 (width, 4); N does not count."""
    counts = np.stack([(codes == base).sum(axis=0) for base in range(4)], axis=1)
    counts = counts + pseudocount
    return counts / counts.sum(axis=1, keepdims=True)


def write_consensus(
    matrix: np.ndarray, *, least: float = 0.25, bits: float = 0.0
) -> str:
    """Spell a matrix in IUPAC letters.

    Args:
        matrix: float (width, 4).
        least: Share from which a base is spelt.
        bits: Information content below which a position is N.
    """
    letters = {mask: letter for letter, mask in IUPAC.items() if letter != "U"}
    masks = ((matrix >= least) * _BITS).sum(axis=1)
    masks[get_bits(matrix).sum(axis=1) < bits] = 15
    return "".join(letters.get(int(mask), "N") for mask in masks)


def get_bits(matrix: np.ndarray) -> np.ndarray:
    """Heights of a sequence logo in bits, float (width, 4)."""
    safe = np.maximum(matrix, 1e-9)
    information = 2 + (safe * np.log2(safe)).sum(axis=1, keepdims=True)
    return matrix * np.maximum(information, 0)
