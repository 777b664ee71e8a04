"""`fetch_model` brings published weights to where the other rules look for them.

The hub is a module of its name that copies from a folder: no network is used.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from published_checkpoints import write_dnabert2
from workflow_runs import make_config

pytestmark = pytest.mark.workflow

PINNED = "someone/tiny@0123456789abcdef0123456789abcdef01234567"
HUB = """
import os, shutil
from pathlib import Path

def snapshot_download(repo_id, *, revision, allow_patterns, local_dir):
    assert os.environ["HF_HUB_OFFLINE"] == "0"
    for path in Path(os.environ["FAKE_HUB"]).iterdir():
        shutil.copy(path, local_dir)
"""


@pytest.fixture
def hub(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    (folder / "modules").mkdir()
    (folder / "modules" / "huggingface_hub.py").write_text(HUB)
    write_dnabert2(folder / "files")
    (folder / "files" / "bert_layers.py").write_text("raise SystemExit")
    monkeypatch.setenv("FAKE_HUB", str(folder / "files"))
    monkeypatch.setenv("PYTHONPATH", str(folder / "modules"), prepend=os.pathsep)
    return folder


def test_a_checkpoint_is_fetched_and_found(small_input, snakemake, hub):
    entry = {"architecture": "dnabert2", "checkpoint": PINNED, "tuning": "lora"}
    config = make_config(small_input, backbones={"tiny": entry}, models=["tiny"])
    missing = snakemake(config, "train", "--dry-run")
    words = missing.stdout + missing.stderr
    assert missing.returncode != 0
    command = f"snakemake fetch_model --cores 1 --config fetch={PINNED}"
    assert f"tiny is not at hand: no checkpoint in {Path('models/tiny')}" in words
    assert command in words
    fetched = snakemake(config, "fetch_model")
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    names = sorted(path.name for path in (snakemake.folder / "models/tiny").iterdir())
    assert names == [
        *("checksums.json", "config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json"),
    ]
    record = json.loads((snakemake.folder / "models/tiny/checksums.json").read_text())
    assert f"{record['source']}@{record['revision']}" == PINNED
    found = snakemake(config, "train", "--dry-run")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "models/tiny/model.safetensors" in found.stdout + found.stderr
    assert "download_model" not in found.stdout + found.stderr
    # By the folder's name too; and from the command line, without a backbone.
    entry["checkpoint"] = "models/tiny"
    assert snakemake(config, "train", "--dry-run").returncode == 0
    plain = make_config(small_input)
    other = PINNED.replace("tiny", "other")
    again = snakemake(plain, "fetch_model", "--config", f"fetch={other}")
    assert again.returncode == 0, again.stdout + again.stderr
    assert (snakemake.folder / "models/other/config.json").is_file()


def test_nothing_to_fetch_and_no_version_are_told(small_input, snakemake):
    config = make_config(small_input)
    result = snakemake(config, "fetch_model")
    assert result.returncode != 0
    assert "nothing to fetch" in result.stdout + result.stderr
    result = snakemake(config, "fetch_model", "--config", "fetch=someone/tiny@main")
    assert result.returncode != 0
    assert "owner/name@<40 hexadecimal digits>" in result.stdout + result.stderr
    assert not (snakemake.folder / "models").exists()
