"""Settings as frozen dataclasses, and the hash that names a run."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Self

from error_sequence_model.core import InputError


@dataclass(frozen=True)
class Range:
    """What a number may be.

    Attributes:
        low: The lowest value.
        high: The highest value; infinity itself is never allowed.
        is_whole: Only whole numbers.
        is_open: ``low`` itself is not allowed.
        is_optional: None is allowed as well.
    """

    low: float = 0
    high: float = math.inf
    is_whole: bool = False
    is_open: bool = False
    is_optional: bool = False

    def holds(self, value: Any) -> bool:
        """Whether the value is allowed; True and False are no numbers."""
        if value is None:
            return self.is_optional
        kind = Integral if self.is_whole else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return False
        if not math.isfinite(value) or value > self.high:
            return False
        return value > self.low if self.is_open else value >= self.low

    def __str__(self) -> str:
        text = "whole number" if self.is_whole else "number"
        text += f" {'above' if self.is_open else 'from'} {self.low:g}"
        if self.high < math.inf:
            text += f" to {self.high:.10g}"
        return f"a {text}{' or None' if self.is_optional else ''}"


COUNT = Range(is_whole=True, is_open=True)


def check_number(name: str, value: Any, allowed: Range, *, place: str) -> None:
    """Hold a number against its range.

    Args:
        name: What it is called.
        value: What was given.
        allowed: Its range.
        place: Where it is set, for the message.

    Raises:
        InputError: It is no number, or out of range.
    """
    if allowed.holds(value):
        return
    if isinstance(value, str):
        raise InputError(
            f"{name}: {value!r} is a string, {allowed} is needed (YAML reads 1e-4 as a "
            f"string: write 1.0e-4); set {place}"
        )
    raise InputError(f"{name}: {value!r} is not {allowed}; set {place}")


def check_edges(edges: Any) -> tuple[int, ...] | None:
    """Check the outer edges of length buckets: whole numbers that rise, or None.

    Raises:
        InputError: They are something else.
    """
    if edges is None:
        return None
    is_list = not isinstance(edges, (str, bytes)) and isinstance(edges, Iterable)
    given = list(edges) if is_list else [edges]
    fits = is_list and all(map(COUNT.holds, given))
    if not fits or given != sorted(set(given)):
        raise InputError(
            f"bucket_boundaries {edges!r}: whole numbers above 0 are needed, and they "
            "must rise; set `training.bucket_boundaries` in the config"
        )
    return tuple(map(int, given))


NUMBERS = {
    "epochs": COUNT,
    "learning_rate": Range(is_open=True),
    "batch_size": COUNT,
    "max_length": Range(3, is_whole=True, is_optional=True),
    "weight_decay": Range(),
    "warmup_fraction": Range(high=1),
    "warmup_steps": Range(is_whole=True, is_optional=True),
    "patience": Range(is_whole=True, is_open=True, is_optional=True),
    "gradient_clip": Range(is_open=True),
    "layer_decay": Range(high=1, is_open=True),
    "mask_share": Range(high=0.5),
    "checkpoint_minutes": Range(),
    "seed": Range(high=2**32 - 1, is_whole=True),
}
CHOICES = {
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "schedule": ("cosine", "linear", "constant"),
    "class_weights": ("balanced", "none"),
    "sampling": ("natural", "balanced"),
}
BACKBONE_CHOICES = {
    "weights": ("pretrained", "random"),
    "tuning": ("full", "frozen", "lora"),
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
        learning_rate: Peak learning rate of AdamW; "auto": what fits the backbone and
            what of it learns.
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
        sampling: "natural" takes each site once per epoch; "balanced" as many of each
            class, without weights then.
        layer_decay: Factor on the learning rate per layer below the head.
        mask_share: Probability of each training token to be masked.
        gradient_checkpointing: Trade time for memory.
        compile: Compile the model first (`torch.compile`); "auto": on GPUs, where the
            run is long enough to win the time back.
        checkpoint_minutes: Minutes between two checkpoints inside an epoch.
        seed: Seed of initialisation, order and dropout.
    """

    epochs: int = 5
    learning_rate: float | str = "auto"
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
    sampling: str = "natural"
    layer_decay: float = 1.0
    mask_share: float = 0.0
    gradient_checkpointing: bool = False
    compile: bool | str = "auto"
    checkpoint_minutes: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        edges = check_edges(self.bucket_boundaries)
        object.__setattr__(self, "bucket_boundaries", edges)
        for name, numbers in NUMBERS.items():
            place, value = f"`training.{name}`", getattr(self, name)
            if name != "learning_rate" or value != "auto":
                check_number(name, value, numbers, place=place)
        for name, others in (("gradient_checkpointing", ()), ("compile", ("auto",))):
            value = getattr(self, name)
            if not isinstance(value, bool) and value not in others:
                allowed = ", ".join([*others, "true and false"])
                raise InputError(
                    f"{name} {value!r}: allowed are {allowed}; set `training.{name}`"
                )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} {getattr(self, name)!r}: allowed are "
                    f"{', '.join(allowed)}; set `training.{name}`"
                )
        budget = self.tokens_per_batch
        if budget != "auto" and not COUNT.holds(budget):
            raise InputError(
                f"tokens_per_batch {budget!r}: allowed are auto and whole numbers "
                "above 0; set `training.tokens_per_batch`"
            )


@dataclass(frozen=True)
class LoraSettings(Settings):
    """Size of the low-rank adapters (config key ``lora`` of a backbone).

    Attributes:
        rank: Width of an adapter's inner layer.
        alpha: What an adapter adds is multiplied by ``alpha / rank``.
        dropout: Dropout on an adapter's input.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        fits = COUNT.holds(self.rank)
        fits = fits and Range(is_open=True).holds(self.alpha)
        if not (fits and Range(high=1).holds(self.dropout) and self.dropout < 1):
            raise InputError(
                f"lora: rank {self.rank}, alpha {self.alpha}, dropout {self.dropout}; "
                "allowed are a whole number from 1, a number above 0, and one from 0 "
                "to below 1; set `backbones.<name>.lora`"
            )


@dataclass(frozen=True)
class BackboneSettings:
    """A backbone as the config describes it (an entry of ``backbones``).

    Attributes:
        architecture: Name of the family.
        checkpoint: Folder or registry name of published weights; None: a new network.
        weights: "pretrained", or "random": the checkpoint's architecture and tokenizer
            with new weights.
        pooling: How the classifier reads the states; None: the family's default.
        head_dropout: Dropout in the classifier's head.
        tuning: What learns beside the head: "full", "frozen" (nothing), "lora".
        lora: Size of the adapters; None unless tuning is "lora".
        learning_rate: In place of that of ``training``; None: that one.
        options: Shape of a new network, such as layers and hidden_size.
    """

    architecture: str
    checkpoint: str | None = None
    weights: str = "pretrained"
    pooling: str | None = None
    head_dropout: float = 0.1
    tuning: str = "full"
    lora: LoraSettings | None = None
    learning_rate: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in BACKBONE_CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} {getattr(self, name)!r}: allowed are "
                    f"{', '.join(allowed)}; set `backbones.<name>.{name}`"
                )
        dropout = self.head_dropout
        if not Range(high=1).holds(dropout) or dropout == 1:
            raise InputError(
                f"head_dropout {dropout!r}: allowed are numbers from 0 to below 1; set "
                "`backbones.<name>.head_dropout`"
            )
        if self.learning_rate is not None:
            place = "`backbones.<name>.learning_rate`"
            allowed = NUMBERS["learning_rate"]
            check_number("learning_rate", self.learning_rate, allowed, place=place)
        if not isinstance(self.lora, (LoraSettings, type(None))):
            raise InputError(
                f"lora {self.lora!r}: rank, alpha and dropout are needed, by name; set "
                "`backbones.<name>.lora`"
            )
        if self.tuning == "lora":
            object.__setattr__(self, "lora", self.lora or LoraSettings())
        elif self.lora is not None:
            raise InputError(
                f"lora is given, but tuning is {self.tuning!r}; set "
                "`backbones.<name>.tuning: lora`, or remove `lora`"
            )

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Self:
        """Split an entry of the config into what is ours and what the network's.

        Raises:
            InputError: A value is not allowed.
        """
        own = {f.name for f in fields(cls)} - {"options"}
        values = {key: value for key, value in mapping.items() if key in own}
        if isinstance(values.get("lora"), dict):
            values["lora"] = LoraSettings.from_mapping(values["lora"])
        return cls(
            **values,
            options={key: value for key, value in mapping.items() if key not in own},
        )

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as plain values."""
        return asdict(self)

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
        core: Bases mutated on either side of the junction; None: the whole window.
        seed: Seed of the choice of sites and of random substitutions.
    """

    methods: tuple[str, ...] = ("integrated_gradients", "substitution")
    sites_per_class: int = 100
    baseline: str = "auto"
    core: int | None = None
    seed: int = 1


@dataclass(frozen=True)
class CauseSettings(Settings):
    """Thresholds of the named causes (config key ``causes``).

    Attributes:
        near: A neighbouring annotated site within this distance (nt) counts.
        weak_share: Share of the annotated training sites that count as weak.
        long_intron_share: Share of them whose intron counts as long.
        microexon: Longest microexon (nt).
        long_exon: An exon is long above this length (nt).
        competitor_reach: How far (nt) a stronger site of the same type may lie.
        extreme_gc_share: Share of the annotated training windows at either end of GC.
        minimum_reads: Reads from which a junction supports a site.
        fdr: False discovery rate of the causes called enriched.
        ridge: Penalty on half the sum of squared log odds ratios of the joint model.
    """

    near: int = 50
    weak_share: float = 0.2
    long_intron_share: float = 0.2
    microexon: int = 30
    long_exon: int = 250
    competitor_reach: int = 100
    extreme_gc_share: float = 0.1
    minimum_reads: int = 2
    fdr: float = 0.05
    ridge: float = 1.0


def compute_run_hash(*parts: Any) -> str:
    """Hash plain values into 16 hex digits; equal settings give equal hashes."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
