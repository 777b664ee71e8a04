"""Files that come with the library: found in a checkout and in an installed package."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

from error_sequence_model.core import find_shipped, shipped

ROOT = Path(__file__).parents[3]


def test_files_lie_in_the_checkout_else_in_the_package(monkeypatch, tmp_path) -> None:
    assert find_shipped("resources/elements.tsv") == ROOT / "resources" / "elements.tsv"
    package = tmp_path / "error_sequence_model"
    monkeypatch.setattr(shipped, "PACKAGE", package)
    monkeypatch.setattr(shipped, "FOLDERS", {"resources": tmp_path / "none"})
    wanted = package / "resources" / "elements.tsv"
    assert find_shipped("resources/elements.tsv") == wanted


def test_a_wheel_holds_them_and_what_the_library_reads_beside_its_modules() -> None:
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    values = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    folders = ast.literal_eval(values["SHIPPED"])
    assert {name: ROOT / path for name, path in folders.items()} == shipped.FOLDERS
    (patterns,) = (
        ast.literal_eval(word.value)[""]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "package_data"
    )
    places = [shipped.PACKAGE, *shipped.FOLDERS.values()]
    for path in (path for place in places for path in place.rglob("*.*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            assert any(fnmatch(path.name, pattern) for pattern in patterns), path
