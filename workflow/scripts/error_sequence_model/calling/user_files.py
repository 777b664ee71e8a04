"""What a config's files hold, read before anything runs: understood, odd, or wrong.

Files are read by the steps' own readers, so that what passes here passes there; of text
tables of scores only the head is, and of bigWigs one contig. Nothing is written but a
genome's index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.findings import (
    ODD,
    UNDERSTOOD,
    WRONG,
    Finding,
    guard,
    write_lines,
)
from error_sequence_model.calling.score_files import use_contig_names
from error_sequence_model.calling.user_scores import check_scores, measure
from error_sequence_model.calling.user_tracks import check_tracks
from error_sequence_model.core import list_few
from error_sequence_model.figures import count_words
from error_sequence_model.genome import (
    SPLICE_TYPES,
    Annotation,
    Genome,
    get_window_starts,
    read_annotation,
)
from error_sequence_model.settings import (
    expand_contrasts,
    is_made_here,
    label_sites,
    list_compared,
    list_files,
    list_peers,
    parse_contrast,
    part_limits,
)
from error_sequence_model.sites import (
    MINIMUM_SHARE,
    Reading,
    join_errors,
    prepare_sites,
)
from error_sequence_model.tables import guess_columns
from error_sequence_model.windows import MOST_OPEN

# Columns that a table may lack, and what it then lacks.
_WANTED = {
    "gene_id": "genes cannot be kept together, and intervals are by site",
    "score": "the predictor's own ranking of its calls is not shown beside the models",
}
FEWEST = 50  # errors of a contrast below which intervals say next to nothing


def check_files(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Read every file that a config names, and say what was found, as it is found.

    Args:
        config: With every default (see ``settings.complete_config``).

    Yields:
        What was understood of each genome, annotation, table and track, what looks odd,
        and what the workflow would refuse.
    """
    known = _Known(config)
    for key, path in list_files(config):
        if not Path(path).exists():
            known.missing.add(key)
            is_made = is_made_here(config, path)
            kind, text = (
                (UNDERSTOOD, "made by this workflow")
                if is_made
                else (WRONG, "no such file")
            )
            yield Finding(key, kind, f"{path}: {text}")
    used = {p.get("genome") for p in config["predictors"].values()} - {None}
    for name, entry in config["genomes"].items():
        yield from _check_genome(name, entry, known) if name in used else ()
    for name, predictor in config["predictors"].items():
        genome = predictor.get("genome")
        if genome is not None and genome not in known.readable:
            text = f"not read: genomes.{genome}.fasta has to be mended first"
            yield Finding(f"predictors.{name}", ODD, text)
        elif "pool" not in predictor:
            yield from _check_predictor(name, predictor, known)
    yield from _check_company(known)
    for name in config["genomes"]:
        if name in used & known.readable:
            yield from check_tracks(name, config, known.missing)


@dataclass
class _Known:
    """What was learnt so far.

    Attributes:
        config: Complete.
        missing: Keys of files that are not there.
        readable: Names of genomes whose FASTA can be read.
        annotations: Of the genomes, by name.
        sites: Of predictors with an error table, by name.
    """

    config: Mapping[str, Any]
    missing: set[str] = field(default_factory=set)
    readable: set[str] = field(default_factory=set)
    annotations: dict[str, Annotation] = field(default_factory=dict)
    sites: dict[str, pd.DataFrame] = field(default_factory=dict)


def _check_genome(
    name: str, entry: Mapping[str, Any], known: _Known
) -> Iterator[Finding]:
    """A genome and its annotation; the latter is kept for the predictors."""
    subject, place = f"genomes.{name}.fasta", f"genomes.{name}.annotation"

    def read_genome() -> Iterator[Finding]:
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            total = sum(genome.lengths.values())
            yield Finding(
                *(subject, UNDERSTOOD),
                f"{entry['fasta']}: {count_words(len(genome.lengths), 'contig')}, "
                f"{total / 1e6:,.1f} Mb: {list_few([*genome.lengths])}",
            )
            largest = max(genome.lengths, key=lambda contig: genome.lengths[contig])
            middle = genome.lengths[largest] // 2
            bases = genome.fetch(largest, middle - 50_000, middle + 50_000)
            share = bases.count("N") / len(bases)
            if share > 0.5 and total > 1_000_000:
                text = f"{share:.0%} of the middle of {largest} is N: masked?"
                yield Finding(subject, ODD, f"{text} Give the unmasked genome")
        known.readable.add(name)

    def read_genes() -> Iterator[Finding]:
        path = entry["annotation"]
        found = read_annotation(path, smallest_intron=entry["smallest_intron"])
        known.annotations[name] = found
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            yield from _describe_annotation(place, path, found, genome)

    yield from guard(subject, read_genome, missing=known.missing)
    if entry["annotation"] and name in known.readable:
        yield from guard(place, read_genes, missing=known.missing)


def _describe_annotation(
    place: str, path: str, found: Annotation, genome: Genome
) -> Iterator[Finding]:
    sites = use_contig_names(found.sites, genome, path)
    genes = found.genes
    told = f"{path}: {count_words(len(found.sites), 'splice site')}"
    if genes is not None:
        kinds = Counter(genes["gene_biotype"].dropna())
        named = ", ".join(f"{kind} {n:,}" for kind, n in kinds.most_common(5))
        told += f" of {count_words(len(genes), 'gene')} ({named or 'no biotypes'})"
    yield Finding(place, UNDERSTOOD, told)
    share = measure(sites, genome, Reading(1, "exon"))
    text = f"{share:.1%} of its introns' ends are GT, GC or AG"
    if share < MINIMUM_SHARE:
        yield Finding(place, WRONG, f"{text}: another genome build?")
    else:
        yield Finding(place, UNDERSTOOD, text)


def _check_predictor(
    name: str, predictor: Mapping[str, Any], known: _Known
) -> Iterator[Finding]:
    config, missing = known.config, known.missing
    entry = config["genomes"].get(predictor.get("genome"), {})
    convention = {k: predictor[k] for k in ("coordinate_base", "site_base")}
    subject = f"predictors.{name}"

    def read_errors() -> Iterator[Finding]:
        sites, audit = prepare_sites(
            predictor["errors"],
            entry.get("fasta"),
            **convention,
            column_names=predictor["columns"],
            table_format=predictor["format"],
            annotation_path=entry.get("annotation"),
            aliases=entry.get("aliases"),
        )
        place = f"{subject}.errors"
        known.sites[name] = sites
        yield from _describe_sites(place, sites, audit)
        yield from _check_classes(place, sites, config)
        yield from _check_windows(sites, entry, config["windows"])

    def read_scores() -> Iterator[Finding]:
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            yield from check_scores(subject, predictor, genome)

    def read_weights() -> Iterator[Finding]:
        from error_sequence_model.predictors import load_predictor  # needs torch

        scores = predictor["scores"]
        found = load_predictor(
            scores["model"], scores["weights"], tissue=scores["tissue"], device="cpu"
        )
        yield Finding(
            *(f"{subject}.scores.weights", UNDERSTOOD),
            f"{scores['model']}: {count_words(len(found.members), 'network')}, "
            f"{found.context:,} bases of context on each side",
        )

    def read_truth() -> Iterator[Finding]:
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            found = known.annotations[predictor["genome"]].sites
            sites = use_contig_names(found, genome, entry["annotation"])
        yield from _check_windows(sites, entry, config["windows"])

    if entry:
        yield from _check_splits(entry, {**config["splits"], **predictor["splits"]})
    if "errors" in predictor:
        place = f"{subject}.errors"
        yield from guard(place, read_errors, missing=missing, entry=subject)
        return
    is_model = predictor["scores"]["format"] == "model"
    place = f"{subject}.scores" + ".weights" * is_model
    read = read_weights if is_model else read_scores
    yield from guard(place, read, missing=missing, entry=subject)
    if predictor["genome"] in known.annotations:
        yield from guard("windows", read_truth)
    yield from _check_biotypes(subject, predictor, known.annotations)


def _check_splits(
    entry: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[Finding]:
    """Chromosomes to hold out that the genome lacks; a preset finds its own names."""
    if settings["by"] != "chromosome" or settings["column"] != "chrom":
        return
    if settings.get("preset"):
        return
    with Genome(entry["fasta"], entry["aliases"]) as genome:
        for part in ("test", "validation"):
            if lacking := [v for v in settings[part] if str(v) not in genome.lengths]:
                text = (
                    f"{list_few([str(v) for v in lacking])} not in {entry['fasta']}; "
                    f"it has {list_few([*genome.lengths])}"
                )
                yield Finding(f"splits.{part}", WRONG, text)


def _describe_sites(
    place: str,
    sites: pd.DataFrame,
    audit: Mapping[str, Any],
) -> Iterator[Finding]:
    kinds = sites["pred_type"].value_counts()
    named = ", ".join(f"{kind} {n:,}" for kind, n in kinds.items())
    n_rows = count_words(audit["rows_read"], "row")
    text = f"{n_rows}, {count_words(len(sites), 'site')}: {named}"
    yield Finding(place, UNDERSTOOD, f"{audit['input']['errors']}: {text}")
    shares = [s for strand in audit["consensus"].values() for s in strand.values()]
    known = [share for share in shares if share is not None]
    if known:
        text = f"at least {min(known):.1%} of its annotated sites are GT, GC or AG"
        kind = UNDERSTOOD if min(known) >= MINIMUM_SHARE else ODD
        yield Finding(place, kind, text)
    for entry in audit["dropped"]:
        yield Finding(place, ODD, f"left out: {entry}")
    for column, text in _WANTED.items():
        if sites[column].isna().all():
            meant = guess_columns([column], sites.columns.difference([column]))
            subject = place.removesuffix(".errors")
            remedy = write_lines(subject, {"columns": meant}) if meant else ""
            yield Finding(place, ODD, f"no {column}: {text}", remedy)


def _check_company(known: _Known) -> Iterator[Finding]:
    """Contrasts of errors private or shared, where all the genome's tables are read."""
    config = known.config
    contrasts = expand_contrasts(part_limits(config["contrasts"])[0])
    if all(parse_contrast(*entry).peers is None for entry in contrasts.items()):
        return
    for name, predictor in config["predictors"].items():
        names = list_peers(config, name)
        if predictor["role"] != "studied" or not names:
            continue
        place = f"predictors.{name}"
        if lacking := [other for other in names if other not in known.sites]:
            text = "errors private or shared are counted once there are calls of "
            yield Finding(place, UNDERSTOOD, text + ", ".join(lacking))
            continue
        peers = join_errors({other: known.sites[other] for other in names})
        yield from _check_classes(place, known.sites[name], config, peers)


def _check_classes(
    place: str,
    sites: pd.DataFrame,
    config: Mapping[str, Any],
    peers: pd.DataFrame | None = None,
) -> Iterator[Finding]:
    """Contrasts that lack a class, of which nothing can be learnt, or nearly do.

    With ``peers`` (``peers.parquet``) those of errors private or shared, else the rest.
    """
    found: list[Finding] = []
    sound: list[str] = []
    contrasts, limits = part_limits(config["contrasts"])
    for name, contrast in expand_contrasts(contrasts).items():
        parsed = parse_contrast(name, contrast)
        sound.append(name)
        is_own = peers is not None and list_compared(peers)[0] in (parsed.peers or ())
        if (parsed.peers is None) != (peers is None) or is_own:
            continue
        for splice_type in config["splice_types"]:
            if splice_type not in limits.get(name, [splice_type]):
                continue
            rows = sites
            if splice_type in SPLICE_TYPES:
                rows = sites[sites["splice_type"].eq(splice_type)]
            labels = label_sites(rows, parsed, peers)["label"]
            counts = {
                kind: int((labels == value).sum())
                for value, (kind, _) in enumerate(parsed.classes)
            }
            told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
            told = f"{name}, {splice_type}: {told}; "
            if not min(counts.values()):
                found.append(Finding(place, WRONG, f"{told}nothing can be learnt"))
                sound = [other for other in sound if other != name]
            elif min(counts.values()) < FEWEST:
                told += f"with fewer than {FEWEST} of a kind little can be said"
                found.append(Finding(place, ODD, told))
    remedy = ""
    if sound and isinstance(config["contrasts"], list):
        remedy = f"contrasts: [{', '.join(sound)}]"
    for finding in found:
        yield finding._replace(remedy=remedy) if finding.kind == WRONG else finding


def _check_windows(
    sites: pd.DataFrame, entry: Mapping[str, Any], windows: Mapping[str, int]
) -> Iterator[Finding]:
    """Windows that reach beyond their contig or their own sequence."""
    up, down = windows["upstream"], windows["downstream"]
    if "sequence_junction" in sites:
        starts = sites["sequence_junction"].to_numpy(np.int64) - up
        lengths = sites["sequence"].str.len().to_numpy(np.int64)
    else:
        is_plus = sites["strand"].eq("+").to_numpy()
        junctions = sites["junction"].to_numpy(np.int64)
        starts = get_window_starts(junctions, is_plus, upstream=up, downstream=down)
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            lengths = sites["chrom"].map(genome.lengths).to_numpy(np.int64)
    outside = np.maximum(-starts, 0) + np.maximum(starts + up + down - lengths, 0)
    n_open = int((2 * outside > up + down).sum())
    n_over = int((outside > 0).sum())
    text = (
        f"{n_over:,} of {len(sites):,} windows reach beyond the end of their contig, "
        f"{n_open:,} of them by more than half; what lies beyond is N"
    )
    if n_open >= MOST_OPEN * len(sites):
        yield Finding("windows", WRONG, f"{text}: set upstream and downstream lower")
    elif n_open or n_over > 0.05 * len(sites):
        yield Finding("windows", ODD, text)


def _check_biotypes(
    subject: str,
    predictor: Mapping[str, Any],
    annotations: Mapping[str, Annotation],
) -> Iterator[Finding]:
    found = annotations.get(predictor["genome"])
    if found is None or found.genes is None or not predictor["biotypes"]:
        return
    counts = Counter(found.genes["gene_biotype"].dropna())
    for kind in predictor["biotypes"]:
        place = f"{subject}.biotypes"
        if kind in counts:
            text = f"{kind}: {count_words(counts[kind], 'gene')}"
            yield Finding(place, UNDERSTOOD, text)
        else:
            known = ", ".join(name for name, _ in counts.most_common(8)) or "none"
            coding = [name for name in counts if kind.lower() in name.lower()]
            settings = {"biotypes": (coding or [*counts][:1]) or None}
            yield Finding(
                *(place, WRONG, f"no gene is {kind!r}; the annotation has {known}"),
                write_lines(subject, settings),
            )
