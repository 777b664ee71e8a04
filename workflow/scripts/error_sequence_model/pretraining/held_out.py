"""What pretraining must not see: the sequence of validation and test sites.

Split by chromosome, whole contigs are held out; split by gene or homology, the bodies
of the genes with held-out sites, on both strands. In either case also the held-out
sites' windows, and what resembles them (see ``splits.homology``). Intervals are 0-based
half-open on the forward strand.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import get_window_starts, normalise_contig
from error_sequence_model.pretraining.gene_bodies import GeneBodies, join_genes
from error_sequence_model.settings import SplitSettings
from error_sequence_model.splits import NearCopies, get_column
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """Held-out sequence.

    Attributes:
        contigs: Contigs held out whole.
        allowed: Contigs that may be learnt from.
        sites: The held-out sites: site_id, chrom, start, end of their windows.
        genes: Their genes where genes are held out: chrom, start, end; else empty.
    """

    contigs: frozenset[str]
    allowed: frozenset[str]
    sites: pd.DataFrame
    genes: pd.DataFrame

    @property
    def intervals(self) -> pd.DataFrame:
        """chrom, start, end of all that must not be overlapped."""
        columns = ["chrom", "start", "end"]
        return pd.concat([self.sites[columns], self.genes[columns]], ignore_index=True)

    def list_windowed(self, windows: Windows) -> np.ndarray:
        """site_id of the sites that have a window, int64 (n,)."""
        ids = self.sites["site_id"].to_numpy()
        return ids[windows.has_windows(ids)]


def find_held_out(
    sites: pd.DataFrame,
    windows: Windows,
    genomes: Sequence[GeneBodies],
    settings: SplitSettings,
    *,
    split: pd.DataFrame | None = None,
) -> HeldOut:
    """Find what a predictor's split holds out.

    Args:
        sites: sites.parquet.
        windows: Their windows.
        genomes: The genomes to learn from.
        settings: How the predictor's sites are split.
        split: The rows of split.parquet of one contrast, splice type and fold. None
            where `settings` name the test and validation chromosomes, which are then
            the same for all of them.

    Raises:
        InputError: The split holds out nothing, or leaves nothing to learn from.
    """
    if split is None:
        values = find_named_values(sites, settings)
        is_held = get_column(sites, settings.column).isin(values).to_numpy()
    else:
        held = split.loc[split["part"].isin(["validation", "test"]), "site_id"]
        is_held = sites["site_id"].isin(held).to_numpy()
        values = set()
        if settings.by == "chromosome":
            values = set(get_column(sites, settings.column)[is_held])
    if not is_held.any():
        raise InputError(
            "the split holds out no site: pretraining cannot know what to leave out; "
            "name chromosomes in `splits.test` and `splits.validation`"
        )
    chosen = sites[is_held]
    starts = get_window_starts(
        chosen["junction"].to_numpy(),
        chosen["strand"].eq("+").to_numpy(),
        upstream=windows.upstream,
        downstream=windows.downstream,
    )
    chosen = chosen[["site_id", "chrom"]].assign(
        start=starts, end=starts + windows.length
    )
    names = {name for bodies in genomes for name in bodies.contigs}
    if settings.by == "chromosome":
        contigs = _hold_out_contigs(sites, genomes, values, settings.column)
        genes = chosen.iloc[:0]
        allowed = names - contigs - _find_unplaced(sites, genomes, settings.column)
    else:
        contigs, allowed = set(), names
        genes = _hold_out_genes(chosen, join_genes(genomes))
    if not allowed:
        raise InputError(
            "the split leaves no contig to pretrain on; hold out fewer chromosomes in "
            "`splits`, or set `pretraining.enabled: false`"
        )
    return HeldOut(frozenset(contigs), frozenset(allowed), chosen, genes)


def find_named_values(sites: pd.DataFrame, settings: SplitSettings) -> set[str]:
    """Values of the split's column that the config names for test and validation."""
    named = {*settings.test, *settings.validation}
    if not settings.preset:
        return named
    wanted = {normalise_contig(name) for name in named}
    values = get_column(sites, settings.column).unique()
    return named | {value for value in values if normalise_contig(value) in wanted}


def _hold_out_contigs(
    sites: pd.DataFrame, genomes: Sequence[GeneBodies], values: set[str], column: str
) -> set[str]:
    """Contigs with a held-out value, or called by it, also with a suffix (_alt)."""
    is_held = get_column(sites, column).isin(values)
    contigs = set(sites.loc[is_held, "chrom"])
    if column == "chrom":
        for bodies in genomes:
            contigs |= {
                name
                for name in bodies.contigs
                if any(
                    name == value or name.startswith(f"{value}_") for value in values
                )
            }
    return contigs


def _find_unplaced(
    sites: pd.DataFrame, genomes: Sequence[GeneBodies], column: str
) -> set[str]:
    """Contigs of which nobody knows the split column's value: they have no site."""
    if column == "chrom":
        return set()
    known = set(sites["chrom"])
    return {
        name
        for bodies in genomes
        if bodies.source.has_sites
        for name in bodies.contigs
        if name not in known
    }


def _hold_out_genes(sites: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """Genes, of either strand, whose body a held-out window touches."""
    return genes.loc[find_overlaps(genes, sites), ["chrom", "start", "end"]]


def find_overlaps(query: pd.DataFrame, target: pd.DataFrame) -> np.ndarray:
    """Tell which intervals share a base with any target interval.

    Args:
        query: chrom, start, end.
        target: chrom, start, end.

    Returns:
        bool ``(n_query,)``.
    """
    found = np.zeros(len(query), dtype=bool)
    chroms = query["chrom"].to_numpy()
    starts, ends = query["start"].to_numpy(), query["end"].to_numpy()
    for chrom, there in target.groupby("chrom", sort=False):
        rows = np.flatnonzero(chroms == chrom)
        # Those that begin before our end, less those that end before our start.
        begun = np.searchsorted(np.sort(there["start"]), ends[rows], side="left")
        ended = np.searchsorted(np.sort(there["end"]), starts[rows], side="right")
        found[rows] = begun > ended
    return found


class NearDuplicates:
    """Finds windows that resemble held-out sites' windows, in pieces of one length.

    Args:
        held_out: Held-out windows, uint8 ``(n, width)`` ASCII.
        length: Bases of the windows to be compared with them.
        similarity: From which similarity pieces count as near-duplicates.
    """

    def __init__(self, held_out: np.ndarray, length: int, similarity: float) -> None:
        self._size = min(held_out.shape[1], length)
        self._held, _ = cut_pieces(held_out, self._size)
        self._similarity = similarity

    def find(self, windows: np.ndarray) -> np.ndarray:
        """Tell which windows have a piece like a piece of a held-out window.

        Args:
            windows: uint8 ``(n, length)`` ASCII.

        Returns:
            bool ``(n,)``.
        """
        pieces, owner = cut_pieces(windows, self._size)
        is_held = np.arange(len(self._held) + len(pieces)) < len(self._held)
        near = NearCopies(np.concatenate([self._held, pieces]), self._similarity)
        found = np.zeros(len(windows), dtype=bool)
        found[owner[near.measure(~is_held, is_held)[~is_held] > 0]] = True
        return found


def cut_pieces(windows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut windows into pieces that overlap by half.

    Args:
        windows: uint8 ``(n, length)``.
        size: Bases per piece, at most ``length``.

    Returns:
        Pieces uint8 ``(n_pieces, size)``, and each one's window, int64 ``(n_pieces,)``.
    """
    last = windows.shape[1] - size
    starts = sorted({*range(0, last + 1, max(size // 2, 1)), last})
    pieces = [windows[:, start : start + size] for start in starts]
    return np.concatenate(pieces), np.tile(np.arange(len(windows)), len(starts))
