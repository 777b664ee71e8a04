"""How much each base pushes a site towards "error": gradients and substitutions.

Maps lie on the base axis of the window, index 0 the most 5' base; the junction lies
between index ``upstream - 1`` and ``upstream``. Positive means towards an error. All
computation is in float32, whatever the training precision was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from error_sequence_model.attribution.captum_methods import make_captum_method
from error_sequence_model.attribution.deep_lift import (
    explain_by_deep_lift,
    refuse_other_networks,
)
from error_sequence_model.attribution.integration import (
    TOKENS_PER_BATCH,
    choose_baseline,
    integrate_batch,
    run_embedded,
)
from error_sequence_model.attribution.mutagenesis import mutate_batch
from error_sequence_model.attribution.requests import MapBatch, MapRequest, Method
from error_sequence_model.attribution.substitution import substitute_batch
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError, evaluating, get_progress
from error_sequence_model.datasets import SequenceDataset, cut_batches
from error_sequence_model.settings import ALIASES, CAPTUM_PREFIX, resolve_method

logger = logging.getLogger(__name__)


class Attribution(NamedTuple):
    """Maps of one method.

    Attributes:
        attributions: float32 (n, window_length), signed unless the method is unsigned.
        target: Log-odds of an error of each site, float32 (n,).
        baseline_target: Of its baseline; NaN where the method has none.
        completeness_error: Share of the change in the target that the map's sum
            misses; NaN where the method promises no sum.
        baseline: What the method compares with.
        substitutions: Change of the target by A, C, G, T in place of each base,
            float32 (n, window_length, 4), 0 for the base itself; None but for
            in-silico mutagenesis.
    """

    attributions: np.ndarray
    target: np.ndarray
    baseline_target: np.ndarray
    completeness_error: np.ndarray
    baseline: str
    substitutions: np.ndarray | None = None


@dataclass(frozen=True)
class MapPlan:
    """Maps to be made: always the same batches, so that any of them can be made alone.

    Attributes:
        name: The method's name, aliases resolved.
        method: The method.
        request: The sites.
        batches: Indices of the sites in each batch, int64, shortest sites first.
    """

    name: str
    method: Method
    request: MapRequest
    batches: list[np.ndarray]

    def make_maps(self, number: int) -> MapBatch:
        """Make the maps of one batch."""
        with evaluating(self.request.model):
            return self.method.explain(self.request, self.batches[number])


def attribute(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    method: str,
    *,
    sequences: Sequence[str] | None = None,
    window_length: int | None = None,
    baseline: str = "auto",
    core: int | None = None,
    device: torch.device | None = None,
    seed: int = 1,
) -> Attribution:
    """Attribute the log-odds of an error to bases.

    Args:
        model: The fine-tuned classifier; its mode is restored.
        dataset: The sites to explain.
        method: "integrated_gradients" (Sundararajan 2017), "saliency" (gradient norm,
            unsigned), "input_x_gradient", "substitution" (alias "occlusion"),
            "in_silico_mutagenesis" (alias "ism"), "deep_lift_shap" (our own encoder
            only), or a method of captum such as "captum.GradientShap".
        sequences: The windows' bases; needed for substitution and mutagenesis.
        window_length: Bases per window; None: the end of the last token.
        baseline: Start of integrated gradients and of captum's methods: "mean" (mean
            embedding of the bases), "mask" (the mask token), "shuffle" (dinucleotide
            shuffles, single-base tokens only), or "auto": shuffle for single-base
            tokens, else mask, else mean.
        core: Bases mutated on either side of the junction; None: the whole window.
        device: Where to compute; None: where the model is.
        seed: Seed of shuffles and substitutions.

    Returns:
        The maps with their evidence.

    Raises:
        InputError: The method or baseline is unknown or does not suit the tokenizer.
    """
    plan = plan_maps(
        model,
        dataset,
        method,
        sequences=sequences,
        window_length=window_length,
        baseline=baseline,
        core=core,
        device=device,
        seed=seed,
    )
    length = plan.request.length
    maps = Attribution(
        np.zeros((len(dataset), length), dtype=np.float32),
        *np.full((3, len(dataset)), np.nan, dtype=np.float32),
        plan.request.baseline,
    )
    numbers = range(len(plan.batches))
    for number in get_progress(numbers, what=plan.name, unit="batches"):
        batch, rows = plan.make_maps(number), plan.batches[number]
        if batch.substitutions is not None and maps.substitutions is None:
            changes = np.zeros((len(dataset), length, 4), dtype=np.float32)
            maps = maps._replace(substitutions=changes)
        for name, values in batch._asdict().items():
            if values is not None:
                getattr(maps, name)[rows] = values
    return maps


def plan_maps(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    method: str,
    *,
    sequences: Sequence[str] | None,
    window_length: int | None,
    baseline: str,
    core: int | None,
    device: torch.device | None = None,
    seed: int,
) -> MapPlan:
    """Check what is asked for and cut it into batches; arguments as in `attribute`."""
    found = find_method(method)
    request = MapRequest(
        model,
        dataset,
        window_length or _find_length(dataset),
        device or next(model.parameters()).device,
        sequences=sequences,
        baseline=baseline,
        core=core,
        seed=seed,
    )
    request = replace(request, baseline=found.choose_baseline(request))
    _warn_of_cut_sites(dataset)
    batches = cut_batches(
        np.arange(len(dataset)), dataset.lengths, tokens_per_batch=found.tokens
    )
    return MapPlan(resolve_method(method), found, request, batches)


def find_method(name: str) -> Method:
    """Look a method up by its name or alias.

    Raises:
        InputError: There is none.
    """
    resolved = resolve_method(name)
    if resolved.startswith(CAPTUM_PREFIX):
        return make_captum_method(resolved.removeprefix(CAPTUM_PREFIX))
    if resolved not in METHODS:
        raise InputError(
            f"explanation method {name!r} is unknown; allowed: "
            f"{', '.join([*METHODS, *ALIASES])}, and captum's by name, such as "
            f"{CAPTUM_PREFIX}GradientShap; set `explanation.methods`"
        )
    return METHODS[resolved]


def _find_length(dataset: SequenceDataset) -> int:
    return max(int(dataset.get_encoding(i).spans.max()) for i in range(len(dataset)))


def _warn_of_cut_sites(dataset: SequenceDataset) -> None:
    count = int((dataset.lengths < dataset.store.lengths[dataset.rows]).sum())
    if count:
        logger.warning(
            "%d of %d sequences are longer than max_length %d tokens: the model does "
            "not see the bases farthest from the junction; their maps are 0 there",
            *(count, len(dataset), dataset.max_length),
        )


def _take_gradient(
    request: MapRequest, indices: np.ndarray, *, is_product: bool
) -> MapBatch:
    """Attribute by one gradient: its norm, or its product with the embedding."""
    items, inputs, _ = request.open_batch(indices)
    embedded = request.model.get_input_embeddings()(inputs["input_ids"]).detach()
    embedded.requires_grad_(True)
    value = run_embedded(request.model, inputs, embedded)
    slopes = torch.autograd.grad(value.sum(), embedded)[0]
    scores = (slopes * embedded).sum(-1) if is_product else slopes.norm(dim=-1)
    scores = scores.detach().cpu().numpy()
    return MapBatch(request.project(scores, items), value.detach().cpu().numpy())


def _warn_of_products(request: MapRequest) -> str:
    logger.warning(
        "input_x_gradient on token embeddings is no better than chance on some "
        "models; use integrated_gradients or substitution for claims"
    )
    return "none"


def _always(name: str) -> Callable[[MapRequest], str]:
    return lambda request: name


METHODS: dict[str, Method] = {
    "integrated_gradients": Method(integrate_batch, choose_baseline, TOKENS_PER_BATCH),
    "substitution": Method(substitute_batch, _always("random substitution"), 2048),
    "in_silico_mutagenesis": Method(mutate_batch, _always("the site itself"), 2048),
    "deep_lift_shap": Method(explain_by_deep_lift, refuse_other_networks, 2048),
    "saliency": Method(
        partial(_take_gradient, is_product=False), _always("none"), 8192
    ),
    "input_x_gradient": Method(
        partial(_take_gradient, is_product=True), _warn_of_products, 8192
    ),
}
