"""One run trained: from its input files to ``model/``, ``history.tsv``, run.json."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from error_sequence_model.backbones import list_checkpoint_files
from error_sequence_model.classifier import (
    ErrorClassifier,
    count_parameters,
    create_classifier,
    refuse_other_tokenizer,
)
from error_sequence_model.core import (
    get_git_commit,
    get_hardware,
    get_time,
    get_versions,
    hash_file,
    read_saved_table,
    write_json,
)
from error_sequence_model.runs import RunInputs
from error_sequence_model.settings import (
    BackboneSettings,
    TrainingSettings,
    compute_run_hash,
)
from error_sequence_model.training.checkpoints import CheckpointFolder
from error_sequence_model.training.finetuning import fine_tune
from error_sequence_model.training.groups import choose_rate

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
        weights=backbone.weights if pretrained is None else "pretrained",
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
        is_new=pretrained is None
        and (backbone.checkpoint is None or backbone.weights == "random"),
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
