"""Any method of captum that suits, by its name: the way out of our own selection.

A method works on the word embeddings of one site at a time, float (1, tokens, hidden),
and explains the log-odds of an error. Ours are faster; captum's are for comparison.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from error_sequence_model.attribution.integration import (
    TOKENS_PER_PASS,
    choose_baseline,
    make_baselines,
    predict_embedded,
    run_embedded,
)
from error_sequence_model.attribution.requests import (
    MapBatch,
    MapRequest,
    Method,
    join_batches,
    measure_completeness,
)
from error_sequence_model.core import InputError
from error_sequence_model.settings import CAPTUM_PREFIX, list_captum_methods

logger = logging.getLogger(__name__)

TOKENS_PER_BATCH = 1024  # of sites; some methods need thousands of passes for each


@dataclass(frozen=True)
class Site:
    """One site as captum is given it.

    Attributes:
        embedded: float (1, tokens, hidden).
        start: Its baseline, same shape; all shuffles (10, tokens, hidden) where the
            method draws from them.
        features: Number of each token's feature, int64 (1, tokens, hidden): tokens.
    """

    embedded: torch.Tensor
    start: torch.Tensor
    features: torch.Tensor

    @property
    def n_features(self) -> int:
        """Number of features: tokens that stand for bases, and one for the rest."""
        return int(self.features.max()) + 1

    @property
    def passes(self) -> int:
        """Copies of the site in one pass."""
        return max(1, TOKENS_PER_PASS // self.embedded.shape[1])


@dataclass(frozen=True)
class Rule:
    """How one method of captum is called.

    Attributes:
        options: Its arguments for a site.
        has_sum: Whether its scores promise to sum to the change from the baseline.
        is_ablation: Whether it switches tokens off: a token's score then stands in
            each component of its embedding, otherwise the components sum to it.
        has_baseline: Whether it compares with anything.
        draws: Whether it takes all shuffles at once; else it is run for each.
    """

    options: Callable[[Site], dict[str, Any]]
    has_sum: bool = False
    is_ablation: bool = False
    has_baseline: bool = True
    draws: bool = False


def _take_nothing(site: Site) -> dict[str, Any]:
    return {}


def _take_baseline(site: Site, **more: Any) -> dict[str, Any]:
    return {"baselines": site.start, **more}


def _take_features(site: Site, samples_per_feature: int = 0) -> dict[str, Any]:
    options = _take_baseline(
        site, feature_mask=site.features, perturbations_per_eval=site.passes
    )
    if samples_per_feature:
        options["n_samples"] = samples_per_feature * site.n_features
    return options


def _take_windows(site: Site) -> dict[str, Any]:
    return _take_baseline(
        site,
        sliding_window_shapes=(1, site.embedded.shape[2]),
        perturbations_per_eval=site.passes,
    )


def _take_steps(site: Site) -> dict[str, Any]:
    return _take_baseline(site, internal_batch_size=site.passes)


RULES: dict[str, Rule] = {
    "IntegratedGradients": Rule(_take_steps, has_sum=True),
    "DeepLift": Rule(_take_baseline, has_sum=True),
    "DeepLiftShap": Rule(_take_baseline, has_sum=True, draws=True),
    "GradientShap": Rule(
        partial(_take_baseline, n_samples=50), has_sum=True, draws=True
    ),
    "InputXGradient": Rule(_take_nothing, has_baseline=False),
    "Saliency": Rule(_take_nothing, has_baseline=False),
    "Occlusion": Rule(_take_windows, is_ablation=True),
    "FeatureAblation": Rule(_take_features, is_ablation=True),
    "ShapleyValueSampling": Rule(_take_features, has_sum=True, is_ablation=True),
    "KernelShap": Rule(
        partial(_take_features, samples_per_feature=10), has_sum=True, is_ablation=True
    ),
    "Lime": Rule(partial(_take_features, samples_per_feature=10), is_ablation=True),
}


class EmbeddedClassifier(torch.nn.Module):
    """The classifier as captum calls it: embeddings in, log-odds of an error out."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, embedded: torch.Tensor, mask: torch.Tensor, junction: torch.Tensor
    ) -> torch.Tensor:
        """Map float (n, tokens, hidden) to float (n,)."""
        inputs = {"attention_mask": mask, "junction": junction}
        return run_embedded(self.model, inputs, embedded)


def make_captum_method(name: str) -> Method:
    """Make a method of the class of this name in ``captum.attr``.

    Raises:
        InputError: It does not suit sequences of tokens.
    """
    if name not in RULES:
        raise InputError(
            f"{CAPTUM_PREFIX}{name}: no method of captum that suits a classifier of "
            f"tokens; allowed: {list_captum_methods()}; set `explanation.methods`"
        )
    return Method(
        partial(_explain, name=name), partial(_choose, name=name), TOKENS_PER_BATCH
    )


def _choose(request: MapRequest, *, name: str) -> str:
    rule = RULES[name]
    if not rule.has_baseline:
        return "none"
    if name.startswith("DeepLift"):
        logger.warning(
            "captum has no DeepLIFT rule for GELU, layer norms and attention: %s%s "
            "takes them as linear; see the completeness error",
            *(CAPTUM_PREFIX, name),
        )
    if request.baseline == "auto" and rule.is_ablation:
        has_mask = request.dataset.tokenizer.mask_token_id is not None
        request = replace(request, baseline="mask" if has_mask else "mean")
    return choose_baseline(request)


def _explain(request: MapRequest, indices: np.ndarray, *, name: str) -> MapBatch:
    return join_batches([_explain_site(request, int(index), name) for index in indices])


def _explain_site(request: MapRequest, index: int, name: str) -> MapBatch:
    """Attribute one site."""
    import captum.attr

    rule = RULES[name]
    items, inputs, special = request.open_batch(np.array([index]))
    ends = request.model.get_input_embeddings()(inputs["input_ids"]).detach()
    target = predict_embedded(request.model, inputs, ends.unsqueeze(0))[0].cpu().numpy()
    numbers = (~special).cumsum(dim=1)
    numbers = (numbers - numbers.min()).unsqueeze(-1).expand_as(ends).contiguous()
    starts, start_target = ends.unsqueeze(0), None
    if rule.has_baseline:
        starts = make_baselines(request, items, inputs, special)
        start_targets = predict_embedded(request.model, inputs, starts)
        start_target = start_targets.mean(dim=0).cpu().numpy()
    if rule.draws:
        # DeepLiftShap refuses a single baseline; two copies are the same to it.
        starts = starts.repeat(2 if len(starts) == 1 else 1, 1, 1, 1).transpose(0, 1)
    explainer = getattr(captum.attr, name)(EmbeddedClassifier(request.model))
    found = []
    with (
        _seed_everything([request.seed, items[0]["site_id"]]),
        warnings.catch_warnings(),
    ):
        # It tells of its own hooks and gradients at every call.
        warnings.simplefilter("ignore", UserWarning)
        for start in starts:
            scores = explainer.attribute(
                ends,
                additional_forward_args=(inputs["attention_mask"], inputs["junction"]),
                **rule.options(Site(ends, start, numbers)),
            )
            found.append(scores.mean(-1) if rule.is_ablation else scores.sum(-1))
    scores = torch.stack(found).mean(dim=0).detach().float()
    scores = scores.masked_fill(special, 0).cpu().numpy()
    error = None
    if rule.has_sum:
        error = measure_completeness(scores.sum(axis=1), target, start_target)
    return MapBatch(request.project(scores, items), target, start_target, error)


@contextmanager
def _seed_everything(seed: list[int]) -> Iterator[None]:
    """Seed what captum draws from, the global generators, and put them back."""
    state = np.random.get_state()  # noqa: NPY002 - captum draws from it
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    with torch.random.fork_rng():
        torch.manual_seed(number)
        np.random.seed(number)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
