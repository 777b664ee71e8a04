"""The self-check of coordinates: do TP donors start with GT/GC, acceptors end with AG?

Looked at where the table says the junction is, per strand and splice type. If the share
is below 90 %, other readings of the same table are tried, and the one that would pass
is named, so that the user learns which setting to change.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SITE_BASES,
    Genome,
    get_junctions,
    get_positions,
    reverse_complement,
)

logger = logging.getLogger(__name__)

MINIMUM_SHARE = 0.9
DONOR_CONSENSUS = ("GT", "GC")
ACCEPTOR_CONSENSUS = ("AG",)
SAMPLED = 500  # sites per strand and type that other readings are tried on
REACH = 30  # bases around a position that other readings may look at


@dataclass(frozen=True)
class Reading:
    """One way to read a table's positions.

    Attributes:
        coordinate_base: 0 or 1.
        site_base: ``exon`` or ``intron``.
        shift: Bases in transcript direction to add after that.
        is_flipped: The strands mean the opposite.
        is_swapped: Donor and acceptor are exchanged.
    """

    coordinate_base: int
    site_base: str
    shift: int = 0
    is_flipped: bool = False
    is_swapped: bool = False

    def list_settings(self, declared: Reading) -> dict[str, Any]:
        """The settings to change in ``declared``; none where they do not suffice."""
        if self.shift or self.is_flipped or self.is_swapped:
            return {}
        return {
            name: getattr(self, name)
            for name in ("coordinate_base", "site_base")
            if getattr(self, name) != getattr(declared, name)
        }

    def describe(self, declared: Reading) -> str:
        """Say what to change in ``declared`` to get this reading."""
        changes = [
            f"{name}: {getattr(self, name)}"
            for name in ("coordinate_base", "site_base")
            if getattr(self, name) != getattr(declared, name)
        ]
        if self.is_flipped:
            changes.append("strand convention: '+' and '-' exchanged")
        if self.is_swapped:
            changes.append("splice_type: donor and acceptor exchanged")
        if self.shift:
            changes.append(f"shift: {self.shift:+d} nt in transcript direction")
        return ", ".join(changes)


def has_consensus(dinucleotides: pd.Series, is_donor: np.ndarray) -> np.ndarray:
    """Tell which sites have GT/GC (donor) or AG (acceptor), bool ``(n,)``."""
    found = np.where(
        is_donor,
        dinucleotides.isin(DONOR_CONSENSUS),
        dinucleotides.isin(ACCEPTOR_CONSENSUS),
    )
    return found.astype(bool)


def measure_consensus(sites: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return the share of TP sites with consensus per splice type and strand.

    Args:
        sites: One row per site with splice_type, strand, pred_type and dinucleotide.

    Returns:
        ``{"donor": {"+": share, "-": share}, "acceptor": …}``; where there is no TP,
        FN sites stand in (they are annotated too), and None if there is none of these.
    """
    is_found = has_consensus(sites["dinucleotide"], sites["splice_type"].eq("donor"))
    shares: dict[str, dict[str, float | None]] = {}
    for splice_type in ("donor", "acceptor"):
        for strand in ("+", "-"):
            group = sites["splice_type"].eq(splice_type) & sites["strand"].eq(strand)
            chosen = group & sites["pred_type"].eq("TP")
            if not chosen.any():
                chosen = group & sites["pred_type"].eq("FN")
            share = float(is_found[chosen.to_numpy()].mean()) if chosen.any() else None
            shares.setdefault(splice_type, {})[strand] = share
    return shares


def is_enough(n_found: int, n_sites: int) -> bool:
    """Whether so many sites with consensus are 90 %; one odd site never refuses."""
    return n_sites - n_found <= max(1, (1 - MINIMUM_SHARE) * n_sites + 1e-9)


def find_odd(sites: pd.DataFrame) -> bool:
    """Whether a group of annotated sites, or all of them, has too little consensus."""
    is_found = has_consensus(sites["dinucleotide"], sites["splice_type"].eq("donor"))
    kind = sites["pred_type"]
    keys = [sites["splice_type"], sites["strand"]]
    has_tp = kind.eq("TP").groupby(keys).transform("any")
    chosen = (kind.eq("TP") | (kind.eq("FN") & ~has_tp)).to_numpy()
    found = pd.Series(is_found[chosen])
    groups = found.groupby([key[chosen].to_numpy() for key in keys])
    return not all(
        is_enough(int(g.sum()), len(g)) for g in [found, *dict(list(groups)).values()]
    )


def check_consensus(
    sites: pd.DataFrame, genome: Genome, declared: Reading, path: str | Path
) -> dict[str, dict[str, float | None]]:
    """Check the declared place of the junction on the TP sites.

    Args:
        sites: One row per site with chrom, junction, strand, splice_type, pred_type,
            dinucleotide, and position as the table gave it (for an annotation, which
            is read as junctions, it is worked out).
        genome: Where they lie.
        declared: How positions were read.
        path: The table, for messages.

    Returns:
        The shares, see ``measure_consensus``.

    Raises:
        InputError: Below 90 %, with what would mend it.
    """
    shares = measure_consensus(sites)
    if all(v is None for by_strand in shares.values() for v in by_strand.values()):
        logger.warning("%s: no TP or FN site, coordinates cannot be checked", path)
    if not find_odd(sites):
        return shares
    annotated = sites[sites["pred_type"].eq("TP")]
    if annotated.empty:
        annotated = sites[sites["pred_type"].eq("FN")]
    if "position" not in annotated:
        positions = get_positions(
            annotated["junction"].to_numpy(),
            annotated["strand"].eq("+").to_numpy(),
            annotated["splice_type"].eq("donor").to_numpy(),
            coordinate_base=declared.coordinate_base,
            site_base=declared.site_base,
        )
        annotated = annotated.assign(position=positions)
    raise explain_failure(annotated, genome, declared, shares, str(path))


@dataclass(frozen=True)
class _Example:
    """A site as the table gives it, with the forward strand around its position."""

    position: int
    strand: str
    splice_type: str
    text: str  # base `position - REACH` (as if 0-based) is the first letter

    def fits(self, reading: Reading) -> bool:
        strand = (
            {"+": "-", "-": "+"}[self.strand] if reading.is_flipped else self.strand
        )
        is_donor = (self.splice_type == "donor") != reading.is_swapped
        junction = int(
            get_junctions(
                np.array([self.position]),
                np.array([strand == "+"]),
                np.array([is_donor]),
                coordinate_base=reading.coordinate_base,
                site_base=reading.site_base,
            )[0]
        )
        sign = 1 if strand == "+" else -1
        at = junction + sign * reading.shift - (self.position - REACH)
        # The intron follows a donor and precedes an acceptor in transcript direction.
        start = at if is_donor == (strand == "+") else at - 2
        if start < 0 or start + 2 > len(self.text):
            return False
        pair = self.text[start : start + 2]
        pair = pair if strand == "+" else reverse_complement(pair)
        return pair in (DONOR_CONSENSUS if is_donor else ACCEPTOR_CONSENSUS)


def _sample(
    rows: pd.DataFrame, genome: Genome
) -> dict[tuple[str, str], list[_Example]]:
    """Take annotated rows (columns chrom, position, strand, splice_type) per group."""
    groups: dict[tuple[str, str], list[_Example]] = {}
    for key, group in rows.groupby(["splice_type", "strand"], sort=True):
        step = max(1, len(group) // SAMPLED)
        groups[key] = [
            _Example(
                position,
                strand,
                splice_type,
                genome.fetch(chrom, position - REACH, position + REACH + 1),
            )
            for chrom, position, strand, splice_type in zip(
                group["chrom"].iloc[::step],
                group["position"].iloc[::step].astype(int),
                group["strand"].iloc[::step],
                group["splice_type"].iloc[::step],
                strict=True,
            )
        ]
    return groups


def _passes(examples: list[_Example], reading: Reading) -> bool:
    found = sum(example.fits(reading) for example in examples)
    return is_enough(found, len(examples))


def _readings() -> Iterator[Reading]:
    """Yield other readings, the plainest first."""
    settings = list(itertools.product((0, 1), SITE_BASES))
    for is_swapped, is_flipped in ((False, False), (False, True), (True, False)):
        for base, site_base in settings:
            yield Reading(base, site_base, 0, is_flipped, is_swapped)
    for shift in sorted(range(-10, 11), key=abs):
        for base, site_base in settings:
            if shift:
                yield Reading(base, site_base, shift)


def explain_failure(
    rows: pd.DataFrame,
    genome: Genome,
    declared: Reading,
    shares: dict[str, dict[str, float | None]],
    path: str,
) -> InputError:
    """Find out why the consensus is not where it should be.

    Args:
        rows: Annotated rows (TP; FN where there are none) with the genome's chrom,
            position as in the table, strand, splice_type.
        genome: Where they lie.
        declared: The reading that failed.
        shares: What it gave.
        path: The table, for the message.

    Returns:
        The error to raise: it names the settings that would pass, else the shift each
        group needs, else "wrong genome build".
    """
    groups = _sample(rows, genome)
    found = "; ".join(
        f"{splice_type} '{strand}' {share:.1%}"
        for splice_type, by_strand in shares.items()
        for strand, share in by_strand.items()
        if share is not None
    )
    head = (
        f"{path}: with coordinate_base: {declared.coordinate_base} and site_base: "
        f"{declared.site_base}, too few TP sites have GT/GC (donor) or AG (acceptor) "
        f"at the junction ({found}; at least {MINIMUM_SHARE:.0%} needed). "
    )
    every = [example for group in groups.values() for example in group]
    passing = [
        reading
        for reading in _readings()
        if reading != declared
        and all(_passes(group, reading) for group in [*groups.values(), every])
    ]
    if passing:
        plain = [r for r in passing if not r.shift] or passing[:1]
        fits = " | or ".join(r.describe(declared) for r in plain[:3])
        return InputError(
            f"{head}It would pass with {fits}. Set this in `predictors.<name>` "
            "(or correct the table where no setting exists)",
            settings=plain[0].list_settings(declared),
        )
    needed = {}
    for (splice_type, strand), group in groups.items():
        for shift in sorted(range(-20, 21), key=abs):
            reading = Reading(declared.coordinate_base, declared.site_base, shift)
            if _passes(group, reading):
                needed[f"{splice_type} '{strand}'"] = shift
                break
    if len(needed) == len(groups):
        shifts = ", ".join(f"{name} {shift:+d}" for name, shift in needed.items())
        return InputError(
            f"{head}Each strand and type is shifted by its own number of nt (in "
            f"transcript direction): {shifts}. Correct the positions in the table"
        )
    return InputError(
        f"{head}No shift, strand convention, site_base or coordinate_base makes it "
        f"pass: wrong genome build? The genome read was {genome.path}; set "
        "`predictors.<name>.genome` to the build the table was made on. (Positions "
        "counted within genes, as MetaSpliceAI's are, need `format: metaspliceai`)"
    )
