"""The settings of the simulated genome and predictor, checked when they are made."""

from __future__ import annotations

import dataclasses
import numbers
from dataclasses import dataclass
from typing import Any

from error_sequence_model.core import InputError

# The shortest exon and intron in which the signals of both ends fit side by side, and
# the shortest intron with room for a false positive between its true sites.
SHORTEST_EXON = 60
SHORTEST_INTRON = 80
SHORTEST_HOST_INTRON = 200


@dataclass(frozen=True)
class SimulationSettings:
    """What is simulated; the defaults are the demo (0.64 Mb, about 3,500 sites).

    Attributes:
        seed: Seed of the one generator everything is drawn from.
        draw: Whether causes, their places and shares, and decoys are drawn too.
        chromosomes: Number of chromosomes, ``chr1`` onwards.
        genes_per_chromosome: Genes on each, half of them on either strand.
        exons: Fewest and most exons of a gene, both included (as all ranges here).
        exon_length: Shortest and longest exon (nt).
        intron_length: Shortest and longest intron (nt).
        spacing: Shortest and longest stretch between two genes (nt).
        false_negative_share: Probability that an annotated site is missed.
        pseudo_exon: Shortest and longest exon-like stretch at a false positive (nt).
        apart: Fewest bases between a false positive with its pseudo-exon, or what
            follows its intronic side, and the annotated sites of its intron (nt).
        host_share: Probability that an intron long enough holds a false positive.
        true_negatives_per_gene: Mean number of unused GT/AG listed per gene.
        unexplained_share: Probability that an error has no planted cause.
        two_copies_share: Probability that a cause is planted twice.
        altered_share: Probability that a planted copy has one base changed.
        decoy_rate: Probability that a site, of whatever class, carries the decoy.
        gc_donor_share: Share of annotated donors with GC instead of GT.
        two_transcripts_share: Share of genes with a second, exon-skipping transcript.
        noncoding_share: Share of genes with biotype ``lncRNA``.

    Raises:
        InputError: A value is of the wrong kind or outside what can be simulated.
    """

    seed: int = 1
    draw: bool = False
    chromosomes: int = 6
    genes_per_chromosome: int = 46
    exons: tuple[int, int] = (3, 6)
    exon_length: tuple[int, int] = (60, 250)
    intron_length: tuple[int, int] = (80, 400)
    spacing: tuple[int, int] = (300, 1200)
    false_negative_share: float = 0.33
    pseudo_exon: tuple[int, int] = (60, 100)
    apart: int = 0
    host_share: float = 0.95
    true_negatives_per_gene: float = 3.3
    unexplained_share: float = 0.04
    two_copies_share: float = 0.5
    altered_share: float = 0.2
    decoy_rate: float = 0.4
    gc_donor_share: float = 0.02
    two_transcripts_share: float = 0.15
    noncoding_share: float = 0.1

    def __post_init__(self) -> None:
        _check_integer("seed", self.seed, 0, 2**63 - 1)
        if not isinstance(self.draw, bool):
            raise InputError(f"simulation: draw is {self.draw!r}; true or false")
        _check_integer("chromosomes", self.chromosomes, 1, 100)
        _check_integer("genes_per_chromosome", self.genes_per_chromosome, 1, 10_000)
        _check_range("exons", self.exons, 2, 50)
        _check_range("exon_length", self.exon_length, SHORTEST_EXON, 10_000)
        _check_range("intron_length", self.intron_length, SHORTEST_INTRON, 100_000)
        _check_range("pseudo_exon", self.pseudo_exon, 20, 10_000)
        _check_integer("apart", self.apart, 0, 10_000)
        _check_range("spacing", self.spacing, 200, 1_000_000)
        if self.intron_length[1] < SHORTEST_HOST_INTRON:
            raise InputError(
                f"simulation: intron_length is {self.intron_length}; false positives "
                f"need introns of {SHORTEST_HOST_INTRON} nt, so the second number must "
                "be at least that"
            )
        _check_number("true_negatives_per_gene", self.true_negatives_per_gene, 0, 20)
        for field in dataclasses.fields(self):
            if field.name.endswith(("_share", "_rate")):
                _check_number(field.name, getattr(self, field.name), 0, 1)


def make_settings(**options: Any) -> SimulationSettings:
    """Make settings from names and values.

    Args:
        **options: Fields of ``SimulationSettings``; the others keep their defaults.

    Returns:
        The settings.

    Raises:
        InputError: A name is unknown or a value not allowed.
    """
    allowed = [field.name for field in dataclasses.fields(SimulationSettings)]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise InputError(
            f"simulation: unknown option {', '.join(unknown)}; "
            f"allowed are {', '.join(allowed)}"
        )
    ranges = {
        name: tuple(value) for name, value in options.items() if isinstance(value, list)
    }
    return SimulationSettings(**{**options, **ranges})


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _check_integer(name: str, value: Any, low: int, high: int) -> None:
    if not (_is_integer(value) and low <= value <= high):
        raise InputError(
            f"simulation: {name} is {value!r}; it must be a whole number from {low} "
            f"to {high}"
        )


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (is_number and low <= value <= high):
        raise InputError(
            f"simulation: {name} is {value!r}; it must be a number from {low} to {high}"
        )


def _check_range(name: str, value: Any, low: int, high: int) -> None:
    is_pair = isinstance(value, tuple) and len(value) == 2
    if not (
        is_pair and all(map(_is_integer, value)) and low <= value[0] <= value[1] <= high
    ):
        raise InputError(
            f"simulation: {name} is {value!r}; it must be two whole numbers, smaller "
            f"first, between {low} and {high}"
        )
