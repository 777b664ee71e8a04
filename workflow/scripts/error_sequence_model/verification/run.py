"""The step that verifies the features of a run -> verification.tsv."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.attribution import find_errors, predict_targets
from error_sequence_model.classifier import load_model
from error_sequence_model.core import get_device, read_json, read_saved_table, write_tsv
from error_sequence_model.features import encode_bases, read_elements
from error_sequence_model.runs import RunInputs, choose_sites
from error_sequence_model.settings import ExplanationSettings, VerificationSettings
from error_sequence_model.verification.effects import COLUMNS, HeldOut, verify_features
from error_sequence_model.verification.map_motifs import read_map_motifs, verify_motifs
from error_sequence_model.verification.named_model import fit_named_model
from error_sequence_model.windows import Windows, read_windows

logger = logging.getLogger(__name__)


def verify_run(
    inputs: RunInputs,
    run: Path,
    windows_path: Path,
    settings: VerificationSettings,
    explanation: ExplanationSettings,
    *,
    motifs: Path | None = None,
    draws: int = 2000,
    output: Path,
) -> None:
    """Verify classical features, and the motifs of a run's maps if there are any.

    Args:
        inputs: The data.
        run: The run folder, with its model.
        windows_path: ``windows.arrow``.
        settings: How many features, sites and draws.
        explanation: Which sites have maps: motifs are not measured on these.
        motifs: ``motifs.tsv``, with ``motifs.json`` beside it.
        draws: Bootstrap samples of genes.
        output: The table.
    """
    windows = read_windows(windows_path)
    sites = read_saved_table(inputs.sites)
    split = read_saved_table(inputs.split)
    split = split[(split["fold"] == inputs.fold) & (split["part"] != "excluded")]
    elements = {e.name: e.consensus for e in read_elements() if e.consensus}
    errors = find_errors(inputs.parse_contrast().class_names)
    named = fit_named_model(split, sites, windows, elements, errors, seed=settings.seed)
    parts = {
        part: _open(split[split["part"] == part], sites, windows)
        for part in ("train", "validation", "test")
    }
    model = load_model(run / "model").to(get_device())
    dataset = inputs.load_datasets(model.tokenizer)["test"]

    def predict(texts: Sequence[str]) -> np.ndarray:
        junctions = np.full(len(texts), windows.upstream)
        return predict_targets(
            model, dataset, texts, junctions, device=next(model.parameters()).device
        )

    table = verify_features(
        named,
        predict,
        parts["train"].codes,
        parts["validation"],
        parts["test"],
        elements,
        settings,
        draws=draws,
    )
    if motifs is not None:
        test = split[split["part"] == "test"]
        explained = choose_sites(
            test, per_class=explanation.sites_per_class, seed=explanation.seed
        )
        unseen = split[
            split["part"].isin(["validation", "test"])
            & ~split["site_id"].isin(explained)
        ]
        found = read_map_motifs(
            read_saved_table(motifs), read_json(motifs.with_suffix(".json"))
        )
        rows = verify_motifs(
            found[: settings.features],
            named,
            parts["train"],
            _open(unseen, sites, windows),
            seed=settings.seed,
            draws=draws,
        )
        table = pd.concat(
            [frame for frame in (table, pd.DataFrame(rows)) if len(frame)] or [table],
            ignore_index=True,
        )
    write_tsv(output, table.reindex(columns=list(COLUMNS)))
    logger.info("%d tests: %s", len(table), table["verdict"].value_counts().to_dict())


def _open(split: pd.DataFrame, sites: pd.DataFrame, windows: Windows) -> HeldOut:
    rows = split.sort_values("site_id")
    site_ids = rows["site_id"].to_numpy()
    here = sites.set_index("site_id").loc[site_ids]
    return HeldOut(
        encode_bases(windows.get_matrix(site_ids)),
        here["splice_type"].eq("donor").to_numpy(),
        rows["label"].to_numpy(dtype=np.int64),
        here["gene_id"].to_numpy(dtype=object),
    )
