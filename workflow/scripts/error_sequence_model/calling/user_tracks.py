"""What a config's other files hold: regions, sites, variants and tracks on a genome.

Each is opened, and its contigs and ends are held against the genome's. Of variants the
head is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from error_sequence_model.calling.files import check_truth, find_support
from error_sequence_model.calling.findings import (
    ODD,
    UNDERSTOOD,
    WRONG,
    Finding,
    guard,
)
from error_sequence_model.calling.scan_regions import read_regions
from error_sequence_model.calling.score_files import use_contig_names
from error_sequence_model.core import list_few, read_saved_table
from error_sequence_model.figures import count_words
from error_sequence_model.genome import (
    Genome,
    Variants,
    open_bigwig,
    read_annotation,
)
from error_sequence_model.sites import Reading
from error_sequence_model.tables import convert_intervals, read_rows

HEAD = 20_000  # records read of a VCF
LOOKED_AT = 2_000  # variants of a contig whose reference is compared
_FEW = 0.5  # share on the genome's contigs below which a file is odd
_FIT = 0.99  # share of variants with the genome's reference of a sound file

Check = Callable[[str, str, Genome, Mapping[str, Any]], Iterator[Finding]]


def check_tracks(
    name: str, config: Mapping[str, Any], missing: Collection[str]
) -> Iterator[Finding]:
    """Check the files that lie on a genome, beside its annotation and calls.

    Args:
        name: Of the genome, whose FASTA can be read.
        config: Complete.
        missing: Keys of files that are not there.
    """
    entry = config["genomes"][name]
    with Genome(entry["fasta"], entry["aliases"]) as genome:
        for place, path, check, predictor in _list_checks(name, config):
            subject = f"predictors.{predictor.get('name')}" if predictor else ""
            options = {**predictor, "smallest_intron": entry["smallest_intron"]}
            options["aliases"] = entry["aliases"]

            def read(check=check, place=place, path=path, options=options):
                return check(place, path, genome, options)

            yield from guard(place, read, missing=missing, entry=subject)


def _list_checks(
    name: str, config: Mapping[str, Any]
) -> Iterator[tuple[str, str, Check, dict[str, Any]]]:
    """Key, path, how to check it, and the predictor whose it is."""
    convention: dict[str, Any] = {}
    for own, predictor in config["predictors"].items():
        if predictor.get("genome") != name:
            continue
        given = {**predictor, "name": own}
        convention = convention or {
            key: predictor[key] for key in ("coordinate_base", "site_base")
        }
        for key, check in _OF_PREDICTORS.items():
            if path := predictor.get(key):
                yield f"predictors.{own}.{key}", path, check, given
        scores = predictor.get("scores") or {}
        if scores.get("format") == "model" and scores["regions"] != "genes":
            place = f"predictors.{own}.scores.regions"
            yield place, scores["regions"], _check_intervals, given
    causes, bigwigs = config["causes"], config["features"]["bigwigs"]
    files = {"causes.repeats": (causes["repeats"], _check_intervals)}
    files["causes.junctions"] = (causes["junctions"], _check_support)
    for key, file in causes["beds"].items():
        files[f"causes.beds.{key}"] = (file, _check_intervals)
    for key, file in bigwigs.items():
        files[f"features.bigwigs.{key}"] = (file, _check_bigwig)
    for place, (file, check) in files.items():
        is_map = isinstance(file, Mapping)
        if path := file.get(name) if is_map else file:
            yield place + f".{name}" * is_map, path, check, convention


def _describe_places(
    place: str,
    path: str,
    rows: pd.DataFrame,
    genome: Genome,
    noun: str = "interval",
) -> Iterator[Finding]:
    """What share lies on the genome's contigs, and what ends beyond them.

    Args:
        place: Key of the config.
        path: The file.
        rows: chrom, end.
        genome: Where they should lie.
        noun: What a row is.
    """
    names, _ = genome.match_contigs(rows["chrom"].dropna().unique())
    contigs = rows["chrom"].map(names)
    share = float(contigs.notna().mean()) if len(rows) else 0.0
    text = (
        f"{path}: {count_words(len(rows), noun)}, {share:.1%} on the genome's contigs"
    )
    theirs = list_few([str(name) for name in rows["chrom"].dropna().unique()])
    told = f"{text} (it has {theirs}; the genome {list_few([*genome.lengths])})"
    is_beyond = rows["end"].gt(contigs.map(genome.lengths).astype("float64"))
    if not share:
        yield Finding(place, WRONG, f"{told}: another genome build, or `aliases`?")
    elif is_beyond.any():
        first = rows[is_beyond.to_numpy()].iloc[0]
        text += (
            f"; {int(is_beyond.sum()):,} end beyond their contig, the first at "
            f"{first['chrom']}:{first['end']}: another genome build?"
        )
        yield Finding(place, WRONG, text)
    else:
        is_few = share < _FEW
        yield Finding(place, ODD if is_few else UNDERSTOOD, told if is_few else text)


def _check_intervals(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    names = dict(enumerate(("chrom", "start", "end")))
    rows = read_rows(path, names, what="BED")
    rows = convert_intervals(rows, path, first=0, what="BED")
    yield from _describe_places(place, path, rows, genome)


def _check_regions(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    yield from _describe_places(place, path, read_regions(path), genome)


def _check_truth(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    base, side = options["coordinate_base"], options["site_base"]
    found = read_annotation(
        path,
        coordinate_base=base,
        site_base=side,
        smallest_intron=options["smallest_intron"],
    ).sites
    rows = found.assign(end=found["junction"])
    yield from _describe_places(place, path, rows, genome, "annotated site")
    check_truth(use_contig_names(found, genome, path), genome, path, base, side)


def _check_support(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    declared = Reading(options["coordinate_base"], options["site_base"])
    sites, audit = find_support(path, genome, declared, options["smallest_intron"])
    text = f"{path}: {count_words(len(sites), 'site')}"
    share = f"{audit['consensus']:.1%} of them are GT, GC or AG"
    yield Finding(place, UNDERSTOOD if len(sites) else ODD, f"{text}; {share}")


def _check_outside(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    facts = read_saved_table(path, ["chrom", "junction"])
    rows = facts.rename(columns={"junction": "end"})
    yield from _describe_places(place, path, rows, genome, "site")


def _check_variants(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    found = Variants(
        path,
        genome.lengths,
        sample=options["sample"],
        haplotype=options["haplotype"],
        conflicts=options["variant_conflicts"],
        aliases=options["aliases"],
        most=HEAD,
    )
    fit, n = found.measure_fit(genome, LOOKED_AT)
    text = f"{path}: of {count_words(n, 'variant')} looked at {fit:,} have the genome's"
    text += " reference base"
    if n and fit < _FIT * n:
        yield Finding(place, WRONG, f"{text}: another genome build?")
    else:
        yield Finding(place, UNDERSTOOD if n else ODD, text)


def _check_bigwig(
    place: str, path: str, genome: Genome, options: Mapping[str, Any]
) -> Iterator[Finding]:
    with open_bigwig(path, what=place) as track:
        lengths = dict(track.chroms())
    rows = pd.DataFrame({"chrom": [*lengths], "end": [*lengths.values()]})
    yield from _describe_places(place, path, rows, genome, "contig")
    names, _ = genome.match_contigs(lengths)
    for theirs, ours in names.items():
        if lengths[theirs] < genome.lengths[ours]:
            text = (
                f"{path}: {theirs} has {lengths[theirs]:,} bases, but {genome.path} "
                f"gives it {genome.lengths[ours]:,}: another genome build?"
            )
            yield Finding(place, WRONG, text)
            return


_OF_PREDICTORS: dict[str, Check] = {
    "regions": _check_regions,
    "annotated_sites": _check_truth,
    "support": _check_support,
    "variants": _check_variants,
    "truth": _check_intervals,
    "outside": _check_outside,
}
