"""What the docs show runs, and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "README.md", ROOT / "DEVELOPERS.md"]


def read_blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_example_of_a_backbone_runs(tmp_path, monkeypatch, capsys):
    from error_sequence_model.backbones import FAMILIES

    (block,) = read_blocks(ROOT / "docs" / "add-a-backbone.md", "python")
    monkeypatch.chdir(tmp_path)
    try:
        exec(compile(block, "add-a-backbone.md", "exec"), {})  # noqa: S102 - our docs
    finally:
        FAMILIES.pop("plain_conv", None)
    assert float(capsys.readouterr().out.split()[-1]) > 0.8
    assert (tmp_path / "plain_conv_model" / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    # Fixed parts of the repository; results and users' files come later.
    pattern = r"`((?:workflow|tests|config|envs|docs|resources)/[\w./-]*)`"
    named = set(re.findall(pattern, text))
    named |= {
        str((page.parent / link).resolve().relative_to(ROOT))
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    }
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_and_tests_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    files = {path.name: path for path in ROOT.rglob("*.py") if ".venv" not in str(path)}
    named = set(re.findall(r"`(?:[\w.]+/)*(\w+\.py)`", text))
    assert not named - set(files)
    for file, test in re.findall(r"`(test_\w+\.py)`: `(test_\w+)`", text):
        assert f"def {test}(" in files[file].read_text(encoding="utf-8")


def test_profiles_of_the_table_exist_and_are_commented():
    profiles = sorted((ROOT / "workflow" / "profiles").iterdir())
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    for profile in profiles:
        assert f"| `{profile.name}` |" in text
        lines = (profile / "profile.yaml").read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("#")


def test_the_graph_shows_rules_that_are_there():
    text = (ROOT / "docs" / "rulegraph.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"id\d+\[(\w+)\]", text))
    sources = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    rules = {
        rule
        for source in sources
        for rule in re.findall(
            r"^(?:rule|use rule \w+ as) (\w+)(?::| with:)", source.read_text(), re.M
        )
    }
    assert {"fine_tune", "write_error_report"} <= shown <= rules


# What other programs say; the rest of the first column's quotes is ours.
FOREIGN = {
    *("Missing input files", "affected files", "LockException", "ERROR:"),
    *("command not found: accelerate", "dictionary update sequence element"),
    "--resources gpu=1 train",
}


def test_messages_of_the_troubleshooting_table_are_those_of_the_code():
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (.*?) \|", text, flags=re.MULTILINE)
    quoted = {quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell)}
    sources = (ROOT / "workflow" / "scripts").rglob("*.py")
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    # A message may be written over several lines, with values in between.
    joined = re.sub(r'"\s+f?"', "", code)
    missing = {q for q in quoted - FOREIGN if q not in joined}
    assert not missing
    assert quoted & FOREIGN
