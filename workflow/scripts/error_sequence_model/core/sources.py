"""Which files of this library a script's result depends on, found by their imports.

A rule has the hash of their content as a parameter: an edit in one of them reruns what
it defines, and nothing else. What only talks (logs, messages, command lines) is left
out on purpose, and so are the faces of packages: they are looked through.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from error_sequence_model.core.faces import read_face

PACKAGE = Path(__file__).parents[1]
PLUMBING = frozenset(
    PACKAGE / "core" / f"{name}.py"
    for name in ("commands", "errors", "faces", "files", "logs", "provenance")
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
    modules: set[Path] = set()
    for node in _walk_running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                modules |= _find_files(node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                modules |= _find_files(alias.name)
    return frozenset(modules - PLUMBING)


def _walk_running(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree's statements past what only type checkers read."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
            continue
        yield node
        # No expression holds an import.
        todo += (n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.expr))


def _find_files(module: str, name: str | None = None) -> set[Path]:
    """Find where a name of a module, or all of them, is defined.

    A package's face is looked through: it leads to the one module that the name comes
    from, or every package would hold all of its modules to each user of one.
    """
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return set()
    place = PACKAGE.joinpath(*parts[1:])
    if (file := place.with_suffix(".py")).is_file():
        return {file}
    if not (file := place / "__init__.py").is_file():
        return set()
    if name and (below := _find_files(f"{module}.{name}")):
        return below
    face = read_face(file)
    wanted = face.values() if name is None else {face.get(name)} - {None}
    found = {source.lstrip(".") for source in wanted}
    return set().union(*(_find_files(f"{module}.{source}", name) for source in found))
