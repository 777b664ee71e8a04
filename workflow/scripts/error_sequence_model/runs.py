"""One run: a fine-tuned model on one fold, from its input files to its result files.

`embeddings.parquet`, one row per validation and test site:
    site_id int64, then v0, v1, … float32: what the classifier's head sees of the site
`predictions.parquet`: see ``evaluation``.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.adapters import count_parameters
from error_sequence_model.backbones.local_copies import list_checkpoint_files
from error_sequence_model.baselines.embeddings import embed_parts
from error_sequence_model.classifier import (
    ErrorClassifier,
    create_classifier,
    load_model,
)
from error_sequence_model.contrasts import Contrast, parse_contrast
from error_sequence_model.datasets import SequenceDataset, load_split_datasets
from error_sequence_model.devices import get_device
from error_sequence_model.evaluation import evaluate_sites, predict_sites
from error_sequence_model.files import write_json, write_parquet
from error_sequence_model.finetuning import fine_tune
from error_sequence_model.handover import refuse_other_tokenizer
from error_sequence_model.maps.explanations import choose_sites
from error_sequence_model.optimisation.checkpoints import CheckpointFolder
from error_sequence_model.provenance import (
    get_git_commit,
    get_hardware,
    get_time,
    get_versions,
    hash_file,
)
from error_sequence_model.saved_files import read_saved_table
from error_sequence_model.settings import (
    BackboneSettings,
    ExplanationSettings,
    TrainingSettings,
    compute_run_hash,
)
from error_sequence_model.tokenizers import SequenceTokenizer
from error_sequence_model.windows import read_windows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunInputs:
    """The files and names that define the data of a run.

    Attributes:
        sites: ``sites.parquet``.
        split: ``split.parquet``.
        tokens: Token store of the backbone.
        contrast_name: Name of the contrast.
        contrast: Its definition in the config; None for a built-in one.
        fold: Which fold of the split.
        max_length: Tokens per sequence; longer ones keep those around the junction.
        bucket_boundaries: Outer edges of the length buckets, in tokens.
    """

    sites: Path
    split: Path
    tokens: Path
    contrast_name: str
    contrast: dict[str, Any] | None
    fold: int
    max_length: int | None = None
    bucket_boundaries: tuple[int, ...] | None = None

    def parse_contrast(self) -> Contrast:
        """Give the contrast with its classes."""
        return parse_contrast(self.contrast_name, self.contrast)

    def load_datasets(self, tokenizer: SequenceTokenizer) -> dict[str, SequenceDataset]:
        """Open train, validation and test."""
        return load_split_datasets(
            self.tokens,
            read_saved_table(self.split),
            read_saved_table(self.sites, columns=["site_id", "gene_id"]),
            fold=self.fold,
            classes=self.parse_contrast().class_names,
            tokenizer=tokenizer,
            max_length=self.max_length,
            bucket_boundaries=self.bucket_boundaries,
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
    model = create_classifier(
        backbone.base_model if pretrained is None else str(pretrained),
        classes=contrast.class_names,
        pooling=backbone.pooling,
        dropout=backbone.head_dropout,
        options=backbone.options if pretrained is None else None,
        weights=backbone.weights if pretrained is None else "pretrained",
        tuning=backbone.tuning,
        lora=backbone.lora,
        seed=training.seed,
    )
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


def evaluate_run(
    inputs: RunInputs,
    model_folder: Path,
    *,
    output: Path,
    draws: int = 2000,
    level: float = 0.95,
) -> None:
    """Predict the held-out parts and score them.

    Writes ``predictions.parquet``, ``metrics.json`` and ``embeddings.parquet``: site_id
    and what the classifier's head sees of each site (float32).

    Args:
        inputs: The data.
        model_folder: The fine-tuned model.
        output: The run folder.
        draws: Bootstrap samples.
        level: Level of the intervals.
    """
    model = load_model(model_folder)
    datasets = inputs.load_datasets(model.tokenizer)
    held_out = {part: datasets[part] for part in ("validation", "test")}
    predictions = predict_sites(model, held_out)
    genes = read_saved_table(inputs.sites, columns=["site_id", "gene_id"])
    metrics = evaluate_sites(
        predictions,
        genes.set_index("site_id")["gene_id"],
        threshold=model.config.decision_threshold,
        draws=draws,
        level=level,
    )
    write_parquet(output / "predictions.parquet", predictions)
    write_parquet(output / "embeddings.parquet", embed_parts(model, held_out))
    write_json(output / "metrics.json", {"contrast": inputs.contrast_name, **metrics})
    logger.info(
        "test: %d sites, AUPRC %s, prevalence %s, AUROC %s",
        *(metrics[name] for name in ("n_sites", "auprc", "prevalence", "auroc")),
    )


@dataclass(frozen=True)
class ExplainedRun:
    """A model with the held-out sites that are explained.

    Attributes:
        model: The fine-tuned classifier, on its device.
        dataset: The explained sites, by rising site_id.
        sites: Their rows of ``sites.parquet``, same order.
        sequences: Their windows, same order.
        upstream: Bases 5' of the junction.
        downstream: Bases 3' of it.
        is_control: Whether the labels were shuffled on purpose.
        core: Bases mutated on either side of the junction; None: the whole window.
    """

    model: ErrorClassifier
    dataset: SequenceDataset
    sites: pd.DataFrame
    sequences: list[str]
    upstream: int
    downstream: int
    is_control: bool = False
    core: int | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """What every file of maps says of itself."""
        return {
            "upstream": self.upstream,
            "downstream": self.downstream,
            "part": "test",
            "target": "log-odds of an error (logit error minus correct)",
        }


def open_explained_run(
    inputs: RunInputs,
    model_folder: Path,
    windows: Path,
    explanation: ExplanationSettings,
) -> ExplainedRun:
    """Load a model and choose the held-out sites to explain; always the same ones.

    Args:
        inputs: The data.
        model_folder: The fine-tuned model.
        windows: ``windows.arrow``.
        explanation: Sites per class and seed.
    """
    model = load_model(model_folder).to(get_device())
    test = inputs.load_datasets(model.tokenizer)["test"]
    chosen = choose_sites(
        pd.DataFrame({"site_id": test.site_ids, "label": test.labels}),
        per_class=explanation.sites_per_class,
        seed=explanation.seed,
    )
    dataset = test.select(np.searchsorted(test.site_ids, chosen))
    sites = read_saved_table(inputs.sites).set_index("site_id", drop=False)
    sequences = read_windows(windows).get_sequences(chosen)
    return ExplainedRun(
        model,
        dataset,
        sites.loc[chosen],
        sequences,
        model.config.upstream,
        model.config.downstream,
        inputs.parse_contrast().shuffle_labels,
        explanation.core,
    )
