"""Readers for what reports share: sites, windows, tokens, comparison tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from error_sequence_model.core import read_saved_table, refuse_damage
from error_sequence_model.results.files import find_setting
from error_sequence_model.results.run import RunResults

logger = logging.getLogger(__name__)

SITE_COLUMNS = (
    *("site_id", "chrom", "junction", "strand", "splice_type", "pred_type"),
    *("score", "gene_id", "gene_name"),
)


def get_clusters(sites: pd.DataFrame) -> np.ndarray:
    """Resampling unit of each site: its gene, or the site itself without one."""
    own = "site " + sites.index.astype(str).to_series(index=sites.index)
    return (
        sites["gene_id"].astype(object).where(sites["gene_id"].notna(), own).to_numpy()
    )


def find_token_store(folder: Path, run: RunResults) -> Path | None:
    """The token file of a run: the only one, or the one its settings name."""
    stores = sorted(folder.glob("*.arrow")) if folder.is_dir() else []
    if len(stores) == 1:
        return stores[0]
    named = find_setting(run.settings, "tokenizer")
    fitting = [s for s in stores if s.stem in (str(named), run.backbone)]
    return fitting[0] if fitting else None


def read_rows(path: Path, site_ids: np.ndarray, columns: list[str]) -> dict[str, list]:
    """Rows of an Arrow IPC file by site_id, batch by batch."""
    found: dict[str, list] = {name: [] for name in columns}
    wanted = pa.array(np.unique(site_ids))
    with refuse_damage(path), pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number).select(columns)
            batch = batch.filter(pc.is_in(batch["site_id"], value_set=wanted))
            for name in columns:
                found[name].extend(batch[name].to_pylist())
    return found


def read_sites(path: str | Path) -> pd.DataFrame:
    """Read the columns a report needs, indexed by site_id.

    Raises:
        InputError: The file or a column is missing.
    """
    return read_saved_table(path, SITE_COLUMNS).set_index("site_id")


def read_comparisons(paths: Sequence[str | Path]) -> dict[tuple[str, str], Any]:
    """Read ``…/{contrast}/{splice_type}/comparison.tsv`` files by their two names."""
    tables = {}
    for path in map(Path, paths):
        if path.is_file():
            key = (path.parent.parent.name, path.parent.name)
            tables[key] = read_saved_table(path)
        else:
            logger.warning("%s: no such file; its page will say so", path)
    return tables
