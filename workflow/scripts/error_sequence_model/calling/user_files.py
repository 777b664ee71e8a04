"""What a config's files hold, read before anything runs: understood, odd, or wrong.

Files are read by the steps' own readers, so that what passes here passes there; of text
tables of scores only the head is, and of bigWigs one contig. Nothing is written but a
genome's index.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.calling.files import measure_sites, read_anew
from error_sequence_model.calling.score_files import use_contig_names
from error_sequence_model.calling.scores import read_scores
from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SITE_BASES,
    SPLICE_TYPES,
    STRANDS,
    Annotation,
    Genome,
    get_junctions,
    open_bigwig,
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
from error_sequence_model.tables import copy_head

UNDERSTOOD, ODD, WRONG = "understood", "odd", "wrong"
SAMPLE = 20_000  # sites whose dinucleotides are looked at
FEWEST = 50  # errors of a contrast below which intervals say next to nothing
HEAD = 1 << 24  # bytes read of a text table of scores
_STRETCH = 2_000_000  # bases read of a bigWig
_RELIABLE = 0.5  # scores from which a base is meant as a site


class Finding(NamedTuple):
    """One thing that was found.

    Attributes:
        subject: The key of the config that it is about.
        kind: understood, odd or wrong.
        text: What was found.
        remedy: Lines of the config that would mend it; "" where none is known.
    """

    subject: str
    kind: str
    text: str
    remedy: str = ""


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
                f"{entry['fasta']}: {_count(len(genome.lengths), 'contig')}, "
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
    told = f"{path}: {_count(len(found.sites), 'splice site')}"
    if genes is not None:
        kinds = Counter(genes["gene_biotype"].dropna())
        named = ", ".join(f"{kind} {n:,}" for kind, n in kinds.most_common(5))
        told += f" of {_count(len(genes), 'gene')} ({named or 'no biotypes'})"
    yield Finding(place, UNDERSTOOD, told)
    share = _measure(sites, genome, Reading(1, "exon"), Reading(1, "exon"))
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
            yield from _check_scores(subject, predictor, genome)

    def read_weights() -> Iterator[Finding]:
        scores = predictor["scores"]
        found = load_predictor(
            scores["model"], scores["weights"], tissue=scores["tissue"], device="cpu"
        )
        yield Finding(
            *(f"{subject}.scores.weights", UNDERSTOOD),
            f"{scores['model']}: {_count(len(found.members), 'network')}, "
            f"{found.context:,} bases of context on each side",
        )

    def read_reads() -> Iterator[Finding]:
        sites = read_support(predictor["support"], **convention)
        text = f"{predictor['support']}: {_count(len(sites), 'site')}"
        yield Finding(f"{subject}.support", UNDERSTOOD, text)

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


def _describe_sites(
    place: str,
    sites: pd.DataFrame,
    audit: Mapping[str, Any],
    config: Mapping[str, Any],
) -> Iterator[Finding]:
    kinds = sites["pred_type"].value_counts()
    named = ", ".join(f"{kind} {n:,}" for kind, n in kinds.items())
    text = f"{_count(audit['rows_read'], 'row')}, {_count(len(sites), 'site')}: {named}"
    yield Finding(place, UNDERSTOOD, f"{audit['input']['errors']}: {text}")
    shares = [s for strand in audit["consensus"].values() for s in strand.values()]
    known = [share for share in shares if share is not None]
    if known:
        text = f"at least {min(known):.1%} of its annotated sites are GT, GC or AG"
        yield Finding(place, UNDERSTOOD, text)
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


def _check_scores(
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
        f"{tracks['format']}: of {_count(len(sites), 'scored position')} read, "
        f"{len(likely):,} have {_RELIABLE} or more",
    )
    if len(likely) < FEWEST:
        best = float(sites["score"].max()) if len(sites) else 0.0
        yield Finding(place, ODD, f"few positions score high; the highest is {best:g}")
        return
    readings = [declared, *(Reading(b, s) for b in (0, 1) for s in SITE_BASES)]
    if tracks["format"] != "table":
        readings = [
            r for r in readings if r.coordinate_base == declared.coordinate_base
        ]
    shares = [_measure(likely, genome, declared, reading) for reading in readings]
    best = int(np.argmax(shares))
    text = f"{shares[0]:.1%} of these have GT, GC or AG where they say"
    if shares[0] >= MINIMUM_SHARE or shares[best] < shares[0] + 0.1:
        kind = UNDERSTOOD if shares[0] >= MINIMUM_SHARE else ODD
        yield Finding(place, kind, text)
        return
    settings = readings[best].list_settings(declared)
    text += f"; {shares[best]:.1%} with {readings[best].describe(declared)}"
    yield Finding(place, WRONG, text, _write_lines(subject, settings))


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
                names, missing = genome.match_contigs(lengths)
                if not names:
                    raise InputError(f"scores: {path}: {missing}")
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
            text = f"{kind}: {_count(counts[kind], 'gene')}"
            yield Finding(place, UNDERSTOOD, text)
        else:
            known = ", ".join(name for name, _ in counts.most_common(8)) or "none"
            coding = [name for name in counts if kind.lower() in name.lower()]
            settings = {"biotypes": (coding or [*counts][:1]) or None}
            yield Finding(
                *(place, WRONG, f"no gene is {kind!r}; the annotation has {known}"),
                _write_lines(subject, settings),
            )


def _measure(
    sites: pd.DataFrame, genome: Genome, declared: Reading, reading: Reading
) -> float:
    """The share of sites with consensus, were they read in another convention."""
    sample = sites.sample(min(SAMPLE, len(sites)), random_state=0)
    read = read_anew(sample, declared, reading)
    lengths = read["chrom"].map(genome.lengths).astype("int64")
    return measure_sites(read[read["junction"].between(2, lengths - 2)], genome)


def _guard(
    subject: str, read: Callable[[], Iterator[Finding]], entry: str = ""
) -> Iterator[Finding]:
    """What reading finds, its warnings as odd and its refusal as wrong."""
    with _collect_warnings() as warnings:
        try:
            yield from read()
        except InputError as error:
            remedy = _write_lines(entry, error.settings) if error.settings else ""
            yield Finding(subject, WRONG, str(error), remedy)
        except OSError as error:
            yield Finding(subject, WRONG, f"{error.filename}: {error.strerror}")
    for text in dict.fromkeys(warnings):
        yield Finding(subject, ODD, text)


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Gather the library's warnings; nothing of its log is printed meanwhile."""
    gathered: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: gathered.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger("error_sequence_model")
    handlers, propagate = root.handlers[:], root.propagate
    root.handlers[:], root.propagate = [handler], False
    try:
        yield gathered
    finally:
        root.handlers[:], root.propagate = handlers, propagate


def _write_lines(subject: str, settings: Mapping[str, Any]) -> str:
    """Lines of YAML that set keys of an entry of the config."""
    import yaml

    nested: Any = dict(settings)
    for key in reversed(subject.split(".")):
        nested = {key: nested}
    return yaml.safe_dump(nested, sort_keys=False, default_flow_style=None).rstrip()


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _list(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
