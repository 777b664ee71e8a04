"""One run trained and saved: from files to ``model/``, ``history.tsv`` and run.json."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.backbones import FAMILIES, list_checkpoint_files
from error_sequence_model.classifier import (
    ErrorClassifier,
    count_parameters,
    create_classifier,
    merge_adapters,
    refuse_other_tokenizer,
    save_model,
)
from error_sequence_model.core import (
    get_git_commit,
    get_hardware,
    get_time,
    get_versions,
    hash_file,
    read_saved_table,
    write_json,
    write_tsv,
)
from error_sequence_model.datasets import SequenceDataset, require_dataset
from error_sequence_model.runs import RunInputs
from error_sequence_model.settings import (
    BackboneSettings,
    TrainingSettings,
    compute_run_hash,
)
from error_sequence_model.training.checkpoints import CheckpointFolder
from error_sequence_model.training.finetuning import FAILED_BATCH, FineTuning
from error_sequence_model.training.groups import choose_rate
from error_sequence_model.training.loop import Training

logger = logging.getLogger(__name__)


def create_run_model(
    inputs: RunInputs, backbone: BackboneSettings, pretrained: Path | None, *, seed: int
) -> ErrorClassifier:
    """Create the fresh classifier of a run.

    Args:
        inputs: The data.
        backbone: The model.
        pretrained: Backbone pretrained on the user's genome, in place of the weights
            that `backbone` names; or None.
        seed: Of new weights.
    """
    return create_classifier(
        backbone.base_model if pretrained is None else str(pretrained),
        classes=inputs.parse_contrast().class_names,
        pooling=backbone.pooling,
        dropout=backbone.head_dropout,
        options=backbone.options if pretrained is None else None,
        random_init=backbone.random_init and pretrained is None,
        tuning=backbone.tuning,
        lora=backbone.lora,
        seed=seed,
    )


def train_run(
    inputs: RunInputs,
    backbone: BackboneSettings,
    training: TrainingSettings,
    *,
    output: Path,
    checkpoints: Path | None,
    pretrained: Path | None = None,
) -> None:
    """Fine-tune the model of a run; write model, history.tsv and run.json.

    Args:
        inputs: The data.
        backbone: The model.
        training: How to train.
        output: The run folder.
        checkpoints: Where interrupted runs are kept.
        pretrained: Backbone pretrained on the user's genome, in place of the weights
            that `backbone` names.
    """
    start = time.monotonic()
    contrast = inputs.parse_contrast()
    training = choose_rate(
        training,
        backbone.architecture,
        tuning=backbone.tuning,
        is_new=pretrained is None and backbone.is_new,
        override=backbone.learning_rate,
    )
    settings = {
        "contrast": {
            "name": contrast.name,
            "classes": {name: list(kinds) for name, kinds in contrast.classes},
            "shuffle_labels": contrast.shuffle_labels,
        },
        "backbone": backbone.to_mapping(),
        "training": training.to_mapping(),
        "fold": inputs.fold,
    }
    hashes = {name: hash_file(getattr(inputs, name)) for name in ("split", "tokens")}
    if backbone.checkpoint is not None:
        for file in map(Path, list_checkpoint_files(backbone.checkpoint)):
            hashes[f"checkpoint/{file.name}"] = hash_file(file)
    if pretrained is not None:
        hashes["pretrained"] = hash_file(pretrained / "model.safetensors")
    run_hash = compute_run_hash(settings, hashes)
    model = create_run_model(inputs, backbone, pretrained, seed=training.seed)
    trained = count_parameters(model).trained
    datasets = inputs.load_datasets(model.tokenizer)
    refuse_other_tokenizer(model, datasets["train"].tokenizer)
    window = datasets["train"].store.metadata
    model.config.upstream = int(window["upstream"])
    model.config.downstream = int(window["downstream"])
    execution = fine_tune(
        model,
        datasets["train"],
        datasets["validation"],
        training,
        output_dir=output,
        checkpoints=CheckpointFolder(checkpoints, run_hash),
    )
    if execution is None:
        return
    history = read_saved_table(output / "history.tsv")
    write_json(
        output / "run.json",
        {
            "run_hash": run_hash,
            "settings": settings,
            "seed": training.seed,
            "tokenizer": inputs.tokens.stem,
            "window": {
                "upstream": model.config.upstream,
                "downstream": model.config.downstream,
            },
            "sites": {part: len(dataset) for part, dataset in datasets.items()},
            "parameters": count_parameters(model).total,
            "trained_parameters": trained,
            "model_sha256": hash_file(output / "model" / "model.safetensors"),
            "pretrained": None if pretrained is None else str(pretrained),
            "inputs_sha256": {"sites": hash_file(inputs.sites), **hashes},
            "git_commit": get_git_commit(),
            "versions": get_versions(),
            "hardware": get_hardware(),
            "execution": execution,
            "finished": get_time(),
            # The last try from its start to its end; the epochs of all tries.
            "seconds": {
                "training": round(time.monotonic() - start, 1),
                "epochs": round(float(history["seconds"].sum()), 1),
            },
        },
    )


def fine_tune(
    model: ErrorClassifier,
    train_dataset: SequenceDataset,
    val_dataset: SequenceDataset,
    settings: TrainingSettings,
    *,
    output_dir: str | Path,
    checkpoints: CheckpointFolder,
) -> dict[str, Any] | None:
    """Train, set probabilities and threshold right, save ``model`` and history.

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
    output = Path(output_dir)
    task = FineTuning(model, train_dataset, val_dataset, settings, output_dir=output)
    training = Training(task, checkpoints, events=output / "tensorboard")
    logger.info(
        "training on %d sites, validating on %d, %s on %s, %d process(es)",
        *(len(train_dataset), len(val_dataset), training.precision),
        *(training.accelerator.device, training.accelerator.num_processes),
    )
    history = training.run()
    merge_adapters(model)
    scaling = task.set_probabilities(training.accelerator)
    model.eval()
    if training.accelerator.is_main_process:
        save_model(model, output / "model")
        write_tsv(output / "history.tsv", pd.DataFrame(history))
        (output / FAILED_BATCH).unlink(missing_ok=True)
        checkpoints.remove()
    training.accelerator.wait_for_everyone()
    if not training.accelerator.is_main_process:
        return None
    return {**training.record, **scaling}


def train_error_sequence_model(
    train_dataset: SequenceDataset,
    val_dataset: SequenceDataset,
    base_model: str = "custom",
    output_dir: str | Path = "error_sequence_model",
    *,
    learning_rate: float | str = 2e-5,
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
        learning_rate: Peak learning rate; "auto": what fits the model and ``tuning``.
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
    settings = choose_rate(
        settings,
        model.backbone.config.model_type,
        tuning=tuning,
        is_new=base_model == "custom" or base_model in FAMILIES,
    )
    fine_tune(
        model,
        train_dataset,
        val_dataset,
        settings,
        output_dir=output_dir,
        checkpoints=CheckpointFolder(None, ""),
    )
    return model, settings
