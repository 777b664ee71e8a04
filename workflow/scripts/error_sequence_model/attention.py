"""What attention looks at, per base: mean, junction rows, rollout.

Attention of the eager path has shape (batch, heads, queries, keys), rows sum to 1. The
views below are over keys and lie on the base axis; what falls on special tokens is
reported as a share, not dropped in silence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from error_sequence_model.batching import cut_batches
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.errors import InputError
from error_sequence_model.logs import get_progress
from error_sequence_model.tokenizers import project_to_bases

CELLS_PER_PASS = 60_000_000  # layers * heads * tokens**2 * batch: about 0.25 GB


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
    """

    mean: np.ndarray
    junction: np.ndarray
    rollout: np.ndarray
    head_mean: np.ndarray
    special_share: np.ndarray
    entropy: np.ndarray
    view: str


@torch.no_grad()
def extract_attention(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    *,
    window_length: int,
    device: torch.device | None = None,
) -> AttentionViews:
    """Extract the attention of sites on the base axis.

    Args:
        model: The fine-tuned classifier; its mode is restored.
        dataset: The sites.
        window_length: Bases per window.
        device: Where to compute; None: where the model is.

    Returns:
        The views; computed in float32 by the eager path.

    Raises:
        InputError: The backbone has neither attention nor mixing matrices.
    """
    device = device or next(model.parameters()).device
    config = model.backbone.config
    heads = getattr(config, "num_attention_heads", 1)
    longest = int(dataset.lengths.max()) + 8
    at_once = CELLS_PER_PASS // (max(config.num_hidden_layers, 1) * heads * longest)
    batches = cut_batches(
        np.arange(len(dataset)),
        dataset.lengths,
        tokens_per_batch=max(at_once, longest),
    )
    was_training = model.training
    model.eval()
    n = len(dataset)
    received, paid, flow = (
        np.zeros((n, window_length), dtype=np.float32) for _ in range(3)
    )
    special_share = np.zeros(n, dtype=np.float32)
    head_sum, entropy_sum, view = 0.0, 0.0, "attention"
    for indices in get_progress(batches, what="attention", unit="batches"):
        items = [dataset[int(index)] for index in indices]
        inputs = collate(items, pad_token_id=dataset.tokenizer.pad_token_id)
        layers, view = get_layers(model, inputs, device)
        for row, index in enumerate(indices):
            spans, junction = items[row]["spans"], items[row]["junction"]
            size = len(spans)
            # (layers, heads, queries, keys) of the real tokens of one site
            cube = torch.stack([layer[row, :, :size, :size] for layer in layers])
            columns = cube.mean(dim=2)
            rolled = roll_out(cube.mean(dim=1))
            rows = cube[:, :, list(junction)].mean(dim=(0, 1, 2))
            mean = columns.mean(dim=(0, 1)).cpu().numpy()
            special = spans[:, 0] == spans[:, 1]
            special_share[index] = mean[special].sum()
            received[index] = project_to_bases(mean, spans, window_length)
            paid[index] = project_to_bases(rows.cpu().numpy(), spans, window_length)
            flow[index] = project_to_bases(
                rolled.mean(dim=0).cpu().numpy(), spans, window_length
            )
            head_sum = head_sum + project_to_bases(
                columns.cpu().numpy(), spans, window_length
            )
            entropy_sum = entropy_sum + compute_entropy(cube).cpu().numpy()
    model.train(was_training)
    return AttentionViews(
        received,
        paid,
        flow,
        (head_sum / n).astype(np.float32),
        special_share,
        (entropy_sum / n).astype(np.float32),
        view,
    )


def get_layers(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor], device: torch.device
) -> tuple[list[torch.Tensor], str]:
    """Run the eager path and give each layer's (batch, heads, queries, keys).

    HyenaDNA has no attention: the magnitude of its mixing matrix, with rows scaled to
    sum 1, stands in its place and is named so.

    Raises:
        InputError: The backbone has neither.
    """
    backbone = model.backbone
    ids = inputs["input_ids"].to(device)
    mask = inputs["attention_mask"].to(device)
    if hasattr(backbone, "mixing_matrices"):
        layers = []
        for matrix in backbone.mixing_matrices(ids, attention_mask=mask):
            magnitude = matrix.abs()
            layers.append(magnitude / magnitude.sum(dim=-1, keepdim=True).clamp(1e-12))
        layers = [m.unsqueeze(1) if m.ndim == 3 else m for m in layers]
        return layers, "mixing matrix"
    output = model(
        input_ids=ids,
        attention_mask=mask,
        junction=inputs["junction"].to(device),
        output_attentions=True,
    )
    if not output.attentions:
        raise InputError(
            f"backbone {backbone.config.model_type} has no attention to show"
        )
    return [layer.float() for layer in output.attentions], "attention"


def roll_out(layers: torch.Tensor) -> torch.Tensor:
    """Multiply the layers' attention, later layers on the left.

    Args:
        layers: Mean over heads, float (layers, queries, keys), first layer first.

    Returns:
        float (queries, keys): how much of each input position reaches each output
        position when half of every layer is its skip connection. Rows sum to 1.
    """
    identity = torch.eye(layers.shape[-1], device=layers.device)
    flow = identity
    for layer in layers:
        flow = (0.5 * layer + 0.5 * identity) @ flow
    return flow


def compute_entropy(cube: torch.Tensor) -> torch.Tensor:
    """Entropy of the rows over its maximum: (layers, heads) from (…, queries, keys)."""
    logs = cube.clamp(min=1e-12).log()
    entropy = -(cube * logs).sum(dim=-1).mean(dim=-1)
    return entropy / max(float(np.log(cube.shape[-1])), 1e-12)
