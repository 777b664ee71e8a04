"""Getting published weights from a hub that is a local folder: no network is used."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file

from error_sequence_model.backbones import (
    FAMILIES,
    PUBLISHED,
    fetch_model,
    find_checkpoint,
    get_published,
    list_checkpoint_files,
    load_checkpoint,
    name_requests,
)
from error_sequence_model.backbones.fetching import WANTED
from error_sequence_model.backbones.published import (
    ALIASES,
    CITATIONS,
    LICENCES,
    require_published,
)
from error_sequence_model.core import InputError, hash_file, read_json
from published_checkpoints import FILE, write_dnabert2

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = f"someone/tiny@{COMMIT}"


class FakeHub:
    """A hub repository that is a folder; remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = write_dnabert2(folder)
        for name in ("bert_layers.py", "README.md", "training_args.bin"):
            (self.folder / name).write_text("raise SystemExit('code was run')")
        self.asked: list[dict] = []
        self.is_honest = True
        self.fails_after: int | None = None
        self.failure: BaseException = OSError("connection reset")

    def __call__(self, repo_id, *, revision, allow_patterns, local_dir):
        self.asked.append({"repo_id": repo_id, "revision": revision})
        (Path(local_dir) / ".cache" / "huggingface").mkdir(parents=True, exist_ok=True)
        for done, path in enumerate(sorted(self.folder.iterdir())):
            if done == self.fails_after:
                raise self.failure
            if not self.is_honest or any(fnmatch(path.name, p) for p in allow_patterns):
                shutil.copy(path, local_dir)
        if not self.is_honest:
            (Path(local_dir) / "vocab.txt").symlink_to("/etc/hostname")
            (Path(local_dir) / "code").mkdir()
            (Path(local_dir) / "code" / "model.safetensors").write_bytes(b"")
        return str(local_dir)

    def store_as_torch(self) -> None:
        tensors = load_file(self.folder / FILE)
        torch.save(tensors, self.folder / "pytorch_model.bin")
        (self.folder / FILE).unlink()


@pytest.fixture
def hub(tmp_path, monkeypatch) -> FakeHub:
    fake = FakeHub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return fake


def list_everything() -> list[str]:
    return sorted(str(path) for path in Path("models").rglob("*"))


@pytest.mark.parametrize("is_honest", [True, False])
def test_a_pinned_version_arrives_without_any_code(hub, is_honest) -> None:
    hub.is_honest = is_honest
    folder = fetch_model(PINNED)
    assert folder == Path("models/tiny")
    assert hub.asked == [{"repo_id": "someone/tiny", "revision": COMMIT}]
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        *("checksums.json", "config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json"),
    ]
    assert not any(path.is_dir() or path.is_symlink() for path in folder.iterdir())
    record = read_json(folder / "checksums.json")
    assert (record["source"], record["revision"]) == ("someone/tiny", COMMIT)
    assert record["files"] == {
        name: hash_file(folder / name) for name in names if name != "checksums.json"
    }
    assert load_checkpoint(PINNED).family.name == "dnabert2"
    assert list_everything() == [
        "models/tiny",
        *(f"models/tiny/{name}" for name in names),
    ]


def test_torch_weights_are_taken_where_there_are_no_others(hub) -> None:
    hub.store_as_torch()
    folder = fetch_model(PINNED)
    assert (folder / "pytorch_model.bin").is_file()
    assert not (folder / "training_args.bin").exists()
    assert load_checkpoint(folder).family.name == "dnabert2"


def test_code_is_never_asked_for() -> None:
    for name in ("modeling.py", "configuration_bert.py", "a.sh", "weights.ckpt"):
        assert not any(fnmatch(name, pattern) for pattern in WANTED), name


@pytest.mark.parametrize(
    "failure", [OSError("reset"), RuntimeError("transport"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("files", [0, 3, 6])
def test_an_interrupted_download_leaves_nothing(hub, failure, files) -> None:
    hub.fails_after, hub.failure = files, failure
    is_stop = isinstance(failure, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt if is_stop else InputError) as caught:
        fetch_model(PINNED)
    if not is_stop:
        assert "could not be fetched" in str(caught.value)
        assert "nothing was kept" in str(caught.value)
    assert list_everything() == []
    hub.fails_after = None
    fetch_model(PINNED)
    before = list_everything()
    hub.fails_after = files
    (Path("models/tiny") / FILE).write_bytes(b"damaged")
    with pytest.raises(BaseException, match=r"reset|transport|^$"):
        fetch_model(PINNED)
    assert list_everything() == before, "what was there stays until the new is whole"


def test_a_repository_without_weights_is_refused(hub) -> None:
    (hub.folder / FILE).unlink()
    with pytest.raises(InputError, match=r"a checkpoint is a config\.json with"):
        fetch_model(PINNED)
    assert list_everything() == []


@pytest.mark.parametrize("is_right", [True, False])
def test_published_digests_are_compared(hub, monkeypatch, is_right) -> None:
    hub.store_as_torch()
    digest = hash_file(hub.folder / "pytorch_model.bin") if is_right else "0" * 64
    known = replace(PUBLISHED["DNABERT-2-117M"], sha256={"pytorch_model.bin": digest})
    monkeypatch.setitem(PUBLISHED, known.name, known)
    if is_right:
        folder = fetch_model("DNABERT-2")
        record = read_json(folder / "checksums.json")
        assert record["compared_with_published"] == ["pytorch_model.bin"]
        assert record["revision"] == known.revision == hub.asked[0]["revision"]
        assert record["licence"]["weights"] == "Apache-2.0"
        assert load_checkpoint("DNABERT-2-117M").family.name == "dnabert2"
    else:
        with pytest.raises(InputError, match=r"but 0000.* is published"):
            fetch_model("DNABERT-2")
        assert list_everything() == []


@pytest.mark.parametrize(
    "request_",
    ["someone/tiny", "someone/tiny@main", "someone/tiny@0123abc", f"tiny@{COMMIT}"],
)
def test_an_unpinned_version_is_refused_before_any_download(hub, request_) -> None:
    with pytest.raises(InputError, match="neither a folder nor"):
        fetch_model(request_)
    assert hub.asked == []
    assert list_everything() == []


def test_what_is_there_is_not_fetched_again_and_never_lost(hub) -> None:
    folder = fetch_model(PINNED)
    fetch_model(PINNED)
    assert len(hub.asked) == 1
    # As the workflow does when the version in the config changes.
    (folder / "checksums.json").unlink()
    (folder / FILE).write_bytes(b"my own")
    fetch_model(PINNED)
    assert len(hub.asked) == 2
    assert Path("models/tiny.before1", FILE).read_bytes() == b"my own"
    assert load_checkpoint(PINNED).family.name == "dnabert2"


def test_a_copy_of_another_version_is_not_taken_for_the_asked_one(hub) -> None:
    fetch_model(PINNED)
    other = f"someone/tiny@{'f' * 40}"
    with pytest.raises(InputError, match=f"holds someone/tiny at {COMMIT}, not"):
        find_checkpoint(other)
    assert find_checkpoint("models/tiny") == Path("models/tiny")
    fetch_model(other)
    assert find_checkpoint(other) == Path("models/tiny")


def write_archive(path: Path, files: dict[str, bytes]) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("models/SpliceBERT.1024nt/vocab.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    return path.as_uri()


def test_an_archive_gives_only_the_files_of_its_model(hub, monkeypatch) -> None:
    inside = "models/SpliceBERT.1024nt"
    address = write_archive(
        Path.cwd() / "archive.tar.gz",
        {
            f"{inside}/config.json": b"{}",
            f"{inside}/pytorch_model.bin": b"weights",
            f"{inside}/code.py": b"raise SystemExit",
            f"{inside}/../../../tokenizer.json": b"{}",
            "models/SpliceBERT.510nt/config.json": b"another",
        },
    )
    known = replace(PUBLISHED["SpliceBERT-1024nt"], archive=address, sha256={})
    monkeypatch.setitem(PUBLISHED, known.name, known)
    folder = fetch_model("SpliceBERT")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["checksums.json", "config.json", "pytorch_model.bin"]
    assert (folder / "config.json").read_bytes() == b"{}"
    assert hub.asked == []
    assert not Path("tokenizer.json").exists()


def test_every_published_model_is_pinned_and_has_its_terms() -> None:
    for name, published in PUBLISHED.items():
        assert published.architecture in FAMILIES
        if published.hub_id is not None:
            assert re.fullmatch("[0-9a-f]{40}", published.revision)
            assert published.revision in published.download_command
        else:  # an archive is pinned by the digest of its weights
            assert "pytorch_model.bin" in published.sha256
        assert all(re.fullmatch("[0-9a-f]{64}", d) for d in published.sha256.values())
        assert require_published(published.request) == published
        assert published.citation == CITATIONS[published.architecture]
        terms = LICENCES[published.architecture]
        assert all(vars(terms).values()), name
        assert all(vars(published.terms).values()), name
        if published.own_terms is None:
            assert published.licence == FAMILIES[published.architecture].licence
    hyena = LICENCES["hyenadna"]
    assert (hyena.weights, hyena.code) == ("BSD-3-Clause", "Apache-2.0")


def test_a_model_that_is_not_at_hand_says_how_to_get_it(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, published in PUBLISHED.items():
        for words in (name, f"models/{name}"):
            with pytest.raises(InputError) as caught:
                find_checkpoint(words)
            assert f"--config fetch={name}" in published.fetch_command
            assert published.fetch_command in str(caught.value)
            assert published.download_command in str(caught.value)
    with pytest.raises(InputError, match=f"fetch={PINNED}\n"):
        find_checkpoint(PINNED)
    folder = tmp_path / "models" / "DNABERT-2-117M"
    folder.mkdir(parents=True)  # as a job that failed leaves it behind
    with pytest.raises(InputError, match="is not at hand"):
        find_checkpoint("models/DNABERT-2-117M")
    (folder / "config.json").write_text("{}")
    for name in ("DNABERT-2-117M", *ALIASES, "zhihan1996/DNABERT-2-117M"):
        if get_published(name).name == "DNABERT-2-117M":
            assert find_checkpoint(name).name == "DNABERT-2-117M"
    assert get_published("nothing") is None
    other = get_published(f"zhihan1996/DNABERT-2-117M@{'0' * 40}")
    assert (other.name, other.sha256) == ("DNABERT-2-117M", {})
    with pytest.raises(InputError, match="neither a folder nor the name"):
        find_checkpoint("no/such/folder")
    # They run here, but nobody has recorded a version of them.
    for name in ("ModernGENA-base", "AIRI-Institute/moderngena-base"):
        assert get_published(name) is None
        with pytest.raises(
            InputError, match=r"moderngena-base@<40 .*DNABERT-2-117M \("
        ):
            find_checkpoint(name)


def test_requests_are_named_once_and_conflicts_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("{}")
    assert name_requests(["DNABERT-2"], [str(mine), "models/DNABERT-2-117M"]) == {
        "DNABERT-2-117M": "DNABERT-2-117M"
    }
    assert name_requests([PINNED], []) == {"tiny": PINNED}
    assert name_requests([], [str(mine)]) == {}
    with pytest.raises(InputError, match="would both be models/DNABERT-2-117M"):
        name_requests(["DNABERT-2", f"zhihan1996/DNABERT-2-117M@{'0' * 40}"], [])
    with pytest.raises(InputError, match="neither a folder nor pinned"):
        name_requests([], ["someone/tiny"])


def test_the_files_of_a_checkpoint_are_what_a_step_depends_on(hub) -> None:
    (fetch_model(PINNED) / "notes.md").write_text("mine")
    assert list_checkpoint_files(PINNED) == [
        f"models/tiny/{name}"
        for name in (
            *("config.json", "model.safetensors"),
            *("tokenizer.json", "tokenizer_config.json"),
        )
    ]


FAKE_MODULE = """
import os, shutil
from pathlib import Path

def snapshot_download(repo_id, *, revision, allow_patterns, local_dir):
    print("OFFLINE", os.environ.get("HF_HUB_OFFLINE"), revision)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copy(Path(os.environ["FAKE_HUB"]) / name, local_dir)
"""


def test_the_step_alone_may_use_the_network(hub, tmp_path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "huggingface_hub.py").write_text(FAKE_MODULE)
    scripts = Path(__file__).parents[3] / "workflow" / "scripts"
    done = subprocess.run(
        [sys.executable, str(scripts / "fetch.py"), "--model", PINNED],
        env={
            **os.environ,
            "PYTHONPATH": str(modules),
            "HF_HUB_OFFLINE": "1",
            "FAKE_HUB": str(hub.folder),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"OFFLINE 0 {COMMIT}" in done.stdout
    assert load_checkpoint(PINNED).family.name == "dnabert2"
