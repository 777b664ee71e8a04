"""DeepLIFT-SHAP of our own encoder, through tangermeme.

Its rules attach to modules. Our encoder calls functions (fused attention, GELU), where
nothing attaches and DeepLIFT would be no more than a gradient times a difference. Here
the same weights are run with every operation as a module that has a rule: the scores
then sum to the change they explain, which is measured against the classifier itself.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.attribution.integration import (
    TOKENS_PER_PASS,
    predict_embedded,
    shuffle_tokens,
)
from error_sequence_model.attribution.requests import (
    MapBatch,
    MapRequest,
    join_batches,
    measure_completeness,
)
from error_sequence_model.backbones import (
    NucleotideEncoder,
    RotaryLayer,
    Stem,
    get_rotary_tables,
    merge_heads,
    rotate,
    split_heads,
)
from error_sequence_model.classifier import PEAK_SHARPNESS, ErrorClassifier
from error_sequence_model.core import InputError

SHUFFLES = 20
LETTERS = 5  # A, C, G, T, N: the first ids of the encoder's vocabulary


class HookedClassifier(nn.Module):
    """The classifier on one-hot bases, (batch, 5, length), for one length.

    Args:
        model: The classifier; its weights are shared.
        length: Bases per sequence; none is padded.
        junction: Indices of the bases on both sides of the junction.
    """

    def __init__(
        self, model: ErrorClassifier, length: int, junction: tuple[int, int]
    ) -> None:
        # Imported here: it takes seconds, and nothing else needs it.
        from tangermeme.deep_lift_shap import BilinearOp

        super().__init__()
        self.model = model
        self.junction = junction
        self.gelu = nn.GELU()
        self.softmax = nn.Softmax(dim=-1)
        self.matmul = BilinearOp()
        self.product = BilinearOp("...,...->...")
        self.maximum = nn.MaxPool1d(length)

    def forward(self, bases: Tensor) -> Tensor:
        """Compute the log-odds of an error: (batch, 1)."""
        encoder = self.model.backbone
        states = bases.transpose(1, 2) @ encoder.embeddings.weight[:LETTERS]
        if encoder.stem is not None:
            states = self._run_stem(encoder.stem, states)
        head_dim = encoder.config.hidden_size // encoder.config.num_attention_heads
        tables = get_rotary_tables(
            states.shape[1], head_dim, encoder.config.rotary_base, states.device
        )
        for layer in encoder.layers:
            states = self._run_layer(layer, states, tables)
        logits = self.model.head(self._pool(encoder.norm(states)))
        return logits[:, 1:] - logits[:, :1]

    def _run_stem(self, stem: Stem, states: Tensor) -> Tensor:
        states = stem.input(states)
        for block in stem.blocks:
            inner = block.conv1(self.gelu(block.norm1(states, None)))
            states = states + block.conv2(self.gelu(block.norm2(inner, None)))
        return stem.output(states)

    def _run_layer(
        self, layer: RotaryLayer, states: Tensor, tables: tuple[Tensor, Tensor]
    ) -> Tensor:
        projected = layer.attention_input(layer.attention_norm(states))
        query, key, value = (
            split_heads(part, layer.n_heads) for part in projected.chunk(3, dim=-1)
        )
        query = rotate(query, tables) / math.sqrt(query.shape[-1])
        scores = self.matmul(query, rotate(key, tables).transpose(-1, -2))
        context = self.matmul(self.softmax(scores), value)
        states = states + layer.attention_output(merge_heads(context))
        gate, inner = layer.mlp_input(layer.mlp_norm(states)).chunk(2, dim=-1)
        return states + layer.mlp_output(self.product(self.gelu(gate), inner))

    def _pool(self, states: Tensor) -> Tensor:
        before, after = self.junction
        vectors = []
        for name in self.model.poolings:
            if name == "junction":
                vectors += [states[:, before], states[:, after]]
            elif name == "max":
                vectors.append(self.maximum(states.transpose(1, 2)).squeeze(-1))
            elif name == "peak":
                channels = states.transpose(1, 2)
                heights = self.softmax(PEAK_SHARPNESS * channels)
                vectors.append(self.product(heights, channels).sum(dim=-1))
            elif name == "mean":
                vectors.append(states.mean(dim=1))
            else:
                vectors.append(states[:, 0 if name == "first" else -1])
        return torch.cat(vectors, dim=-1)


def refuse_other_networks(request: MapRequest) -> str:
    """Refuse what the rules were not made for, and name the references.

    Raises:
        InputError: The backbone is not our encoder, or there are more than two classes.
    """
    backbone, classes = request.model.backbone, request.model.config.classes
    if not isinstance(backbone, NucleotideEncoder):
        raise InputError(
            "deep_lift_shap has rules for single bases and nucleotide_encoder alone, "
            f"not for {backbone.config.model_type}; take integrated_gradients or "
            "substitution in `explanation.methods`"
        )
    if len(classes) != 2:
        raise InputError(
            f"deep_lift_shap explains two classes, not {', '.join(classes)}; take "
            "integrated_gradients in `explanation.methods`"
        )
    return f"{SHUFFLES} dinucleotide shuffles"


def explain_by_deep_lift(request: MapRequest, indices: np.ndarray) -> MapBatch:
    """Attribute some sites: mean of DeepLIFT against 20 dinucleotide shuffles."""
    batches = [_explain_site(request, int(index)) for index in indices]
    return join_batches(batches)


def _explain_site(request: MapRequest, index: int) -> MapBatch:
    from tangermeme.deep_lift_shap import deep_lift_shap

    items, inputs, special = request.open_batch(np.array([index]))
    ids = inputs["input_ids"]
    shuffled = shuffle_tokens(ids, items, special, request.seed, draws=SHUFFLES)
    embed = request.model.get_input_embeddings()
    target, start_target = (
        predict_embedded(request.model, inputs, embed(copies)).mean(dim=0).cpu().numpy()
        for copies in (ids.unsqueeze(0), shuffled)
    )
    length = ids.shape[1]
    hooked = HookedClassifier(request.model, length, items[0]["junction"]).eval()
    with warnings.catch_warnings():
        # It warns of every sum that misses; ours is measured below and kept.
        warnings.simplefilter("ignore", RuntimeWarning)
        scores = deep_lift_shap(
            hooked,
            _encode(ids),
            references=_encode(shuffled.transpose(0, 1)),
            batch_size=max(1, TOKENS_PER_PASS // (2 * length)),
            device=request.device,
        )
    scores = scores.sum(dim=1).float().numpy()
    error = measure_completeness(scores.sum(axis=1), target, start_target)
    return MapBatch(request.project(scores, items), target, start_target, error)


def _encode(ids: Tensor) -> Tensor:
    """One-hot encode bases: int64 (..., length) to float32 (..., 5, length)."""
    return F.one_hot(ids, LETTERS).transpose(-1, -2).float().cpu()
