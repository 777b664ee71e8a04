"""What a report reads: one run's stored results; whatever is missing is noted in words.

A run folder is ``results/{predictor}/{contrast}/{splice_type}/{backbone}/seed{seed}/
fold{fold}``; the split and its audit lie two to three levels above it. Maps are on the
base axis: column ``index`` is offset ``index - upstream`` from the junction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.results.files import (
    Maps,
    concatenate_maps,
    find_hash,
    find_setting,
    parse_run_path,
    read_attention,
    read_attributions,
    read_history,
    read_object,
)
from error_sequence_model.results.folds import merge_checks, merge_metrics
from error_sequence_model.settings import rank_methods


@dataclass(frozen=True)
class RunResults:
    """One run's results, or those of several folds put together.

    Attributes:
        path: The run folder (the first one, if several).
        predictor: From the path, like contrast, splice_type, backbone, seed and folds.
        predictions: ``predictions.parquet`` or None.
        metrics: ``metrics.json`` or empty.
        attributions: Maps by method.
        attention: ``attention.h5`` or None.
        faithfulness: ``faithfulness.json`` or empty.
        settings: ``run.json`` or empty.
        split: The site's label and part in this fold, or None.
        leakage: ``leakage.json`` or empty.
        history: ``history.tsv`` or None.
        missing: What was not there, in words.
    """

    path: Path
    predictor: str
    contrast: str
    splice_type: str
    backbone: str
    seed: int
    folds: tuple[int, ...]
    predictions: pd.DataFrame | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    attributions: dict[str, Maps] = field(default_factory=dict)
    attention: Maps | None = None
    faithfulness: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    split: pd.DataFrame | None = None
    leakage: dict[str, Any] = field(default_factory=dict)
    history: pd.DataFrame | None = None
    missing: tuple[str, ...] = ()

    @classmethod
    def load(cls, run_dir: str | Path) -> RunResults:
        """Load a run folder without its maps; what is missing or unreadable is noted.

        Args:
            run_dir: ``…/{predictor}/{contrast}/{splice_type}/{backbone}/seedS/foldF``.

        Raises:
            InputError: The path does not have this form.
        """
        path = Path(run_dir)
        names = parse_run_path(path)
        unit = path.parents[2]
        missing: list[str] = []

        read = partial(_read, missing)
        split = read(unit / "split.parquet", pd.read_parquet, None)
        if split is not None and "fold" in split:
            split = split[split["fold"] == names["folds"][0]]
        return cls(
            path=path,
            **names,
            predictions=read(path / "predictions.parquet", pd.read_parquet, None),
            metrics=read(path / "metrics.json", read_object, {}),
            faithfulness=read(path / "faithfulness.json", read_object, {}),
            settings=read(path / "run.json", read_object, {}),
            split=split,
            leakage=read(unit / "leakage.json", read_object, {}),
            history=read(path / "history.tsv", read_history, None),
            missing=tuple(missing),
        )

    def with_maps(self) -> RunResults:
        """The same results with attributions and attention read from their files.

        Apart from ``load``, because a project has many runs and a report draws few.
        """
        missing = list(self.missing)
        files = sorted((self.path / "attributions").glob("*.h5"))
        maps = {f.stem: _read(missing, f, read_attributions, None) for f in files}
        if not files:
            missing.append("attributions/ has no maps")
        attention = _read(missing, self.path / "attention.h5", read_attention, None)
        return replace(
            self,
            attributions={name: m for name, m in maps.items() if m is not None},
            attention=attention,
            missing=tuple(missing),
        )

    @property
    def name(self) -> str:
        """The model in words: backbone, seed, folds."""
        folds = ", ".join(str(fold) for fold in self.folds)
        word = "fold" if len(self.folds) == 1 else "folds"
        return f"{self.backbone} seed {self.seed} {word} {folds}"

    @property
    def signature(self) -> str:
        """Model and weights, for footers."""
        return f"model {self.name} ({self.model_hash})"

    @property
    def scores(self) -> dict[str, Any]:
        """Test scores as a row of a comparison; None, or NaN, where not stored."""
        row = {"model": self.backbone, "kind": "backbone", "seed": self.seed}
        row["fold"] = self.folds[0]
        for key in ("n_sites", "n_genes", "prevalence", "auprc", "auroc"):
            row[key] = self.metrics.get(key)
        for key in ("auprc", "auroc"):
            ends = self.get_interval(key) or (math.nan, math.nan)
            row[f"{key}_low"], row[f"{key}_high"] = ends
        return row

    def get_interval(self, score: str) -> Sequence[float] | None:
        """Both ends of a test score's 95 % interval, if they are stored."""
        return (self.metrics.get("intervals") or {}).get(score)

    @property
    def is_control(self) -> bool:
        """True if the labels of this contrast were shuffled on purpose."""
        return bool(find_setting(self.settings, "shuffle_labels"))

    @property
    def classes(self) -> list[str]:
        """Class names by label index."""
        return list(self.metrics.get("classes") or ["correct", "error"])

    @property
    def methods(self) -> list[str]:
        """Attribution methods, those that passed every check first."""
        return rank_methods({name: self.has_passed(name) for name in self.attributions})

    def has_passed(self, method: str) -> bool | None:
        """Whether the method passed its checks; None if it was not checked."""
        return self.faithfulness.get("methods", {}).get(method, {}).get("passed")

    @property
    def model_hash(self) -> str:
        """Twelve digits that identify the weights, or "not recorded"."""
        return find_hash(self.settings, self.path)


def _read(
    missing: list[str], file: Path, reader: Callable[[Path], Any], empty: Any
) -> Any:
    """Read a file, or note in ``missing`` why not and return ``empty``."""
    try:
        return reader(file)
    except FileNotFoundError:
        missing.append(f"{file.name} is missing")
    except (OSError, ValueError, KeyError) as error:
        missing.append(f"{file.name} could not be read ({error})")
    return empty


def merge_folds(runs: Sequence[RunResults]) -> RunResults:
    """Put the folds of one backbone and seed together; their tests are disjoint."""
    if len(runs) == 1:
        return runs[0]
    tables = [
        run.predictions.assign(fold=run.folds[0])
        for run in runs
        if run.predictions is not None
    ]
    splits = [run.split for run in runs if run.split is not None]
    methods = set.intersection(*(set(run.attributions) for run in runs))
    attentions = [run.attention for run in runs]
    return replace(
        runs[0],
        folds=tuple(fold for run in runs for fold in run.folds),
        predictions=pd.concat(tables, ignore_index=True) if tables else None,
        metrics=merge_metrics([run.metrics for run in runs]),
        split=pd.concat(splits, ignore_index=True) if splits else None,
        attributions={
            m: concatenate_maps([run.attributions[m] for run in runs])
            for m in sorted(methods)
        },
        attention=None if None in attentions else concatenate_maps(attentions),
        faithfulness=merge_checks([run.faithfulness for run in runs]),
        missing=tuple(
            dict.fromkeys(f"fold {r.folds[0]}: {m}" for r in runs for m in r.missing)
        ),
    )
