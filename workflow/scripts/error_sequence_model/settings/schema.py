"""The schema of the config: the one place of every key's default, range and choices.

Settings take their defaults from it and are held against it (`sections`), as the whole
config is (`config`), and the page of all keys is written from it (`reference`).
"""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterable, Mapping
from functools import cache
from numbers import Integral, Real
from typing import Any

from error_sequence_model.core import InputError, find_shipped

SIGNS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
}
# What YAML's kinds of values are called in messages and on the page of all keys.
KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "keys with values",
}
_SIZES = ("uniqueItems", "minItems", "minProperties", "minLength")
_LONGEST = 80  # letters of a value in a message


@cache
def read_schema() -> dict[str, Any]:
    """Read the schema of the config, once; it is not to be changed."""
    import yaml

    text = find_shipped("schemas/config.schema.yaml").read_text(encoding="utf-8")
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def find_rules(section: str) -> dict[str, dict[str, Any]]:
    """Give the rules of each key of a section.

    Args:
        section: Such as ``training``, or ``backbones.<name>.lora``.
    """
    rules = read_schema()
    for key in section.split("."):
        is_name = key == "<name>"
        rules = rules["additionalProperties"] if is_name else rules["properties"][key]
    return rules["properties"]


def check_value(name: str, value: Any, rules: dict[str, Any], *, place: str) -> None:
    """Hold a value against its rules.

    Args:
        name: What it is called.
        value: What was given; numbers may be numpy's.
        rules: What the schema says of it.
        place: Where it is set, for the message.

    Raises:
        InputError: It is not allowed, which infinity and NaN never are.
    """
    is_odd = isinstance(value, Real) and not math.isfinite(value)
    if not is_odd and not any(_find_errors(rules, value)):
        return
    allowed = describe_allowed(rules)
    hint = _hint_at_number(rules, value)
    raise InputError(f"{name} {value!r}: allowed: {allowed}{hint}; set {place}")


def describe_allowed(rules: dict[str, Any]) -> str:
    """Say what a value may be, in one line."""
    if "$ref" in rules:
        rules = {**read_schema()["$defs"][rules["$ref"].rsplit("/", 1)[1]], **rules}
    if "enum" in rules:
        return ", ".join(show(value) for value in rules["enum"])
    if "const" in rules:
        return show(rules["const"])
    if "pattern" in rules and "description" in rules:
        return rules["description"]
    kinds = _list_kinds(rules)
    for key in ("oneOf", "anyOf"):
        if key in rules and not kinds:
            return " or ".join(describe_allowed(option) for option in rules[key])
    text = " or ".join(KINDS[kind] for kind in kinds if kind != "null")
    if "items" in rules:
        text += f" of {describe_allowed(rules['items'])}"
    limits = [f"{sign} {rules[key]}" for key, sign in SIGNS.items() if key in rules]
    text = f"{text} {', '.join(limits)}".strip()
    return " or ".join(filter(None, [text, "null" if "null" in kinds else ""]))


def show(value: Any) -> str:
    """Write a value as YAML does."""
    if isinstance(value, list):
        return f"[{', '.join(map(show, value))}]"
    words = {None: "null", True: "true", False: "false"}
    is_word = value is None or isinstance(value, bool)
    return words[value] if is_word else str(value)


def hold_against(
    rules: dict[str, Any], value: Any, place: tuple[str, ...] = ()
) -> list[str]:
    """Hold a part of the config, which stands at a place in it, against its rules.

    Returns:
        One line per fault, with the key, the value and what is allowed.
    """
    errors = sorted(_find_errors(rules, value), key=lambda e: [*map(str, e.path)])
    for error in errors:
        error.relative_path.extendleft(reversed(place))
    return [*dict.fromkeys(line for error in errors for line in _describe(error))]


def _find_errors(rules: dict[str, Any], value: Any) -> Iterable[Any]:
    return _make_validator()(rules).iter_errors(value)


@cache
def _make_validator() -> Any:
    from jsonschema import Draft202012Validator, validators

    def is_whole(_: Any, number: Any) -> bool:
        # JSON counts 5.0 among the whole numbers, a command line does not.
        return isinstance(number, Integral) and not isinstance(number, bool)

    def is_number(_: Any, number: Any) -> bool:
        return isinstance(number, Real) and not isinstance(number, bool)

    def is_list(_: Any, values: Any) -> bool:
        return isinstance(values, (list, tuple))

    kinds = {"integer": is_whole, "number": is_number, "array": is_list}
    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(kinds)
    return validators.extend(Draft202012Validator, type_checker=checker)


def _describe(error: Any) -> Iterable[str]:
    """Say what a schema error means, with the key, the value and what is allowed."""
    key = ".".join(map(str, error.absolute_path)) or "top level"
    rules, value = error.schema, error.instance
    if error.validator == "additionalProperties":
        allowed = sorted(rules.get("properties", {}))
        for name in sorted(set(value) - set(allowed), key=str):
            close = difflib.get_close_matches(str(name), allowed, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield f"{key}: unknown key {name!r}{hint} (allowed: {', '.join(allowed)})"
    elif error.validator == "required":
        lacking = ", ".join(sorted(set(error.validator_value) - set(value)))
        yield f"{key}: {lacking} is missing; {_list_given(value)}"
    elif error.validator == "dependentRequired":
        needed = "; ".join(
            f"{name} needs {', '.join(others)}"
            for name, others in error.validator_value.items()
        )
        yield f"{key}: {needed}; {_list_given(value)}"
    elif error.validator in ("oneOf", "anyOf"):
        depth = max(map(_measure_depth, error.context), default=0)
        if depth > len(error.absolute_path):
            for inner in error.context:
                yield from _describe(inner) if _measure_depth(inner) == depth else ()
        elif isinstance(value, dict) and "required" in error.validator_value[0]:
            ways = "; ".join(
                f"{', '.join(way['required'])} ({way['title']})"
                for way in error.validator_value
            )
            yield f"{key}: exactly one of these: {ways}; {_list_given(value)}"
        else:
            yield _refuse(key, value, rules)
    elif error.validator == "uniqueItems":
        twice = next(item for i, item in enumerate(value) if item in value[:i])
        yield f"{key}: {_shorten(twice)} stands twice in the list"
    elif error.validator in _SIZES:
        state = "too short" if value else "empty"
        yield (
            f"{key}: {_shorten(value)} is {state}; at least {error.validator_value} "
            "needed"
        )
    else:
        yield _refuse(key, value, rules)


def _measure_depth(error: Any) -> int:
    """How much an error of an alternative says: of a part, a key, the whole's kind."""
    is_inside = "propertyNames" in error.schema_path or error.validator in _SIZES
    return len(error.absolute_path) + is_inside


def _refuse(key: str, value: Any, rules: dict[str, Any]) -> str:
    allowed = describe_allowed(rules)
    return (
        f"{key}: {_shorten(value)}; allowed: {allowed}{_hint_at_number(rules, value)}"
    )


def _list_given(value: Mapping[Any, Any]) -> str:
    return f"given: {', '.join(map(str, value)) or 'nothing'}"


def _shorten(value: Any) -> str:
    is_word = value is None or isinstance(value, bool)
    text = show(value) if is_word else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _hint_at_number(rules: Mapping[str, Any], value: Any) -> str:
    options = [rules, *rules.get("anyOf", [])]
    is_number = any(
        {"number", "integer"} & {*_list_kinds(option)} for option in options
    )
    if not is_number or not isinstance(value, str):
        return ""
    return "; YAML reads 1e-4, and what stands in quotes, as text: write 1.0e-4"


def _list_kinds(rules: Mapping[str, Any]) -> list[str]:
    kinds = rules.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def fill_defaults(
    instance: Any, rules: dict[str, Any], root: dict[str, Any] | None = None
) -> None:
    """Put the default of every key that is not given into a config, in place."""
    root = root or rules
    if "$ref" in rules:
        rules = root["$defs"][rules["$ref"].rsplit("/", 1)[1]]
    if not isinstance(instance, dict):
        return
    known = rules.get("properties", {})
    for key, inner in known.items():
        if key not in instance and "default" in inner:
            instance[key] = copy.deepcopy(inner["default"])
        if key in instance:
            fill_defaults(instance[key], inner, root)
    if "then" in rules and not any(_find_errors(rules["if"], instance)):
        fill_defaults(instance, rules["then"], root)
    inner = rules.get("additionalProperties")
    for key in set(instance) - set(known) if isinstance(inner, dict) else ():
        fill_defaults(instance[key], inner, root)
