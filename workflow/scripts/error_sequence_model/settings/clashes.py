"""What a schema cannot say of a config: values that are none, settings that clash."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError
from error_sequence_model.settings.contrasts import parse_contrast, part_limits
from error_sequence_model.settings.inputs import list_peers
from error_sequence_model.settings.schema import find_rules
from error_sequence_model.settings.sections import TrainingSettings
from error_sequence_model.settings.splits import parse_settings

POSITIONS = 1026  # of SpliceBERT-1024nt, where the checkpoint is not at hand
# Names of folders in the place where results of these names lie.
RESERVED = {
    "predictors": {"reports", "tracks"},
    "contrasts": {"tokens", "pretrained"},
    "backbones": {"classical", "ensemble", "assessment"},
}


def find_odd_values(value: Any, key: str = "") -> Iterator[str]:
    """Find numbers that are not finite, and text with control characters.

    No range holds NaN, and every comparison with it is false: a schema lets it pass. A
    line end inside a name or a path is a slip, and would end up in logs and commands.

    Args:
        value: The config, or a part of it.
        key: Where the part stands.

    Yields:
        One line per value, with its key.
    """
    place = key or "top level"
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(name, str) and not name.isprintable():
                yield f"{place}: the key {name!r} holds characters that do not print"
            yield from find_odd_values(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from find_odd_values(inner, f"{place}.{number}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place}: {value} is no number to work with; give a finite one"
    elif isinstance(value, str) and not value.isprintable():
        yield f"{place}: {value!r} holds characters that do not print"


def find_repeated_keys(text: str) -> Iterator[str]:
    """Find keys that a YAML text has twice in one map: the last would win unseen.

    Args:
        text: A config file. What is no YAML has none: whoever reads it will say so.

    Yields:
        One line per key, with its row (from 1).
    """
    import yaml

    try:
        todo = [yaml.compose(text, Loader=yaml.SafeLoader)]
    except (yaml.YAMLError, RecursionError):
        return
    seen = set()
    while todo:
        node = todo.pop(0)
        if id(node) in seen:  # an alias is the node that it names
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                row = key.start_mark.line + 1
                if isinstance(key, yaml.ScalarNode) and key.value in first:
                    yield (
                        f"row {row}: the key {key.value!r} is there already, in row "
                        f"{first[key.value]}; keep one"
                    )
                elif isinstance(key, yaml.ScalarNode):
                    first[key.value] = row
                todo.append(value)


def find_clashes(config: Mapping[str, Any]) -> Iterator[str]:
    """Find settings that are sound each for itself, but not together.

    Args:
        config: Complete and sound by its schema.

    Yields:
        One line per clash, with its key.
    """
    yield from _find_training_clashes(config["training"])
    yield from _find_long_windows(config)
    yield from _find_lacking_peers(config)
    shift, sides = config["training"]["shift"], config["windows"].values()
    if shift and shift >= min(sides):
        yield (
            f"training.shift: {shift} bases are no less than a side of the windows "
            f"({min(sides)}); lower it, or take longer windows"
        )
    for section, reserved in RESERVED.items():
        for name in sorted({*config[section]} & reserved):
            yield f"{section}: {name!r} is a folder of the results; take another name"
    baselines = find_rules("baselines")["models"]["items"]["enum"]
    for name in sorted({*config["backbones"]} & {*baselines}):
        yield f"backbones: {name!r} is the name of a baseline; take another name"
    for name, predictor in config["predictors"].items():
        splits = {**config["splits"], **predictor["splits"]}
        given = {key: value for key, value in splits.items() if value not in (None, [])}
        try:
            parse_settings(given)
        except InputError as error:
            own = f"predictors.{name}.splits over " if predictor["splits"] else ""
            yield f"{own}splits: {error}"
    kernel = config["baselines"]["cnn"]["kernel"]
    if kernel % 2 == 0:
        yield f"baselines.cnn.kernel: {kernel} is even; it must be odd"


def _find_training_clashes(training: Mapping[str, Any]) -> Iterator[str]:
    own = {field.name for field in fields(TrainingSettings)}
    try:
        TrainingSettings.from_mapping({k: v for k, v in training.items() if k in own})
    except InputError as error:
        yield f"training: {error}"
    gpus, nodes = training["gpus"], training["nodes"]
    if gpus % nodes:
        yield f"training.nodes: {nodes} machines cannot share {gpus} GPUs evenly"


def _find_lacking_peers(config: Mapping[str, Any]) -> Iterator[str]:
    """Contrasts of errors private or shared, where there is nobody to share with."""
    entries = config["predictors"]
    studied = [name for name, entry in entries.items() if entry["role"] == "studied"]
    for name, definition in part_limits(config["contrasts"])[0].items():
        try:
            named = parse_contrast(name, definition).peers
        except InputError as error:
            yield f"contrasts: {error}"
            continue
        if named is None:
            continue
        about = [predictor for predictor in studied if predictor not in named]
        if not about:
            yield f"contrasts.{name}.peers: beside {', '.join(named)} none is studied"
        for predictor in about:
            others = list_peers(config, predictor)[1:]
            if not others:
                yield (
                    f"contrasts.{name}: {predictor!r} has no peers that could share "
                    "its errors; put another predictor of its genome under "
                    "`predictors` (`role: compared`), or leave the contrast out"
                )
            elif unknown := [peer for peer in named if peer not in others]:
                yield (
                    f"contrasts.{name}.peers: {unknown} are not among the other "
                    f"predictors of {predictor}'s genome: {', '.join(others)}"
                )


def _find_long_windows(config: Mapping[str, Any]) -> Iterator[str]:
    """Windows that a network with learned positions has no positions for."""
    windows, longest = config["windows"], config["training"]["max_length"]
    bases = windows["upstream"] + windows["downstream"]
    tokens = min(bases + 2, longest or bases + 2)
    for name in config["models"]:
        backbone = config["backbones"].get(name, {})
        if backbone.get("architecture") != "splicebert":
            continue
        most = POSITIONS
        with suppress(OSError, ValueError, LookupError, TypeError):
            file = Path(backbone.get("checkpoint") or "") / "config.json"
            most = json.loads(file.read_text())["max_position_embeddings"]
        if tokens > most:
            yield (
                f"windows: {bases} bases are too long for backbones.{name} (SpliceBERT "
                f"has {most} positions, two of them for marks): upstream and "
                f"downstream of {most - 2} together, or training.max_length: {most}, "
                "which keeps what is around the junction"
            )
