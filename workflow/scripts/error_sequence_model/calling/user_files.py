"""What a config's files hold, read before anything runs: understood, odd, or wrong.

Files are read by the steps' own readers, so that what passes here passes there; of text
tables of scores only the head is, and of bigWigs one contig. Nothing is written but a
genome's index.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

from error_sequence_model.calling.findings import (
    ODD,
    UNDERSTOOD,
    WRONG,
    Finding,
    write_lines,
)
from error_sequence_model.calling.score_files import use_contig_names
from error_sequence_model.calling.user_scores import check_scores, measure
from error_sequence_model.core import InputError
from error_sequence_model.figures import count_words
from error_sequence_model.genome import (
    SPLICE_TYPES,
    Annotation,
    Genome,
    read_annotation,
    read_support,
)
from error_sequence_model.predictors import load_predictor
from error_sequence_model.settings import (
    expand_contrasts,
    label_sites,
    parse_contrast,
)
from error_sequence_model.sites import (
    MINIMUM_SHARE,
    Reading,
    prepare_sites,
)

FEWEST = 50  # errors of a contrast below which intervals say next to nothing


def check_files(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Read every file that a config names, and say what was found, as it is found.

    Args:
        config: With every default (see ``settings.complete_config``).

    Yields:
        What was understood of each genome, annotation, table and track, what looks odd,
        and what the workflow would refuse.
    """
    used = {p.get("genome") for p in config["predictors"].values()} - {None}
    annotations: dict[str, Annotation] = {}
    unread: set[str] = set()
    for name, entry in config["genomes"].items():
        for finding in _check_genome(name, entry, annotations) if name in used else ():
            yield finding
            if finding.kind == WRONG and finding.subject.endswith(".fasta"):
                unread.add(name)
    for name, predictor in config["predictors"].items():
        if (genome := predictor.get("genome")) in unread:
            text = f"not read: genomes.{genome}.fasta has to be mended first"
            yield Finding(f"predictors.{name}", ODD, text)
        elif "pool" not in predictor:
            yield from _check_predictor(name, predictor, config, annotations)


def _check_genome(
    name: str, entry: Mapping[str, Any], annotations: dict[str, Annotation]
) -> Iterator[Finding]:
    """A genome and its annotation; the latter is kept for the predictors."""
    subject = f"genomes.{name}.fasta"

    def read_genome() -> Iterator[Finding]:
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            total = sum(genome.lengths.values())
            yield Finding(
                *(subject, UNDERSTOOD),
                f"{entry['fasta']}: {count_words(len(genome.lengths), 'contig')}, "
                f"{total / 1e6:,.1f} Mb: {_list([*genome.lengths])}",
            )
            largest = max(genome.lengths, key=lambda contig: genome.lengths[contig])
            middle = genome.lengths[largest] // 2
            bases = genome.fetch(largest, middle - 50_000, middle + 50_000)
            share = bases.count("N") / len(bases)
            if share > 0.5 and total > 1_000_000:
                text = f"{share:.0%} of the middle of {largest} is N: masked?"
                yield Finding(subject, ODD, f"{text} Give the unmasked genome")

    def read_genes() -> Iterator[Finding]:
        path = entry["annotation"]
        found = read_annotation(path, smallest_intron=entry["smallest_intron"])
        annotations[name] = found
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            yield from _describe_annotation(place, path, found, genome)

    is_read = True
    for finding in _guard(subject, read_genome):
        yield finding
        is_read &= finding.kind != WRONG
    if entry["annotation"] and is_read:
        place = f"genomes.{name}.annotation"
        yield from _guard(place, read_genes)


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
    name: str,
    predictor: Mapping[str, Any],
    config: Mapping[str, Any],
    annotations: Mapping[str, Annotation],
) -> Iterator[Finding]:
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
        yield from _describe_sites(f"{subject}.errors", sites, audit, config)

    def read_tracks() -> Iterator[Finding]:
        with Genome(entry["fasta"], entry["aliases"]) as genome:
            yield from check_scores(subject, predictor, genome)

    def read_weights() -> Iterator[Finding]:
        scores = predictor["scores"]
        found = load_predictor(
            scores["model"], scores["weights"], tissue=scores["tissue"], device="cpu"
        )
        yield Finding(
            *(f"{subject}.scores.weights", UNDERSTOOD),
            f"{scores['model']}: {count_words(len(found.members), 'network')}, "
            f"{found.context:,} bases of context on each side",
        )

    def read_reads() -> Iterator[Finding]:
        sites = read_support(predictor["support"], **convention)
        text = f"{predictor['support']}: {count_words(len(sites), 'site')}"
        yield Finding(f"{subject}.support", UNDERSTOOD, text)

    if entry:
        yield from _check_splits(entry, {**config["splits"], **predictor["splits"]})
    if "errors" in predictor:
        yield from _guard(f"{subject}.errors", read_errors, subject)
        return
    is_model = predictor["scores"]["format"] == "model"
    if is_model:
        yield from _guard(f"{subject}.scores.weights", read_weights, subject)
    else:
        yield from _guard(f"{subject}.scores", read_tracks, subject)
    if predictor["support"]:
        yield from _guard(f"{subject}.support", read_reads, subject)
    yield from _check_biotypes(subject, predictor, annotations)


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
                    f"{_list([str(v) for v in lacking])} not in {entry['fasta']}; "
                    f"it has {_list([*genome.lengths])}"
                )
                yield Finding(f"splits.{part}", WRONG, text)


def _describe_sites(
    place: str,
    sites: pd.DataFrame,
    audit: Mapping[str, Any],
    config: Mapping[str, Any],
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
    if sites["gene_id"].isna().all():
        text = "no gene_id: genes cannot be kept together, and intervals are by site"
        yield Finding(place, ODD, text)
    for name, contrast in expand_contrasts(config["contrasts"]).items():
        for splice_type in config["splice_types"]:
            rows = sites
            if splice_type in SPLICE_TYPES:
                rows = sites[sites["splice_type"].eq(splice_type)]
            parsed = parse_contrast(name, contrast)
            labels = label_sites(rows, parsed)["label"]
            counts = {
                kind: int((labels == value).sum())
                for value, (kind, _) in enumerate(parsed.classes)
            }
            if min(counts.values()) < FEWEST:
                told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
                text = (
                    f"{name}, {splice_type}: {told}; with fewer than {FEWEST} of a "
                    "kind little can be said"
                )
                yield Finding(place, ODD, text)


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


def _guard(
    subject: str, read: Callable[[], Iterator[Finding]], entry: str = ""
) -> Iterator[Finding]:
    """What reading finds, its warnings as odd and its refusal as wrong."""
    with _collect_warnings() as warnings:
        try:
            yield from read()
        except InputError as error:
            remedy = write_lines(entry, error.settings) if error.settings else ""
            yield Finding(subject, WRONG, str(error), remedy)
        except OSError as error:
            yield Finding(subject, WRONG, f"{error.filename}: {error.strerror}")
    for text in dict.fromkeys(warnings):
        yield Finding(subject, ODD, text)


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Gather the library's warnings; nothing of its log is printed meanwhile.

    An error of the log is left out: it is raised too, and names millions of rows.
    """
    gathered: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    handler.emit = lambda record: gathered.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger("error_sequence_model")
    handlers, propagate = root.handlers[:], root.propagate
    root.handlers[:], root.propagate = [handler], False
    try:
        yield gathered
    finally:
        root.handlers[:], root.propagate = handlers, propagate


def _list(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
