"""What is found about the files of a config, and the lines that would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

UNDERSTOOD, ODD, WRONG = "understood", "odd", "wrong"


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


def write_lines(subject: str, settings: Mapping[str, Any]) -> str:
    """Lines of YAML that set keys of an entry of the config."""
    import yaml

    nested: Any = dict(settings)
    for key in reversed(subject.split(".")):
        nested = {key: nested}
    return yaml.safe_dump(nested, sort_keys=False, default_flow_style=None).rstrip()
