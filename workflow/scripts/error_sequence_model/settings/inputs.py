"""What the config says of inputs: what is pretrained for which runs, causes' files.

Needs no torch: the workflow asks before it starts a job.

A file under ``causes`` is a path, or ``{genome: path}`` where predictors have different
genomes. A pool's contigs are called ``genome:contig``, so its files carry that prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from error_sequence_model.settings.pretraining import PretrainingSettings
from error_sequence_model.settings.sections import CauseSettings

# Of a backbone's entry, what is the classifier's alone.
CLASSIFIER_KEYS = ("pooling", "head_dropout", "tuning", "lora", "learning_rate")
CAUSAL = ("hyenadna",)
_FILES = {
    "genomes": ("fasta", "annotation", "aliases"),
    "predictors": (
        *("errors", "annotated_sites", "regions", "support", "variants"),
        *("truth", "outside"),
    ),
}
# What the windows depend on; the rest of the settings changes the training alone.
WINDOW_KEYS = ("windows", "length", "site_share", "seed")


def get_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of ``pretraining`` that define the weights."""
    names = [field.name for field in fields(PretrainingSettings)]
    return {name: config["pretraining"][name] for name in names}


def is_pretrained(config: Mapping[str, Any], backbone: str) -> bool:
    """Whether runs of a backbone start from weights pretrained here.

    A control of random weights does only where ``pretraining.models`` names it.
    """
    settings = config["pretraining"]
    if settings["models"] is None:
        is_meant = not config["backbones"][backbone]["random_init"]
    else:
        is_meant = backbone in settings["models"]
    return bool(settings["enabled"] and is_meant)


def get_network(config: Mapping[str, Any], backbone: str) -> dict[str, Any]:
    """The keys of a backbone that define the network that is pretrained."""
    entry = config["backbones"][backbone]
    return {k: v for k, v in entry.items() if k not in CLASSIFIER_KEYS}


def list_files(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each file of the user that a config names: its key, and its path."""
    for section, keys in _FILES.items():
        for name, entry in config[section].items():
            for key in keys:
                yield from _list_paths(f"{section}.{name}.{key}", entry.get(key))
    for name, predictor in config["predictors"].items():
        scores = dict(predictor.get("scores") or {})
        if scores.pop("format", None) == "model":
            words = {"regions": "genes", "weights": "package"}
            files = {k: scores[k] for k, word in words.items() if scores[k] != word}
        else:
            files = {k: v for k, v in scores.items() if k != "columns"}
        yield from _list_paths(f"predictors.{name}.scores", files)
    causes = {key: config["causes"][key] for key in ("repeats", "junctions", "beds")}
    yield from _list_paths("causes", causes)
    yield from _list_paths("features.bigwigs", config["features"]["bigwigs"])
    yield from _list_paths("motifs.elements", config["motifs"]["elements"])


def is_made_here(config: Mapping[str, Any], path: str) -> bool:
    """Whether a path is one of the score tracks that the workflow makes itself."""
    folders = [
        Path("results") / name / "scores"
        for name, predictor in config["predictors"].items()
        if (predictor.get("scores") or {}).get("format") == "model"
    ]
    return Path(path).parent in folders


def _list_paths(place: str, given: Any) -> Iterator[tuple[str, str]]:
    if isinstance(given, Mapping):
        for key, part in given.items():
            yield from _list_paths(f"{place}.{key}", part)
    elif isinstance(given, list):
        for part in given:
            yield from _list_paths(place, part)
    elif given:
        yield place, str(given)


def list_peers(config: Mapping[str, Any], predictor: str) -> list[str]:
    """A predictor and the others of its genome, which are held beside it; or nobody."""
    entries = config["predictors"]
    genome = entries[predictor].get("genome")
    others = [
        name
        for name, entry in entries.items()
        if name != predictor and "pool" not in entry and entry.get("genome") == genome
    ]
    is_alone = "pool" in entries[predictor] or not genome
    return [] if is_alone or not others else [predictor, *others]


def find_scope(
    splits: Mapping[str, Any],
    predictor: str,
    contrast: str,
    splice_type: str,
    fold: int | str,
) -> str:
    """Say which runs share one pretrained backbone: those that hold out the same.

    Args:
        splits: The predictor's split settings.
        predictor: Of the run.
        contrast: Of the run.
        splice_type: Of the run.
        fold: Of the run.

    Returns:
        The predictor, where the config names the held-out chromosomes; else one fold of
        one contrast and splice type, as each of them deals genes out by itself.
    """
    is_named = splits.get("by", "chromosome") == "chromosome" and (
        splits.get("preset") or (splits.get("test") and splits.get("validation"))
    )
    if is_named:
        return predictor
    return f"{predictor}/{contrast}/{splice_type}/fold{fold}"


def list_sources(config: Mapping[str, Any], predictor: str) -> list[dict[str, Any]]:
    """The genomes a predictor's backbone learns from, as fields of ``GenomeSource``."""
    entry = config["predictors"][predictor]
    prefixes = {}
    for name in entry.get("pool", [predictor]):
        genome = config["predictors"][name].get("genome")
        prefixes[genome] = f"{genome}:" if "pool" in entry else ""
    sources = [
        {"name": name, "prefix": prefix, "has_sites": True}
        for name, prefix in prefixes.items()
        if name is not None
    ]
    sources += [
        {"name": name, "prefix": f"{name}:", "has_sites": False}
        for name in config["pretraining"]["genomes"]
        if name not in prefixes
    ]
    for source in sources:
        genome = config["genomes"][source["name"]]
        keys = ("fasta", "annotation", "smallest_intron", "aliases")
        source.update({k: genome[k] for k in keys if k in genome})
    return sources


def find_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find what keeps a config from pretraining, each with the key to change."""
    settings = config["pretraining"]
    checked = PretrainingSettings.from_mapping(get_settings(config))
    for name in settings["genomes"]:
        if name not in config["genomes"]:
            yield (
                f"pretraining.genomes: {name!r} is not under genomes (there are: "
                f"{', '.join(config['genomes']) or 'none'})"
            )
            return
    for name in settings["models"] or []:
        if name not in config["backbones"]:
            yield (
                f"pretraining.models: {name!r} is not under backbones (there are: "
                f"{', '.join(config['backbones'])})"
            )
    if not settings["enabled"]:
        return
    for name in config["models"]:
        architecture = config["backbones"].get(name, {}).get("architecture")
        is_causal = architecture in CAUSAL and is_pretrained(config, name)
        if is_causal and checked.has_annotation:
            yield (
                f"pretraining.objective: {checked.objective!r}, but {name} "
                f"({architecture}) sees only what lies 5' of a base and cannot learn "
                "the annotation; set it to sequence, or leave the backbone out of "
                "`pretraining.models`"
            )
    for predictor, entry in config["predictors"].items():
        members = entry.get("pool", [predictor])
        lacking = [
            member
            for member in members
            if not config["predictors"][member].get("genome")
        ]
        for member in lacking:
            yield (
                f"predictors.{member}: pretraining needs its `genome` with an "
                "annotation; set both, or `pretraining.enabled: false`"
            )
        if lacking:
            continue
        for source in list_sources(config, predictor):
            if not source["annotation"]:
                yield (
                    f"genomes.{source['name']}.annotation: pretraining takes gene "
                    "bodies from it; set it (GTF or GFF3), or "
                    "`pretraining.enabled: false`"
                )


@dataclass(frozen=True)
class Track:
    """One file of the user.

    Attributes:
        cause: "repeats", "junctions" or "bed".
        path: The file.
        name: Of a BED, as in ``causes.beds``.
        prefix: A pool's name of the genome, before the colon of its contigs.
        coordinate_base: Of a table of junctions.
        site_base: Of a table of junctions.
        smallest_intron: Of an annotation as junctions.
        aliases: Other names of the genome's contigs.
    """

    cause: str
    path: str
    name: str = ""
    prefix: str = ""
    coordinate_base: int = 1
    site_base: str = "exon"
    smallest_intron: int = 21
    aliases: str | None = None


def get_thresholds(config: Mapping[str, Any]) -> dict[str, float]:
    """The thresholds among the keys of ``causes``."""
    names = [field.name for field in fields(CauseSettings)]
    return {name: config["causes"][name] for name in names}


def list_annotations(config: Mapping[str, Any], predictor: str) -> list[list[Any]]:
    """``[prefix, path, smallest_intron, aliases]`` of a predictor's annotations.

    None at all where a genome has none: flags known for a part of the sites only would
    tell genomes apart, not causes.
    """
    pairs = []
    for prefix, member in _list_members(config, predictor):
        genome = config["genomes"].get(member.get("genome"), {})
        if not genome.get("annotation"):
            return []
        keys = ("annotation", "smallest_intron", "aliases")
        entry = [prefix, *(genome[key] for key in keys)]
        if entry not in pairs:
            pairs.append(entry)
    return pairs


def list_of_genomes(
    config: Mapping[str, Any], predictor: str, key: str
) -> dict[str, str]:
    """A key of a predictor's genomes where it is given, by prefix ("" without pool)."""
    found = {
        prefix: config["genomes"].get(member.get("genome"), {}).get(key)
        for prefix, member in _list_members(config, predictor)
    }
    return {prefix: value for prefix, value in found.items() if value}


def list_tracks(config: Mapping[str, Any], predictor: str) -> list[dict[str, Any]]:
    """The user's files for a predictor, as fields of ``Track``."""
    causes = config["causes"]
    tracks: list[Track] = []
    for prefix, member in _list_members(config, predictor):
        genome = member.get("genome")
        if genome is None:
            continue
        convention = {
            "coordinate_base": member["coordinate_base"],
            "site_base": member["site_base"],
            "smallest_intron": config["genomes"][genome]["smallest_intron"],
        }
        aliases = config["genomes"][genome]["aliases"]
        given = [("repeats", "", causes["repeats"], {})]
        support = causes["junctions"] or member.get("support")
        given.append(("junctions", "", support, convention))
        given += [("bed", name, file, {}) for name, file in causes["beds"].items()]
        for cause, name, file, options in given:
            path = file.get(genome) if isinstance(file, Mapping) else file
            if path:
                tracks.append(
                    Track(cause, path, name, prefix, **options, aliases=aliases)
                )
    return [asdict(track) for track in dict.fromkeys(tracks)]


def _list_members(
    config: Mapping[str, Any], predictor: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """``(prefix, settings)`` of a predictor, or of every member of a pool."""
    entry = config["predictors"][predictor]
    if "pool" not in entry:
        yield "", entry
        return
    for name in entry["pool"]:
        member = config["predictors"][name]
        yield member.get("genome", name), member
