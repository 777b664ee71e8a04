"""Checkpoints of a training run: atomic, keyed by the run hash, gone on success."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import torch

from error_sequence_model.core import InputError, atomic_path

logger = logging.getLogger(__name__)


class CheckpointFolder:
    """The folder that holds the last state of one run.

    Attributes:
        folder: ``{root}/{run_hash}``; None keeps no checkpoints.
        run_hash: Hash of everything that defines the run. A checkpoint of another
            config lies in another folder and is never picked up.
    """

    def __init__(self, root: str | Path | None, run_hash: str) -> None:
        self.run_hash = run_hash
        self.folder = None if root is None else Path(root) / run_hash

    def save(self, state: dict[str, Any]) -> None:
        """Write the state (tensors and plain values) over the one before.

        Raises:
            InputError: It cannot be written, as on a full disk; the one before is kept.
        """
        if self.folder is None:
            return
        path = self.folder / "state.pt"
        try:
            with atomic_path(path) as temporary:
                torch.save({**state, "run_hash": self.run_hash}, temporary)
        # torch's own writer tells of a full disk by a RuntimeError.
        except (OSError, RuntimeError) as error:
            kept = "is kept" if path.is_file() else "does not exist"
            raise InputError(
                f"{path}: cannot be written ({error}); the one before it {kept}. "
                "Make room on the disk and run again"
            ) from error

    def load(self) -> dict[str, Any] | None:
        """Read the last state; None if there is none that can be used."""
        path = None if self.folder is None else self.folder / "state.pt"
        if path is None or not path.is_file():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file fails in any of many ways
            logger.warning("%s: cannot be read (%s); training starts anew", path, error)
            return None
        if state.get("run_hash") != self.run_hash:
            logger.warning("%s: is of another run; training starts anew", path)
            return None
        return state

    def remove(self) -> None:
        """Remove the checkpoints of this run."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
