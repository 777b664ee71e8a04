"""What a predictor's scores hold, and whether its sites lie where they say.

Of text files the head is read, of bigWigs a stretch; the whole files are held against
the annotation when they are called (``arrangement.py``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.files import measure_sites, read_anew
from error_sequence_model.calling.findings import (
    ODD,
    UNDERSTOOD,
    WRONG,
    Finding,
    write_lines,
)
from error_sequence_model.calling.score_files import match_lengths
from error_sequence_model.calling.scores import read_scores
from error_sequence_model.core import InputError
from error_sequence_model.figures import count_words
from error_sequence_model.genome import (
    SITE_BASES,
    SPLICE_TYPES,
    STRANDS,
    Genome,
    get_junctions,
    open_bigwig,
)
from error_sequence_model.sites import MINIMUM_SHARE, Reading
from error_sequence_model.tables import copy_head

SAMPLE = 20_000  # sites whose dinucleotides are looked at
HEAD = 1 << 24  # bytes read of a text table of scores
_STRETCH = 2_000_000  # bases read of a bigWig
_RELIABLE = 0.5  # scores from which a base is meant as a site
_FEWEST = 50  # such bases that tell anything; of one strand and type less than half
_BELIEVED = 0.7  # share of sites from which another way to read them is named
_CHANCE = 0.5  # share below which it is no predictor's weakness


def measure(
    sites: pd.DataFrame,
    genome: Genome,
    declared: Reading,
    reading: Reading | None = None,
) -> float:
    """The share of sites with consensus, were they read in another convention."""
    sample = sites.sample(min(SAMPLE, len(sites)), random_state=0)
    read = read_anew(sample, declared, reading or declared)
    lengths = read["chrom"].map(genome.lengths).astype("int64")
    return measure_sites(read[read["junction"].between(2, lengths - 2)], genome)


def check_scores(
    subject: str, predictor: Mapping[str, Any], genome: Genome
) -> Iterator[Finding]:
    """The head of a predictor's scores, and whether its sites lie where they say."""
    place = f"{subject}.scores"
    declared = Reading(predictor["coordinate_base"], predictor["site_base"])
    tracks = dict(predictor["scores"])
    if predictor["columns"]:
        tracks.setdefault("columns", dict(predictor["columns"]))
    if tracks["format"] == "bigwig":
        sites = _read_bigwigs(tracks, genome, declared)
    else:
        sites = _read_heads(tracks, genome, declared)
    likely = sites[sites["score"] >= _RELIABLE]
    yield Finding(
        *(place, UNDERSTOOD),
        f"{tracks['format']}: of {count_words(len(sites), 'scored position')} read, "
        f"{len(likely):,} have {_RELIABLE} or more",
    )
    if len(likely) < _FEWEST:
        best = float(sites["score"].max()) if len(sites) else 0.0
        yield Finding(place, ODD, f"few positions score high; the highest is {best:g}")
        return
    yield _judge_places(subject, likely, genome, declared, tracks["format"])


def _judge_places(
    subject: str, likely: pd.DataFrame, genome: Genome, declared: Reading, kind: str
) -> Finding:
    """Whether likely sites have consensus; if not, which mistake explains it."""
    place = f"{subject}.scores"
    bases = (0, 1) if kind == "table" else (declared.coordinate_base,)
    readings = [declared, *(Reading(b, s) for b in bases for s in SITE_BASES)]
    for flipped, swapped in ((True, False), (False, True), (True, True)):
        readings.append(
            replace(declared, is_flipped=flipped, is_swapped=swapped),
        )
    shares = [measure(likely, genome, declared, reading) for reading in readings]
    best = int(np.argmax(shares))
    text = f"{shares[0]:.1%} of these have GT, GC or AG where they say"
    odd = {}
    for (splice_type, strand), rows in likely.groupby(["splice_type", "strand"]):
        share = measure(rows, genome, declared)
        if len(rows) >= _FEWEST // 2 and share < _CHANCE:
            odd[f"{splice_type} '{strand}'"] = share
    if shares[0] >= MINIMUM_SHARE and not odd:
        return Finding(place, UNDERSTOOD, text)
    if shares[best] >= max(_BELIEVED, shares[0] + 0.1):
        text += f"; {shares[best]:.1%} with {readings[best].describe(declared)}"
        if settings := readings[best].list_settings(declared):
            return Finding(place, WRONG, text, write_lines(subject, settings))
        return Finding(place, WRONG, f"{text}: exchange the files or names in {place}")
    if odd:
        told = ", ".join(f"{name} {share:.1%}" for name, share in odd.items())
        text += (
            f" ({told}), and no other way to read them fits: the file of another "
            f"strand or type, shifted positions, or another genome build? See {place}"
        )
        return Finding(place, WRONG, text)
    return Finding(place, ODD, text)


def _read_heads(
    tracks: dict[str, Any], genome: Genome, declared: Reading
) -> pd.DataFrame:
    """Scores in the heads of text files."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        copies: dict[str, str] = {}

        def shorten(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {k: shorten(v) for k, v in value.items()}
            copy = copy_head(value, Path(folder, str(len(copies))), HEAD)
            copies[str(copy)] = str(value)
            return str(copy)

        files = {
            k: v if k in ("format", "columns") else shorten(v)
            for k, v in tracks.items()
        }
        try:
            return read_scores(
                files,
                genome,
                coordinate_base=declared.coordinate_base,
                site_base=declared.site_base,
            ).to_frame()
        except InputError as error:
            text = str(error)
            for copy, original in copies.items():
                text = text.replace(copy, original)
            raise InputError(text, settings=error.settings) from None


def _read_bigwigs(
    tracks: Mapping[str, Any], genome: Genome, declared: Reading
) -> pd.DataFrame:
    """Scores in the middle of the largest contig that all tracks have."""
    rows = []
    for splice_type in SPLICE_TYPES:
        for strand in STRANDS:
            path = tracks[splice_type][strand]
            with open_bigwig(path, what="scores") as track:
                lengths = track.chroms()
                names = match_lengths(lengths, genome, path)
                theirs = max(names, key=lambda contig: lengths[contig])
                middle = lengths[theirs] // 2
                low = max(middle - _STRETCH // 2, 0)
                high = min(middle + _STRETCH // 2, lengths[theirs])
                values = np.nan_to_num(track.values(theirs, low, high, numpy=True))
            if values.max(initial=0) > 1 or values.min(initial=0) < 0:
                raise InputError(
                    f"scores: {path}: scores from {values.min():g} to "
                    f"{values.max():g}; they must lie between 0 and 1"
                )
            places = np.flatnonzero(values > 0)
            rows.append(
                pd.DataFrame(
                    {
                        "chrom": names[theirs],
                        "position": low + places + declared.coordinate_base,
                        "strand": strand,
                        "splice_type": splice_type,
                        "score": values[places],
                    }
                )
            )
    sites = pd.concat(rows, ignore_index=True)
    junctions = get_junctions(
        sites["position"].to_numpy(np.int64),
        sites["strand"].eq("+").to_numpy(),
        sites["splice_type"].eq("donor").to_numpy(),
        coordinate_base=declared.coordinate_base,
        site_base=declared.site_base,
    )
    return sites.assign(junction=junctions)
