"""Faces of packages load what is used."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from error_sequence_model.core import PACKAGE, open_face


def test_importing_the_package_needs_no_torch() -> None:
    code = "import sys, error_sequence_model.settings; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PACKAGE.parent)},
        check=True,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("is_collecting", [True, False])
def test_garbage_is_not_looked_for_while_a_module_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_collecting: bool
) -> None:
    package = tmp_path / "collected"
    package.mkdir()
    face = "from .good import state\nfrom .bad import nothing"
    (package / "__init__.py").write_text(face)
    (package / "good.py").write_text("import gc\nstate = gc.isenabled()")
    (package / "bad.py").write_text("raise ValueError('bad')")
    monkeypatch.syspath_prepend(tmp_path)
    _, get = open_face("collected", str(package / "__init__.py"))
    (package / "__init__.py").write_text("")
    if not is_collecting:
        gc.disable()
    try:
        for name in [m for m in sys.modules if m.split(".")[0] == "collected"]:
            del sys.modules[name]
        assert get("state") is False
        assert gc.isenabled() is is_collecting
        with pytest.raises(ValueError, match="bad"):
            get("nothing")
        assert gc.isenabled() is is_collecting
    finally:
        gc.enable()
