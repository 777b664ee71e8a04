"""The two steps of pretraining, from input files to result files."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pandas as pd
import torch

from error_sequence_model.backbones import create_backbone, load_checkpoint
from error_sequence_model.core import (
    atomic_path,
    get_git_commit,
    get_hardware,
    get_time,
    get_versions,
    hash_file,
    read_json,
    write_json,
    write_tsv,
)
from error_sequence_model.pretraining.gene_windows import read_gene_windows
from error_sequence_model.pretraining.language_models import ExampleMaker, LanguageModel
from error_sequence_model.pretraining.language_task import Pretraining
from error_sequence_model.pretraining.perplexity import describe_measured
from error_sequence_model.settings import (
    BackboneSettings,
    PretrainingSettings,
    compute_run_hash,
)
from error_sequence_model.tokenizers import SequenceTokenizer
from error_sequence_model.training import CheckpointFolder, Training

logger = logging.getLogger(__name__)


def create_language_model(
    backbone: BackboneSettings, settings: PretrainingSettings
) -> tuple[LanguageModel, SequenceTokenizer]:
    """Make the model to pretrain: a new one, or a checkpoint with its own head.

    Raises:
        InputError: The backbone cannot be made, or cannot learn the objective.
    """
    torch.manual_seed(settings.seed)
    if backbone.checkpoint is None:
        network, tokenizer = create_backbone(backbone.architecture, **backbone.options)
        return LanguageModel(network, settings), tokenizer
    loaded = load_checkpoint(backbone.checkpoint)
    if backbone.random_init:
        network = type(loaded.backbone)(loaded.backbone.config)
        return LanguageModel(network, settings), loaded.tokenizer
    is_language_head = loaded.head_kind in ("masked_lm", "causal_lm")
    head = loaded.head if is_language_head else None
    return LanguageModel(loaded.backbone, settings, head), loaded.tokenizer


def pretrain_run(
    backbone: BackboneSettings,
    settings: PretrainingSettings,
    *,
    windows: Path,
    leakage: Path,
    output: Path,
    checkpoints: Path | None,
    draws: int = 2000,
    level: float = 0.95,
) -> None:
    """Pretrain a backbone; write model, history.tsv and pretraining.json.

    Args:
        backbone: The model.
        settings: How to pretrain.
        windows: Gene windows, of training and held-out sequence.
        leakage: Their audit, to be kept with the model.
        output: Gets ``model/``, a backbone that `load_backbone` reads, and the files.
        checkpoints: Where interrupted runs are kept.
        draws: Bootstrap samples.
        level: Level of the intervals.
    """
    start = time.monotonic()
    is_new = backbone.is_new
    settings = settings.choose_rate(is_new=is_new)
    described = {
        "backbone": backbone.to_mapping(),
        "pretraining": settings.to_mapping(),
    }
    hashes = {"windows": hash_file(windows)}
    run_hash = compute_run_hash(described, hashes)
    model, tokenizer = create_language_model(backbone, settings)
    train, held_out = (
        ExampleMaker(
            read_gene_windows(windows, part),
            tokenizer,
            settings,
            is_causal=model.is_causal,
        )
        for part in ("train", "held_out")
    )
    folder = CheckpointFolder(checkpoints, run_hash)
    task = Pretraining(model, train, held_out, settings)
    run = Training(task, folder)
    logger.info(
        "pretraining on %d windows of %d bases, %s on %s, %d process(es)",
        *(len(train.windows), train.windows.length, run.precision),
        *(run.accelerator.device, run.accelerator.num_processes),
    )
    history = run.run()
    if not run.accelerator.is_main_process:
        run.accelerator.wait_for_everyone()
        return
    save_backbone(model, tokenizer, output / "model")
    write_tsv(output / "history.tsv", pd.DataFrame(history))
    measured = describe_measured(
        task.before,
        task.after,
        held_out.windows.table["gene_id"].to_numpy(dtype=object),
        draws=draws,
        level=level,
        seed=settings.seed,
    )
    write_json(
        output / "pretraining.json",
        {
            **measured,
            "bootstrap": {"unit": "gene", "draws": draws, "level": level},
            "windows": {
                "train": len(train.windows),
                "held_out": len(held_out.windows),
                "length": train.windows.length,
            },
            "leakage": read_json(leakage),
            "run_hash": run_hash,
            "settings": described,
            "parameters": sum(p.numel() for p in model.backbone.parameters()),
            "model_sha256": hash_file(output / "model" / "model.safetensors"),
            "inputs_sha256": hashes,
            "git_commit": get_git_commit(),
            "versions": get_versions(),
            "hardware": get_hardware(),
            "finished": get_time(),
            "seconds": {"pretraining": round(time.monotonic() - start, 1)},
        },
    )
    folder.remove()
    run.accelerator.wait_for_everyone()


def save_backbone(
    model: LanguageModel, tokenizer: SequenceTokenizer, folder: Path
) -> None:
    """Save the backbone without its heads, and its tokenizer, whole or not at all."""
    with atomic_path(folder) as temporary:
        model.backbone.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
