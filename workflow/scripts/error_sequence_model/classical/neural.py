"""Baselines that need torch: a CNN from scratch, and a backbone that is not tuned.

Their predictions have the format of ``classical.fit_baselines``.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from error_sequence_model.classical.baselines import make_predictions, make_rows
from error_sequence_model.classical.cnn import fit_cnn
from error_sequence_model.classical.models import fit_logistic
from error_sequence_model.classifier import (
    ErrorClassifier,
    calibrate_model,
    create_classifier,
    embed_sites,
)
from error_sequence_model.core import get_device
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.features import encode_bases
from error_sequence_model.settings import BackboneSettings, CnnSettings
from error_sequence_model.tokenizers import TokenStore
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)


def fit_cnn_baseline(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    settings: CnnSettings,
    *,
    seed: int,
    threads: int = 1,
) -> pd.DataFrame:
    """Train the CNN on every fold and predict validation and test.

    Args:
        split: ``split.parquet``.
        sites: site_id and splice_type.
        windows: The windows of the sites.
        settings: Shape and training.
        seed: Of everything drawn.
        threads: CPU threads.

    Returns:
        Predictions, model "cnn".
    """
    torch.set_num_threads(threads)
    is_donor = sites.set_index("site_id")["splice_type"].eq("donor")
    frames = []
    for fold, part in split[split["part"] != "excluded"].groupby("fold", sort=True):
        part = part.sort_values("site_id").reset_index(drop=True)
        site_ids = part["site_id"].to_numpy()
        logger.info("fold %s: %d sites", fold, len(part))
        probabilities, _ = fit_cnn(
            encode_bases(windows.get_matrix(site_ids)),
            is_donor.loc[site_ids].to_numpy(),
            part["label"].to_numpy(dtype=np.int64),
            part["part"].to_numpy(dtype=str),
            settings,
            upstream=windows.upstream,
            seed=seed,
        )
        rows = make_rows(part, seed)
        frames.append(
            make_predictions(
                part, rows, probabilities[rows.held_out], model="cnn", kind="baseline"
            )
        )
    return pd.concat(frames, ignore_index=True)


def fit_embedding_baseline(
    split: pd.DataFrame,
    tokens: Path,
    backbone: BackboneSettings,
    *,
    name: str,
    max_length: int | None = None,
    seed: int,
) -> pd.DataFrame:
    """Fit a logistic regression on an untuned backbone's embeddings, on every fold.

    Args:
        split: ``split.parquet``.
        tokens: Token store of the backbone.
        backbone: Its checkpoint, or its shape: a new one has random weights.
        name: Its name in the config.
        max_length: Tokens per sequence, as in training.
        seed: Of new weights.

    Returns:
        Predictions, model "{name} frozen".
    """
    store = TokenStore.open(tokens)
    everything = split.drop_duplicates("site_id").sort_values("site_id")
    frames: list[pd.DataFrame] = []
    vectors: pd.DataFrame | None = None
    is_new = backbone.is_new
    for _, part in split[split["part"] != "excluded"].groupby("fold", sort=True):
        part = part.sort_values("site_id").reset_index(drop=True)
        rows = make_rows(part, seed)
        if vectors is None or is_new:
            model = create_classifier(
                backbone.base_model,
                pooling=backbone.pooling,
                options=backbone.options,
                random_init=backbone.random_init,
                seed=seed,
            )
            # New weights may want to see data: training windows of this fold alone.
            train = _open(store, part.iloc[rows.train], model, max_length)
            calibrate_model(model, train, seed=seed)
            sites = _open(store, everything, model, max_length)
            device = get_device()
            vectors = pd.DataFrame(
                embed_sites(model.to(device), sites, device=device).vectors,
                index=sites.site_ids,
            )
        matrix = vectors.loc[part["site_id"]].to_numpy().copy()
        frames.append(
            make_predictions(
                part,
                rows,
                fit_logistic(matrix, rows),
                model=f"{name} frozen",
                kind="baseline",
            )
        )
    return pd.concat(frames, ignore_index=True)


def _open(
    store: TokenStore,
    rows: pd.DataFrame,
    model: ErrorClassifier,
    max_length: int | None,
) -> SequenceDataset:
    site_ids = rows["site_id"].to_numpy()
    return SequenceDataset(
        store,
        store.find_rows(site_ids),
        rows["label"].to_numpy(),
        junctions=np.full(len(rows), int(store.metadata["upstream"])),
        classes=model.config.classes,
        tokenizer=model.tokenizer,
        site_ids=site_ids,
        max_length=max_length,
    )
