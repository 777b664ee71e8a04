"""The classifier on a backbone: pooling at the junction, a small head, logits.

Tensors are (batch, tokens, hidden) with right padding; ``junction`` holds the indices
of the tokens with the last base 5' and the first base 3' of the junction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import nn

from error_sequence_model.backbones import (
    FAMILIES,
    CalibratedNorm,
    Network,
    NetworkConfig,
    build_skeleton,
    create_backbone,
    load_backbone,
    make_config,
    read_safetensors,
    refuse_misfits,
)
from error_sequence_model.classifier.adapters import apply_tuning
from error_sequence_model.classifier.pooling import (
    count_vectors,
    parse_pooling,
    pool_packed,
    pool_states,
)
from error_sequence_model.core import InputError, atomic_path, read_json
from error_sequence_model.settings import BackboneSettings, LoraSettings
from error_sequence_model.tokenizers import SequenceTokenizer, load_tokenizer

logger = logging.getLogger(__name__)

# What settings raise that describe no model.
_NO_MODEL = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(RuntimeError, ArithmeticError),
)


def check_backbone(settings: BackboneSettings) -> None:
    """Refuse options that make no network; a checkpoint is checked when it is read.

    Raises:
        InputError: Names the option, its value and what is allowed.
    """
    if settings.pooling is not None:
        parse_pooling(settings.pooling)
    if settings.checkpoint is None:
        options = {k: v for k, v in settings.options.items() if k != "tokenizer"}
        make_config(settings.architecture, **options)


@dataclass
class ErrorClassifierConfig(NetworkConfig):
    """Configuration of `ErrorClassifier`.

    Attributes:
        backbone: Configuration of the backbone, with its ``model_type``.
        classes: Class names in the order of the logits; an error is the last of two.
        pooling: How hidden states become one vector: names of
            `pooling.POOLINGS` joined by "+".
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

    backbone: dict[str, Any] = field(default_factory=dict)
    classes: list[str] = field(default_factory=lambda: ["correct", "error"])
    pooling: str = "junction+max"
    head_size: int = 64
    dropout: float | int = 0.1
    decision_threshold: float | int = 0.5
    upstream: int | None = None
    downstream: int | None = None

    def __post_init__(self) -> None:
        """Check classes and threshold."""
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes {self.classes} must each be there once")
        threshold = self.decision_threshold
        if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
            raise ValueError(f"decision_threshold {threshold!r} must be from 0 to 1")
        super().__post_init__()


class ClassifierOutput(NamedTuple):
    """What a classifier says of a batch.

    Attributes:
        logits: float32 (batch, classes).
        loss: Mean cross-entropy; where labels are given.
        hidden_states: As of the backbone; if asked for.
        attentions: Likewise.
    """

    logits: torch.Tensor
    loss: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class ErrorClassifier(Network):
    """A genomic language model with a head that tells errors from correct calls.

    Attributes:
        backbone: The genomic language model.
        head: A norm calibrated on training sites, linear, GELU, dropout, linear. No
            layer norm: how strongly a motif answers must reach the decision.
        tokenizer: The tokenizer of the backbone; set by `load_model` and training.
    """

    tokenizer: SequenceTokenizer | None = None

    def __init__(self, config: ErrorClassifierConfig) -> None:
        super().__init__(config)
        family = FAMILIES[config.backbone["model_type"]]
        self.backbone = family.model_class(
            family.config_class.from_dict(config.backbone)
        )
        self.poolings = parse_pooling(config.pooling)
        width = count_vectors(self.poolings) * self.backbone.config.hidden_size
        self.head = nn.Sequential(
            CalibratedNorm(width),
            nn.Linear(width, config.head_size),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_size, len(config.classes)),
        )
        self.head.apply(_draw_weights)

    def __iter__(self) -> Iterator[Any]:
        """Unpack into (model, tokenizer), as `load_backbone` returns them."""
        return iter((self, self.tokenizer))

    def get_input_embeddings(self) -> nn.Module:
        """Give the word embeddings of the backbone."""
        return self.backbone.get_input_embeddings()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a backbone that does not learn stays in eval mode."""
        super().train(mode)
        if not any(weight.requires_grad for weight in self.backbone.parameters()):
            self.backbone.eval()
        return self

    @torch.no_grad()
    def scale_logits(self, factor: float, offsets: Sequence[float]) -> None:
        """Have all logits multiplied by a factor and added to, from now on.

        Args:
            factor: For all classes.
            offsets: One per class.
        """
        last = self.head[-1]
        last.weight.mul_(factor)
        last.bias.mul_(factor).add_(last.bias.new_tensor(list(offsets)))

    def pool(
        self,
        hidden: torch.Tensor,
        mask: torch.Tensor | None,
        junction: torch.Tensor | None,
    ) -> torch.Tensor:
        """Reduce hidden states (batch, tokens, hidden) to one vector per sequence.

        See `pool_states`; without a mask, all tokens are real.
        """
        if mask is None:
            mask = hidden.new_ones(hidden.shape[:2], dtype=torch.long)
        return pool_states(hidden, mask, junction, self.poolings)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        junction: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        vectors: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        longest: int = 0,
    ) -> ClassifierOutput:
        """Classify sequences.

        Args:
            input_ids: int64 (batch, tokens); or ``inputs_embeds``.
            attention_mask: int64 (batch, tokens), 1 at real tokens; None: all real.
            junction: int64 (batch, 2) token indices of the junction; None: the middle.
            inputs_embeds: float (batch, tokens, hidden) word embeddings.
            labels: int64 (batch,) class indices; gives the mean cross-entropy.
            output_attentions: Return attentions (eager path).
            output_hidden_states: Return the hidden states of all layers.
            vectors: What the head sees of each, float (batch, vectors * hidden), from
                `embed_sites`: the backbone is not run.
            lengths: Tokens of sequences that follow each other in one row, int64
                (batch,); ``input_ids`` is (1, tokens), without padding.
            longest: The most of them.

        Returns:
            logits float32 (batch, classes), loss, hidden_states, attentions.
        """
        output, pooled = None, vectors
        row = {} if lengths is None else {"lengths": lengths, "longest": longest}
        if pooled is None:
            output = self.backbone(
                input_ids=input_ids,
                attention_mask=attention_mask,
                inputs_embeds=inputs_embeds,
                output_attentions=output_attentions,
                output_hidden_states=output_hidden_states,
                **row,
            )
            states = output.last_hidden_state
            if lengths is None:
                pooled = self.pool(states, attention_mask, junction)
            else:
                pooled = pool_packed(
                    states, **row, junction=junction, names=self.poolings
                )
        # The head is tiny; float32 keeps logits and loss exact under autocast.
        with torch.autocast(pooled.device.type, enabled=False):
            logits = self.head(pooled)
            loss = None
            if labels is not None:
                loss = nn.functional.cross_entropy(logits, labels)
        return ClassifierOutput(
            logits=logits,
            loss=loss,
            hidden_states=None if output is None else output.hidden_states,
            attentions=None if output is None else output.attentions,
        )


def _draw_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        nn.init.zeros_(module.bias)


def create_classifier(
    base_model: str,
    *,
    classes: tuple[str, ...] = ("correct", "error"),
    pooling: str | None = None,
    dropout: float = 0.1,
    options: dict[str, Any] | None = None,
    random_init: bool = False,
    tuning: str = "full",
    lora: LoraSettings | None = None,
    seed: int | None = None,
) -> ErrorClassifier:
    """Put a new head on a backbone.

    Args:
        base_model: "custom" (a new `nucleotide_encoder`), the name of an architecture
            (a new network), a registry name or a checkpoint folder (its weights).
        classes: Class names in the order of the labels.
        pooling: See `ErrorClassifierConfig`; None takes the default of the family.
        dropout: Dropout in the head.
        options: Fields of the configuration of a new network.
        random_init: Take a checkpoint's architecture and tokenizer, with new weights.
        tuning: What learns beside the head; see `adapters.apply_tuning`.
        lora: Size of the adapters.
        seed: Seed of the new weights; None: from torch's global state.

    Returns:
        The classifier with its ``tokenizer``.

    Raises:
        InputError: The model is unknown, its weights do not fit, or an option is wrong.
    """
    if seed is not None:
        torch.manual_seed(seed)
    architecture = "nucleotide_encoder" if base_model == "custom" else base_model
    is_new = architecture in FAMILIES or random_init
    if architecture in FAMILIES:
        backbone, tokenizer = create_backbone(architecture, **(options or {}))
    elif options:
        raise InputError(
            f"{base_model}: a checkpoint fixes its own shape; remove "
            f"{', '.join(options)} from the backbone in the config"
        )
    else:
        backbone, tokenizer = load_backbone(base_model)
        if random_init:
            backbone = type(backbone)(backbone.config)
    if is_new and tuning != "full":
        logger.warning(
            "%s with tuning %s: what does not learn keeps its random weights",
            *(base_model, tuning),
        )
    family = FAMILIES[backbone.config.model_type]
    config = ErrorClassifierConfig(
        backbone=backbone.config.to_dict(),
        classes=list(classes),
        pooling=pooling or family.default_pooling,
        dropout=dropout,
    )
    model = ErrorClassifier(config)
    model.backbone = backbone
    model.tokenizer = tokenizer
    apply_tuning(model, tuning, lora)
    return model


def save_model(model: ErrorClassifier, folder: str | Path) -> None:
    """Save weights, config and tokenizer as one folder, whole or not at all."""
    with atomic_path(folder) as temporary:
        model.save_pretrained(temporary)
        if model.tokenizer is not None:
            model.tokenizer.save_pretrained(temporary)


def load_model(path: str | Path) -> ErrorClassifier:
    """Load a fine-tuned model from its folder, strictly and without running its code.

    Args:
        path: A run's ``model`` folder (config.json, model.safetensors, tokenizer), or
            the run folder above it.

    Returns:
        The classifier in eval mode, float32, with ``model.tokenizer``; it also unpacks:
        ``model, tokenizer = load_model(path)``.

    Raises:
        InputError: A file is missing, or the weights do not fit the config.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file() and (folder / "model").is_dir():
        folder = folder / "model"
    if not (folder / "config.json").is_file():
        raise InputError(f"{path}: no config.json; give the `model` folder of a run")
    content = read_json(folder / "config.json")
    kind = content.get("model_type") if isinstance(content, dict) else content
    if kind != ErrorClassifierConfig.model_type:
        raise InputError(
            f"{folder}: holds a {kind!r}, not a fine-tuned error classifier; a bare "
            "backbone loads with `backbones.load_backbone`"
        )
    weights = folder / "model.safetensors"
    state = read_safetensors(weights)
    try:
        config = ErrorClassifierConfig.from_dict(content)
        # Nothing of the claimed size is made before the file is known to hold it.
        skeleton = build_skeleton(
            lambda: ErrorClassifier(config), config.backbone, len(state)
        )
    except _NO_MODEL as error:
        raise InputError(
            f"{folder / 'config.json'}: describes no model known here: {error!r}"
        ) from error
    refuse_misfits(skeleton.state_dict(), state, weights)
    model = ErrorClassifier(config)
    model.load_state_dict(state, strict=True)
    model.tokenizer = load_tokenizer(folder)
    return model.eval()


def require_model(model: Any) -> None:
    """Refuse what is no classifier, such as the path of one.

    Raises:
        InputError: Says what was given and which function loads models.
    """
    if not isinstance(model, ErrorClassifier):
        raise InputError(
            f"model is a {type(model).__name__}; give what "
            "`train_error_sequence_model` or `load_model` returns"
        )


def refuse_other_tokenizer(model: ErrorClassifier, given: SequenceTokenizer) -> None:
    """Refuse tokens that were not made for this backbone.

    Raises:
        InputError: The vocabularies differ.
    """
    mine = model.tokenizer
    if (mine.family, mine.vocab_size) != (given.family, given.vocab_size):
        raise InputError(
            f"the data were tokenized with {given.family} ({given.vocab_size} tokens), "
            f"the model needs {mine.family} ({mine.vocab_size}); give "
            "`prepare_datasets_for_training` the tokenizer of the base model"
        )
