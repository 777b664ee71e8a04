"""Every command the docs show works, or is listed here with the reason it is not run.

Snakemake is run dry on a tiny genome, `make` with `-n`, scripts up to their arguments.
Every config the docs show is valid.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from error_sequence_model.settings import complete_config
from error_sequence_model.simulation import simulate
from workflow_runs import count_jobs, make_config, run_snakemake

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

NOT_RUN = {
    "source .venv/bin/activate": "sets the reader's shell; `make setup` makes the file",
    "snakemake --configfile tests/real/table.yaml --cores 2 --resources gpu=0 "
    "-- evaluate": "takes hours, and genomes that are not in the repository",
    "snakemake --configfile my.yaml --report report.zip": (
        "needs a finished run: tests/workflow/test_small_run.py makes the archive"
    ),
}


def read_fences(page: Path, *languages: str) -> list[str]:
    pattern = rf"^```(?:{'|'.join(languages)})\n(.*?)^```"
    text = page.read_text(encoding="utf-8")
    return re.findall(pattern, text, flags=re.DOTALL | re.MULTILINE)


def list_commands() -> Iterator[str]:
    """The commands of all blocks, one each: continued, commented and joined lines."""
    for page in PAGES:
        for block in read_fences(page, "bash", "console", "sh", "shell"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in line.removeprefix("$ ").split(" && "):
                    words = shlex.split(part, comments=True)
                    if words:
                        yield shlex.join(words)


COMMANDS = list(dict.fromkeys(list_commands()))
RUN = [command for command in COMMANDS if command not in NOT_RUN]


def list_inline(word: str) -> list[str]:
    """Commands in running text: `word …` in backticks."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return sorted(
        {" ".join(found.split()) for found in re.findall(rf"`({word} [^`]+)`", text)}
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A tiny genome with an error table."""
    folder = tmp_path_factory.mktemp("tiny")
    simulate(folder, seed=3, chromosomes=3, genes_per_chromosome=2)
    return folder


def test_there_are_commands_and_what_is_not_run_is_shown():
    assert any(command.startswith("snakemake") for command in RUN)
    assert set(NOT_RUN) <= set(COMMANDS), "no page shows it: remove it from NOT_RUN"


@pytest.mark.parametrize("command", RUN)
def test_a_command_works(command, tiny, tmp_path, monkeypatch):
    words = shlex.split(command)
    if words[0] == "snakemake":
        plan(words[1:], tiny, tmp_path)
    elif words[0] == "make":
        check_make(words[1:])
    elif words[0] == "python":
        parse_arguments(words[1], words[2:], monkeypatch)
    elif words[0] in ("docker", "apptainer"):
        # Building an image takes a network and half an hour; its version is told here.
        version = re.search(
            r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE
        )[1]
        images = [word for word in words if "splice-error-analysis" in word]
        assert images and (ROOT / "Dockerfile").is_file()
        assert all(w.endswith((".sif", f":{version}")) for w in images), version
    elif words[0] == "cp":
        assert (ROOT / words[1]).is_file() and len(words) == 3
    else:
        pytest.fail(
            f"not known how to check {command!r}; add it to NOT_RUN and say why"
        )


def plan(words: list[str], tiny: Path, folder: Path) -> None:
    """Run Snakemake dry with the tiny config in place of the reader's."""
    place = words.index("--configfile")
    assert words[place + 1] == "my.yaml"
    options = words[:place] + words[place + 2 :]
    options = [word for word in options if word not in ("-n", "--dry-run")]
    jobs = count_jobs(run_snakemake(make_config(tiny), folder, "--dry-run", *options))
    assert jobs["prepare_sites"] == 1
    assert ("fine_tune" in jobs) == ("datasets" not in words)


def check_make(words: list[str]) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--directory", str(ROOT), *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def parse_arguments(script: str, options: list[str], monkeypatch) -> None:
    """Let a script of ours read its command line, no further."""
    path = ROOT / script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [script, *options])
    module.parse_arguments()


@pytest.mark.parametrize("command", list_inline("make"))
def test_a_target_of_make_in_the_text_is_there(command):
    check_make(shlex.split(command)[1:])


@pytest.mark.parametrize("command", list_inline("python"))
def test_a_script_in_the_text_is_there_and_knows_its_options(command):
    _, *words = shlex.split(command)
    shown = subprocess.run(
        [sys.executable, ROOT / words[0], "--help"], capture_output=True, text=True
    )
    for option in words[1:]:
        is_known = re.search(rf"{option}\b", shown.stdout)
        assert is_known or not option.startswith("--"), option


@pytest.mark.parametrize("command", list_inline("snakemake"))
def test_snakemake_in_the_text_has_known_options_rules_and_profiles(command):
    from snakemake.cli import parse_args

    words = shlex.split(command)[1:]
    _, arguments = parse_args(words)  # ends the process where it knows an option not
    sources = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    for target in arguments.targets:
        assert f"rule {target}:" in text, target
    if arguments.workflow_profile:
        profile = Path(arguments.workflow_profile)
        assert (ROOT / profile / "profile.yaml").is_file(), profile


def list_configs() -> Iterator[tuple[str, dict]]:
    for page in PAGES:
        for number, block in enumerate(read_fences(page, "yaml"), start=1):
            yield f"{page.name} {number}", yaml.safe_load(block)


CONFIGS = dict(list_configs())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_the_docs_is_valid(name):
    config = CONFIGS[name]
    if "predictors" not in config:
        # A part of a config is shown for itself: any whole one goes around it.
        whole = next(config for config in CONFIGS.values() if "predictors" in config)
        config = {**whole, **config}
    completed = complete_config(config)
    assert set(CONFIGS[name]) <= set(completed)


def test_pages_with_the_snippets_of_each_source_are_there():
    formats = {
        predictor.get("format") or (predictor.get("scores") or {}).get("format")
        for name, config in CONFIGS.items()
        if name.startswith("own-data.md")
        for predictor in config.get("predictors", {}).values()
    }
    wanted = {None, "table", "openspliceai", "bigwig", "metaspliceai", "sequences"}
    assert wanted <= formats
