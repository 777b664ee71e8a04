"""Faces of packages load what is used."""

from __future__ import annotations

import subprocess
import sys

from error_sequence_model.core import PACKAGE


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
