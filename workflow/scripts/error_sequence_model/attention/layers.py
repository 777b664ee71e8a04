"""One pass of a model with its attention matrices, and their gradients if wanted.

Matrices are (batch, heads, queries, keys), float32, padding included; the first layer
comes first.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from error_sequence_model.attribution import compute_target
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError


class Layers(NamedTuple):
    """The attention of one batch.

    Attributes:
        weights: Per layer (batch, heads, queries, keys); rows of real tokens sum to 1.
        gradients: Of the log-odds of an error by each weight, or None.
        readout: How much the head reads of each token, float (batch, tokens), rows sum
            to 1: size of the target's gradient by the last hidden state. None without
            gradients.
        view: "attention", or "mixing matrix" for HyenaDNA.
    """

    weights: list[torch.Tensor]
    gradients: list[torch.Tensor] | None
    readout: torch.Tensor | None
    view: str


def has_attention(model: ErrorClassifier) -> bool:
    """Whether the backbone attends; if not, it may have mixing matrices."""
    return not hasattr(model.backbone, "mixing_matrices")


def get_layers(
    model: ErrorClassifier,
    inputs: dict[str, torch.Tensor],
    device: torch.device,
    *,
    with_gradients: bool = False,
) -> Layers:
    """Run the eager path of a model in eval mode.

    HyenaDNA has no attention: the magnitude of its mixing matrix, with rows scaled to
    sum 1, stands in its place and is named so. It is a product of gates that has no
    gradient of its own.

    Args:
        model: The classifier.
        inputs: A batch, as `collate` makes it.
        device: Where to compute.
        with_gradients: Whether to take the gradients as well, where there is attention.

    Raises:
        InputError: The backbone has neither attention nor mixing matrices.
    """
    inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
    if not has_attention(model):
        return Layers(_scale_mixing(model, inputs), None, None, "mixing matrix")
    hidden: list[torch.Tensor] = []
    handle = model.backbone.register_forward_hook(
        lambda module, given, output: hidden.append(output.last_hidden_state)
    )
    try:
        with torch.set_grad_enabled(with_gradients):
            embedded = model.get_input_embeddings()(inputs["input_ids"]).detach()
            # Attention must be in the graph also where every weight is frozen.
            embedded.requires_grad_(with_gradients)
            output = model(
                inputs_embeds=embedded,
                attention_mask=inputs["attention_mask"],
                junction=inputs["junction"],
                output_attentions=True,
            )
    finally:
        handle.remove()
    if not output.attentions:
        name = model.backbone.config.model_type
        raise InputError(f"backbone {name} has no attention to show")
    weights = list(output.attentions)
    if not with_gradients:
        return Layers([layer.float() for layer in weights], None, None, "attention")
    target = compute_target(output.logits, model.config.classes).sum()
    *slopes, last = torch.autograd.grad(target, [*weights, hidden[0]])
    readout = last.norm(dim=-1) * inputs["attention_mask"]
    readout = readout / readout.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return Layers(
        [layer.detach().float() for layer in weights],
        [slope.float() for slope in slopes],
        readout,
        "attention",
    )


def _scale_mixing(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor]
) -> list[torch.Tensor]:
    """Magnitudes of the mixing matrices, rows scaled to sum 1, as one head each."""
    layers = []
    for matrix in model.backbone.mixing_matrices(
        inputs["input_ids"], attention_mask=inputs["attention_mask"]
    ):
        magnitude = matrix.abs()
        scaled = magnitude / magnitude.sum(dim=-1, keepdim=True).clamp(1e-12)
        layers.append(scaled.unsqueeze(1) if scaled.ndim == 3 else scaled)
    return layers
