"""What is made of attention matrices: rollout, relevance, entropy, sinks.

Matrices are (…, queries, keys), rows sum to 1, the first layer comes first. Functions
are over the tokens of one site, special tokens included.
"""

from __future__ import annotations

import numpy as np
import torch


def roll_out(layers: torch.Tensor) -> torch.Tensor:
    """Multiply the layers' attention, later layers on the left.

    Args:
        layers: Mean over heads, float (layers, queries, keys), first layer first.

    Returns:
        float (queries, keys): how much of each input position reaches each output
        position when half of every layer is its skip connection. Rows sum to 1.
        Abnar and Zuidema 2020.
    """
    identity = torch.eye(layers.shape[-1], device=layers.device)
    flow = identity
    for layer in layers:
        flow = (0.5 * layer + 0.5 * identity) @ flow
    return flow


def roll_gradients(cube: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Accumulate gradient-weighted attention, the generic rule of Chefer et al. 2021.

    Per layer the positive part of gradient × attention, mean over heads, is carried on:
    ``R += relu(gradient * attention).mean(heads) @ R``, from R = identity.

    Args:
        cube: Attention, float (layers, heads, queries, keys), first layer first.
        gradients: Of the target by each of its entries, same shape.

    Returns:
        float (queries, keys), not negative: relevance of each input position for each
        output position that attention carried there (R less the identity, which is
        each position's own skip connection).
    """
    identity = torch.eye(cube.shape[-1], device=cube.device)
    relevance = identity
    for layer, slope in zip(cube, gradients, strict=True):
        relevance = relevance + (layer * slope).clamp(min=0).mean(dim=0) @ relevance
    return relevance - identity


def compute_entropy(cube: torch.Tensor) -> torch.Tensor:
    """Entropy of the rows over its maximum: (layers, heads) from (…, queries, keys)."""
    logs = cube.clamp(min=1e-12).log()
    entropy = -(cube * logs).sum(dim=-1).mean(dim=-1)
    return entropy / max(float(np.log(cube.shape[-1])), 1e-12)


def find_sinks(columns: torch.Tensor) -> torch.Tensor:
    """Share of each head's attention on the one token that receives most.

    Args:
        columns: Attention received, mean over queries, float (layers, heads, keys).

    Returns:
        float (layers, heads): 1 / tokens is no sink, 1 a head that looks at one token
        from everywhere.
    """
    return columns.amax(dim=-1)


def drop_specials(cube: torch.Tensor, special: np.ndarray) -> torch.Tensor:
    """Attention among the bases alone, its rows scaled to sum 1 again.

    Args:
        cube: float (layers, heads, queries, keys).
        special: Which tokens are special, bool (tokens,).

    Returns:
        float (layers, heads, bases' queries, bases' keys). A row that looks at special
        tokens only stays zero.
    """
    kept = torch.from_numpy(np.flatnonzero(~special)).to(cube.device)
    inner = cube[:, :, kept][..., kept]
    return inner / inner.sum(dim=-1, keepdim=True).clamp(min=1e-12)
