"""The arms of the training benchmark, the standard recipe and ours, on equal windows.

Run as a script it does one task and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from error_sequence_model.classifier import (
    ErrorClassifier,
    calibrate_model,
    compute_probabilities,
    create_classifier,
    predict_logits,
)
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.statistics import compute_auprc
from error_sequence_model.training import CheckpointFolder, FineTuning, Training

MODELS = {
    "nucleotide_encoder": {"layers": 4, "hidden_size": 128, "heads": 4},
    "dnabert2": {
        "layers": 4,
        "hidden_size": 256,
        "heads": 4,
        "intermediate_size": 1024,
        "vocab_size": 1024,
    },
    # The published size, for a GPU: from scratch, since only the time counts.
    "dnabert2_117m": {},
    "encoder_25m": {"layers": 8, "hidden_size": 512, "heads": 8},
}
ARCHITECTURES = {"dnabert2_117m": "dnabert2", "encoder_25m": "nucleotide_encoder"}
MOTIF = "TGCATG"
_GROUPED = {"train_sampling_strategy": "group_by_length"}
# Of the Hugging Face ``Trainer``, by arm.
RECIPES = {
    "standard": {},
    "standard-bf16": {"bf16": True},
    "grouped-fp32": _GROUPED,
    "grouped-bf16": {"bf16": True, **_GROUPED},
}

# Of our training; a kernel that is named keeps a GPU from doing without padding.
BF16 = {"compiled": {"compile": True}, "padded": {"attention": "efficient"}}


@dataclass(frozen=True)
class Task:
    """One measurement.

    Attributes:
        model: A name of ``MODELS``.
        arm: A name of ``RECIPES`` ("grouped": by `group_by_length`), or the precision
            of our training; a name of ``BF16``: in that, otherwise as it says.
        device: "cpu" or "cuda".
        windows: Training windows.
        length: Median of their lengths in bases; lognormal with ``sigma``.
        sigma: Standard deviation of the logarithm of the length.
        batch_size: Windows per optimiser step.
        epochs: Passes over them.
        seed: Seed of the windows, of the weights and of the order.
        tested: Windows to compute the AUPRC on; 0: none.
    """

    model: str
    arm: str
    device: str
    windows: int
    length: int
    sigma: float
    batch_size: int
    epochs: int
    seed: int
    tested: int = 0


def draw_windows(count: int, length: int, sigma: float, seed: int) -> pd.DataFrame:
    """Draw windows around a junction, as long as transcripts let them be.

    Three in ten are errors, and most of these have a motif near the junction; the rest
    of the errors cannot be told, so the best AUPRC is well below 1.
    """
    rng = np.random.default_rng(seed)
    lengths = np.exp(rng.normal(np.log(length), sigma, count))
    lengths = np.clip(lengths, 60, 8 * length).astype(int)
    labels = (rng.random(count) < 0.3).astype(int)
    sequences = []
    for total, label in zip(lengths, labels, strict=True):
        bases = rng.choice(list("ACGT"), total, p=[0.3, 0.2, 0.2, 0.3])
        middle = total // 2
        bases[middle : middle + 2] = list("GT")
        if rng.random() < (0.85 if label else 0.05):
            place = middle + int(rng.choice([-1, 1])) * int(rng.integers(9, 24))
            bases[place : place + len(MOTIF)] = list(MOTIF)
        sequences.append("".join(bases))
    return pd.DataFrame({"sequence": sequences, "label": labels})


def train_vocabulary(sequences: list[str], size: int, folder: Path) -> None:
    """Learn a BPE vocabulary as DNABERT-2's: a stand-in for the published one."""
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))  # noqa: S106 - no password
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer.train_from_iterator(
        sequences,
        trainers.BpeTrainer(
            vocab_size=size, special_tokens=specials, show_progress=False
        ),
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")


def make_model(
    task: Task, train: pd.DataFrame, folder: Path
) -> tuple[ErrorClassifier, str]:
    """Make the classifier of a task and say where its tokenizer is."""
    options = dict(MODELS[task.model])
    architecture, source = ARCHITECTURES.get(task.model, task.model), "custom"
    if architecture == "dnabert2":
        sample = train["sequence"].tolist()[:1000]
        train_vocabulary(sample, options.get("vocab_size", 4096), folder)
        source = options["tokenizer"] = str(folder)
    model = create_classifier(architecture, options=options, seed=task.seed)
    return model, source


def train_ours(
    task: Task, model: ErrorClassifier, train: SequenceDataset, held: SequenceDataset
) -> dict[str, Any]:
    """Train with this project; validation is not counted."""
    settings = TrainingSettings(
        epochs=task.epochs,
        batch_size=task.batch_size,
        learning_rate=1e-3 if task.model != "dnabert2_117m" else 5e-5,
        schedule="linear",
        class_weights="none",
        precision="bf16" if task.arm in BF16 else task.arm,
        seed=task.seed,
        # Off unless asked for: long runs on a GPU would compile by themselves.
        **{"compile": False, **BF16.get(task.arm, {})},
    )
    fine_tuning = FineTuning(model, train, held, settings)
    training = Training(fine_tuning, CheckpointFolder(None, ""))
    # The epochs are to be equal, so the last one is what both arms are scored by.
    clock, validation = get_clock(task), 0.0
    validate = training.validate

    def validate_uncounted() -> tuple[np.ndarray, float]:
        nonlocal validation
        start = clock()
        result = validate()
        validation += clock() - start
        training.state.best_score = -1.0
        return result

    training.validate = validate_uncounted
    start = clock()
    history = training.run()
    return {
        "seconds": clock() - start - validation,
        "padding": float(np.mean([row["padding_share"] for row in history])),
        "last_seconds": history[-1]["seconds"],
        "mfu": history[-1].get("mfu"),
        "precision": training.precision,
        "padding_reason": training.record["padding"],
    }


def train_standard(
    task: Task, model: ErrorClassifier, train: SequenceDataset
) -> dict[str, Any]:
    """Train with the ``Trainer`` as its examples do, or as well as it can."""
    from tokenizers import Tokenizer, models
    from transformers import (
        DataCollatorWithPadding,
        PreTrainedTokenizerFast,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    pad = train.tokenizer.pad_token_id
    padder = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"[PAD]": pad}, unk_token="[PAD]")),  # noqa: S106
        pad_token="[PAD]",  # noqa: S106 - no password
    )
    clock = get_clock(task)
    times: list[tuple[float, float]] = []  # by `clock`, and of the wall

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            times.append((clock(), time.perf_counter()))

        def on_epoch_begin(self, *_: Any, **__: Any) -> None:
            times.append((clock(), time.perf_counter()))

        def on_train_end(self, *_: Any, **__: Any) -> None:
            times.append((clock(), time.perf_counter()))

    class PlainTrainer(Trainer):
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any
        ) -> Any:
            # The classifier's output is no dictionary, of which it would be the first.
            output = model(**inputs)
            return (output.loss, output) if return_outputs else output.loss

    with tempfile.TemporaryDirectory() as folder:
        trainer = PlainTrainer(
            model=model,
            args=TrainingArguments(
                folder,
                per_device_train_batch_size=task.batch_size,
                num_train_epochs=task.epochs,
                learning_rate=1e-3 if task.model != "dnabert2_117m" else 5e-5,
                warmup_steps=0.1,
                weight_decay=0.01,
                seed=task.seed,
                use_cpu=task.device == "cpu",
                **RECIPES[task.arm],
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_steps=10**9,
            ),
            train_dataset=list_items(train),
            data_collator=DataCollatorWithPadding(padder),
            callbacks=[Clock()],
        )
        trainer.train()
    real, padded = int(train.lengths.sum()), 0
    for batch in trainer.get_train_dataloader():
        padded += batch["input_ids"].numel()
    return {
        "seconds": times[-1][0] - times[0][0],
        "last_seconds": times[-1][1] - times[-2][1],  # as our history has it
        "padding": 1 - real / padded,
    }


def list_items(dataset: SequenceDataset) -> list[dict[str, Any]]:
    """The tokens as plain lists, as the ``Trainer`` is usually fed."""
    items = []
    for index in range(len(dataset)):
        item = dataset[index]
        ids = item["input_ids"].tolist()
        items.append(
            {
                "input_ids": ids,
                "attention_mask": [1] * len(ids),
                "junction": list(map(int, item["junction"])),
                "label": item["label"],
            }
        )
    return items


def get_clock(task: Task) -> Callable[[], float]:
    """Processor time of one thread on a CPU; the wall clock on a GPU."""
    return time.process_time if task.device == "cpu" else time.perf_counter


def reset_peak_memory() -> float:
    """Forget the peak so far; give the memory in use in MiB (0 on a GPU)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return 0.0
    Path("/proc/self/clear_refs").write_text("5")
    return read_status("VmRSS")


def read_peak_memory() -> float:
    """Peak since `reset_peak_memory`, MiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return read_status("VmHWM")


def read_status(name: str) -> float:
    """Read one field of this process, MiB."""
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def measure(task: Task) -> dict[str, Any]:
    """Do one task in this process."""
    train_frame = draw_windows(task.windows, task.length, task.sigma, task.seed)
    held_frame = draw_windows(64, task.length, task.sigma, task.seed + 1000)
    with tempfile.TemporaryDirectory() as folder:
        model, source = make_model(task, train_frame, Path(folder))
        train, held = prepare_datasets_for_training(
            train_frame, held_frame, tokenizer=source, max_length=None
        )
    calibrate_model(model, train, seed=task.seed)
    before = reset_peak_memory()
    if task.arm in RECIPES:
        result = train_standard(task, model, train)
    else:
        result = train_ours(task, model, train, held)
    result["memory"] = read_peak_memory() - before
    result["rate"] = task.windows * task.epochs / result["seconds"]
    result["tokens"] = float(train.lengths.mean())
    if task.tested:
        frame = draw_windows(task.tested, task.length, task.sigma, task.seed + 2000)
        test, _ = prepare_datasets_for_training(
            frame, held_frame, tokenizer=model.tokenizer, max_length=None
        )
        device = torch.device(task.device)
        logits = predict_logits(model.to(device), test, device=device)
        scores = compute_probabilities(logits)[:, 1]
        result["auprc"] = float(compute_auprc(test.labels, scores))
    return result


def start(task: Task, script: str | Path = __file__) -> dict[str, Any]:
    """Do one task in a process of its own.

    Args:
        task: What to do.
        script: This file, or that of another version of the project.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    if task.device == "cpu":
        environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(asdict(task))],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    print(f"{task}: {result}", file=sys.stderr, flush=True)
    return result


if __name__ == "__main__":
    print(json.dumps(measure(Task(**json.loads(sys.argv[1])))))
