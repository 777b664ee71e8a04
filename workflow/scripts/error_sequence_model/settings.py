"""Settings as frozen dataclasses, and the hash that names a run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from error_sequence_model.errors import InputError

CHOICES = {
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "schedule": ("cosine", "linear", "constant"),
    "class_weights": ("balanced", "none"),
}


@dataclass(frozen=True)
class Settings:
    """Base of the settings groups: built from a mapping, unknown keys refused."""

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Self:
        """Build the settings from a mapping; missing keys take their defaults.

        Raises:
            InputError: A key is unknown.
        """
        allowed = {field.name for field in fields(cls)}
        unknown = sorted(set(mapping) - allowed)
        if unknown:
            raise InputError(
                f"{cls.__name__}: unknown key {', '.join(unknown)}; "
                f"allowed: {', '.join(sorted(allowed))}"
            )
        return cls(**mapping)

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings back as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How a model is fine-tuned (config key ``training``).

    Attributes:
        epochs: Passes over the training sites.
        learning_rate: Peak learning rate of AdamW.
        batch_size: Sequences per optimiser step, over all ranks and micro-batches.
        tokens_per_batch: Padded tokens of one forward pass on one device, or "auto".
        bucket_boundaries: Outer edges of the length buckets, in tokens.
        max_length: Tokens per sequence; longer ones are cut around the junction.
        precision: "auto", "fp32", "bf16" or "fp16".
        weight_decay: AdamW weight decay; none on norms, biases and Hyena filters.
        warmup_fraction: Share of all optimiser steps with rising learning rate.
        warmup_steps: Optimiser steps of warm-up, in place of the fraction.
        schedule: What follows the warm-up: "cosine", "linear" (both to 0), "constant".
        patience: Epochs without a better validation AUPRC before stopping.
        gradient_clip: Largest gradient norm.
        class_weights: "balanced" weighs each class by its inverse frequency.
        layer_decay: Factor on the learning rate per layer below the head.
        mask_share: Probability of each training token to be masked.
        gradient_checkpointing: Trade time for memory.
        checkpoint_minutes: Minutes between two checkpoints inside an epoch.
        seed: Seed of initialisation, order and dropout.
    """

    epochs: int = 5
    learning_rate: float = 3.0e-4
    batch_size: int = 32
    tokens_per_batch: int | str = "auto"
    bucket_boundaries: tuple[int, ...] | None = None
    max_length: int | None = None
    precision: str = "auto"
    weight_decay: float = 0.01
    warmup_fraction: float = 0.1
    warmup_steps: int | None = None
    schedule: str = "cosine"
    patience: int | None = None
    gradient_clip: float = 1.0
    class_weights: str = "balanced"
    layer_decay: float = 1.0
    mask_share: float = 0.0
    gradient_checkpointing: bool = False
    checkpoint_minutes: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.bucket_boundaries is not None:
            edges = tuple(int(edge) for edge in self.bucket_boundaries)
            if list(edges) != sorted(set(edges)):
                raise InputError(
                    f"bucket_boundaries {list(edges)}: must rise; set "
                    "`training.bucket_boundaries` in the config"
                )
            object.__setattr__(self, "bucket_boundaries", edges)
        for name in ("learning_rate", "weight_decay", "gradient_clip"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise InputError(
                    f"{name}: {value!r} is a string, a number is needed (YAML reads "
                    f"1e-4 as a string: write 1.0e-4); set `training.{name}`"
                )
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0:
            raise InputError(
                f"epochs {self.epochs}, batch_size {self.batch_size}, learning_rate "
                f"{self.learning_rate}: all must be above 0 (`training` in the config)"
            )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} {getattr(self, name)!r}: allowed are "
                    f"{', '.join(allowed)}; set `training.{name}`"
                )
        budget = self.tokens_per_batch
        if budget != "auto" and not (isinstance(budget, int) and budget > 0):
            raise InputError(
                f"tokens_per_batch {budget!r}: allowed are auto and whole numbers "
                "above 0; set `training.tokens_per_batch`"
            )


@dataclass(frozen=True)
class BackboneSettings:
    """A backbone as the config describes it (an entry of ``backbones``).

    Attributes:
        architecture: Name of the family.
        checkpoint: Folder or registry name of published weights; None: a new network.
        pooling: How the classifier reads the states; None: the family's default.
        head_dropout: Dropout in the classifier's head.
        options: Shape of a new network, such as layers and hidden_size.
    """

    architecture: str
    checkpoint: str | None = None
    pooling: str | None = None
    head_dropout: float = 0.1
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Self:
        """Split an entry of the config into what is ours and what the network's."""
        own = {f.name for f in fields(cls)} - {"options"}
        return cls(
            **{key: value for key, value in mapping.items() if key in own},
            options={key: value for key, value in mapping.items() if key not in own},
        )

    @property
    def base_model(self) -> str:
        """What `create_classifier` starts from."""
        return self.checkpoint or self.architecture


@dataclass(frozen=True)
class ExplanationSettings(Settings):
    """Which sites are explained and how (config key ``explanation``).

    Attributes:
        methods: Attribution methods.
        sites_per_class: Held-out sites explained per class.
        baseline: Where integrated gradients start: "auto", "mean", "mask", "shuffle".
        seed: Seed of the choice of sites and of random substitutions.
    """

    methods: tuple[str, ...] = ("integrated_gradients", "substitution")
    sites_per_class: int = 100
    baseline: str = "auto"
    seed: int = 1


def compute_run_hash(*parts: Any) -> str:
    """Hash plain values into 16 hex digits; equal settings give equal hashes."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
