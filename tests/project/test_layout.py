"""The plan of the library: packages with faces, imports that lead down."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from layout_figures import (
    FLOOR_OF,
    LIBRARY,
    Library,
    find_climbs,
    find_knots,
    find_namesakes,
    measure,
)

ROOT = Path(__file__).parents[2]
NAME = LIBRARY.name
PACKAGES = sorted(path.parent.name for path in LIBRARY.glob("*/__init__.py"))
LONGEST = 450


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(LIBRARY)


def read_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def list_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(read_tree(path)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_package_has_its_floor_and_no_other_name_is_at_the_top() -> None:
    assert set(PACKAGES) <= set(FLOOR_OF)
    top = {path.name for path in LIBRARY.iterdir()} - {"__init__.py", "__pycache__"}
    assert top == set(PACKAGES)


def test_imports_lead_down(library) -> None:
    assert not find_climbs(library.list_arrows())


def test_nothing_goes_round(library) -> None:
    assert not find_knots(library.list_arrows())
    assert not find_knots(library.list_file_arrows())


def list_strangers() -> list[Path]:
    """Python files, with the rules' too, that are no part of the library."""
    files = [*(ROOT / "workflow" / "scripts").glob("*.py"), *LIBRARY.rglob("*.py")]
    return files + list((ROOT / "tests").rglob("*.py"))


def find_home(path: Path) -> str | None:
    """Name the package whose modules a file may import: its own, or what it tests."""
    for folder in (LIBRARY, ROOT / "tests" / "unit"):
        if folder in path.parents:
            return path.relative_to(folder).parts[0]
    return None


def test_a_module_is_imported_inside_its_package_alone() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in list_strangers()
        for module in list_imports(path)
        if module.startswith(f"{NAME}.")
        and module.count(".") > 1
        and module.split(".")[1] != find_home(path)
    ]
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_a_face_is_a_docstring_and_what_it_offers(package) -> None:
    tree = read_tree(LIBRARY / package / "__init__.py")
    assert ast.get_docstring(tree)
    kinds = (ast.Expr, ast.ImportFrom, ast.If, ast.Assign)
    assert all(isinstance(node, kinds) for node in tree.body)
    offered = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]
    assert len(offered) == len(set(offered))
    # A module of the name of what it offers would hide it once it is loaded.
    modules = {path.stem for path in (LIBRARY / package).iterdir()}
    assert not modules & set(offered)


def test_every_name_of_every_face_is_there() -> None:
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        f"    face = importlib.import_module('{NAME}.' + name)\n"
        "    assert not [n for n in face.__all__ if not hasattr(face, n)], name\n"
    )
    words = [sys.executable, "-c", code, *PACKAGES]
    subprocess.run(words, check=True, env={"PYTHONPATH": str(LIBRARY.parent)})


def test_rules_import_what_loads_no_torch() -> None:
    files = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    statements = re.findall(
        rf"^(?:from|import) {NAME}\S*(?: import (?:\([^)]*\)|.*))?", text, re.M
    )
    used = {s.split()[1].removeprefix(f"{NAME}.") for s in statements}
    assert used <= {"settings", "core", "backbones", "predictors"}
    heavy = "('torch', 'transformers', 'sklearn', 'matplotlib')"
    code = "\n".join(
        [*statements, "import sys", f"print([m for m in {heavy} if m in sys.modules])"]
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(LIBRARY.parent)},
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_rules_stand_in_files_named_as_their_packages() -> None:
    names = {path.stem for path in (ROOT / "workflow" / "rules").glob("*.smk")}
    assert names - {"common"} <= set(PACKAGES)


def test_no_concept_is_cut_and_no_file_is_endless(library) -> None:
    for path in library.modules.values():
        assert len(path.read_text().splitlines()) <= LONGEST, path


def test_file_names_of_several_packages_mean_one_role(library) -> None:
    assert len(find_namesakes(library)) <= 5


def test_tests_are_named_after_what_they_test() -> None:
    folder = ROOT / "tests" / "unit"
    for path in folder.rglob("test_*.py"):
        place = path.relative_to(folder)
        module = place.with_name(place.name.removeprefix("test_"))
        assert (LIBRARY / module).is_file(), place
    assert not list(folder.glob("*.py"))


def test_the_page_of_the_library_shows_its_faces() -> None:
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| `(\w+)` \| (.*?) \| (.*?) \|$", text, re.M)
    assert sorted(name for _, name, *_ in rows) == PACKAGES
    for floor, name, words, names in rows:
        tree = read_tree(LIBRARY / name / "__init__.py")
        assert int(floor) == FLOOR_OF[name]
        assert words == ast.get_docstring(tree).splitlines()[0].rstrip(".")
        assert set(re.findall(r"`(\w+)`", names)) <= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level
            for alias in node.names
        }


def test_the_figures_stay_where_they_are() -> None:
    figures = measure(LIBRARY)
    assert int(figures["top-level names"]) <= 33
    limits = {"train": 52, "evaluation": 45, "attributions": 60, "motifs": 75}
    for script, most in limits.items():
        assert int(figures[f"modules in the rerun hash of {script}"]) <= most
