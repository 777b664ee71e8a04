"""Long texts of the reports, filled in from the templates beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template

from error_sequence_model.figures import count_words, join_words


@cache
def read_template(name: str) -> Template:
    """Read ``templates/{name}.j2``."""
    # These are texts for paper: nothing of them is HTML that could be escaped.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        keep_trailing_newline=True,
    )
    environment.globals |= {"count_words": count_words, "join_words": join_words}
    return environment.get_template(f"{name}.j2")


def write_paragraph(name: str, **values: Any) -> str:
    """Fill in a template as one paragraph; its line breaks are spaces."""
    return " ".join(read_template(name).render(**values).split())
