"""Held-out metrics with gene-bootstrap intervals, and the predictions behind them.

`predictions.parquet`, one row per validation and test site of a run:
    site_id int64, part (validation | test), label int8, logit float32 (error minus
    correct; two classes only), then probability_{class} float32
`embeddings.parquet`, one row per such site:
    site_id int64, then v0, v1, … float32: what the classifier's head sees of the site
`metrics.json`: of the test part, and under ``validation`` of the other.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.classifier import (
    ErrorClassifier,
    compute_probabilities,
    embed_sites,
    refuse_other_tokenizer,
    require_model,
)
from error_sequence_model.core import (
    InputError,
    get_device,
    write_json,
    write_parquet,
)
from error_sequence_model.datasets import SequenceDataset, require_dataset
from error_sequence_model.settings import COUNT, SEED, check_value
from error_sequence_model.statistics import CONFIDENCE, compute_metrics

logger = logging.getLogger(__name__)


def predict_sites(
    model: ErrorClassifier,
    datasets: dict[str, SequenceDataset],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict and embed the sites of some parts; the backbone runs once over each.

    Args:
        model: The fine-tuned classifier; goes to the GPU if there is one.
        datasets: Part name to data set.

    Returns:
        The columns of ``predictions.parquet``, and of ``embeddings.parquet``.
    """
    device = get_device()
    model = model.to(device)
    frames, embeddings = [], []
    for part, dataset in datasets.items():
        vectors, logits = embed_sites(
            model, dataset, device=device, what=f"predicting {part}"
        )
        frame = pd.DataFrame(
            {
                "site_id": dataset.site_ids,
                "part": part,
                "label": dataset.labels.astype(np.int8),
            }
        )
        if len(dataset.classes) == 2:
            frame["logit"] = logits[:, 1] - logits[:, 0]
        probabilities = compute_probabilities(logits)
        for index, name in enumerate(dataset.classes):
            frame[f"probability_{name}"] = probabilities[:, index]
        frames.append(frame)
        names = [f"v{index}" for index in range(vectors.shape[1])]
        seen = pd.DataFrame(vectors, columns=names)
        seen.insert(0, "site_id", dataset.site_ids)
        embeddings.append(seen)
    return (
        pd.concat(frames, ignore_index=True),
        pd.concat(embeddings, ignore_index=True),
    )


def evaluate_sites(
    predictions: pd.DataFrame,
    genes: pd.Series,
    *,
    threshold: float,
    draws: int = 2000,
    seed: int = 1,
) -> dict[str, Any]:
    """Compute the metrics of the test part, with those of the validation part inside.

    Args:
        predictions: From `predict_sites`.
        genes: Gene of each site, indexed by site_id.
        threshold: Decision threshold, chosen on the validation part.
        draws: Bootstrap samples.
        seed: Seed of the bootstrap.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: The test part is empty.
    """
    columns = [c for c in predictions.columns if c.startswith("probability_")]
    scored = {}
    for part in ("test", "validation"):
        rows = predictions[predictions["part"] == part]
        if rows.empty:
            continue
        scored[part] = compute_metrics(
            rows["label"].to_numpy(dtype=np.int64),
            rows[columns].to_numpy(),
            threshold=threshold,
            groups=genes.reindex(rows["site_id"]).to_numpy(dtype=object),
            draws=draws,
            seed=seed,
        )
    if "test" not in scored:
        raise InputError(
            "the test part has no sites; give it chromosomes or genes (`splits` in the "
            "config)"
        )
    metrics = {
        "classes": [column.removeprefix("probability_") for column in columns],
        "part": "test",
        **scored["test"],
        "bootstrap": {
            "unit": "gene",
            "draws": draws,
            "level": CONFIDENCE,
            "seed": seed,
        },
    }
    if "validation" in scored:
        metrics["validation"] = scored["validation"]
    return metrics


def evaluate_error_sequence_model(
    model: ErrorClassifier,
    test_dataset: SequenceDataset,
    output_dir: str | Path | None = None,
    *,
    draws: int = 2000,
    seed: int = 1,
) -> dict[str, Any]:
    """Score a model on held-out sequences.

    Args:
        model: From `train_error_sequence_model` or `load_model`.
        test_dataset: From `prepare_datasets_for_training`.
        output_dir: Gets ``predictions.parquet`` and ``metrics.json``; None: no files.
        draws: Bootstrap samples (over genes if the frame had ``gene_id``).
        seed: Seed of the bootstrap.

    Returns:
        accuracy, f1, auprc, prevalence, auroc, mcc, … and ``intervals``.

    Raises:
        InputError: Classes or tokenizers of model and data differ.
    """
    require_model(model)
    require_dataset("test_dataset", test_dataset)
    check_value("draws", draws, COUNT, place="`draws`")
    check_value("seed", seed, SEED, place="`seed`")
    refuse_other_tokenizer(model, test_dataset.tokenizer)
    if list(test_dataset.classes) != list(model.config.classes):
        raise InputError(
            f"the data have classes {list(test_dataset.classes)}, the model "
            f"{model.config.classes}; prepare the test data together with the training "
            "data"
        )
    predictions, _ = predict_sites(model, {"test": test_dataset})
    groups = test_dataset.groups
    genes = pd.Series(
        groups if groups is not None else [None] * len(test_dataset),
        index=test_dataset.site_ids,
        dtype=object,
    )
    metrics = evaluate_sites(
        predictions,
        genes,
        threshold=model.config.decision_threshold,
        draws=draws,
        seed=seed,
    )
    if output_dir is not None:
        write_parquet(Path(output_dir) / "predictions.parquet", predictions)
        write_json(Path(output_dir) / "metrics.json", metrics)
    logger.info(
        "test: %d sites, AUPRC %s (prevalence %s), AUROC %s",
        metrics["n_sites"],
        *(_show(metrics[name]) for name in ("auprc", "prevalence", "auroc")),
    )
    return metrics


def _show(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
