"""Attribution beside captum's defaults: same models, sites and baselines, one run.

captum's defaults are ``LayerIntegratedGradients`` with 50 steps and ``Occlusion`` with
one perturbation per pass, one site after the other, since a call needs one length. Both
models are trained here on planted motifs. Run with
``python tests/benchmarks/benchmark_attribution.py``; it prints a table and ends with
code 1 if ours is too slow: integrated gradients less than four times as fast, or with a
larger completeness error than captum's, occlusion less than three times, by sequences
with something replaced per second. Beside it, for information, the share of a map that
lies at wrong bases, against maps of 200 nodes, also of captum with fewer steps. On a
CPU one thread is timed by its processor time, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients, Occlusion

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from error_sequence_model.attribution import (
    DRAWS,
    STRIDE,
    WIDTH,
    Attribution,
    MapRequest,
    attribute,
    compute_target,
    integration,
    make_baselines,
    measure_completeness,
    place_windows,
    run_embedded,
)
from error_sequence_model.core import get_device, get_hardware
from error_sequence_model.tokenizers import project_to_bases
from planted_models import LENGTH, Trained, train_single_bases, train_subwords

TRAINERS = {"nucleotide_encoder": train_single_bases, "dnabert2": train_subwords}
SITES, ROUNDS = 24, 3
GRADIENTS_TARGET, OCCLUSION_TARGET = 4.0, 3.0
STEPS, FEW_STEPS, MANY_NODES = 50, 16, 200


class Result(NamedTuple):
    """What one arm took.

    Attributes:
        seconds: Of every round.
        errors: Completeness error of each site, or None.
        maps: float (n, length) of integrated gradients, or None.
        replacements: Sequences with something replaced that were predicted, or None.
    """

    seconds: list[float]
    errors: np.ndarray | None = None
    maps: np.ndarray | None = None
    replacements: int | None = None

    @property
    def per_site(self) -> float:
        """Median seconds per site."""
        return float(np.median(self.seconds)) / SITES


def get_seconds(device: torch.device) -> float:
    """Read the clock: processor time on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def integrate_with_captum(
    trained: Trained, device: torch.device, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Integrated gradients as captum does them: errors (n,) and maps (n, length)."""
    model, dataset = trained.model, trained.dataset
    special_ids = sorted(dataset.tokenizer.special_token_ids)

    def forward(ids, mask, junction):
        output = model(input_ids=ids, attention_mask=mask, junction=junction)
        return compute_target(output.logits, model.config.classes)

    explainer = LayerIntegratedGradients(forward, model.get_input_embeddings())
    errors, maps = [], []
    for index in range(len(dataset)):
        item = dataset[index]
        ids = torch.tensor(item["input_ids"]).long().unsqueeze(0).to(device)
        is_special = torch.isin(ids, torch.tensor(special_ids, device=device))
        masked = torch.where(is_special, ids, dataset.tokenizer.mask_token_id)
        more = (torch.ones_like(ids), torch.tensor([item["junction"]], device=device))
        scores, missed = explainer.attribute(
            ids,
            baselines=masked,
            additional_forward_args=more,
            n_steps=steps,
            return_convergence_delta=True,
        )
        tokens = scores.sum(dim=-1)[0].cpu().numpy()
        maps.append(project_to_bases(tokens, item["spans"], LENGTH))
        total = float(scores.sum())
        change = np.array([total - float(missed)])
        errors.append(measure_completeness(np.array([total]), change, np.zeros(1)))
    return np.concatenate(errors), np.stack(maps)


def occlude_with_captum(trained: Trained, device: torch.device) -> int:
    """Token occlusion as captum does it by default; counts its replacements."""
    request = MapRequest(
        trained.model, trained.dataset, LENGTH, device, baseline="mask"
    )

    def forward(embedded, mask, junction):
        inputs = {"attention_mask": mask, "junction": junction}
        return run_embedded(trained.model, inputs, embedded)

    explainer, count = Occlusion(forward), 0
    for index in range(len(trained.dataset)):
        items, inputs, special = request.open_batch(np.array([index]))
        embedded = trained.model.get_input_embeddings()(inputs["input_ids"]).detach()
        start = make_baselines(request, items, inputs, special)[0]
        explainer.attribute(
            embedded,
            sliding_window_shapes=(1, embedded.shape[2]),
            baselines=start,
            additional_forward_args=(inputs["attention_mask"], inputs["junction"]),
        )
        count += embedded.shape[1]
    return count


def attribute_by_ours(
    trained: Trained, method: str, device: torch.device, *, is_rough: bool = False
) -> Attribution:
    """Attribute as the workflow does, against the mask token."""
    return attribute(
        trained.model,
        trained.dataset,
        method,
        sequences=trained.sequences,
        window_length=LENGTH,
        baseline="mask",
        device=device,
        is_rough=is_rough,
    )


def take_turns(arms: dict[str, Callable[[], Result]], rounds: int) -> dict[str, Result]:
    """Run the arms one after the other, several times."""
    found: dict[str, list[Result]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, run in arms.items():
            found[name].append(run())
    return {
        name: results[-1]._replace(seconds=[r.seconds[0] for r in results])
        for name, results in found.items()
    }


def make_arms(trained: Trained, device: torch.device) -> dict[str, Callable]:
    """The ways that are timed."""

    def time_captum_gradients(steps: int) -> Result:
        start = get_seconds(device)
        errors, maps = integrate_with_captum(trained, device, steps)
        return Result([get_seconds(device) - start], errors, maps)

    def time_our_gradients(*, is_rough: bool = False) -> Result:
        start = get_seconds(device)
        found = attribute_by_ours(
            trained, "integrated_gradients", device, is_rough=is_rough
        )
        seconds = [get_seconds(device) - start]
        return Result(seconds, found.completeness_error, found.attributions)

    def time_captum_occlusion() -> Result:
        start = get_seconds(device)
        count = occlude_with_captum(trained, device)
        return Result([get_seconds(device) - start], replacements=count)

    def time_our_method(method: str, count: int) -> Result:
        start = get_seconds(device)
        attribute_by_ours(trained, method, device)
        return Result([get_seconds(device) - start], replacements=count * SITES)

    windows = len(place_windows(LENGTH, WIDTH, STRIDE))
    return {
        **{
            f"captum LayerIntegratedGradients, {steps} steps": partial(
                time_captum_gradients, steps
            )
            for steps in (STEPS, FEW_STEPS)
        },
        "ours, integrated_gradients": time_our_gradients,
        "ours, integrated_gradients, rough": partial(time_our_gradients, is_rough=True),
        "captum Occlusion, 1 per pass": time_captum_occlusion,
        "ours, substitution": lambda: time_our_method("substitution", windows * DRAWS),
        "ours, in_silico_mutagenesis": lambda: time_our_method("ism", 3 * LENGTH),
    }


def integrate_finely(trained: Trained, device: torch.device) -> np.ndarray:
    """Integrated gradients of many nodes: float (n, length)."""
    usual = integration.FINE
    integration.FINE = integration.Accuracy(MANY_NODES, MANY_NODES, 1.0, 1.0)
    try:
        return attribute_by_ours(trained, "integrated_gradients", device).attributions
    finally:
        integration.FINE = usual


def print_results(model: str, found: dict[str, Result], exact: np.ndarray) -> list[str]:
    """Print the table of one model; return what missed its target."""
    missed = []
    gradients, occlusion = (
        next(result for name, result in found.items() if name.startswith(start))
        for start in ("captum Layer", "captum Occlusion")
    )
    for name, result in found.items():
        text = f"{model} | {name} | {1000 * result.per_site:.1f} ms"
        if result.errors is not None:
            target = GRADIENTS_TARGET
            factor = gradients.per_site / result.per_site
            median, p95 = np.quantile(result.errors, [0.5, 0.95])
            text += f" | {factor:.1f} x | error median {median:.4%}, p95 {p95:.4%}"
            wrong = np.abs(result.maps - exact).sum(axis=1) / np.abs(exact).sum(axis=1)
            median, high = np.quantile(wrong, [0.5, 0.95])
            text += f" | at wrong bases median {median:.2%}, p95 {high:.2%}"
            if p95 > np.quantile(gradients.errors, 0.95) and name.startswith("ours"):
                missed.append(f"{model}, {name}: a larger error than captum's")
        else:
            target = OCCLUSION_TARGET
            each = result.per_site * SITES / result.replacements
            factor = occlusion.per_site * SITES / occlusion.replacements / each
            text += f" | {factor:.1f} x | {1 / each:,.0f} replacements/s"
        print(text, flush=True)
        if name.startswith("ours") and factor < target:
            missed.append(f"{model}, {name}: {factor:.1f} x, not {target:.0f} x")
    return missed


def main() -> int:
    """Train, measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", help="cpu or cuda; by default what there is")
    device = get_device(parser.parse_args().device)
    torch.set_num_threads(1)
    hardware = get_hardware()
    print("hardware:", hardware["processor"], ", ".join(hardware["gpus"]), device.type)
    print("model | method | time per site | speed-up | error or throughput")
    missed = []
    for name, train in TRAINERS.items():
        with tempfile.TemporaryDirectory() as folder:
            trained = train(Path(folder), sites=SITES)
        trained.model.to(device)
        found = take_turns(make_arms(trained, device), ROUNDS)
        missed += print_results(name, found, integrate_finely(trained, device))
    print("missed: " + "; ".join(missed) if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
