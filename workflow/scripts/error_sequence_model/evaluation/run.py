"""One run evaluated: predictions, metrics, and what its head sees of each site."""

from __future__ import annotations

import logging
from pathlib import Path

from error_sequence_model.classifier import load_model
from error_sequence_model.core import read_saved_table, write_json, write_parquet
from error_sequence_model.evaluation.predictions import evaluate_sites, predict_sites
from error_sequence_model.runs import RunInputs

logger = logging.getLogger(__name__)


def evaluate_run(
    inputs: RunInputs,
    model_folder: Path,
    *,
    output: Path,
    draws: int = 2000,
) -> None:
    """Predict the held-out parts and score them.

    Writes ``predictions.parquet``, ``metrics.json`` and ``embeddings.parquet`` (see
    `predictions`).

    Args:
        inputs: The data.
        model_folder: The fine-tuned model.
        output: The run folder.
        draws: Bootstrap samples.
    """
    model = load_model(model_folder)
    datasets = inputs.load_datasets(model.tokenizer)
    held_out = {part: datasets[part] for part in ("validation", "test")}
    predictions, embeddings = predict_sites(model, held_out)
    genes = read_saved_table(inputs.sites, columns=["site_id", "gene_id"])
    metrics = evaluate_sites(
        predictions,
        genes.set_index("site_id")["gene_id"],
        threshold=model.config.decision_threshold,
        draws=draws,
    )
    write_parquet(output / "predictions.parquet", predictions)
    write_parquet(output / "embeddings.parquet", embeddings)
    write_json(output / "metrics.json", {"contrast": inputs.contrast_name, **metrics})
    logger.info(
        "test: %d sites, AUPRC %s, prevalence %s, AUROC %s",
        *(metrics[name] for name in ("n_sites", "auprc", "prevalence", "auroc")),
    )
