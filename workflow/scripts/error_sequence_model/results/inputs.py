"""The data of one report: sites, units and their windows, tokens, comparisons.

``ReportInputs`` says where they lie, ``ReportData`` is what was read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from error_sequence_model.core import (
    read_json,
    read_saved_table,
    refuse_damage,
    write_tsv,
)
from error_sequence_model.results.files import find_setting
from error_sequence_model.results.run import RunResults
from error_sequence_model.results.units import Unit, load_units

logger = logging.getLogger(__name__)

SITE_COLUMNS = (
    *("site_id", "chrom", "junction", "strand", "splice_type", "pred_type"),
    *("score", "gene_id", "gene_name"),
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


@dataclass(frozen=True)
class ReportInputs:
    """What a report is drawn from, and where its numbers go.

    Attributes:
        predictor: Name of the predictor.
        runs: Its run folders; those of other contrasts are left out.
        sites: ``sites.parquet``; token stores are looked for in ``tokens/`` beside it.
        tables: Folder for the figures' numbers.
        audit: ``audit.json``; its part of the report says so if it is missing.
        comparisons: ``comparison.tsv`` files.
        scored_by: ``provenance.json`` of scores that the workflow computed.
        beside: Tables of other predictors, and of facts measured elsewhere.
        windows: ``windows.arrow``; taken from beside ``sites`` if not given.
        draws: Bootstrap draws and permutations.
        seed: Their seed.
        colours: Colours of pred_types ("#rrggbb") that differ from the usual ones.
    """

    predictor: str
    runs: Sequence[Path]
    sites: Path
    tables: Path
    audit: Path | None = None
    comparisons: Sequence[Path] = ()
    scored_by: Sequence[Path] = ()
    beside: Sequence[Path] = ()
    windows: Path | None = None
    draws: int = 500
    seed: int = 0
    colours: Mapping[str, str] | None = None

    def load(self, focus: str | None) -> ReportData:
        """Read the data of one report.

        Args:
            focus: The report's pred_type; None for the overview.

        Raises:
            InputError: A sites table or run path that is not one.
        """
        sites, audit, notes = read_sites(self.sites), {}, ()
        if self.audit is not None and self.audit.is_file():
            audit = read_json(self.audit)
        else:
            notes = ("audit.json is missing: what the reader dropped is not known.",)
        comparisons = read_comparisons(self.comparisons)
        units, controls = load_units(self.runs, sites, comparisons, focus)
        return ReportData(self, focus, sites, audit, units, controls, notes)


@dataclass(frozen=True)
class ReportData:
    """Everything an error type's report or the overview is drawn from.

    Attributes:
        inputs: Where it was read.
        focus: The report's pred_type; None for the overview.
        sites: All sites, indexed by site_id.
        audit: ``audit.json`` or empty.
        units: Contrasts and splice types in the report's order.
        controls: Those with shuffled labels.
        notes: What is missing, in words.
    """

    inputs: ReportInputs
    focus: str | None
    sites: pd.DataFrame
    audit: dict[str, Any]
    units: tuple[Unit, ...]
    controls: tuple[Unit, ...]
    notes: tuple[str, ...]

    @property
    def predictor(self) -> str:
        """Name of the predictor."""
        return self.inputs.predictor

    @property
    def drawing(self) -> dict[str, int]:
        """How often, and with which seed, statistics draw: draws and seed."""
        return {"draws": self.inputs.draws, "seed": self.inputs.seed}

    @property
    def report(self) -> str:
        """Name of the report: its pred_type, or overview."""
        return self.focus or "overview"

    def footer(self, about: str = "") -> str:
        """Foot of a page about the whole report, by default about its contrasts."""
        names = ", ".join(dict.fromkeys(unit.contrast for unit in self.units))
        about = about or f"contrasts {names or 'none'}"
        return f"predictor {self.predictor} · {self.report} · {about}"

    def write(self, what: str, table: pd.DataFrame, key: str = "") -> str:
        """Write the numbers of a figure beside the report.

        Args:
            what: What they are, a word of ``templates/tables.md.j2``.
            table: The numbers.
            key: The unit they are of (``Unit.key``), if of one.

        Returns:
            Name of the file: ``{report}.{key}.{what}.tsv``.
        """
        name = ".".join(filter(None, (self.report, key, what, "tsv")))
        write_tsv(self.inputs.tables / name, table)
        return name

    @property
    def _folder(self) -> Path:
        return self.inputs.sites.parent

    def get_sequences(self, site_ids: np.ndarray) -> dict[int, str]:
        """Windows of some sites by site_id; empty if the file is not there."""
        path = self.inputs.windows or self._folder / "windows.arrow"
        if not path.is_file():
            return {}
        rows = read_rows(path, site_ids, ["site_id", "sequence"])
        return dict(zip(rows["site_id"], rows["sequence"], strict=True))

    def get_tokens(self, run: RunResults, site_ids: np.ndarray) -> dict[int, Any]:
        """Token spans by site_id, int (n_tokens, 2); empty if not stored."""
        path = find_token_store(self._folder / "tokens", run)
        if path is None:
            return {}
        rows = read_rows(path, site_ids, ["site_id", "starts", "ends"])
        return {
            key: np.stack([starts, ends], axis=1)
            for key, starts, ends in zip(*rows.values(), strict=True)
        }
