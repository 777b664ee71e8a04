"""Short forms of a config written out: sheets, and contrasts of both kinds in a list.

A sheet is a tab-separated table in place of the map under `genomes` or `predictors`: a
row for each name (column `name`), a column for each key; an empty cell is a key left
out. A cell is text where the key is text, else it is read as YAML: `1`, `[a, b]`.
"""

from __future__ import annotations

import copy
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError, list_problems

SHEETS = ("genomes", "predictors")


def expand_forms(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict:
    """Write out what a config says in short.

    Args:
        config: The config as read from YAML.
        schema: The schema of configs, which knows the keys of a sheet.

    Returns:
        A copy with maps in place of sheets, and of lists that hold maps.

    Raises:
        InputError: A sheet cannot be read, or names something twice.
    """
    expanded = dict(copy.deepcopy(config))
    for section in SHEETS:
        if isinstance(expanded.get(section), str):
            entry = schema["properties"][section]["additionalProperties"]
            keys = entry["properties"]
            expanded[section] = read_sheet(section, expanded[section], keys)
    contrasts = expanded.get("contrasts")
    kinds = {type(c) for c in contrasts} if isinstance(contrasts, list) else set()
    if kinds == {str, dict} or kinds == {dict}:
        expanded["contrasts"] = _join_contrasts(contrasts)
    return expanded


def read_sheet(
    section: str, path: str, keys: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Read a sheet.

    Args:
        section: The key of the config that it stands for.
        path: The table.
        keys: The schema of each key that a row may have.

    Returns:
        Name -> key -> value. Whether a key is known and its value allowed is left to
        the schema of the config.

    Raises:
        InputError: No such file, no column `name`, or rows that are none (all of them).
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        header, *rows = csv.reader(text.splitlines() or [""], delimiter="\t")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{section}: the sheet {path!r} cannot be read ({error}); give a map, or "
            "the path of a tab-separated table with a column `name`"
        ) from error
    if "name" not in header or len(set(header)) < len(header):
        raise InputError(
            f"{section}: {path}: the columns are {header}; a sheet is tab-separated, "
            "has a column `name`, and each column once"
        )
    entries: dict[str, dict[str, Any]] = {}
    problems = []
    for number, row in enumerate(rows, start=2):
        if not any(row):
            continue
        cells = {key: cell.strip() for key, cell in zip(header, row, strict=False)}
        name = cells.pop("name", "")
        if len(row) != len(header):
            problems.append(f"row {number}: {len(row)} cells; there are {len(header)}")
        elif not name or name in entries:
            problems.append(f"row {number}: name {name!r} is empty or there twice")
        try:
            entries[name] = {
                key: _read_cell(cell, keys.get(key, {}))
                for key, cell in cells.items()
                if cell
            }
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        raise InputError(
            f"{section}: {path} (the header is row 1):\n" + list_problems(problems)
        )
    return entries


def _read_cell(cell: str, key: Mapping[str, Any]) -> Any:
    """Read a cell by the type of its key; what is no YAML stays text."""
    import yaml

    kind = key.get("type", "string" if "enum" in key else None)
    if kind is not None and "string" in kind:
        return cell
    try:
        return yaml.safe_load(cell)
    except yaml.YAMLError as error:
        raise ValueError(f"{cell!r} is no value ({error.__class__.__name__})") from None


def _join_contrasts(contrasts: list[Any]) -> dict[str, Any]:
    """Make one map of names of built-in contrasts and maps of defined ones."""
    joined: dict[str, Any] = {}
    for entry in contrasts:
        given = entry if isinstance(entry, dict) else {entry: None}
        for name in given:
            if name in joined:
                raise InputError(f"contrasts: {name!r} stands twice in the list")
        joined.update(given)
    return joined
