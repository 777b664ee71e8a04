"""Fine-tune a classifier: train it, keep the best epoch, save it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.classifier import (
    ErrorClassifier,
    calibrate_model,
    create_classifier,
    merge_adapters,
    refuse_other_tokenizer,
    require_dataset,
    save_model,
)
from error_sequence_model.core import write_tsv
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.settings import BackboneSettings, TrainingSettings
from error_sequence_model.statistics import choose_threshold
from error_sequence_model.training.checkpoints import CheckpointFolder
from error_sequence_model.training.loop import Training
from error_sequence_model.training.state import FAILED_BATCH

logger = logging.getLogger(__name__)


def fine_tune(
    model: ErrorClassifier,
    train_dataset: SequenceDataset,
    val_dataset: SequenceDataset,
    settings: TrainingSettings,
    *,
    output_dir: str | Path,
    checkpoints: CheckpointFolder,
) -> dict[str, Any] | None:
    """Train, choose the threshold on the validation part, save ``model`` and history.

    The classifier is left with the best epoch's weights, adapters merged, in eval mode.

    Args:
        model: A fresh classifier.
        train_dataset: Training sequences.
        val_dataset: Validation sequences.
        settings: How to train.
        output_dir: Gets ``model/`` and ``history.tsv``; ``failed_batch.tsv`` if the
            loss is not finite.
        checkpoints: Where an interrupted run is kept; removed at the end.

    Returns:
        What was decided for this machine (`Training.record`), in the main process, the
        one that writes; None in the others.
    """
    calibrate_model(model, train_dataset, seed=settings.seed)
    output = Path(output_dir)
    training = Training(
        model,
        train_dataset,
        val_dataset,
        settings,
        checkpoints,
        output_dir=output,
    )
    logger.info(
        "training on %d sites, validating on %d, %s on %s, %d process(es)",
        *(len(train_dataset), len(val_dataset), training.precision),
        *(training.accelerator.device, training.accelerator.num_processes),
    )
    history = training.run()
    merge_adapters(model)
    if len(model.config.classes) == 2:
        probabilities, _ = training.validate()
        model.config.decision_threshold = choose_threshold(
            val_dataset.labels, probabilities[:, 1]
        )
    model.eval()
    if training.accelerator.is_main_process:
        save_model(model, output / "model")
        write_tsv(output / "history.tsv", pd.DataFrame(history))
        (output / FAILED_BATCH).unlink(missing_ok=True)
        checkpoints.remove()
    training.accelerator.wait_for_everyone()
    return training.record if training.accelerator.is_main_process else None


def train_error_sequence_model(
    train_dataset: SequenceDataset,
    val_dataset: SequenceDataset,
    base_model: str = "custom",
    output_dir: str | Path = "error_sequence_model",
    *,
    learning_rate: float = 2e-5,
    batch_size: int = 32,
    num_epochs: int = 5,
    warmup_steps: int | None = None,
    weight_decay: float = 0.01,
    use_fp16: bool = False,
    seed: int = 1,
    backbone_options: dict[str, Any] | None = None,
    tuning: str = "full",
    lora: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[ErrorClassifier, TrainingSettings]:
    """Fine-tune a genomic language model to tell errors from correct calls.

    Args:
        train_dataset: From `prepare_datasets_for_training`.
        val_dataset: Chooses the epoch that is kept and the decision threshold.
        base_model: "custom" (our `nucleotide_encoder`, from scratch), a registry name
            such as "DNABERT-2-117M", or a checkpoint folder.
        output_dir: Gets ``model/`` and ``history.tsv``.
        learning_rate: Peak learning rate.
        batch_size: Sequences per optimiser step.
        num_epochs: Passes over the training data.
        warmup_steps: Steps of rising learning rate; at most half the run.
        weight_decay: AdamW weight decay.
        use_fp16: Mixed precision: bf16 where the device has it, fp16 on older GPUs,
            float32 on a CPU without bf16.
        seed: Seed of initialisation, order and dropout.
        backbone_options: Shape of a new network, such as ``{"layers": 2}``.
        tuning: What learns beside the head: "full" (the whole backbone), "frozen"
            (nothing), "lora" (low-rank adapters, merged at the end).
        lora: ``rank``, ``alpha`` and ``dropout`` of the adapters, where they differ
            from `LoraSettings`.
        **more: Further fields of `TrainingSettings`.

    Returns:
        The model (best epoch, eval mode) and the settings used.

    Raises:
        InputError: Settings, model and data do not fit together.
    """
    require_dataset("train_dataset", train_dataset)
    require_dataset("val_dataset", val_dataset)
    settings = TrainingSettings.from_mapping(
        {
            "learning_rate": learning_rate,
            "batch_size": batch_size,
            "epochs": num_epochs,
            "warmup_steps": warmup_steps,
            "weight_decay": weight_decay,
            "precision": "auto" if use_fp16 else "fp32",
            "seed": seed,
            **more,
        }
    )
    backbone = BackboneSettings.from_mapping(
        {"architecture": base_model, "tuning": tuning, "lora": lora}
    )
    model = create_classifier(
        base_model,
        classes=train_dataset.classes,
        options=backbone_options,
        tuning=backbone.tuning,
        lora=backbone.lora,
        seed=seed,
    )
    refuse_other_tokenizer(model, train_dataset.tokenizer)
    fine_tune(
        model,
        train_dataset,
        val_dataset,
        settings,
        output_dir=output_dir,
        checkpoints=CheckpointFolder(None, ""),
    )
    return model, settings
