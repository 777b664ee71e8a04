"""Training beside the standard recipe: same model, same windows, same updates.

The standard recipe is the Hugging Face ``Trainer`` with ``DataCollatorWithPadding`` and
random batches; beside it that with ``group_by_length``, both in float32 and in the
precision that ours chooses. ``--earlier FOLDER`` adds our own training in a checkout of
another version, on the same windows. Run with
``python tests/benchmarks/benchmark_training.py`` (``--device cuda`` on a GPU,
``--quick`` for a look); it prints the tables and ends with code 1 if a target is
missed. Every measurement is a process of its own, the arms take turns, and a ratio is
the median of those within a round. On a CPU one thread is timed by its processor time,
so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from training_arms import MODELS, Task, start

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from error_sequence_model.core import get_hardware
from error_sequence_model.datasets import cut_passes, plan_steps

LENGTHS = {"nucleotide_encoder": 200, "dnabert2": 600, "dnabert2_117m": 1000}
ARMS = {"standard": "standard recipe", "fp32": "ours, fp32", "auto": "ours, auto"}
EQUAL = {
    "standard-bf16": "standard recipe, bf16",
    "grouped-fp32": "group_by_length, fp32",
    "grouped-bf16": "group_by_length, bf16",
}
EARLIER = "earlier version, auto"
TARGETS = {"fp32": 4.0, "auto": 4.0}
LEAST_GAIN = 1.3  # over the earlier version
LEAST_REAL_TOKENS = 0.98
# What two seeds of one recipe differ by.
EQUAL_AUPRC = 0.02


def compare(task: Task, rounds: int, earlier: Path | None, failures: list[str]) -> None:
    """Time the arms in turns, then print how they compare."""
    print(f"\n## {task.model}: speed, {task.windows} windows, {rounds} round(s)")
    arms, results = {**ARMS, **EQUAL}, []
    for _ in range(rounds):
        results.append({arm: start(replace(task, arm=arm)) for arm in arms})
        if earlier is not None:
            script = earlier / "tests" / "benchmarks" / "training_arms.py"
            results[-1]["earlier"] = start(replace(task, arm="auto"), script)
    if earlier is not None:
        arms["earlier"] = EARLIER
    print(f"mean length {results[0]['fp32']['tokens']:.0f} tokens")
    print("| | windows/s | times the standard | padding | memory, MiB | MFU |")
    print("|---|---|---|---|---|---|")

    def compute_ratio(arm: str, other: str) -> float:
        return float(np.median([r[arm]["rate"] / r[other]["rate"] for r in results]))

    chosen = results[0]["auto"]["precision"]
    in_fp32, in_bf16 = ("standard", "grouped-fp32"), ("standard-bf16", "grouped-bf16")
    others = {"fp32": in_fp32, "auto": in_fp32 if chosen == "fp32" else in_bf16}
    for arm, name in arms.items():
        rows = [result[arm] for result in results]
        ratio = compute_ratio(arm, "standard")
        rate = np.median([row["rate"] for row in rows])
        mfu = rows[-1].get("mfu")
        print(
            f"| {name.replace('auto', rows[-1].get('precision') or '')} | {rate:.1f} "
            f"| {ratio:.2f} | {rows[-1]['padding']:.1%} | {rows[-1]['memory']:.0f} "
            f"| {'' if mfu is None else f'{mfu:.1%}'} |",
            flush=True,
        )
    for arm, recipes in others.items():
        ratio, grouped = (compute_ratio(arm, recipe) for recipe in recipes)
        print(
            f"\n{ARMS[arm]}, in equal precision: {ratio:.2f} times the standard "
            f"recipe, {grouped:.2f} times it with group_by_length"
        )
        if ratio < TARGETS[arm]:
            failures.append(f"{task.model} {arm}: {ratio:.2f} < {TARGETS[arm]}")
    if earlier is not None:
        gain = compute_ratio("auto", "earlier")
        print(f"\n{ARMS['auto']}: {gain:.2f} times the earlier version")
        if gain < LEAST_GAIN:
            failures.append(f"{task.model}: {gain:.2f} < {LEAST_GAIN} times earlier")


def compare_scores(task: Task, failures: list[str]) -> None:
    """Train every arm to the end on the same windows; print the held-out AUPRC."""
    print(
        f"\n## {task.model}: after {task.epochs} epochs of {task.windows} windows "
        "(2,000 others for testing, 30 % errors)"
    )
    print("| | AUPRC | windows/s |")
    print("|---|---|---|")
    scores = {}
    for arm, name in ARMS.items():
        result = start(replace(task, arm=arm))
        scores[arm] = result["auprc"]
        name = name.replace("auto", result.get("precision") or "")
        print(f"| {name} | {scores[arm]:.3f} | {result['rate']:.1f} |", flush=True)
        if scores[arm] < scores["standard"] - EQUAL_AUPRC:
            failures.append(f"{task.model} {arm}: AUPRC {scores[arm]:.3f}")


def show_growth(task: Task, sizes: list[int], lengths: list[int]) -> None:
    """Print how time grows with the number of windows and with their length."""
    grown = [replace(task, windows=task.windows * size) for size in sizes]
    longer = [replace(task, length=length) for length in lengths]
    for title, tasks, name in (
        ("windows", grown, "windows"),
        ("length (median, bases)", longer, "length"),
    ):
        print(f"\n## {task.model}: seconds per epoch by {title}")
        values = [getattr(t, name) for t in tasks]
        print("| | " + " | ".join(map(str, values)) + " | exponent |")
        print("|---|" + "---|" * (len(values) + 1))
        for arm in ("standard", "auto"):
            times = [start(replace(t, arm=arm))["seconds"] for t in tasks]
            exponent = np.polyfit(np.log(values), np.log(times), 1)[0]
            cells = " | ".join(f"{seconds:.1f}" for seconds in times)
            print(f"| {ARMS[arm]} | {cells} | {exponent:.2f} |", flush=True)


def show_utilisation(task: Task, sizes: list[int]) -> None:
    """Print how well a GPU is used on windows of one length, by windows per step."""
    print(f"\n## {task.model}: windows of {task.length} bases, our training")
    print("| windows per step | windows/s | MFU | memory, MiB |")
    print("|---|---|---|---|")
    for size in sizes:
        # The last of two epochs counts: in the first one kernels are chosen.
        one = replace(task, arm="auto", sigma=0.0, batch_size=size, epochs=2)
        result = start(one)
        mfu = result["mfu"]
        print(
            f"| {size} | {result['rate']:.0f} | {'' if mfu is None else f'{mfu:.1%}'} "
            f"| {result['memory']:.0f} |",
            flush=True,
        )


def show_padding(failures: list[str]) -> None:
    """Print the share of real tokens in the plan of an epoch; nothing is trained.

    Backbones that can pack pad nothing; this is what the others do.
    """
    print("\n## Real tokens, lognormal lengths (sigma 0.5), 32 windows per step")
    print("| windows | median 150 | median 400 | random batches, median 400 |")
    print("|---|---|---|---|")
    least = 1.0
    for count in (500, 5_000, 50_000):
        shares = []
        for median in (150, 400):
            lengths = np.random.default_rng(0).lognormal(np.log(median), 0.5, count)
            lengths = np.clip(lengths, 20, 8 * median).astype(int)
            plan = plan_steps(lengths, batch_size=32, seed=1, epoch=0)
            passes = [
                part
                for step in plan
                for part in cut_passes(
                    step, lengths, tokens_per_batch=8192, pass_cost=64, multiple=1
                )
            ]
            padded = sum(len(part) * lengths[part].max() for part in passes)
            shares.append(lengths.sum() / padded)
        order = np.random.default_rng(1).permutation(count)
        batches = np.split(order, range(32, count, 32))
        random = lengths.sum() / sum(len(b) * lengths[b].max() for b in batches)
        print(f"| {count} | {shares[0]:.1%} | {shares[1]:.1%} | {random:.1%} |")
        least = min(least, *shares)
    if least < LEAST_REAL_TOKENS:
        failures.append(f"real tokens: {least:.2%}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--models", nargs="+", choices=list(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--windows", type=int, help="in a round of the speed table")
    parser.add_argument("--earlier", type=Path, help="checkout of another version")
    parser.add_argument("--quick", action="store_true", help="one round, no AUPRC")
    return parser.parse_args()


def main() -> int:
    """Measure, print and judge."""
    arguments = parse_arguments()
    on_gpu = arguments.device == "cuda"
    hardware = get_hardware()
    print(f"{hardware['processor']}, {hardware['cores']} cores, {hardware['gpus']}")
    failures: list[str] = []
    show_padding(failures)
    models = ["nucleotide_encoder", "dnabert2"] + ["dnabert2_117m"] * on_gpu
    for model in arguments.models or models:
        task = Task(
            model=model,
            arm="standard",
            device=arguments.device,
            windows=arguments.windows or (4096 if on_gpu else 320),
            length=LENGTHS[model],
            sigma=0.5,
            batch_size=arguments.batch_size,
            epochs=1,
            seed=1,
        )
        rounds = 1 if arguments.quick else arguments.rounds
        compare(task, rounds, arguments.earlier, failures)
        if model == "dnabert2_117m":
            show_utilisation(task, [32, 64, 128, 256, 512])
        if arguments.quick or model == "dnabert2_117m":
            continue
        # Shorter windows: as much to learn, in less time.
        scored = replace(task, windows=2048, length=task.length // 2, epochs=5)
        compare_scores(replace(scored, tested=2000), failures)
        show_growth(
            replace(task, windows=task.windows // 2),
            sizes=[1, 2, 4],
            lengths=[task.length // 2, task.length, 2 * task.length],
        )
    print("\nmissed: " + "; ".join(failures) if failures else "\nall targets met")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
