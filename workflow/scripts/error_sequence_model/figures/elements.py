"""Splice-site elements found in one sequence by simple scanning.

Coordinates are 0-based half-open in the sequence; ``junction`` is the interbase
position of the splice site, the number of bases 5' of it. This is a reading aid for one
site, not a statistical finding: a match says that the letters fit, no more.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Share of each base by position at human donors (-3..+6) and acceptors (-4..+1), the
# consensus of Shapiro and Senapathy, Nucleic Acids Res 1987, rounded.
DONOR = {
    "A": (0.33, 0.60, 0.08, 0.0, 0.0, 0.49, 0.71, 0.06, 0.15),
    "C": (0.37, 0.13, 0.04, 0.0, 0.01, 0.03, 0.07, 0.05, 0.19),
    "G": (0.18, 0.14, 0.81, 1.0, 0.0, 0.45, 0.12, 0.84, 0.20),
    "T": (0.12, 0.13, 0.07, 0.0, 0.99, 0.03, 0.09, 0.05, 0.46),
}
ACCEPTOR = {
    "A": (0.24, 0.05, 1.0, 0.0, 0.25),
    "C": (0.30, 0.65, 0.0, 0.0, 0.14),
    "G": (0.20, 0.01, 0.0, 1.0, 0.51),
    "T": (0.26, 0.29, 0.0, 0.0, 0.10),
}
DONOR_SPAN, ACCEPTOR_SPAN = (-3, 6), (-4, 1)
# yUnAy, the A at offset -44 to -18 (Gao et al., Nucleic Acids Res 2008).
BRANCH = re.compile(r"(?=([CT]T[ACGT]A[CT]))")
BRANCH_ZONE = (-44, -17)
TRACT_ZONE = (-45, -3)
TRACT_MINIMUM = 7
G_RUN = re.compile(r"G{3,}")


class Element(NamedTuple):
    """A stretch of the sequence with a name.

    Attributes:
        start: First base, 0-based.
        end: Base after the last one.
        label: Name in the figure.
        kind: "donor", "acceptor", "branch point", "polypyrimidine tract", "G-run", or
            any other word (a found motif: "motif").
    """

    start: int
    end: int
    label: str
    kind: str


def find_elements(
    sequence: str, junction: int, splice_type: str | None = None
) -> list[Element]:
    """Find splice-site elements around a junction, and G-runs anywhere.

    Args:
        sequence: Transcript-strand sequence, 5' to 3'.
        junction: Interbase position of the splice site, 0 to ``len(sequence)``.
        splice_type: "donor" or "acceptor"; None takes the one whose consensus fits
            better, or neither if none has its invariant bases.

    Returns:
        Elements sorted by start.
    """
    letters = sequence.upper().replace("U", "T")
    if splice_type not in ("donor", "acceptor"):
        splice_type = guess_splice_type(letters, junction)
    elements = []
    if splice_type == "donor":
        elements.append(_name_site(letters, junction, "donor", DONOR_SPAN, "5′ss"))
    elif splice_type == "acceptor":
        elements.append(
            _name_site(letters, junction, "acceptor", ACCEPTOR_SPAN, "3′ss")
        )
        elements.append(_find_tract(letters, junction))
        elements.append(_find_branch_point(letters, junction))
    elements += [
        Element(match.start(), match.end(), "G-run", "G-run")
        for match in G_RUN.finditer(letters)
    ]
    return sorted(element for element in elements if element is not None)


def guess_splice_type(sequence: str, junction: int) -> str | None:
    """Donor or acceptor, whichever consensus the junction fits better, or None."""
    is_donor = sequence[junction : junction + 2] in ("GT", "GC")
    is_acceptor = junction >= 2 and sequence[junction - 2 : junction] == "AG"
    if is_donor and is_acceptor:
        donor = _score_site(sequence, junction, DONOR, DONOR_SPAN)
        acceptor = _score_site(sequence, junction, ACCEPTOR, ACCEPTOR_SPAN)
        # An exon often ends in AG: the intron's side decides, by its pyrimidines.
        before = sequence[max(junction - 15, 0) : max(junction - 3, 0)]
        share = sum(base in "CT" for base in before) / max(len(before), 1)
        return "acceptor" if acceptor + share > donor + 0.6 else "donor"
    if is_donor:
        return "donor"
    return "acceptor" if is_acceptor else None


def _score_site(
    sequence: str, junction: int, matrix: dict[str, tuple], span: tuple[int, int]
) -> float:
    """Mean base frequency relative to the consensus base's, 0 to 1."""
    total = best = 0.0
    for place in range(*span):
        column = place - span[0]
        best += max(shares[column] for shares in matrix.values())
        index = junction + place
        if 0 <= index < len(sequence):
            total += matrix.get(sequence[index], (0.0,) * 9)[column]
    return total / best


def _name_site(
    sequence: str, junction: int, kind: str, span: tuple[int, int], name: str
) -> Element | None:
    matrix = DONOR if kind == "donor" else ACCEPTOR
    start, end = max(junction + span[0], 0), min(junction + span[1], len(sequence))
    if end <= start:
        return None
    fit = _score_site(sequence, junction, matrix, span)
    return Element(start, end, f"{name} ({fit:.0%} of consensus)", kind)


def _find_tract(sequence: str, junction: int) -> Element | None:
    """Best-scoring pyrimidine stretch (+1 pyrimidine, -1.5 purine) before the AG."""
    start = max(junction + TRACT_ZONE[0], 0)
    best_score, best = 0.0, None
    score, first = 0.0, start
    for index in range(start, max(junction + TRACT_ZONE[1], start)):
        if score <= 0:
            score, first = 0.0, index
        score += 1.0 if sequence[index] in "CT" else -1.5
        if score >= best_score:
            best_score, best = score, (first, index + 1)
    if best is None or best_score < TRACT_MINIMUM:
        return None
    return Element(*best, "polypyrimidine tract", "polypyrimidine tract")


def _find_branch_point(sequence: str, junction: int) -> Element | None:
    """Match of yUnAy closest to TACTAAC in letters, then to offset -25."""
    start = max(junction + BRANCH_ZONE[0] - 3, 0)
    zone = sequence[start : max(junction + BRANCH_ZONE[1] + 1, 0)]
    found = []
    for match in BRANCH.finditer(zone):
        first = start + match.start()
        adenine = first + 3 - junction
        if BRANCH_ZONE[0] <= adenine < BRANCH_ZONE[1]:
            likeness = sum(a == b for a, b in zip(match.group(1), "CTAAC", strict=True))
            found.append((-likeness, abs(adenine + 25), first))
    if not found:
        return None
    first = min(found)[2]
    return Element(first, first + 5, "branch point (yUnAy)", "branch point")
