"""What a script's result depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from error_sequence_model.core import PACKAGE, find_sources, hash_sources, sources


def name_sources(script: Path) -> set[str]:
    return {p.relative_to(sources.PACKAGE).as_posix() for p in find_sources(script)}


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """A library of two packages with faces."""
    package = tmp_path / "toy"
    monkeypatch.setattr(sources, "PACKAGE", package)
    monkeypatch.setattr(sources, "PLUMBING", frozenset())
    texts = {
        "__init__.py": "from .low import first",
        "low/__init__.py": "from .one import first\nfrom .two import second",
        "low/one.py": "first = 1",
        "low/two.py": "from toy.low.three import third\nsecond = third",
        "low/three.py": "third = 3",
        "high/__init__.py": "from .user import use",
        "high/user.py": "from toy.low import second\ndef use(): return second",
        "high/typed.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from toy.low import second\n"
            "else:\n    from toy.low import first as second\n"
        ),
    }
    for name, text in texts.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def test_sources_follow_imports_and_leave_the_plumbing_out() -> None:
    names = name_sources(PACKAGE.parent / "train.py")
    assert {"training/loop.py", "classifier/model.py"} <= names
    assert {"training/groups.py", "datasets/batching.py"} <= names
    assert "backbones/stem.py" in names
    plumbing = {"logs", "errors", "faces", "files", "provenance"}
    assert not names & {f"core/{name}.py" for name in plumbing}
    assert "reports/write.py" not in names
    assert "training/loop.py" not in name_sources(PACKAGE.parent / "windows.py")


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("from toy.low import first", {"low/one.py"}),
        ("from toy.low import second", {"low/two.py", "low/three.py"}),
        ("from toy import first", {"low/one.py"}),
        (
            "def later():\n    from toy.high import use",
            {"high/user.py", "low/two.py", "low/three.py"},
        ),
        ("import toy.low", {"low/one.py", "low/two.py", "low/three.py"}),
        ("from toy import low", {"low/one.py", "low/two.py", "low/three.py"}),
        ("import toy.low.three", {"low/three.py"}),
        ("import toy.high.typed", {"high/typed.py", "low/one.py"}),
        ("import other", set()),
    ],
)
def test_faces_are_looked_through(toy, tmp_path, statement, wanted) -> None:
    script = tmp_path / "step.py"
    script.write_text(statement)
    sources._read_imports.cache_clear()
    assert name_sources(script) == wanted


def test_hash_of_sources_follows_their_content(toy, tmp_path) -> None:
    def hash_with(module: str) -> str:
        (toy / "low" / "one.py").write_text(module)
        (toy / "other.py").write_text("changed = " + repr(module))
        (tmp_path / "step.py").write_text("from toy.low import first")
        sources._read_imports.cache_clear()
        hash_sources.cache_clear()
        return hash_sources(tmp_path / "step.py")

    first = hash_with("first = 1")
    assert hash_with("first = 2") != first
    assert (
        hash_with("first = 1") == first
    )  # whatever its time, and what is not imported


def test_sources_of_every_script_exist() -> None:
    for script in PACKAGE.parent.glob("*.py"):
        found = find_sources(script)
        assert all(path.is_file() for path in found)
        assert found == sorted(set(found))


def test_what_attributes_does_not_train() -> None:
    """GPU hours hang on it: an edit of a map's method leaves the models alone."""
    trained = name_sources(PACKAGE.parent / "train.py")
    rooms = {name.split("/")[0] for name in trained}
    assert not rooms & {"attribution", "attention", "evaluation", "motifs", "reports"}
