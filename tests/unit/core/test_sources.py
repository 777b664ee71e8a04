"""What a script's result depends on."""

from __future__ import annotations

from error_sequence_model.core import PACKAGE, find_sources, hash_sources, sources


def test_sources_follow_imports_and_leave_the_plumbing_out() -> None:
    scripts = PACKAGE.parent
    names = {
        p.relative_to(PACKAGE).as_posix() for p in find_sources(scripts / "train.py")
    }
    assert {"training.py", "classifier.py"} <= names
    assert {"optimisation/groups.py", "optimisation/batching.py"} <= names
    assert "backbones/stem.py" in names
    assert not names & {"jobs/logs.py", "errors.py", "files.py", "provenance.py"}
    assert "reports.py" not in names
    assert "training.py" not in {p.name for p in find_sources(scripts / "windows.py")}


def test_hash_of_sources_follows_their_content(tmp_path, monkeypatch) -> None:
    package = tmp_path / "toy"
    package.mkdir()
    monkeypatch.setattr(sources, "PACKAGE", package)
    monkeypatch.setattr(sources, "PLUMBING", frozenset())

    def hash_with(module: str) -> str:
        (package / "one.py").write_text(module)
        (package / "other.py").write_text("changed = " + repr(module))
        (tmp_path / "step.py").write_text("import toy.one")
        sources._read_imports.cache_clear()
        hash_sources.cache_clear()
        return hash_sources(tmp_path / "step.py")

    first = hash_with("a = 1")
    assert hash_with("a = 2") != first
    assert hash_with("a = 1") == first  # whatever its time, and what is not imported


def test_sources_of_every_script_exist() -> None:
    for script in PACKAGE.parent.glob("*.py"):
        found = find_sources(script)
        assert all(path.is_file() for path in found)
        assert found == sorted(set(found))
