"""The project's own promises: same pins everywhere, every rule with log and conda."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def read_requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs" / "environment.yaml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip == read_requirements()


def test_requirements_are_pinned():
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in read_requirements())


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
    modules = (ROOT / "workflow" / "scripts" / "error_sequence_model").rglob("*.py")
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
