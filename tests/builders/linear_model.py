"""A model that is linear in its embeddings: attributions have a closed form."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from error_sequence_model.datasets import SequenceDataset
from tiny_models import make_tiny_datasets


class LinearModel(nn.Module):
    """Log-odds are a weighted sum of token values; the weights depend on the place."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 3)
        self.weights = nn.Parameter(torch.randn(length, 3))
        self.config = SimpleNamespace(classes=("correct", "error"))

    def get_input_embeddings(self) -> nn.Module:
        return self.embed

    def forward(
        self, input_ids=None, inputs_embeds=None, attention_mask=None, junction=None
    ) -> SimpleNamespace:
        states = self.embed(input_ids) if inputs_embeds is None else inputs_embeds
        states = states * attention_mask.unsqueeze(-1)
        value = (states * self.weights[: states.shape[1]]).sum(dim=(1, 2))
        return SimpleNamespace(logits=torch.stack([0 * value, value], dim=1))


def make_linear() -> tuple[LinearModel, SequenceDataset]:
    torch.manual_seed(0)
    _, dataset = make_tiny_datasets(20, shortest=21, longest=48)
    return LinearModel(48).eval(), dataset
