"""A package's face: what its `__init__.py` offers, loaded when it is first used.

A face lists its names as imports for type checkers, and `open_face` reads the same
lines, so that nothing stands twice. A step then loads what it uses: reading a table
needs no torch, though a function beside it does.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


@cache
def read_face(file: str | Path) -> dict[str, str]:
    """Read which module each name of a face comes from.

    Args:
        file: A package's `__init__.py`, with lines ``from .module import name``.

    Returns:
        Module by name, relative to the package (``.errors``).

    Examples:
        >>> read_face(Path(__file__).parent / "__init__.py")["InputError"]
        '.errors'
    """
    return {
        alias.asname or alias.name: "." * node.level + (node.module or "")
        for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }


def open_face(package: str, file: str) -> tuple[list[str], Callable[[str], Any]]:
    """Make what a face consists of, from its own import lines.

    Args:
        package: The package's ``__name__``.
        file: Its ``__file__``.

    Returns:
        Its ``__all__``, sorted, and its ``__getattr__``: names are loaded on first use.
    """
    places = read_face(file)

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # What a module makes stays: looking for garbage there takes long, finds none.
        is_collecting = gc.isenabled()
        gc.disable()
        try:
            return getattr(import_module(places[name], package), name)
        finally:
            if is_collecting:
                gc.enable()

    return sorted(places), get
