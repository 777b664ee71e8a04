"""The `pretraining` section of the config as a checked record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from error_sequence_model.settings.sections import Settings, TrainingSettings

# Of a new network, and of published weights, which a high rate would undo.
NEW_RATE, PUBLISHED_RATE = 1.0e-3, 5.0e-5


SHARED = (
    *("epochs", "learning_rate", "batch_size", "tokens_per_batch"),
    *("precision", "checkpoint_minutes", "seed"),
)


@dataclass(frozen=True)
class PretrainingSettings(Settings, section="pretraining"):
    """How a backbone is pretrained on the user's genome."""

    objective: str
    windows: int
    length: int
    site_share: float
    epochs: int
    learning_rate: float | str
    batch_size: int
    mask_share: float
    mask_span: int
    tokens_per_batch: int | str
    precision: str
    checkpoint_minutes: float
    seed: int

    @property
    def has_sequence(self) -> bool:
        """Whether hidden tokens are predicted."""
        return self.objective in ("sequence", "both")

    @property
    def has_annotation(self) -> bool:
        """Whether the annotation's labels are predicted."""
        return self.objective in ("annotation", "both")

    def choose_rate(self, *, is_new: bool) -> Self:
        """Put a number in place of a learning rate of "auto"."""
        if self.learning_rate != "auto":
            return self
        return replace(self, learning_rate=NEW_RATE if is_new else PUBLISHED_RATE)

    def make_training_settings(self) -> TrainingSettings:
        """Give what optimiser, schedule and batches are made from."""
        return TrainingSettings(**{name: getattr(self, name) for name in SHARED})
