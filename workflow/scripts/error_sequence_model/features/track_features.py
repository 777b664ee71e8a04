"""Features from the user's bigWigs: means around the junction at three scales."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.features.families import Feature
from error_sequence_model.genome import match_contigs, open_bigwig

logger = logging.getLogger(__name__)

SCALES = (10, 50)  # bases each side; the window's longer side is the third scale


def compute_track_features(
    sites: pd.DataFrame,
    bigwigs: Mapping[str, Any],
    *,
    reach: int,
    aliases: Mapping[str, str] | None = None,
) -> tuple[list[Feature], np.ndarray]:
    """Average each track around each junction.

    Args:
        sites: chrom, junction, and genome in a pool.
        bigwigs: Name -> path; in a pool name -> {genome: path}.
        reach: Largest scale, bases each side of the junction.
        aliases: Genome ("" without a pool) -> table of its contigs' other names.

    Returns:
        The features, and float32 (n, features); bases without a value are left out of
        a mean, and NaN is a mean of none.

    Raises:
        InputError: A file is missing, is no bigWig, or has none of the contigs.
    """
    scales = [*(scale for scale in SCALES if scale < reach), reach]
    features = [
        Feature(
            f"track:{name}:{scale}",
            "track units",
            f"mean of {name} within {scale} nt of the junction",
        )
        for name in bigwigs
        for scale in scales
    ]
    values = np.full((len(sites), len(features)), np.nan, dtype=np.float32)
    for number, (name, paths) in enumerate(bigwigs.items()):
        columns = slice(number * len(scales), (number + 1) * len(scales))
        for genome, path, rows, contigs in _pair(name, paths, sites):
            junctions = sites["junction"].to_numpy()[rows]
            other_names = (aliases or {}).get(genome)
            values[rows, columns] = _average(
                path, name, contigs, junctions, scales, other_names
            )
    return features, values


def _pair(
    name: str, paths: str | Mapping[str, str], sites: pd.DataFrame
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Pair each genome's file with its rows and their contigs' own names."""
    chroms = sites["chrom"].to_numpy(dtype=object)
    if isinstance(paths, str):
        if "genome" in sites:
            raise InputError(
                f"features.bigwigs.{name}: a pool has several genomes; give "
                "{genome: path} in place of one path"
            )
        yield "", paths, np.arange(len(sites)), chroms
        return
    if "genome" not in sites:
        raise InputError(
            f"features.bigwigs.{name}: give one path; {{genome: path}} is for pools"
        )
    genomes = sites["genome"].to_numpy(dtype=object)
    unknown = sorted(set(paths) - set(genomes))
    if unknown:
        logger.warning("features.bigwigs.%s: no site of %s", name, ", ".join(unknown))
    for genome, path in paths.items():
        rows = np.flatnonzero(genomes == genome)
        own = [chrom.removeprefix(f"{genome}:") for chrom in chroms[rows]]
        yield genome, path, rows, np.array(own, dtype=object)


def _average(
    path: str,
    name: str,
    chroms: np.ndarray,
    junctions: np.ndarray,
    scales: list[int],
    aliases: str | None,
) -> np.ndarray:
    place = f"features.bigwigs.{name}: {path}"
    with open_bigwig(path, what=f"features.bigwigs.{name}") as track:
        lengths = track.chroms() or {}
        mapping, _ = match_contigs(pd.unique(chroms), lengths, aliases=aliases)
        if len(chroms) and not mapping:
            raise InputError(
                f"{place}: has none of the sites' contigs, such as {chroms[0]!r}; it "
                f"has {', '.join(list(lengths)[:5])}: another genome?"
            )
        missing = set(chroms) - set(mapping)
        if missing:
            logger.warning("%s: nothing on contigs %s", place, sorted(missing)[:5])
        means = np.full((len(chroms), len(scales)), np.nan, dtype=np.float32)
        for row, (chrom, junction) in enumerate(zip(chroms, junctions, strict=True)):
            if chrom in mapping:
                contig = mapping[chrom]
                means[row] = _average_site(
                    track, contig, lengths[contig], int(junction), scales
                )
    return means


def _average_site(
    track: Any, contig: str, length: int, junction: int, scales: list[int]
) -> list[float]:
    reach = scales[-1]
    start, end = max(junction - reach, 0), min(junction + reach, length)
    if end <= start:
        return [np.nan] * len(scales)
    values = track.values(contig, start, end, numpy=True)
    means = []
    for scale in scales:
        part = values[max(junction - scale - start, 0) : junction + scale - start]
        known = part[np.isfinite(part)]
        means.append(float(known.mean()) if len(known) else np.nan)
    return means
