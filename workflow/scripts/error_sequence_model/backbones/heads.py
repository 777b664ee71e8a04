"""Heads of published checkpoints: language models and classifiers over the states.

Each takes states (batch, length, hidden) and returns logits. They are small modules
beside the backbone: a checkpoint's head is loaded with it when it has one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.core import InputError

BERT_NORM_EPSILON = 1e-12


class MaskedLMHead(nn.Module):
    """Masked language model: dense, GELU, norm, decoder to the vocabulary.

    Args:
        hidden_size: Width of the states.
        vocab_size: Columns of the logits.
        layer_norm_eps: As in the model's configuration.
    """

    def __init__(
        self,
        hidden_size: int,
        vocab_size: int,
        *,
        layer_norm_eps: float = BERT_NORM_EPSILON,
    ) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=layer_norm_eps)
        self.decoder = nn.Linear(hidden_size, vocab_size)

    def tie(self, embedding: nn.Embedding) -> None:
        """Share the decoder's matrix with the word embedding."""
        self.decoder.weight = embedding.weight

    def forward(self, states: Tensor) -> Tensor:
        """Logits (batch, length, vocabulary) for the token at each position."""
        return self.decoder(self.norm(F.gelu(self.dense(states))))


class CausalLMHead(nn.Module):
    """Causal language model: a linear map to the (padded) vocabulary."""

    def __init__(self, hidden_size: int, vocab_size: int) -> None:
        super().__init__()
        self.decoder = nn.Linear(hidden_size, vocab_size, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """Logits (batch, length, vocabulary) for the token after each position."""
        return self.decoder(states)


class FirstTokenClassifier(nn.Module):
    """The classifier of DNABERT-2 and of Nucleotide Transformer.

    The first token's state goes through a dense layer with tanh (the pooler), dropout
    and a linear map.
    """

    def __init__(
        self, hidden_size: int, n_classes: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, n_classes)

    def pool(self, states: Tensor) -> Tensor:
        """Pooled state (batch, hidden)."""
        return torch.tanh(self.dense(states[:, 0]))

    def forward(self, states: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        return self.output(self.dropout(self.pool(states)))


class LastTokenClassifier(nn.Module):
    """The classifier of HyenaDNA: a linear map of the last token's state."""

    def __init__(self, hidden_size: int, n_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(hidden_size, n_classes, bias=False)

    def forward(self, states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Logits (batch, classes), read at the last token that is not padding."""
        rows = torch.arange(states.shape[0], device=states.device)
        if attention_mask is None:
            last = torch.full_like(rows, states.shape[1] - 1)
        else:
            positions = torch.arange(states.shape[1], device=states.device)
            last = (positions * attention_mask).argmax(dim=1)
        return self.output(states[rows, last])


class TokenClassifier(nn.Module):
    """The classifier of SpliceBERT: a linear map of every token's state."""

    def __init__(self, hidden_size: int, n_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(hidden_size, n_classes)

    def forward(self, states: Tensor) -> Tensor:
        """Logits (batch, length, classes)."""
        return self.output(states)


def get_lm_loss(logits: Tensor, labels: Tensor, *, is_causal: bool) -> Tensor:
    """Mean cross-entropy of a language model, in nats per predicted token.

    Args:
        logits: (batch, length, vocabulary).
        labels: Token ids, int64 (batch, length); -100 where nothing is predicted. For a
            causal model the input ids (with -100 at padding): they are shifted here.
        is_causal: Whether the logits at t are for the token at t + 1.

    Returns:
        A scalar; 0 if nothing is predicted.

    Raises:
        InputError: The shapes do not fit.
    """
    if logits.shape[:2] != labels.shape:
        raise InputError(
            f"logits have shape {tuple(logits.shape)} and labels {tuple(labels.shape)};"
            " the first two axes must agree"
        )
    if is_causal:
        logits, labels = logits[:, :-1], labels[:, 1:]
    total = F.cross_entropy(
        logits.flatten(0, 1).float(),
        labels.flatten(),
        ignore_index=-100,
        reduction="sum",
    )
    return total / (labels != -100).sum().clamp(min=1)
