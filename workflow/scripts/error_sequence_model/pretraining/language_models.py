"""What a backbone is pretrained to predict: hidden tokens, and the genes' structure.

Tensors are (batch, tokens) with right padding; -100 marks what is not predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from error_sequence_model.backbones import FAMILIES, Backbone, create_lm_head
from error_sequence_model.core import InputError
from error_sequence_model.pretraining.gene_bodies import STRUCTURE
from error_sequence_model.pretraining.gene_windows import GeneWindows
from error_sequence_model.settings import PretrainingSettings
from error_sequence_model.tokenizers import SequenceTokenizer

IGNORED = -100
CALIBRATION_WINDOWS = 256
CALIBRATION_BASES = 2**17  # one batch, on any device
# Of the hidden tokens, 80 % become the mask, 10 % another token, 10 % stay (BERT).
MASKED_SHARE, REPLACED_SHARE = 0.8, 0.1


class Losses(NamedTuple):
    """Sums of the negative log-likelihoods (nats) over what is predicted.

    Attributes:
        sequence: Of the hidden tokens, float32 (batch,).
        annotation: Of the bases' labels, float32 (batch,).
    """

    sequence: Tensor
    annotation: Tensor


class LanguageModel(nn.Module):
    """A backbone with the heads it is pretrained with.

    Attributes:
        backbone: The genomic language model.
        head: Its language-model head; None if only the annotation is predicted.
        annotation: A linear map to the labels of ``STRUCTURE``; or None.
    """

    def __init__(
        self,
        backbone: Backbone,
        settings: PretrainingSettings,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.is_causal = FAMILIES[backbone.config.model_type].is_causal
        if self.is_causal and settings.has_annotation:
            raise InputError(
                f"{backbone.config.model_type} sees only what lies 5' of a base and "
                "cannot learn the annotation; set `pretraining.objective: sequence` or "
                "leave it out of `pretraining.models`"
            )
        self.head = None
        if settings.has_sequence:
            self.head = head if head is not None else create_lm_head(backbone)
        self.annotation = None
        if settings.has_annotation:
            self.annotation = nn.Linear(backbone.config.hidden_size, len(STRUCTURE))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        targets: Tensor,
        structure: Tensor,
    ) -> Losses:
        """Predict a batch.

        Args:
            input_ids: int64 (batch, tokens), some of them hidden.
            attention_mask: int64 (batch, tokens), 1 at real tokens; None: all real.
            targets: int64 (batch, tokens), the token to predict at a position (for a
                causal family: the one after it).
            structure: int64 (batch, tokens) labels.
        """
        output = self.backbone(input_ids=input_ids, attention_mask=attention_mask)
        states = output.last_hidden_state
        return Losses(
            _sum_losses(self.head, states, targets),
            _sum_losses(self.annotation, states, structure),
        )


def _sum_losses(head: nn.Module | None, states: Tensor, targets: Tensor) -> Tensor:
    """Sum each row's losses; logits are computed only where one is needed."""
    sums = torch.zeros(len(states), device=states.device)
    if head is None:
        return sums
    rows, places = torch.nonzero(targets != IGNORED, as_tuple=True)
    logits = head(states[rows, places]).float()
    losses = nn.functional.cross_entropy(
        logits, targets[rows, places], reduction="none"
    )
    return sums.index_add(0, rows, losses)


@dataclass(frozen=True)
class Example:
    """A window as the model is shown it.

    Attributes:
        input_ids: Tokens, some hidden, int64 (tokens,).
        targets: Tokens to predict, int64 (tokens,).
        structure: Labels to predict, int64 (tokens,).
        target_bases: Bases that the tokens to predict cover.
    """

    input_ids: np.ndarray
    targets: np.ndarray
    structure: np.ndarray
    target_bases: int


def count_targets(examples: list[Example]) -> list[float]:
    """Count the tokens and the labels to predict."""
    return [
        float(sum((getattr(example, name) != IGNORED).sum() for example in examples))
        for name in ("targets", "structure")
    ]


class ExampleMaker:
    """Makes examples from windows; which tokens are hidden depends on the seed alone.

    Args:
        windows: The windows.
        tokenizer: Tokenizer of the backbone.
        settings: The objective, mask_share and mask_span are used.
        is_causal: Whether the next token is predicted in place of hidden ones.
    """

    def __init__(
        self,
        windows: GeneWindows,
        tokenizer: SequenceTokenizer,
        settings: PretrainingSettings,
        *,
        is_causal: bool,
    ) -> None:
        self.windows = windows
        self.tokenizer = tokenizer
        self.settings = settings
        self.is_causal = is_causal
        self.words = find_words(tokenizer)
        self.is_word = np.zeros(max(tokenizer.vocabulary.values()) + 1, dtype=bool)
        self.is_word[self.words] = True

    def make(self, index: int, *seed: int) -> Example:
        """Make an example of a window.

        Args:
            index: Which window.
            *seed: Whole numbers, such as the epoch, that decide what is hidden.
        """
        sequence, labels = self.windows.get(index)
        input_ids, spans = self.tokenizer.encode(sequence)
        input_ids = input_ids.astype(np.int64)
        is_word = self.is_word[input_ids]
        structure = np.full(len(input_ids), IGNORED)
        if self.settings.has_annotation:
            structure[is_word] = label_tokens(labels, spans[is_word])
        targets = np.full(len(input_ids), IGNORED)
        if not self.settings.has_sequence:
            return Example(input_ids, targets, structure, 0)
        sizes = spans[:, 1] - spans[:, 0]
        if self.is_causal:
            targets[:-1] = np.where(is_word[1:], input_ids[1:], IGNORED)
            bases = int(sizes[1:][is_word[1:]].sum())
            return Example(input_ids, targets, structure, bases)
        rng = np.random.default_rng([self.settings.seed, index, *seed])
        is_hidden = choose_hidden(is_word, self.settings, rng)
        targets[is_hidden] = input_ids[is_hidden]
        hidden = self._hide(input_ids, is_hidden, rng)
        return Example(hidden, targets, structure, int(sizes[is_hidden].sum()))

    def _hide(
        self, input_ids: np.ndarray, is_hidden: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        kind = rng.random(len(input_ids))
        others = rng.choice(self.words, size=len(input_ids))
        is_replaced = is_hidden & (kind < MASKED_SHARE + REPLACED_SHARE)
        hidden = np.where(is_replaced, others, input_ids)
        is_masked = is_hidden & (kind < MASKED_SHARE)
        return np.where(is_masked, self.tokenizer.mask_token_id, hidden)


def calibrate(backbone: Backbone, maker: ExampleMaker) -> None:
    """Let a new backbone that wants to see some data before training see them."""
    if getattr(backbone, "is_calibrated", True):
        return
    rng = np.random.default_rng(maker.settings.seed)
    chosen = np.sort(rng.permutation(len(maker.windows))[:CALIBRATION_WINDOWS])
    chosen = chosen[: max(CALIBRATION_BASES // maker.windows.length, 1)]
    batch = maker.tokenizer([maker.windows.get(int(index))[0] for index in chosen])
    device = backbone.device
    backbone.calibrate(
        batch["input_ids"].to(device), batch["attention_mask"].to(device)
    )


def find_words(tokenizer: SequenceTokenizer) -> np.ndarray:
    """Ids of the tokens that stand for bases only, no N and no special ones."""
    return np.array(
        sorted(
            i for token, i in tokenizer.vocabulary.items() if not set(token) - _BASES
        )
    )


_BASES = set("ACGT")


def choose_hidden(
    is_word: np.ndarray, settings: PretrainingSettings, rng: np.random.Generator
) -> np.ndarray:
    """Choose the tokens to hide: single ones, or runs of ``mask_span`` neighbours.

    Args:
        is_word: Which tokens may be chosen, bool (tokens,).
        settings: mask_share, the expected share of them, and mask_span.
        rng: Where chance comes from.

    Returns:
        bool (tokens,).
    """
    span = settings.mask_span
    # So that a token is in at least one run with probability mask_share.
    rate = 1 - (1 - settings.mask_share) ** (1 / span)
    begins = np.concatenate(
        [[0], np.cumsum(rng.random(len(is_word) + span - 1) < rate)]
    )
    return (begins[span:] > begins[:-span]) & is_word


def label_tokens(labels: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Label tokens by their bases; a site outranks an exon, an exon the rest.

    Args:
        labels: Per base, uint8 (bases,).
        spans: Of tokens with at least one base, int (tokens, 2).

    Returns:
        int64 (tokens,).
    """
    if len(spans) == 0:
        return np.zeros(0, dtype=np.int64)
    # Starts and ends in turn: every other run is a token, the others are gaps.
    padded = np.append(labels, 0)
    return np.maximum.reduceat(padded, spans.ravel())[::2].astype(np.int64)
