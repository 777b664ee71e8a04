"""A small dilated CNN from scratch: the baseline that needs no language model.

Windows are one-hot, float32 (batch, 5, length): A, C, G, T and whether the site is a
donor; N is all zero. The junction lies between index ``upstream - 1`` and ``upstream``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from error_sequence_model.settings import CnnSettings
from error_sequence_model.statistics import (
    balance_weights,
    calibrate_about_prior,
    compute_macro_auprc,
    restore_prior,
)

logger = logging.getLogger(__name__)

CHANNELS_IN = 5
PREDICTED_AT_ONCE = 256


class ResidualBlock(nn.Module):
    """Two dilated convolutions around a shortcut; (batch, channels, length) kept."""

    def __init__(
        self, channels: int, kernel: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        padding = kernel // 2 * dilation
        self.layers = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding),
        )

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Add what the block finds."""
        return hidden + self.layers(hidden)


class DilatedCnn(nn.Module):
    """Stem, residual blocks, pooling at the junction and over the window, a head."""

    def __init__(self, settings: CnnSettings, *, upstream: int, classes: int) -> None:
        super().__init__()
        width = settings.channels
        self.upstream = upstream
        self.stem = nn.Conv1d(CHANNELS_IN, width, 11, padding=5)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(width, settings.kernel, dilation, settings.dropout)
                for dilation in settings.dilations
            )
        )
        self.head = nn.Sequential(
            nn.BatchNorm1d(4 * width),
            nn.Dropout(settings.dropout),
            nn.Linear(4 * width, width),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(width, classes),
        )

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Classify windows.

        Args:
            windows: float32 (batch, 5, length).

        Returns:
            Logits, float32 (batch, classes).
        """
        hidden = self.blocks(self.stem(windows))
        right = min(self.upstream, hidden.shape[2] - 1)
        vectors = [
            hidden[:, :, max(self.upstream - 1, 0)],
            hidden[:, :, right],
            hidden.amax(dim=2),
            hidden.mean(dim=2),
        ]
        return self.head(torch.cat(vectors, dim=1))


def fit_cnn(
    codes: np.ndarray,
    is_donor: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
    settings: CnnSettings,
    *,
    upstream: int,
    seed: int,
) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Train on the training part, stop on the validation part, predict every site.

    Args:
        codes: Base codes 0-3, 4 for anything else, int8 (n, length).
        is_donor: bool (n,).
        labels: Class indices, int (n,).
        parts: train, validation or test, (n,).
        settings: Shape and training.
        upstream: Bases 5' of the junction.
        seed: Seed of weights, order, dropout and hidden bases.

    Returns:
        Probabilities, float64 (n, classes), of the epoch with the best validation
        AUPRC; and the history, one row per epoch.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    classes = int(labels.max()) + 1
    model = DilatedCnn(settings, upstream=upstream, classes=classes)
    train = np.flatnonzero(parts == "train")
    validation = np.flatnonzero(parts == "validation")
    data = _Data(codes, is_donor, labels)
    steps = settings.epochs * -(-len(train) // settings.batch_size)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps
    )
    weights = torch.from_numpy(balance_weights(labels[train], classes))
    best, history = (-1.0, 0, {}), []
    for epoch in range(1, settings.epochs + 1):
        model.train()
        losses = []
        for rows in _shuffle(train, settings.batch_size, generator):
            windows = data.encode(rows, settings.mask_share, generator)
            loss = nn.functional.cross_entropy(
                model(windows), data.labels[rows], weight=weights
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        value = compute_macro_auprc(
            labels[validation], predict_cnn(model, data, validation)
        )
        history.append(
            {
                "epoch": epoch,
                "train_loss": float(np.mean(losses)),
                "validation_auprc": value,
            }
        )
        logger.info(
            "CNN epoch %d of %d: loss %.3f, validation AUPRC %.3f",
            epoch,
            settings.epochs,
            history[-1]["train_loss"],
            value,
        )
        # Of equally good epochs the last: it was trained longer, at a lower rate.
        if value >= best[0]:
            state = {k: v.clone() for k, v in model.state_dict().items()}
            best = (value, epoch, state)
        elif epoch - best[1] >= settings.patience:
            break
    model.load_state_dict(best[2])
    probabilities = predict_cnn(model, data, np.arange(len(labels)))
    restored = restore_prior(probabilities, labels[train])
    shares = np.bincount(labels[train], minlength=classes) / len(train)
    return calibrate_about_prior(restored, labels, validation, shares), history


class _Data:
    """Windows as codes, encoded a batch at a time."""

    def __init__(
        self, codes: np.ndarray, is_donor: np.ndarray, labels: np.ndarray
    ) -> None:
        self.codes = torch.from_numpy(codes.astype(np.int64))
        self.is_donor = torch.from_numpy(is_donor.astype(np.float32))
        self.labels = torch.from_numpy(labels.astype(np.int64))

    def encode(
        self,
        rows: np.ndarray,
        mask_share: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """One-hot windows of some rows, float32 (n, 5, length)."""
        codes = self.codes[rows]
        if mask_share:
            hidden = torch.rand(codes.shape, generator=generator) < mask_share
            codes = codes.masked_fill(hidden, 4)
        bases = nn.functional.one_hot(codes, 5).transpose(1, 2).float()
        # The channel of other letters is not shown; its place says donor or acceptor.
        bases[:, 4] = self.is_donor[rows][:, None]
        return bases


def _shuffle(
    rows: np.ndarray, size: int, generator: torch.Generator
) -> Iterator[np.ndarray]:
    order = rows[torch.randperm(len(rows), generator=generator).numpy()]
    batches = np.array_split(order, -(-len(order) // size))
    # Batch norm needs two; a single row would have no variance.
    yield from (batch for batch in batches if len(batch) > 1)


@torch.no_grad()
def predict_cnn(model: DilatedCnn, data: _Data, rows: np.ndarray) -> np.ndarray:
    """Predict class probabilities of some rows, float64 (n, classes)."""
    model.eval()
    parts = [
        torch.softmax(model(data.encode(rows[i : i + PREDICTED_AT_ONCE])), dim=1)
        for i in range(0, len(rows), PREDICTED_AT_ONCE)
    ]
    return torch.cat(parts).double().numpy()
