"""Sections of the config as frozen dataclasses, and the hash that names a run.

What a key may be, what it means and its default are said once, in the schema:
`help(TrainingSettings)` lists them, and so does config/README.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

from error_sequence_model.core import InputError
from error_sequence_model.settings.schema import (
    check_value,
    describe_allowed,
    find_rules,
    read_schema,
    show,
)

COUNT = {"type": "integer", "minimum": 1}
SEED = read_schema()["properties"]["seeds"]["items"]
TOP_K = "topk"


@dataclass(frozen=True)
class Settings:
    """Base of the sections: a field has the default and the rules of its key.

    Attributes:
        section: Where its keys stand in the config.
        rules: What the schema says of each.
    """

    section: ClassVar[str]
    rules: ClassVar[dict[str, dict[str, Any]]]

    def __init_subclass__(cls, section: str, free: Sequence[str] = ()) -> None:
        rules = find_rules(section)
        cls.section = section
        cls.rules = {name: rules[name] for name in rules if name not in free}
        lines = [cls.__doc__ or "", "", "    Attributes:"]
        for name in cls.__annotations__:
            rules = cls.rules.get(name, {})
            meaning = f"{rules.get('description', '')} ({describe_allowed(rules)}"
            if "default" in rules:
                default = rules["default"]
                meaning += f"; {show(default)} by default"
                if isinstance(default, dict):
                    setattr(cls, name, field(default_factory=dict))
                else:
                    setattr(cls, name, _freeze(default))
            if rules:
                lines.append(f"        {name}: {meaning.strip()}).")
        cls.__doc__ = "\n".join(lines)

    def __post_init__(self) -> None:
        for known in fields(self):
            name, value = known.name, _freeze(getattr(self, known.name))
            object.__setattr__(self, name, value)
            is_checked = isinstance(value, Settings) or value is known.default
            if name in self.rules and not is_checked:
                place = f"`{self.section}.{name}`"
                check_value(name, value, self.rules[name], place=place)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build the settings from a mapping; missing keys take their defaults.

        Raises:
            InputError: A key is unknown, or a value not allowed.
        """
        allowed = {field.name for field in fields(cls)}
        unknown = sorted(set(mapping) - allowed)
        if unknown:
            raise InputError(
                f"{cls.section}: unknown key {', '.join(unknown)}; "
                f"allowed: {', '.join(sorted(allowed))}"
            )
        return cls(**mapping)

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings back as plain values."""
        return asdict(self)


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def check_edges(edges: Any) -> tuple[int, ...] | None:
    """Check the outer edges of length buckets: whole numbers that rise, or None.

    Raises:
        InputError: They are something else.
    """
    is_list = isinstance(edges, Iterable) and not isinstance(edges, (str, bytes))
    given = list(edges) if is_list else edges
    place = "`training.bucket_boundaries`"
    rules = TrainingSettings.rules["bucket_boundaries"]
    check_value("bucket_boundaries", given, rules, place=place)
    if given is None:
        return None
    if given != sorted(set(given)):
        raise InputError(f"bucket_boundaries {edges!r}: they must rise; set {place}")
    return tuple(map(int, given))


@dataclass(frozen=True)
class TrainingSettings(Settings, section="training"):
    """How a model is fine-tuned; a run's ``seed`` is one of the config's ``seeds``."""

    epochs: int
    learning_rate: float | str
    batch_size: int
    tokens_per_batch: int | str
    bucket_boundaries: tuple[int, ...] | None
    max_length: int | None
    precision: str
    weight_decay: float
    warmup_fraction: float
    warmup_steps: int | None
    schedule: str
    patience: int | None
    gradient_clip: float
    class_weights: str
    sampling: str
    layer_decay: float
    mask_share: float
    reverse_complement: float
    shift: int
    gradient_checkpointing: bool
    tensorboard: bool
    compile: bool | str
    attention: str
    checkpoint_minutes: float
    seed: int = 1

    def __post_init__(self) -> None:
        edges = check_edges(self.bucket_boundaries)
        object.__setattr__(self, "bucket_boundaries", edges)
        super().__post_init__()
        check_value("seed", self.seed, SEED, place="`seeds`")


@dataclass(frozen=True)
class LoraSettings(Settings, section="backbones.<name>.lora"):
    """Size of the low-rank adapters."""

    rank: int
    alpha: float
    dropout: float


@dataclass(frozen=True)
class BackboneSettings(Settings, section="backbones.<name>", free=["architecture"]):
    """A backbone; ``options`` shape a new network, such as layers and hidden_size.

    Notebooks may use families beyond those of the config.
    """

    architecture: str
    checkpoint: str | None = None
    random_init: bool
    pooling: str | None = None
    head_dropout: float
    tuning: str
    lora: LoraSettings | None = None
    learning_rate: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tuning == "lora":
            object.__setattr__(self, "lora", self.lora or LoraSettings())
        elif self.lora is not None:
            raise InputError(
                f"lora is given, but tuning is {self.tuning!r}; set "
                "`backbones.<name>.tuning: lora`, or remove `lora`"
            )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
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

    @property
    def base_model(self) -> str:
        """What `create_classifier` starts from."""
        return self.checkpoint or self.architecture

    @property
    def is_new(self) -> bool:
        """Whether its weights are drawn at random."""
        return self.checkpoint is None or self.random_init


@dataclass(frozen=True)
class ExplanationSettings(Settings, section="explanation"):
    """Which sites are explained and how."""

    methods: tuple[str, ...]
    sites_per_class: int
    baseline: str
    core: int | None
    seed: int


@dataclass(frozen=True)
class CauseSettings(Settings, section="causes"):
    """Thresholds of the named causes."""

    near: int
    weak_share: float
    long_intron_share: float
    microexon: int
    long_exon: int
    competitor_reach: int
    extreme_gc_share: float
    minimum_reads: float
    fdr: float


@dataclass(frozen=True)
class CnnSettings(Settings, section="baselines.cnn"):
    """How the CNN is built and trained: by default 98 thousand weights, 253 bases."""

    channels: int
    kernel: int
    dilations: tuple[int, ...]
    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    mask_share: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel % 2 == 0:
            raise InputError(
                f"baselines.cnn.kernel is {self.kernel}; it must be odd, so that a "
                "convolution is centred on its base"
            )


@dataclass(frozen=True)
class VerificationSettings(Settings, section="verification"):
    """How features are verified."""

    features: int
    sites: int
    draws: int
    seed: int


@dataclass(frozen=True)
class MotifSettings(Settings, section="motifs"):
    """How motifs are found."""

    method: str
    caller: str
    sites: int
    fdr: float
    seed: int
    elements: str | None


@dataclass(frozen=True)
class FeatureSettings(Settings, section="features"):
    """Which features are computed."""

    annotation: bool
    bigwigs: Mapping[str, Any]
    columns: tuple[str, ...]
    score_aware: bool
    leak_bound: float


LEAST_THRESHOLD = 1e-30  # below, a float32 score of 0 might reach it


@dataclass(frozen=True)
class CallSettings(Settings, section="predictors.<name>"):
    """How calls are made.

    A call that is no annotated site's within ``tolerance`` is a near miss up to
    ``near`` (nt); ``decoy_ratio`` TN are drawn per error, per splice type.
    """

    threshold: float | str
    tolerance: int
    near: int = 10
    decoy_ratio: float = 2.5
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.threshold, str) and self.threshold < LEAST_THRESHOLD:
            raise InputError(
                f"threshold {self.threshold}: so low, every base would be a call; set "
                "`predictors.<name>.threshold`"
            )
        if self.near < self.tolerance:
            raise InputError("tolerance must be at most `near`")


def compute_run_hash(*parts: Any) -> str:
    """Hash plain values into 16 hex digits; equal settings give equal hashes."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
