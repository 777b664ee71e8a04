"""Simulated genes: exons and introns, their sites and their background sequence.

Everything here is in gene coordinates: 0-based, half-open, in transcript sense from the
first base of the gene. A junction is interbase. Sequences are uint8 codes, 0-3 = ACGT.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from error_sequence_model.simulation.plan import Plan
from error_sequence_model.simulation.settings import (
    SHORTEST_HOST_INTRON,
    SimulationSettings,
)

BASES = "ACGT"
A, C, G, T = range(4)

INTERGENIC, EXON, INTRON = range(3)
# Exons are GC-richer, introns T-rich in transcript sense.
COMPOSITION = np.array(
    [[0.31, 0.19, 0.19, 0.31], [0.26, 0.25, 0.26, 0.23], [0.27, 0.18, 0.19, 0.36]]
)
# Dinucleotide odds on top of the composition (row: first base): CpG is depleted to a
# third, its deamination products TpG and CpA and the runs AA and TT are favoured.
DINUCLEOTIDE_ODDS = np.array(
    [
        [1.15, 1.0, 1.0, 1.0],
        [1.2, 1.0, 0.33, 1.0],
        [1.0, 1.0, 1.0, 1.0],
        [0.8, 1.0, 1.2, 1.15],
    ]
)

# What a site keeps to itself, [first offset, end offset): no other site comes there.
RESERVED = {
    ("donor", True): (-40, 35),
    ("donor", False): (-10, 43),
    ("acceptor", True): (-45, 30),
    ("acceptor", False): (-45, 30),
}


@dataclass(frozen=True)
class Site:
    """One candidate splice site of a gene.

    Attributes:
        junction: Interbase gene coordinate.
        splice_type: "donor" or "acceptor".
        pred_type: TP, FP, FN or TN.
        is_explained: Whether a cause is planted at this error.
    """

    junction: int
    splice_type: str
    pred_type: str
    is_explained: bool = False

    @property
    def is_annotated(self) -> bool:
        """Whether the site is in the annotation (TP and FN)."""
        return self.pred_type in ("TP", "FN")


@dataclass(frozen=True)
class Element:
    """One planted element: ``[start, end)`` in gene coordinates and what it is."""

    start: int
    end: int
    cause: str
    role: str
    site: Site


@dataclass
class Gene:
    """A gene under construction.

    Attributes:
        exons: ``[start, end)`` of each exon, 5' to 3'.
        codes: The sequence in transcript sense, uint8 (length,).
        reserved: Bool (length,): no further site may come here.
        taken: Bool (length,): signals and planted elements, never written over.
        sites: The candidate sites.
        elements: What was planted.
        transcripts: Indices of the exons of each transcript.
    """

    exons: list[tuple[int, int]]
    codes: np.ndarray
    reserved: np.ndarray
    taken: np.ndarray
    sites: list[Site] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    transcripts: list[list[int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.codes)

    def add_site(self, site: Site, reserve: tuple[int, int]) -> None:
        """Enter a site and reserve the offsets ``[reserve[0], reserve[1])`` around."""
        self.sites.append(site)
        self.reserved[site.junction + reserve[0] : site.junction + reserve[1]] = True

    def write(self, start: int, codes: np.ndarray) -> None:
        """Put ``codes`` at ``start`` and mark them as taken."""
        self.codes[start : start + len(codes)] = codes
        self.taken[start : start + len(codes)] = True


def encode(sequence: str) -> np.ndarray:
    """Turn a string of A, C, G, T into uint8 codes (length,)."""
    return np.array([BASES.index(base) for base in sequence], dtype=np.uint8)


def sample_background(rng: np.random.Generator, regions: np.ndarray) -> np.ndarray:
    """Draw a sequence from a first-order Markov chain, its composition by region.

    Args:
        rng: Source of randomness.
        regions: uint8 (length,): INTERGENIC, EXON or INTRON per base.

    Returns:
        uint8 codes (length,).
    """
    steps = COMPOSITION[:, None, :] * DINUCLEOTIDE_ODDS
    limits = np.cumsum(steps / steps.sum(axis=2, keepdims=True), axis=2).tolist()
    codes = []
    code = int(rng.integers(4))
    for region, draw in zip(
        regions.tolist(), rng.random(len(regions)).tolist(), strict=True
    ):
        row = limits[region][code]
        code = (draw > row[0]) + (draw > row[1]) + (draw > row[2])
        codes.append(code)
    return np.array(codes, dtype=np.uint8)


def lay_out_gene(
    rng: np.random.Generator, settings: SimulationSettings, plan: Plan
) -> Gene:
    """Draw exons, introns, annotated sites and false positives, and the background.

    A false positive stands at the edge of a pseudo-exon: exon-like composition on its
    exonic side, the intron's on the other, as at a true site. What tells it from a true
    site is what is planted, not the composition around it.

    Args:
        rng: Source of randomness.
        settings: What to simulate.
        plan: What is planted.

    Returns:
        A gene with background sequence; signals are still to be written.
    """
    n_exons = int(rng.integers(settings.exons[0], settings.exons[1] + 1))
    exon_lengths = rng.integers(*_closed(settings.exon_length), size=n_exons)
    intron_lengths = rng.integers(*_closed(settings.intron_length), size=n_exons - 1)
    starts = np.concatenate([[0], np.cumsum(exon_lengths[:-1] + intron_lengths)])
    exons = [(int(s), int(s + n)) for s, n in zip(starts, exon_lengths, strict=True)]
    length = exons[-1][1]
    regions = np.full(length, INTRON, dtype=np.uint8)
    for start, end in exons:
        regions[start:end] = EXON
    gene = Gene(
        exons=exons,
        codes=np.zeros(length, dtype=np.uint8),
        reserved=np.zeros(length, dtype=bool),
        taken=np.zeros(length, dtype=bool),
        transcripts=_draw_transcripts(rng, n_exons, settings),
    )
    for (_, start), (end, _) in pairwise(exons):
        for junction, splice_type in ((start, "donor"), (end, "acceptor")):
            is_missed = rng.random() < settings.false_negative_share
            _add_drawn(
                rng, gene, junction, splice_type, "FN" if is_missed else "TP", plan
            )
        host = SHORTEST_HOST_INTRON + 2 * settings.apart
        if end - start >= host and rng.random() < settings.host_share:
            inside = (start + settings.apart, end - settings.apart)
            size = int(rng.integers(*_closed(settings.pseudo_exon)))
            _add_false_positive(rng, gene, inside, size, regions, plan)
    gene.codes[:] = sample_background(rng, regions)
    return gene


def _closed(limits: tuple[int, int]) -> tuple[int, int]:
    return limits[0], limits[1] + 1


def _draw_transcripts(
    rng: np.random.Generator, n_exons: int, settings: SimulationSettings
) -> list[list[int]]:
    transcripts = [list(range(n_exons))]
    # Skipping an inner exon uses no site that the first transcript does not have.
    if n_exons >= 3 and rng.random() < settings.two_transcripts_share:
        skipped = int(rng.integers(1, n_exons - 1))
        transcripts.append([i for i in range(n_exons) if i != skipped])
    return transcripts


def _add_drawn(
    rng: np.random.Generator,
    gene: Gene,
    junction: int,
    splice_type: str,
    pred_type: str,
    plan: Plan,
) -> None:
    """Enter a TP, FN or FP; whether an error gets a cause is drawn here."""
    cause = plan.causes.get((pred_type, splice_type))
    is_explained = bool(cause and rng.random() >= 1 - cause.share)
    site = Site(junction, splice_type, pred_type, is_explained)
    gene.add_site(site, RESERVED[splice_type, site.is_annotated])


def _add_false_positive(
    rng: np.random.Generator,
    gene: Gene,
    intron: tuple[int, int],
    size: int,
    regions: np.ndarray,
    plan: Plan,
) -> None:
    """Put one unannotated site with its pseudo-exon into an intron."""
    start = intron[0] + RESERVED["donor", True][1]
    end = intron[1] + RESERVED["acceptor", True][0]
    if rng.random() < 0.5:
        after = RESERVED["donor", False][1]
        size = min(size, end - after - start)
        junction = int(rng.integers(start + size, end - after + 1))
        regions[junction - size : junction] = EXON
        _add_drawn(rng, gene, junction, "donor", "FP", plan)
    else:
        # Further from the intron's donor than need be, so that about as many elements
        # of other sites come near as at a true acceptor.
        before = 60
        size = min(size, end - start - before)
        junction = int(rng.integers(start + before, end - size + 1))
        regions[junction : junction + size] = EXON
        _add_drawn(rng, gene, junction, "acceptor", "FP", plan)
