"""The README's first code block runs as it stands; the config page is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import yaml
from snakemake.utils import update_config

from error_sequence_model.settings import complete_config, write_reference

ROOT = Path(__file__).parents[2]


def read_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_first_block_runs(tmp_path, monkeypatch, capsys):
    first = re.search(r"```(\w*)\n", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert first is not None and first.group(1) == "python"
    block = read_blocks("python")[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own README
    metrics = names["metrics"]
    assert metrics["auroc"] > 0.9
    assert 0 <= metrics["accuracy"] <= 1 and 0 <= metrics["f1"] <= 1
    assert (tmp_path / "attention_FN.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "my_model" / "model" / "model.safetensors").is_file()
    predictions = pd.read_parquet(tmp_path / "my_model" / "predictions.parquet")
    assert len(predictions) == len(names["test_data"])
    assert capsys.readouterr().out


def test_config_page_is_made_from_the_schema():
    written = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    assert written == write_reference(), "run `make docs`"


def test_shipped_configs_are_valid():
    for path in ("config/config.yaml", "config/demo.yaml", "tests/real/config.yaml"):
        complete_config(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    # The study's other files change single keys of its first.
    study = {}
    for name in ("study", "study_quick", "study_peers", "study_chr3"):
        part = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text("utf-8"))
        update_config(study, part)
        complete_config(study)
