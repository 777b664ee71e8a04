"""What TensorBoard shows of a run, where it is asked for.

``step/``: loss, learning_rate, gradient_norm of each optimiser step. ``epoch/``: the
numbers of ``history.tsv`` (see `state`; scores of the validation part, tokens per
second, peak memory …) and windows_per_second, at the epoch's last step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError


class EventLog:
    """Writes event files; without a folder, nothing.

    Args:
        folder: Gets them, one per try; None: no event is written.
        step: Optimiser steps done. What an interrupted try wrote beyond is hidden.

    Raises:
        InputError: The package tensorboard is not there.
    """

    def __init__(self, folder: Path | None, *, step: int) -> None:
        self.writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                "training.tensorboard needs the package tensorboard, which is not "
                f"installed ({error}); `pip install tensorboard`, or set "
                "`training.tensorboard: false`"
            ) from error
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def add(self, group: str, step: int, values: dict[str, Any]) -> None:
        """Note numbers at an optimiser step (from 1); what is None is left out."""
        if self.writer is None:
            return
        for name, value in values.items():
            if value is not None:
                self.writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Write what is pending."""
        if self.writer is not None:
            self.writer.close()
