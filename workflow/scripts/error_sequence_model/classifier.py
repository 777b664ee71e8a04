"""The classifier on a backbone: pooling at the junction, a small head, logits.

Tensors are (batch, tokens, hidden) with right padding; ``junction`` holds the indices
of the tokens with the last base 5' and the first base 3' of the junction.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging as transformers_logging

from error_sequence_model.backbones import FAMILIES, create_backbone, load_backbone
from error_sequence_model.errors import InputError
from error_sequence_model.files import atomic_path, read_json
from error_sequence_model.tokenizers import SequenceTokenizer, load_tokenizer

POOLINGS = ("junction", "mean", "max", "first", "last")


class ErrorClassifierConfig(PretrainedConfig):
    """Configuration of `ErrorClassifier`.

    Attributes:
        backbone: Configuration of the backbone, with its ``model_type``.
        classes: Class names in the order of the logits; an error is the last of two.
        pooling: How hidden states become one vector: names of `POOLINGS` joined by "+".
        head_size: Width of the head's hidden layer.
        dropout: Dropout in the head.
        decision_threshold: Probability of an error from which a site is called one;
            chosen on the validation part.
        upstream: Bases 5' of the junction in the training windows, if they were equal.
        downstream: Bases 3' of the junction, likewise.
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
        self.pooling = pooling
        self.head_size = head_size
        self.dropout = dropout
        self.decision_threshold = decision_threshold
        self.upstream = upstream
        self.downstream = downstream
        super().__init__(**kwargs)


class ErrorClassifier(PreTrainedModel):
    """A genomic language model with a head that tells errors from correct calls.

    Attributes:
        backbone: The genomic language model.
        head: Linear, GELU, dropout, linear. No norm before it: how strongly a motif
            answers must reach the decision.
        tokenizer: The tokenizer of the backbone; set by `load_model` and training.
    """

    config_class = ErrorClassifierConfig
    base_model_prefix = "classifier"
    supports_gradient_checkpointing = True
    tokenizer: SequenceTokenizer | None = None

    def __init__(self, config: ErrorClassifierConfig) -> None:
        super().__init__(config)
        family = FAMILIES[config.backbone["model_type"]]
        self.backbone = family.model_class(family.config_class(**config.backbone))
        self.poolings = parse_pooling(config.pooling)
        vectors = sum(2 if name == "junction" else 1 for name in self.poolings)
        width = vectors * self.backbone.config.hidden_size
        self.head = nn.Sequential(
            nn.Linear(width, config.head_size),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_size, len(config.classes)),
        )
        self.post_init()

    def __iter__(self) -> Iterator[Any]:
        """Unpack into (model, tokenizer), as `load_backbone` returns them."""
        return iter((self, self.tokenizer))

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Module:
        """Give the word embeddings of the backbone."""
        return self.backbone.get_input_embeddings()

    def pool(
        self, hidden: torch.Tensor, mask: torch.Tensor, junction: torch.Tensor | None
    ) -> torch.Tensor:
        """Reduce hidden states to one vector per sequence.

        Args:
            hidden: float (batch, tokens, hidden).
            mask: int (batch, tokens), 1 at real tokens.
            junction: int64 (batch, 2) token indices; None takes the middle.

        Returns:
            float32 (batch, vectors * hidden).
        """
        rows = torch.arange(len(hidden), device=hidden.device)
        lengths = mask.sum(dim=1)
        if junction is None:
            right = lengths // 2
            junction = torch.stack([(right - 1).clamp(min=0), right], dim=1)
        hidden = hidden.float()
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        vectors = []
        for name in self.poolings:
            if name == "junction":
                vectors += [hidden[rows, junction[:, 0]], hidden[rows, junction[:, 1]]]
            elif name == "mean":
                vectors.append((hidden * weights).sum(1) / weights.sum(1).clamp(min=1))
            elif name == "max":
                lowest = torch.finfo(hidden.dtype).min
                vectors.append(hidden.masked_fill(weights == 0, lowest).amax(dim=1))
            elif name == "first":
                vectors.append(hidden[:, 0])
            else:
                vectors.append(hidden[rows, (lengths - 1).clamp(min=0)])
        return torch.cat(vectors, dim=-1)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        junction: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> SequenceClassifierOutput:
        """Classify sequences.

        Args:
            input_ids: int64 (batch, tokens); or ``inputs_embeds``.
            attention_mask: int64 (batch, tokens), 1 at real tokens; None: all real.
            junction: int64 (batch, 2) token indices of the junction; None: the middle.
            inputs_embeds: float (batch, tokens, hidden) word embeddings.
            labels: int64 (batch,) class indices; gives the mean cross-entropy.
            output_attentions: Return attentions (eager path).
            output_hidden_states: Return the hidden states of all layers.

        Returns:
            logits float32 (batch, classes), loss, hidden_states, attentions.
        """
        given = input_ids if input_ids is not None else inputs_embeds
        if attention_mask is None:
            attention_mask = torch.ones(
                given.shape[:2], dtype=torch.long, device=given.device
            )
        output = self.backbone(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        pooled = self.pool(output.last_hidden_state, attention_mask, junction)
        # The head is tiny; float32 keeps logits and loss exact under autocast.
        with torch.autocast(pooled.device.type, enabled=False):
            logits = self.head(pooled)
            loss = None
            if labels is not None:
                loss = nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


def parse_pooling(pooling: str) -> list[str]:
    """Split "junction+mean" into its names.

    Raises:
        InputError: A name is unknown.
    """
    names = pooling.split("+")
    unknown = [name for name in names if name not in POOLINGS]
    if unknown:
        raise InputError(
            f"pooling {pooling!r}: unknown {', '.join(unknown)}; allowed: "
            f"{', '.join(POOLINGS)}, joined by '+'; set `pooling` of the backbone"
        )
    return names


def create_classifier(
    base_model: str,
    *,
    classes: tuple[str, ...] = ("correct", "error"),
    pooling: str | None = None,
    dropout: float = 0.1,
    options: dict[str, Any] | None = None,
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
        seed: Seed of the new weights; None: from torch's global state.

    Returns:
        The classifier with its ``tokenizer``.

    Raises:
        InputError: The model is unknown, its weights do not fit, or an option is wrong.
    """
    if seed is not None:
        torch.manual_seed(seed)
    architecture = "nucleotide_encoder" if base_model == "custom" else base_model
    if architecture in FAMILIES:
        backbone, tokenizer = create_backbone(architecture, **(options or {}))
    elif options:
        raise InputError(
            f"{base_model}: a checkpoint fixes its own shape; remove "
            f"{', '.join(options)} from the backbone in the config"
        )
    else:
        backbone, tokenizer = load_backbone(base_model)
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
    return model


def save_model(model: ErrorClassifier, folder: str | Path) -> None:
    """Save weights, config and tokenizer as one folder, whole or not at all."""
    # One small file needs no bar, and a log file has no room for one.
    transformers_logging.disable_progress_bar()
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
    if content.get("model_type") != ErrorClassifierConfig.model_type:
        raise InputError(
            f"{folder}: holds a {content.get('model_type')!r}, not a fine-tuned error "
            "classifier; a bare backbone loads with `backbones.load_backbone`"
        )
    try:
        model = ErrorClassifier(ErrorClassifierConfig.from_dict(content))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder / 'config.json'}: describes no model known here: {error!r}"
        ) from error
    weights = folder / "model.safetensors"
    try:
        state = load_file(weights)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"{weights}: cannot be read ({error})") from error
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise InputError(f"{weights}: does not fit config.json: {error}") from error
    model.tokenizer = load_tokenizer(folder)
    return model.eval()


AutoConfig.register(ErrorClassifierConfig.model_type, ErrorClassifierConfig)
AutoModel.register(ErrorClassifierConfig, ErrorClassifier)
