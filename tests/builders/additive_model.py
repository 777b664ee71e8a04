"""A model whose every effect is known: the log-odds are a sum over the bases."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn


class AdditiveModel(nn.Module):
    """Log-odds of an error are the sum of ``values[place, base]``."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values, dtype=torch.float32))
        self.config = SimpleNamespace(classes=("correct", "error"))

    def forward(self, input_ids, junction, attention_mask=None) -> SimpleNamespace:
        places = torch.arange(input_ids.shape[1])
        value = self.values[places, input_ids.clamp(max=3)].sum(dim=1)
        return SimpleNamespace(logits=torch.stack([0 * value, value], dim=1))
