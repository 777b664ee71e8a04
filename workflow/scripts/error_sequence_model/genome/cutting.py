"""Cutting windows out of contigs; the junction lies before index ``upstream``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from error_sequence_model.core import InputError
from error_sequence_model.genome.coordinates import get_window_starts
from error_sequence_model.genome.fasta import Genome, clean_bases, complement_bases

BASE_N = ord("N")


def check_sides(upstream: int, downstream: int) -> None:
    """Refuse windows that are empty or have a negative side.

    Raises:
        InputError: They are, or have.
    """
    if upstream < 0 or downstream < 0 or upstream + downstream == 0:
        raise InputError(
            f"a window of {upstream} bases before and {downstream} after the junction "
            "is not possible; set `windows.upstream` and `windows.downstream`"
        )


class WindowCutter:
    """Cuts windows from one contig.

    Args:
        contig: uint8 ``(contig_length,)`` cleaned forward-strand bases.
        upstream: Bases before the junction, in transcript direction.
        downstream: Bases after it.
    """

    def __init__(self, contig: np.ndarray, upstream: int, downstream: int) -> None:
        self.upstream, self.downstream = upstream, downstream
        self.length = upstream + downstream
        padded = np.full(len(contig) + 2 * self.length, BASE_N, dtype=np.uint8)
        padded[self.length : self.length + len(contig)] = contig
        self._views = sliding_window_view(padded, self.length)

    def __call__(self, junctions: np.ndarray, is_plus: np.ndarray) -> np.ndarray:
        """Cut the windows of some sites.

        Args:
            junctions: int64 ``(n,)`` interbase, within ``[0, contig_length]``.
            is_plus: bool ``(n,)``.

        Returns:
            uint8 ``(n, length)``, transcript strand.
        """
        starts = get_window_starts(
            junctions, is_plus, upstream=self.upstream, downstream=self.downstream
        )
        windows = self._views[starts + self.length]
        is_minus = ~np.asarray(is_plus)
        if is_minus.any():
            windows[is_minus] = complement_bases(windows[is_minus, ::-1])
        return windows


def extract_window(
    genome: Genome,
    chrom: str,
    junction: int,
    strand: str,
    *,
    upstream: int,
    downstream: int,
) -> str:
    """Return the window of one site, without reading the whole contig.

    Returns:
        ``upstream + downstream`` letters on the transcript strand, N beyond the
        contig's ends.

    Raises:
        InputError: The window would have no bases, or a negative side.

    Example:
        >>> from types import SimpleNamespace
        >>> contig = "TTTTCAGGTAAGTT"
        >>> genome = SimpleNamespace(
        ...     lengths={"chr1": 14}, fetch=lambda chrom, start, end: contig[start:end]
        ... )
        >>> extract_window(genome, "chr1", 7, "+", upstream=3, downstream=6)
        'CAGGTAAGT'
        >>> extract_window(genome, "chr1", 7, "-", upstream=9, downstream=2)
        'NNAACTTACCT'
    """
    check_sides(upstream, downstream)
    is_plus = np.array([strand == "+"])
    margin = upstream + downstream
    start = max(0, junction - margin)
    text = genome.fetch(chrom, start, min(genome.lengths[chrom], junction + margin))
    piece = clean_bases(text)
    cut = WindowCutter(piece, upstream, downstream)
    return cut(np.array([junction - start]), is_plus).tobytes().decode()


def get_dinucleotides(sites: pd.DataFrame, genome: Genome) -> np.ndarray:
    """Read the two intronic bases beside each junction, in transcript sense.

    Args:
        sites: chrom, junction, strand, splice_type; any order.
        genome: Where they lie.

    Returns:
        Object array ``(n,)`` of two-letter strings; N beyond a contig's end.
    """
    found = np.empty(len(sites), dtype="S2")
    is_plus = sites["strand"].eq("+").to_numpy()
    is_donor = sites["splice_type"].eq("donor").to_numpy()
    junctions = sites["junction"].to_numpy()
    for chrom, rows in sites.groupby("chrom", sort=False).indices.items():
        cut = WindowCutter(genome.load_contig(chrom), 2, 2)
        around = cut(junctions[rows], is_plus[rows])
        intron = np.where(is_donor[rows, None], around[:, 2:], around[:, :2])
        found[rows] = np.ascontiguousarray(intron).view("S2").ravel()
    return found.astype("U2").astype(object)
