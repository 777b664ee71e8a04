"""Figures of the library's plan: packages, imports, what reruns what.

    python tests/layout_figures.py [LIBRARY …]

prints one row per figure and one column per library folder (default: this one), so that
two versions can be held side by side. It knows both layouts: packages with a face, and
modules that lie at the top level.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "workflow" / "scripts" / "error_sequence_model"
# One row per floor, the lowest first; a package imports from lower rows only.
FLOORS = (
    ("core",),
    ("settings", "statistics", "tables", "tokenizers", "simulation"),
    ("genome", "datasets", "backbones", "results"),
    ("windows", "classifier", "predictors"),
    ("sites", "splits", "features", "runs", "figures"),
    (
        *("calling", "training", "evaluation", "classical", "attribution", "motifs"),
        *("causes", "tracks"),
    ),
    ("attention", "verification", "pretraining"),
    ("faithfulness", "reports"),
    ("notebook", "examples"),
)
FLOOR_OF = {name: number for number, row in enumerate(FLOORS, 1) for name in row}
# Scripts whose rerun hash is told, by either layout's name.
STEPS = ("train", "evaluation", "attributions", "motifs")
# What a file of this name is, is the same in every package.
ROLES = frozenset({"__init__", "files", "run", "settings", "arguments", "inputs"})
PAGES = frozenset({"sections", "findings", "reporting"})


class Library:
    """The modules of one version of the library and what they import.

    Attributes:
        root: Its folder.
        modules: Paths of its modules by dotted name, faces as their package.
        imports: By module, the names ``(module, name)`` it imports from the library.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules = {
            ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(
                ".__init__"
            ): path
            for path in sorted(root.rglob("*.py"))
            if path != root / "__init__.py"
        }
        self.imports = {
            name: list(self.read_imports(path)) for name, path in self.modules.items()
        }

    def read_imports(self, path: Path) -> Iterator[tuple[str, str | None]]:
        """Read the imports of a module from the library, those of a face too."""
        place = path.relative_to(self.root).parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level:
                    module = ".".join([*place[: len(place) - node.level], module])
                elif module.split(".")[0] == self.root.name:
                    module = module.removeprefix(self.root.name).lstrip(".")
                else:
                    continue
                for alias in node.names:
                    yield module.strip("."), alias.name
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == self.root.name:
                        yield alias.name.removeprefix(self.root.name).lstrip("."), None

    def get_package(self, module: str) -> str:
        """Name the top-level name a module lies under."""
        return module.split(".")[0]

    def list_arrows(self) -> set[tuple[str, str]]:
        """List which top-level name imports from which other one."""
        return {
            (self.get_package(user), self.get_package(used))
            for user, names in self.imports.items()
            for used in self._list_used(names)
            if used and self.get_package(used) != self.get_package(user)
        }

    def list_file_arrows(self) -> set[tuple[str, str]]:
        """List which file imports from which other one, faces looked through."""
        return {
            (user, file)
            for user, names in self.imports.items()
            if self.modules[user].name != "__init__.py"
            for module, name in names
            if (file := self.find_file(module, name)) and file != user
        }

    def find_file(self, module: str, name: str | None) -> str | None:
        """Find the file that defines a name, through faces."""
        inner = f"{module}.{name}".strip(".")
        if inner in self.modules and self.modules[inner].name != "__init__.py":
            return inner
        if module in self.modules and self.modules[module].name != "__init__.py":
            return module
        for below, other in self.imports.get(module, ()):
            if other == name and below != module:
                return self.find_file(below, name)
        return None

    def _list_used(self, names: Iterable[tuple[str, str | None]]) -> Iterator[str]:
        for module, name in names:
            yield module or (name if name in self.modules else "") or ""


def find_knots(arrows: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Find the groups of more than one name that all reach each other."""
    below = defaultdict(set)
    for user, used in arrows:
        below[user].add(used)

    def reach(start: str) -> set[str]:
        seen, todo = set(), [start]
        while todo:
            for name in below[todo.pop()] - seen:
                seen.add(name)
                todo.append(name)
        return seen

    reached = {name: reach(name) for name in list(below)}
    knots = []
    for name, names in reached.items():
        knot = {other for other in names if name in reached.get(other, ())}
        if len(knot) > 1 and knot not in knots:
            knots.append(knot)
    return sorted(knots, key=len, reverse=True)


def find_climbs(arrows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Find the imports that do not lead to a lower floor."""
    return sorted(
        (user, used)
        for user, used in arrows
        if user in FLOOR_OF and FLOOR_OF.get(used, 99) >= FLOOR_OF[user]
    )


def find_namesakes(library: Library) -> list[str]:
    """Find the file names that several packages have and that are no role."""
    places = {
        (library.get_package(module), path.stem)
        for module, path in library.modules.items()
        # A page of a report is named after what it tells of.
        if path.stem not in ROLES and path.parent.name not in PAGES
    }
    counts = Counter(name for _, name in places)
    return sorted(name for name, count in counts.items() if count > 1)


def count_closure(library: Library, script: str) -> int:
    """Count the modules in a script's rerun hash, by the library's own rule."""
    source = library.root.parent / f"{script}.py"
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "try: from error_sequence_model.core import find_sources\n"
        "except ImportError: from error_sequence_model.sources import find_sources\n"
        "print(len(find_sources(sys.argv[2])))"
    )
    import subprocess

    words = [sys.executable, "-c", code, str(library.root.parent), str(source)]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(run.stdout)


def measure(root: Path) -> dict[str, str]:
    """Measure one version of the library."""
    library = Library(root)
    top = {path.name for path in root.iterdir()} - {"__init__.py", "__pycache__"}
    arrows = library.list_arrows()
    knots = find_knots(arrows)
    circles = find_knots(library.list_file_arrows())
    lines = [len(path.read_text().splitlines()) for path in library.modules.values()]
    faces = [
        path
        for path in root.glob("*/__init__.py")
        if "__all__" in path.read_text(encoding="utf-8")
    ]
    figures = {
        "top-level names": str(len(top)),
        "packages with a face": str(len(faces)),
        "modules": str(len(library.modules)),
        "lines": str(sum(lines)),
        "longest module": str(max(lines)),
        "knots of packages": " + ".join(str(len(knot)) for knot in knots) or "0",
        "circles of files": str(len(circles)),
        "import arrows that do not lead down": (
            str(len(find_climbs(arrows))) if faces[5:] else "(floors are new)"
        ),
        "file names of several packages": str(len(find_namesakes(library))),
    }
    for script in STEPS:
        figures[f"modules in the rerun hash of {script}"] = str(
            count_closure(library, script)
        )
    return figures


def main() -> None:
    """Print the figures of the libraries side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libraries", nargs="*", type=Path, default=[LIBRARY])
    columns = [measure(path.resolve()) for path in parser.parse_args().libraries]
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    main()
