"""Damaged, dangerous and missing weight files are refused with a clear message."""

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from error_sequence_model.backbones import load_backbone, load_checkpoint
from error_sequence_model.core import InputError
from published_checkpoints import FILE, edit_config, write_dnabert2


@pytest.fixture
def dnabert2(tmp_path):
    return write_dnabert2(tmp_path / "any_name")


def test_a_truncated_safetensors_is_refused(dnabert2):
    os.truncate(dnabert2 / FILE, (dnabert2 / FILE).stat().st_size - 100)
    with pytest.raises(InputError, match="truncated or damaged"):
        load_backbone(dnabert2)


def test_a_git_lfs_pointer_is_refused(dnabert2):
    (dnabert2 / FILE).write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match="git lfs pull"):
        load_backbone(dnabert2)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.mark.parametrize("is_zip", [True, False], ids=["torch file", "bare pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(dnabert2, tmp_path, is_zip):
    (dnabert2 / FILE).unlink()
    file, proof = dnabert2 / "pytorch_model.bin", tmp_path / "code_was_run"
    if is_zip:
        torch.save({"weight": torch.zeros(1), "x": Bomb(str(proof))}, file)
    else:
        file.write_bytes(pickle.dumps({"x": Bomb(str(proof))}))
    with pytest.raises(InputError, match="would run code"):
        load_backbone(dnabert2)
    assert not proof.exists()


def test_a_truncated_torch_file_is_refused(dnabert2):
    tensors = load_file(dnabert2 / FILE)
    (dnabert2 / FILE).unlink()
    file = dnabert2 / "pytorch_model.bin"
    torch.save(tensors, file)
    assert load_checkpoint(dnabert2).family.name == "dnabert2"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(InputError, match="truncated or damaged"):
        load_backbone(dnabert2)
    torch.save({"state_dict": tensors, "epoch": 3}, file)
    with pytest.raises(InputError, match="not a plain table"):
        load_backbone(dnabert2)


def test_shards_are_put_together(dnabert2):
    tensors = load_file(dnabert2 / FILE)
    (dnabert2 / FILE).unlink()
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, members in parts.items():
        save_file({name: tensors[name] for name in members}, dnabert2 / part)
    index = {name: part for part, members in parts.items() for name in members}
    file = dnabert2 / "model.safetensors.index.json"
    file.write_text(json.dumps({"weight_map": index}))
    assert load_checkpoint(dnabert2).family.name == "dnabert2"
    (dnabert2 / "b.safetensors").unlink()
    with pytest.raises(InputError, match="which is not there"):
        load_backbone(dnabert2)


def test_a_trained_classifier_is_sent_to_its_own_loader(dnabert2):
    edit_config(dnabert2, model_type="splice_error_classifier")
    with pytest.raises(InputError, match="load_model"):
        load_backbone(dnabert2)


def test_missing_files_are_named(tmp_path, dnabert2):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        load_backbone(tmp_path / "empty")
    (dnabert2 / FILE).rename(dnabert2 / "weights.ckpt")
    with pytest.raises(InputError, match="no weights"):
        load_backbone(dnabert2)
