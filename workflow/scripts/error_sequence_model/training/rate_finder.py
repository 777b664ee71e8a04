"""Which learning rate suits a model: a short run whose rate rises from step to step.

The range test of Smith (2017, arXiv:1506.01186). The loss falls once the rate is high
enough and rises where it is too high; a good peak lies well below the lowest loss.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, get_progress
from error_sequence_model.training.checkpoints import CheckpointFolder
from error_sequence_model.training.loop import Training
from error_sequence_model.training.task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

logger = logging.getLogger(__name__)

SMOOTHING = 0.9  # share of the steps before in the smoothed loss
DIVERGED = 4.0  # times the lowest smoothed loss
BELOW_LOWEST = 10.0


def find_rates(
    task: Task, *, lowest: float = 1e-6, highest: float = 0.1, steps: int = 100
) -> pd.DataFrame:
    """Take steps at rates that rise by a constant factor; the weights are put back.

    Args:
        task: What to learn; its own learning rate and schedule are set aside.
        lowest: Rate of the first step.
        highest: Rate of the last one; the run ends before where the loss diverges.
        steps: Number of steps.

    Returns:
        One row per step: learning_rate, loss, smoothed_loss, is_suggested (one row).

    Raises:
        InputError: The range is empty, or no step could be taken.
    """
    if not 0 < lowest < highest or steps < 2:
        raise InputError(
            f"rates from {lowest:g} to {highest:g} in {steps} steps: the lowest must "
            "be above 0 and below the highest, and there must be two steps at least"
        )
    settings = task.settings
    weights = copy.deepcopy(task.model.state_dict())
    task.settings = replace(
        settings, learning_rate=1.0, schedule="constant", warmup_steps=0
    )
    try:
        losses = _take_steps(task, np.geomspace(lowest, highest, steps))
    finally:
        task.settings = settings
        task.model.load_state_dict(weights)
    frame = pd.DataFrame(losses, columns=["learning_rate", "loss", "smoothed_loss"])
    if frame.empty:
        raise InputError(f"the loss is not finite at a learning rate of {lowest:g}")
    best = frame["learning_rate"][frame["smoothed_loss"].idxmin()] / BELOW_LOWEST
    nearest = (np.log(frame["learning_rate"]) - np.log(best)).abs().idxmin()
    frame["is_suggested"] = frame.index == nearest
    return frame


def _take_steps(task: Task, rates: np.ndarray) -> list[tuple[float, float, float]]:
    run = Training(task, CheckpointFolder(None, ""))
    shares = [group["peak"] for group in run.optimizer.param_groups]
    plans: list[np.ndarray] = []
    rows: list[tuple[float, float, float]] = []
    mean, best = 0.0, np.inf
    task.model.train()
    for number, rate in enumerate(get_progress(rates, what="rates", unit="steps"), 1):
        if not plans:
            plans = run._plan(run.state.epoch)
            run.state.start_epoch()
        for group, share in zip(run.optimizer.param_groups, shares, strict=True):
            group["peak"] = share * rate
        try:
            loss, _ = run._take_step(plans.pop(0))
        except InputError as error:
            logger.info("stopped at a rate of %g: %s", rate, error)
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed = mean / (1 - SMOOTHING**number)
        rows.append((float(rate), loss, smoothed))
        best = min(best, smoothed)
        run.state.step += 1
        if smoothed > DIVERGED * best:
            break
    return rows


def plot_rates(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the loss by rate and mark the suggested one (frame of `find_rates`)."""
    rates = frame["learning_rate"]
    ax.plot(rates, frame["loss"], color="0.8", lw=0.8, label="step")
    ax.plot(rates, frame["smoothed_loss"], color="C0", label="smoothed")
    chosen = rates[frame["is_suggested"]].item()
    ax.axvline(chosen, color="0.2", ls="--", lw=0.8, label=f"suggested: {chosen:.1e}")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.legend(frameon=False)
    return ax
