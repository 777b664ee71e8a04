"""What attention looks at, per base: mean, first token, junction, rollout, gradients.

Attention of the eager path has shape (batch, heads, queries, keys), rows sum to 1 over
all tokens, special ones included. The views below are over keys and lie on the base
axis: what falls on special tokens is reported as a share, not dropped in silence, and
a view that a model does not define is left out by name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from error_sequence_model.attention.flow import (
    compute_entropy,
    drop_specials,
    find_sinks,
    roll_gradients,
    roll_out,
)
from error_sequence_model.attention.layers import Layers, get_layers, has_attention
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError, evaluating, get_progress
from error_sequence_model.datasets import SequenceDataset, collate, cut_batches
from error_sequence_model.tokenizers import project_to_bases

CELLS_PER_PASS = 60_000_000  # layers * heads * tokens**2 * batch: about 0.25 GB
CELLS_WITH_GRADIENT = CELLS_PER_PASS // 4  # the graph keeps scores and slopes as well
MOST_CELLS = 4_000_000_000  # of one sequence: about 16 GB
PER_SITE = ("mean", "junction", "rollout", "first_token", "gradient_weighted")
CAUSAL = "a mixing matrix is causal: its first row sees the first token only"
GATED = "a mixing matrix is a product of gates and has no gradient of its own"
BASES_ONLY = "there are no special tokens: it would be `mean` itself"


class AttentionViews(NamedTuple):
    """Attention of sites on the base axis.

    Attributes:
        mean: Attention received per base, mean over layers, heads and queries, float32
            (n, window_length); sums to 1 minus the special share.
        junction: Attention paid by the two tokens at the junction, mean over layers
            and heads, float32 (n, window_length).
        rollout: Attention flow through all layers with the skip connections (Abnar
            and Zuidema 2020), mean over queries, float32 (n, window_length).
        head_mean: Attention received per layer and head, mean over the sites, float32
            (layers, heads, window_length).
        special_share: Share of ``mean`` on special tokens, float32 (n,).
        entropy: Entropy of the rows in units of its maximum, mean over the sites,
            float32 (layers, heads): 0 is one base, 1 is all bases alike.
        view: "attention", or "mixing matrix" for HyenaDNA.
        head_special_share: Attention on special tokens, mean over the sites, float32
            (layers, heads).
        sink_share: Attention on the one token that receives most, mean over the sites,
            float32 (layers, heads).
        first_token: Attention paid by the first token ([CLS] where there is one), mean
            over layers and heads, float32 (n, window_length); or None.
        gradient_weighted: Evidence for an error that attention carried (Chefer 2021),
            read out as the head reads the tokens, not negative, float32 (n,
            window_length); or None.
        mean_without_special: ``mean`` among the bases alone, each row scaled to sum 1,
            float32 (n, window_length); or None.
        has_class_token: Whether the first token is a special one, not a base.
        undefined: View that is None -> why.
    """

    mean: np.ndarray
    junction: np.ndarray
    rollout: np.ndarray
    head_mean: np.ndarray
    special_share: np.ndarray
    entropy: np.ndarray
    view: str
    head_special_share: np.ndarray
    sink_share: np.ndarray
    first_token: np.ndarray | None
    gradient_weighted: np.ndarray | None
    mean_without_special: np.ndarray | None
    has_class_token: bool
    undefined: dict[str, str]

    @property
    def maps(self) -> dict[str, np.ndarray]:
        """Views per site that are defined, float32 (n, window_length) by name."""
        found = {name: getattr(self, name) for name in PER_SITE}
        return {name: values for name, values in found.items() if values is not None}


def extract_attention(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    *,
    window_length: int,
    device: torch.device | None = None,
    with_gradients: bool = True,
) -> AttentionViews:
    """Extract the attention of sites on the base axis.

    Memory is bounded by taking few sequences at once where windows are long.

    Args:
        model: The fine-tuned classifier; its mode is restored.
        dataset: The sites.
        window_length: Bases per window.
        device: Where to compute; None: where the model is.
        with_gradients: Whether to make the gradient-weighted view too.

    Returns:
        The views; computed in float32 by the eager path.

    Raises:
        InputError: The backbone has neither attention nor mixing matrices, or one
            window's matrices are too large.
    """
    device = device or next(model.parameters()).device
    cells = _count_cells(model, dataset)
    undefined = {}
    if not has_attention(model):
        undefined = {"first_token": CAUSAL, "gradient_weighted": GATED}
    elif not with_gradients:
        undefined = {"gradient_weighted": "not asked for"}
    elif 4 * cells > MOST_CELLS:
        undefined = {"gradient_weighted": f"windows too long: {cells:.1e} weights each"}
    with_gradients = "gradient_weighted" not in undefined
    budget = CELLS_WITH_GRADIENT if with_gradients else CELLS_PER_PASS
    longest = int(dataset.lengths.max()) + 8
    batches = cut_batches(
        np.arange(len(dataset)),
        dataset.lengths,
        tokens_per_batch=max(budget // cells, 1) * longest,
    )
    views = _Collector(len(dataset), window_length)
    view = "attention"
    with evaluating(model):
        for indices in get_progress(batches, what="attention", unit="batches"):
            items = [dataset[int(index)] for index in indices]
            inputs = collate(items, pad_token_id=dataset.tokenizer.pad_token_id)
            layers = get_layers(model, inputs, device, with_gradients=with_gradients)
            view = layers.view
            for row, index in enumerate(indices):
                views.add(int(index), row, layers, items[row])
    return views.finish(view, undefined)


def _count_cells(model: ErrorClassifier, dataset: SequenceDataset) -> int:
    """Weights of the longest sequence: layers × heads × tokens².

    Raises:
        InputError: They would not fit into memory.
    """
    config = model.backbone.config
    heads = getattr(config, "num_attention_heads", 1) if has_attention(model) else 1
    longest = int(dataset.lengths.max()) + 8
    cells = max(config.num_hidden_layers, 1) * heads * longest**2
    if cells > MOST_CELLS:
        raise InputError(
            f"the attention of {longest} tokens takes {cells * 4 / 1e9:.0f} GB "
            f"({config.num_hidden_layers} layers, {heads} heads); allowed are "
            f"{MOST_CELLS * 4 / 1e9:.0f}; set shorter `windows`"
        )
    return cells


class _Collector:
    """Views of all sites, filled site by site; matrices are let go at once."""

    def __init__(self, n: int, window_length: int) -> None:
        self.length = window_length
        names = (*PER_SITE, "mean_without_special")
        self.maps = {name: np.zeros((n, window_length), np.float32) for name in names}
        self.special_share = np.zeros(n, dtype=np.float32)
        self.sums: dict[str, np.ndarray] = {}
        self.has_special = self.has_class_token = False

    def add(self, index: int, row: int, layers: Layers, item: dict) -> None:
        """Reduce the matrices of one site: ``row`` of the batch, ``index`` overall."""
        spans, size = item["spans"], len(item["spans"])
        special = spans[:, 0] == spans[:, 1]
        # (layers, heads, queries, keys) of the real tokens of one site
        cube = torch.stack([layer[row, :, :size, :size] for layer in layers.weights])
        columns = cube.mean(dim=2)
        received = columns.mean(dim=(0, 1))
        views = {
            "mean": received,
            "junction": cube[:, :, list(item["junction"])].mean(dim=(0, 1, 2)),
            "rollout": roll_out(cube.mean(dim=1)).mean(dim=0),
            "first_token": cube[:, :, 0].mean(dim=(0, 1)),
        }
        if layers.gradients is not None:
            slopes = [layer[row, :, :size, :size] for layer in layers.gradients]
            carried = roll_gradients(cube, torch.stack(slopes))
            views["gradient_weighted"] = layers.readout[row, :size] @ carried
        for name, values in views.items():
            self.maps[name][index] = self._project(values, spans)
        self.has_class_token = bool(special[0])
        if special.any():
            self.has_special = True
            alone = drop_specials(cube, special).mean(dim=(0, 1, 2))
            self.maps["mean_without_special"][index] = self._project(
                alone, spans[~special]
            )
        self.special_share[index] = received.cpu().numpy()[special].sum()
        self._sum("head_mean", self._project(columns, spans))
        self._sum("entropy", compute_entropy(cube).cpu().numpy())
        self._sum("sink_share", find_sinks(columns).cpu().numpy())
        self._sum(
            "head_special_share", columns.cpu().numpy()[..., special].sum(axis=-1)
        )

    def _project(self, values: torch.Tensor, spans: np.ndarray) -> np.ndarray:
        return project_to_bases(values.cpu().numpy(), spans, self.length)

    def _sum(self, name: str, values: np.ndarray) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + values

    def finish(self, view: str, undefined: dict[str, str]) -> AttentionViews:
        """Give the views, without those that are not defined."""
        n = len(self.special_share)
        if not self.has_special:
            undefined = {**undefined, "mean_without_special": BASES_ONLY}
        return AttentionViews(
            **{name: None if name in undefined else m for name, m in self.maps.items()},
            **{name: (s / n).astype(np.float32) for name, s in self.sums.items()},
            special_share=self.special_share,
            view=view,
            has_class_token=self.has_class_token,
            undefined=undefined,
        )
