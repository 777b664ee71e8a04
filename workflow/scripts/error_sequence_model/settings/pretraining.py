"""The `pretraining` section of the config as a checked record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from error_sequence_model.core import InputError
from error_sequence_model.settings.sections import Settings, TrainingSettings

OBJECTIVES = ("sequence", "annotation", "both")
NEW_RATE, PUBLISHED_RATE = 1.0e-3, 5.0e-5


@dataclass(frozen=True)
class PretrainingSettings(Settings):
    """How a backbone is pretrained on the user's genome (config key ``pretraining``).

    Attributes:
        objective: "sequence": predict hidden tokens (masked language model, or the next
            token for a causal family). "annotation": predict from the sequence which
            bases the annotation of the training part calls exon, donor and acceptor.
            "both": the sum of the two losses.
        windows: Stretches of gene bodies to learn from.
        length: Bases per window.
        site_share: Share of the windows that are placed over an annotated splice site,
            anywhere in the window; the rest lies anywhere in gene bodies.
        epochs: Passes over the windows, hidden tokens drawn anew in each.
        learning_rate: Peak learning rate of AdamW; "auto": NEW_RATE for a new network,
            PUBLISHED_RATE for published weights, which a high one would undo.
        batch_size: Windows per optimiser step, over all ranks and micro-batches.
        mask_share: Share of the tokens to predict (masked families).
        mask_span: Neighbouring tokens hidden together; 1 hides single tokens.
        tokens_per_batch: Padded tokens of one forward pass on one device, or "auto".
        precision: "auto", "fp32", "bf16" or "fp16".
        checkpoint_minutes: Minutes between two checkpoints inside an epoch.
        seed: Seed of windows, new weights, order, masks and dropout.
    """

    objective: str = "both"
    windows: int = 20000
    length: int = 400
    site_share: float = 0.9
    epochs: int = 3
    learning_rate: float | str = "auto"
    batch_size: int = 8
    mask_share: float = 0.15
    mask_span: int = 1
    tokens_per_batch: int | str = "auto"
    precision: str = "auto"
    checkpoint_minutes: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise InputError(
                f"objective {self.objective!r}: allowed are {', '.join(OBJECTIVES)}; "
                "set `pretraining.objective`"
            )
        shares = {"mask_share": (0.01, 0.5), "site_share": (0.0, 1.0)}
        for name, (low, high) in shares.items():
            value = getattr(self, name)
            if isinstance(value, str) or not low <= value <= high:
                raise InputError(
                    f"{name} {value!r}: allowed are numbers from {low} to {high}; set "
                    f"`pretraining.{name}`"
                )
        counts = {"windows": 1, "length": 16, "mask_span": 1, "epochs": 1}
        for name, least in {**counts, "batch_size": 1}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(
                    f"{name} {value!r}: allowed are whole numbers from {least}; set "
                    f"`pretraining.{name}`"
                )
        self.choose_rate(is_new=True).make_training_settings()

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
        """Give what optimiser, schedule and batches are made from.

        Raises:
            InputError: A value is not allowed; it names the key of ``pretraining``.
        """
        try:
            return TrainingSettings(
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                batch_size=self.batch_size,
                tokens_per_batch=self.tokens_per_batch,
                precision=self.precision,
                checkpoint_minutes=self.checkpoint_minutes,
                # What is predicted is looked up in the batch: no whole graph.
                compile=False,
                seed=self.seed,
            )
        except InputError as error:
            text = str(error).replace("`training", "`pretraining")
            raise InputError(text) from None
