"""Named causes from the user's own files: repeats, junction reads, any BED.

BED is 0-based half-open, junctions are interbase: an interval covers a junction if it
holds the base on either side of it. Contig names may differ by "chr" as elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import match_contigs, read_support
from error_sequence_model.settings import CauseSettings, Track
from error_sequence_model.tables import convert_intervals, read_rows

SUPPORT_REACH = 2
COLUMNS = ("chrom", "start", "end", "name", "score", "strand")


def flag_tracks(
    sites: pd.DataFrame, tracks: Sequence[Track], settings: CauseSettings
) -> dict[str, np.ndarray]:
    """Flag sites by the user's files.

    Args:
        sites: chrom, junction, strand, splice_type.
        tracks: The files; several of one kind are put together.
        settings: ``minimum_reads``.

    Returns:
        Flag name -> float (n,): repeat, alu_antisense, supported, bed_{name}.

    Raises:
        InputError: A file that cannot be read or shares no contig with the sites.
    """
    flags: dict[str, np.ndarray] = {}

    def add(name: str, flag: np.ndarray) -> None:
        flags[name] = np.maximum(flags.get(name, 0.0), flag.astype(np.float64))

    for track in tracks:
        if track.cause == "junctions":
            add("supported", _find_support(sites, track, settings))
            continue
        bed = _match(read_bed(track.path), sites, track)
        if track.cause == "bed":
            stranded = bed[bed["strand"].isin(["+", "-"])]
            plain = bed.drop(index=stranded.index)
            covered = _is_covered(sites, plain) | _is_covered(sites, stranded, "same")
            add(f"bed_{track.name}", covered)
            continue
        add("repeat", _is_covered(sites, bed))
        is_alu = bed["name"].str.contains(r"\bAlu|^Alu", regex=True, na=False)
        if bed["strand"].isin(["+", "-"]).any():
            add("alu_antisense", _is_covered(sites, bed[is_alu], "opposite"))
    return flags


def read_bed(path: str | Path) -> pd.DataFrame:
    """Read a BED file (plain or gzip): chrom, start, end, name, strand.

    Raises:
        InputError: No such file, or a row without whole-number start and end.
    """
    rows = read_rows(path, dict(enumerate(COLUMNS)), what="BED", optional=3)
    rows = convert_intervals(rows, path, first=0, what="BED")
    return rows.drop(columns="score").reset_index(drop=True)


def _match(rows: pd.DataFrame, sites: pd.DataFrame, track: Track) -> pd.DataFrame:
    """Give rows the sites' contig names; rows on other contigs are dropped."""
    if track.prefix:
        rows = rows.assign(chrom=track.prefix + ":" + rows["chrom"])
    contigs = dict.fromkeys(sites["chrom"], 0)
    names = match_contigs(rows["chrom"].unique(), contigs, aliases=track.aliases)[0]
    if len(rows) and not names and contigs:
        theirs, ours = list(rows["chrom"].unique()[:5]), list(contigs)[:5]
        raise InputError(
            f"{track.path}: none of its contigs ({', '.join(theirs)} …) is among the "
            f"sites' ({', '.join(ours)} …): another genome? See `causes` in the config"
        )
    return rows.assign(chrom=rows["chrom"].map(names)).dropna(subset=["chrom"])


def _is_covered(
    sites: pd.DataFrame, intervals: pd.DataFrame, strands: str = "any"
) -> np.ndarray:
    """Whether an interval holds a base beside the junction, bool (n,).

    Args:
        sites: chrom, junction, strand.
        intervals: chrom, start, end, strand.
        strands: "any", "same" or "opposite".
    """
    found = np.zeros(len(sites), dtype=bool)
    turned = {"+": "-", "-": "+"}
    groups = dict(list(intervals.groupby(["chrom", "strand"])))
    if strands == "any":
        groups = {(key, ""): rows for key, rows in intervals.groupby("chrom")}
    for (chrom, strand), rows in sites.groupby(["chrom", "strand"]).indices.items():
        side = {"any": "", "same": strand, "opposite": turned.get(strand)}[strands]
        group = groups.get((chrom, side))
        if group is None:
            continue
        places = sites["junction"].to_numpy()[rows]
        # An interval touches the junction if it starts at or before it and ends at or
        # after it: then at least one of the two bases beside it is inside.
        lengthy = group[group["end"] > group["start"]]
        begun = np.searchsorted(np.sort(lengthy["start"]), places, side="right")
        ended = np.searchsorted(np.sort(lengthy["end"]), places, side="left")
        found[rows] = begun > ended
    return found


def _find_support(
    sites: pd.DataFrame, track: Track, settings: CauseSettings
) -> np.ndarray:
    known = read_support(
        track.path,
        coordinate_base=track.coordinate_base,
        site_base=track.site_base,
        smallest_intron=track.smallest_intron,
    )
    if "reads" in known:
        reads = pd.to_numeric(known["reads"], errors="coerce")
        known = known[reads >= settings.minimum_reads]
    known = _match(known, sites, track)
    keys = ["chrom", "strand", "splice_type"]
    places = {key: np.unique(rows["junction"]) for key, rows in known.groupby(keys)}
    found = np.zeros(len(sites), dtype=bool)
    for key, rows in sites.groupby(keys).indices.items():
        there = places.get(key)
        if there is None:
            continue
        here = sites["junction"].to_numpy()[rows]
        first = np.searchsorted(there, here - SUPPORT_REACH, side="left")
        last = np.searchsorted(there, here + SUPPORT_REACH, side="right")
        found[rows] = last > first
    return found
