"""The reference of the config, written from its schema: config/README.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from error_sequence_model.settings.schema import describe_allowed, read_schema, show

INTRODUCTION = """\
# Configuration

`config.yaml` is the commented default, `demo.yaml` what `make demo` runs. Give your own
with `--configfile my.yaml`. Only `genomes` and `predictors` are required; an unknown
key is refused. Relative paths start at the working directory. This table is made from
`workflow/schemas/config.schema.yaml` by `make docs`.

Many genomes or predictors are easier kept in a *sheet*: `predictors:
config/predictors.tsv`, a tab-separated table with a row for each and a column `name`.
The other columns are the keys below (`genome`, `errors`, …); an empty cell is a key
left out; lists and maps are written as in YAML, `[a, b]`.

| key | allowed | default | meaning |
|---|---|---|---|
"""


def write_reference() -> str:
    """Write the whole page as Markdown."""
    schema = read_schema()
    rows = _describe(schema, schema, "")
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _describe(
    schema: dict[str, Any], root: dict[str, Any], prefix: str
) -> Iterator[tuple[str, ...]]:
    for key, part in schema.get("properties", {}).items():
        yield from _describe_key(part, root, f"{prefix}{key}")
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict) and "properties" in inner:
        yield from _describe(inner, root, f"{prefix}{{name}}.")


def _describe_key(
    part: dict[str, Any], root: dict[str, Any], name: str
) -> Iterator[tuple[str, ...]]:
    if "$ref" in part:
        part = {**root["$defs"][part["$ref"].rsplit("/", 1)[1]], **part}
    has_keys = "properties" in part or isinstance(
        part.get("additionalProperties"), dict
    )
    default = "" if has_keys and part.get("default") == {} else part.get("default", "")
    yield (
        f"`{name}`",
        _escape(describe_allowed(part)),
        "" if default == "" else f"`{show(default)}`",
        _escape(part.get("description", "")),
    )
    yield from _describe(part, root, f"{name}.")
    for option in part.get("oneOf", []):
        yield from _describe(option, root, f"{name}.")


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
