"""The number that explanations explain: how much a site looks like an error."""

from __future__ import annotations

from collections.abc import Sequence

import torch

ERROR_CLASSES = ("error", "FP", "FN")


def find_errors(classes: Sequence[str]) -> list[int]:
    """Find the classes that are errors: "error", "FP", "FN"; else the last class."""
    errors = [index for index, name in enumerate(classes) if name in ERROR_CLASSES]
    return errors or [len(classes) - 1]


def compute_target(logits: torch.Tensor, classes: Sequence[str]) -> torch.Tensor:
    """Compute the log-odds of an error: the same target for every sequence.

    The logit difference does not saturate as a probability does, and one target for all
    sequences keeps signs comparable between groups.

    Args:
        logits: float (n, classes).
        classes: Class names in the order of the logits.

    Returns:
        float (n,): error minus correct for two classes; with more, the log-sum-exp of
        the error classes (FP, FN) minus that of the others.
    """
    if len(classes) == 2:
        return logits[:, 1] - logits[:, 0]
    errors = find_errors(classes)
    others = [index for index in range(len(classes)) if index not in errors]
    return logits[:, errors].logsumexp(dim=1) - logits[:, others].logsumexp(dim=1)
