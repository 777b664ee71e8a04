"""The project's own promises: same pins everywhere, every rule with log and conda."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from error_sequence_model.core import find_sources

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow" / "scripts" / "error_sequence_model"
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").rglob("*.smk"))]
# Pinned without an import: where each is called instead.
CALLED = {
    "coverage": ("Makefile", "python -m coverage run"),
    "pytest-xdist": ("Makefile", "--numprocesses"),
    "ruff": ("Makefile", "ruff check"),
    "snakefmt": ("Makefile", "snakefmt --check"),
    "snakemake-executor-plugin-slurm": (
        "workflow/profiles/slurm/profile.yaml",
        "executor: slurm",
    ),
}
# Chosen for this project: each does its part in a step that users run.
CHOSEN = {
    *("snakemake", "pysam", "pyfaidx", "torch", "transformers", "accelerate"),
    *("captum", "pandas", "matplotlib", "scikit-learn"),
}


def read_requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs" / "environment.yaml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip == read_requirements()


def test_requirements_are_pinned():
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in read_requirements())


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


find_distributions = cache(packages_distributions)


def find_packages(paths: Iterable[Path]) -> set[str]:
    """Distributions of what some files import; Snakefiles by their lines."""
    found = set()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            lines = re.findall(r"^\s*(?:from|import) [\w.]+", text, flags=re.MULTILINE)
            found |= {line.split()[1] for line in lines}
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    tops = {name.split(".")[0] for name in found} - sys.stdlib_module_names
    names = {name for top in tops for name in find_distributions().get(top, ())}
    return {normalise(name) for name in names} - {"splice-error-analysis"}


@cache
def find_packages_of_steps() -> set[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in RULES)
    names = sorted(set(re.findall(r'script\("(\w+\.py)"\)', text)))
    assert len(names) > 20
    steps = [ROOT / "workflow" / "scripts" / name for name in names]
    modules = {module for step in steps for module in find_sources(step)}
    return find_packages({*RULES, *steps, *modules})


@pytest.mark.parametrize("package", sorted(CHOSEN))
def test_a_chosen_package_is_used_by_a_step(package):
    assert package in find_packages_of_steps()


def test_what_is_pinned_is_used():
    files = [
        *RULES,
        *(ROOT / "workflow").rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
    ]
    pinned = {normalise(line.split("==")[0]) for line in read_requirements()}
    assert pinned - find_packages(files) == set(CALLED)
    for path, words in CALLED.values():
        assert words in (ROOT / path).read_text(encoding="utf-8")


def test_the_package_needs_what_the_library_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {normalise(name) for name in project["dependencies"]}
    assert needed == find_packages(LIBRARY.rglob("*.py"))


def test_every_rule_has_log_and_conda():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^(?=rule |use rule )", path.read_text(), flags=re.M)[1:]:
            takes_over = rule.startswith("use rule")
            assert "log:" in rule, (path.name, rule.split(":")[0])
            assert "conda:" in rule or takes_over, (path.name, rule.split(":")[0])


def test_scripts_are_short_and_no_remote_code_is_run():
    sources = list((ROOT / "workflow").rglob("*.py"))
    assert sources
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "_".join(("trust", "remote", "code")) not in text, path
        if path.parent.name == "scripts":
            assert len(text.splitlines()) <= 62, path


def test_every_table_is_described_at_the_top_of_a_module():
    rules = (ROOT / "workflow" / "rules").glob("*.smk")
    text = "".join(path.read_text(encoding="utf-8") for path in rules)
    tables = set(re.findall(r"\b(\w+\.parquet|windows\.arrow)\b", text))
    modules = LIBRARY.rglob("*.py")
    tops = [ast.get_docstring(ast.parse(path.read_text())) or "" for path in modules]
    lines = [line for top in tops for line in top.splitlines()]
    described = {
        name
        for line in lines
        if line.startswith("`")
        for name in tables
        if name in line
    }
    assert {"sites.parquet", "embeddings.parquet", "hybrid.parquet"} <= tables
    assert not tables - described
