"""What each step loads before it works: heavy libraries only where they are used.

By modules, not by time. A model of ours is made, saved and loaded without transformers,
whose import takes longer than most steps work.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
LIBRARY = SCRIPTS / "error_sequence_model"
HEAVY = {
    *("torch", "transformers", "accelerate", "peft", "captum", "huggingface_hub"),
    *("sklearn", "scipy.stats", "scipy.optimize", "matplotlib", "shap"),
}
MODEL = {"torch"}
PAGES = {"matplotlib"}
# What a step loads when it starts; others load none of it.
ALLOWED = {
    "train": MODEL | {"accelerate"},
    "pretrain": MODEL | {"accelerate"},
    "find_rate": MODEL | {"accelerate"} | PAGES,
    **dict.fromkeys(("attention", "attributions", "faithfulness", "motifs"), MODEL),
    **dict.fromkeys(("evaluation", "verification", "score"), MODEL),
    **dict.fromkeys(("cnn", "embeddings"), MODEL),
    "comparison": {"sklearn"},
    "hybrid": {"sklearn"},
    **dict.fromkeys(("browser", "figure", "overview", "report", "tracks"), PAGES),
}


@cache
def read_imports(path: Path) -> tuple[frozenset[Path], frozenset[str]]:
    """Library files and heavy libraries that a file loads when it is loaded."""
    files, heavy = set(), set()
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
        else:
            continue
        for name in names:
            files |= find_files(name)
            heavy |= {h for h in HEAVY if f"{name}.".startswith(f"{h}.")}
    return frozenset(files), frozenset(heavy)


def find_files(name: str) -> set[Path]:
    """The library file that an imported name comes from, faces looked through."""
    top, *parts = name.split(".")
    if top != LIBRARY.name or not parts:
        return set()
    place = LIBRARY.joinpath(*parts)
    if place.with_suffix(".py").is_file():
        return {place.with_suffix(".py")}
    if place.parent.with_suffix(".py").is_file():
        return {place.parent.with_suffix(".py")}
    face = place.parent / "__init__.py"
    tree = ast.parse(face.read_text(encoding="utf-8") if face.is_file() else "")
    return {
        place.parent / f"{node.module}.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level and node.module
        if parts[-1] in {alias.name for alias in node.names}
    }


def find_heavy(script: Path) -> set[str]:
    heavy: set[str] = set()
    found, todo = set(), [script]
    while todo:
        files, libraries = read_imports(todo.pop())
        heavy |= libraries
        todo += files - found
        found |= files
    return heavy


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda p: p.stem)
def test_a_step_loads_no_heavy_library_that_it_can_do_without(script) -> None:
    assert find_heavy(script) == ALLOWED.get(script.stem, set())


CODE = """
import sys
from error_sequence_model.classifier import create_classifier, load_model, save_model
for name, options in {
    "nucleotide_encoder": {"layers": 1, "heads": 2, "hidden_size": 8},
    "nucleotide_transformer": {"layers": 1, "heads": 2, "hidden_size": 8},
}.items():
    save_model(create_classifier(name, options=options, seed=1), sys.argv[1])
    model, tokenizer = load_model(sys.argv[1])
    model(**tokenizer("ACGTACGTAC"))
print(sorted({"transformers", "accelerate", "sympy", "torch._dynamo"} & {*sys.modules}))
"""


def test_models_of_ours_live_without_transformers(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SCRIPTS)},
    )
    assert done.stdout.strip() == "[]"
