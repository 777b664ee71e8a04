"""The config of a run, checked against its schema and completed with its defaults."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError, list_problems
from error_sequence_model.settings.clashes import (
    find_clashes,
    find_odd_values,
    find_repeated_keys,
)
from error_sequence_model.settings.explanation import (
    find_method_problems,
    resolve_method,
)
from error_sequence_model.settings.forms import expand_forms
from error_sequence_model.settings.inputs import find_problems
from error_sequence_model.settings.schema import (
    fill_defaults,
    hold_against,
    read_schema,
)
from error_sequence_model.settings.sections import BackboneSettings


def refuse_repeated_keys(path: str | Path) -> None:
    """Refuse a config file that has a key twice: the last would win unseen.

    Raises:
        InputError: Names the keys and their rows.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    if problems := list(find_repeated_keys(text)):
        raise InputError(f"the config {path} is not valid:\n" + list_problems(problems))


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a config file as the workflow does, outside Snakemake.

    Raises:
        InputError: No such file, no YAML, or everything that is wrong in it.
    """
    import yaml  # imported here: rules get their config from Snakemake

    if not Path(path).is_file():
        raise InputError(f"config {path}: no such file")
    if Path(path).read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"config {path}: UTF-16 text, which Snakemake does not read: "
            "`iconv -f UTF-16 -t UTF-8 FILE > NEW`"
        )
    refuse_repeated_keys(path)
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"config {path}: not YAML ({error})") from error
    return complete_config(config)


def complete_config(config: dict[str, Any]) -> dict[str, Any]:
    """Check a config and fill in the defaults of the schema.

    Args:
        config: The config as read from YAML.

    Returns:
        A copy with every default filled in.

    Raises:
        InputError: Everything that is wrong, each with its key and what is allowed.
    """
    if not isinstance(config, dict):
        raise InputError(
            f"the config is {type(config).__name__}, not keys with values; "
            "config/README.md explains every key"
        )
    schema = read_schema()
    completed = expand_forms(config, schema)
    problems = [*find_odd_values(completed), *hold_against(schema, completed)]
    if not problems:
        fill_defaults(completed, schema)
        _join_revisions(completed["backbones"])
        problems = list(_find_broken_references(completed))
        for name, predictor in completed["predictors"].items():
            place = ("predictors", name, "splits")
            rules = schema["properties"]["splits"]
            problems += hold_against(rules, predictor["splits"], place)
        problems = problems or list(find_clashes(completed))
    if problems:
        raise InputError(
            "the config is not valid (config/README.md explains every key):\n"
            + list_problems(problems)
        )
    return completed


def _join_revisions(backbones: dict[str, dict[str, Any]]) -> None:
    """Name a hub id and its commit in one: owner/name@commit."""
    for backbone in backbones.values():
        if revision := backbone.pop("revision", None):
            backbone["checkpoint"] += f"@{revision}"


def _find_broken_references(config: dict[str, Any]) -> Iterable[str]:
    """Find names in one part of the config that another part does not define."""
    for name, predictor in config["predictors"].items():
        genome = predictor.get("genome")
        if genome is not None and genome not in config["genomes"]:
            yield (
                f"predictors.{name}.genome: {genome!r} is not under "
                f"genomes (there are: {', '.join(config['genomes']) or 'none'})"
            )
        elif not genome and "errors" in predictor and predictor["format"] == "native":
            yield (
                f"predictors.{name}: its positions need a `genome`; only a table with "
                "its own sequences (`format: metaspliceai` or `sequences`) needs none"
            )
        elif "scores" in predictor and not (
            predictor["annotated_sites"] or config["genomes"][genome]["annotation"]
        ):
            yield (
                f"predictors.{name}.scores: nothing to hold the calls to; set "
                f"genomes.{genome}.annotation or predictors.{name}.annotated_sites"
            )
        for member in predictor.get("pool", []):
            if "pool" in config["predictors"].get(member, {"pool": []}):
                yield (
                    f"predictors.{name}.pool: {member!r} is no predictor with an error "
                    "table or scores of its own"
                )
    for name, backbone in config["backbones"].items():
        try:
            settings = BackboneSettings.from_mapping(backbone)
        except InputError as error:
            yield f"backbones.{name}: {error}"
            continue
        if settings.checkpoint is not None and settings.options:
            yield (
                f"backbones.{name}: unknown key {', '.join(settings.options)}; a "
                "checkpoint fixes its own shape"
            )
    method = config["motifs"]["method"]
    made = map(resolve_method, config["explanation"]["methods"])
    if resolve_method(method) not in ("auto", *made):
        yield (
            f"motifs.method: {method!r} is not among explanation.methods "
            f"({', '.join(config['explanation']['methods'])})"
        )
    files = {key: config["causes"][key] for key in ("repeats", "junctions")}
    files |= {f"beds.{name}": file for name, file in config["causes"]["beds"].items()}
    for key, file in files.items():
        for genome in file if isinstance(file, dict) else ():
            if genome not in config["genomes"]:
                yield (
                    f"causes.{key}: {genome!r} is not under genomes "
                    f"(there are: {', '.join(config['genomes']) or 'none'})"
                )
    for model in config["models"]:
        if model not in config["backbones"]:
            yield (
                f"models: {model!r} is not under backbones "
                f"(there are: {', '.join(config['backbones'])})"
            )
    yield from _find_score_problems(config)
    yield from find_method_problems(config)
    yield from find_problems(config)


def _find_score_problems(config: dict[str, Any]) -> Iterable[str]:
    """Find score files that are not given in the shape of their format."""
    for name, predictor in config["predictors"].items():
        scores = dict(predictor.get("scores") or {"format": None})
        kind = scores.pop("format")
        if kind is None:
            continue
        if kind == "model":
            yield from _find_model_problems(config, name)
            continue
        keys = ("path",) if kind == "table" else ("donor", "acceptor")
        place = f"predictors.{name}.scores"
        known = {*keys, "columns"} if kind == "table" else set(keys)
        for key in sorted(set(scores) - known, key=str):
            yield (
                f"{place}: unknown key {key!r} (format {kind} has: {', '.join(keys)})"
            )
        is_stranded = kind in ("bigwig", "bedgraph")
        for key in keys:
            files = scores.get(key)
            if is_stranded and not (
                isinstance(files, dict)
                and set(files) == {"+", "-"}
                and all(isinstance(file, str) for file in files.values())
            ):
                yield f'{place}.{key} is {files!r}; it must be {{"+": file, "-": file}}'
            elif not is_stranded and not isinstance(files, str):
                yield f"{place}.{key} is {files!r}; it must be the path of a file"


def _find_model_problems(config: dict[str, Any], name: str) -> Iterable[str]:
    """Find what keeps a genome from being scored by the predictor itself."""
    predictor = config["predictors"][name]
    genome = predictor["genome"]
    has_genes = config["genomes"].get(genome, {"annotation": True})["annotation"]
    if predictor["site_base"] != "exon":
        yield (
            f"predictors.{name}.site_base is {predictor['site_base']!r}; scores that "
            "are computed here lie on the exonic base, and so must all tables: exon"
        )
    if predictor["scores"]["regions"] == "genes" and not has_genes:
        yield (
            f"predictors.{name}.scores.regions: no genes to score; set "
            f"genomes.{genome}.annotation (GTF or GFF3), or give a BED"
        )
