"""Which files of this library a script's result depends on, found by their imports.

A rule lists them as inputs: an edit in one of them reruns what it defines, and nothing
else. What only talks (logs, messages, command lines) is left out on purpose.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
PLUMBING = frozenset(
    PACKAGE / f"{name}.py"
    for name in (
        "__init__",
        "errors",
        "files",
        "jobs/commands",
        "jobs/logs",
        "provenance",
    )
)


def find_sources(script: str | Path) -> list[Path]:
    """Find the library modules a script imports, directly or through others.

    Args:
        script: A Python file.

    Returns:
        Paths of modules of this package, sorted.
    """
    found: set[Path] = set()
    todo = [Path(script)]
    while todo:
        for module in _read_imports(todo.pop()) - found:
            found.add(module)
            todo.append(module)
    return sorted(found)


@cache
def _read_imports(path: Path) -> frozenset[Path]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        modules.update(file for name in names if (file := _find_file(name)))
    return frozenset(modules - PLUMBING)


def _find_file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return None
    place = PACKAGE.joinpath(*parts[1:])
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None
