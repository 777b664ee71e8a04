"""A run opened to be explained: its model, and a sample of its held-out sites."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.classifier import ErrorClassifier, load_model
from error_sequence_model.core import get_device, read_saved_table
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.runs.inputs import RunInputs, read_run_inputs
from error_sequence_model.settings import ExplanationSettings
from error_sequence_model.windows import read_windows


def read_explained_run(
    arguments: argparse.Namespace,
) -> tuple[ExplainedRun, ExplanationSettings]:
    """Open the model and the explained sites that the arguments name."""
    settings = ExplanationSettings.from_mapping(arguments.explanation)
    run = open_explained_run(
        read_run_inputs(arguments),
        arguments.run / "model",
        arguments.windows,
        settings,
    )
    return run, settings


def choose_sites(test: pd.DataFrame, *, per_class: int, seed: int) -> np.ndarray:
    """Choose the held-out sites to explain: a random sample of every class.

    Args:
        test: site_id and label of the test part.
        per_class: Sites per class; all where there are fewer.
        seed: Seed of the sample.

    Returns:
        site_id, int64 (n,), rising.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for _, rows in test.sort_values("site_id").groupby("label", sort=True):
        site_ids = rows["site_id"].to_numpy()
        chosen.append(rng.permutation(site_ids)[:per_class])
    return np.sort(np.concatenate(chosen))


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
