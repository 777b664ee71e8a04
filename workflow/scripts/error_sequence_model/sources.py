"""Which files of this library a script's result depends on, found by their imports.

A rule has the hash of their content as a parameter: an edit in one of them reruns what
it defines, and nothing else. What only talks (logs, messages, command lines) is left
out on purpose.
"""

from __future__ import annotations

import ast
import hashlib
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
        "saved_files",
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
def hash_sources(script: str | Path) -> str:
    """Hash the content of the library modules that a script's result depends on.

    Args:
        script: A Python file; it is not part of the hash.

    Returns:
        16 hexadecimal digits; the same wherever the library lies.
    """
    digest = hashlib.sha256()
    for path in find_sources(script):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


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
