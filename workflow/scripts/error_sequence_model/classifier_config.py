"""The configuration of a classifier: its backbone, head, classes and threshold."""

from __future__ import annotations

from numbers import Real
from typing import Any

from transformers import PretrainedConfig


class ErrorClassifierConfig(PretrainedConfig):
    """Configuration of `ErrorClassifier`.

    Attributes:
        backbone: Configuration of the backbone, with its ``model_type``.
        classes: Class names in the order of the logits; an error is the last of two.
        pooling: How hidden states become one vector: names of
            `token_pooling.POOLINGS` joined by "+".
        head_size: Width of the head's hidden layer.
        dropout: Dropout in the head.
        decision_threshold: Probability of an error from which a site is called one;
            chosen on the validation part.
        upstream: Bases 5' of the junction in the training windows, if they were equal.
        downstream: Bases 3' of the junction, likewise.

    Raises:
        ValueError: Classes that are named twice, or a threshold that is no probability.
    """

    model_type = "splice_error_classifier"

    def __init__(
        self,
        backbone: dict[str, Any] | None = None,
        classes: list[str] | None = None,
        pooling: str = "junction+max",
        head_size: int = 64,
        dropout: float = 0.1,
        decision_threshold: float = 0.5,
        upstream: int | None = None,
        downstream: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.backbone = backbone or {}
        self.classes = list(classes or ("correct", "error"))
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes {self.classes} must each be there once")
        is_number = isinstance(decision_threshold, Real)
        if not is_number or not 0 <= decision_threshold <= 1:
            raise ValueError(
                f"decision_threshold {decision_threshold!r} must be from 0 to 1"
            )
        self.pooling = pooling
        self.head_size = head_size
        self.dropout = dropout
        self.decision_threshold = decision_threshold
        self.upstream = upstream
        self.downstream = downstream
        super().__init__(**kwargs)
