"""Tables that lack what a table may lack, each through everything to the PDFs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from error_sequence_model.genome import Genome, extract_window, get_junctions
from planned_runs import run_planned
from workflow_runs import make_config

pytestmark = pytest.mark.workflow

SITE = ["chrom", "position", "strand", "splice_type", "pred_type"]
# Name -> what is left of a table; all others have gene_id, names, biotypes and scores.
TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one_type": lambda table: table[table["splice_type"].eq("donor")],
    "bare": lambda table: table[SITE],
    "one_strand": lambda table: table[table["strand"].eq("+")],
    "one_gene": lambda table: table.assign(gene_id="g", gene_name="g"),
    "few_errors": lambda table: pd.concat(
        [
            table[table["pred_type"].eq("TP")],
            table[table["pred_type"].eq("FN")].groupby("chrom").head(2),
        ]
    ),
    "half_empty": lambda table: table.assign(
        score=table["score"].where(table["pred_type"].eq("TP")),
        gene_id=table["gene_id"].where(table.index % 2 == 0),
        gene_biotype=None,
    ),
}
REPORTS = [f"attention_{name}.pdf" for name in ("FP", "FN", "TP")]


def make_matrix(small_input: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    """A config with a predictor per table; no annotation but for one of them."""
    table = pd.read_csv(small_input / "errors.tsv", sep="\t")
    predictors = {}
    for name, choose in TABLES.items():
        path = folder / f"{name}.tsv"
        choose(table).to_csv(path, sep="\t", index=False)
        predictors[name] = {"genome": "small", "errors": str(path)}
    sequences = folder / "sequences.tsv"
    make_sequences(small_input, table).to_csv(sequences, sep="\t", index=False)
    predictors["sequences"] = {
        **{"format": "sequences", "errors": str(sequences)},
        "splits": {"by": "homology", "test": [], "validation": []},
    }
    return make_config(
        small_input,
        **{
            "predictors": predictors,
            "splice_types": ["any"],
            "baselines": {
                "models": [
                    *("prevalence", "score", "strength", "kmers", "logistic"),
                    *("boosting", "neighbour"),
                ]
            },
            "verification": {"features": 2, "sites": 10, "draws": 1},
            "evaluation": {"bootstrap_draws": 100},
            **changes,
        },
    )


def make_sequences(small_input: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Sequences with the call they are of, and nothing else."""
    rows = table[SITE].drop_duplicates()
    junctions = get_junctions(
        rows["position"].to_numpy(),
        rows["strand"].eq("+").to_numpy(),
        rows["splice_type"].eq("donor").to_numpy(),
        coordinate_base=1,
        site_base="exon",
    )
    places = zip(rows["chrom"], junctions, rows["strand"], strict=True)
    with Genome(small_input / "genome.fa") as genome:
        texts = [
            extract_window(genome, *place, upstream=70, downstream=70)
            for place in places
        ]
    return pd.DataFrame({"sequence": texts, "pred_type": rows["pred_type"]})


def test_every_sparse_table_ends_in_reports(small_input, tmp_path, monkeypatch):
    config = make_matrix(small_input, tmp_path)
    assert run_planned(config, tmp_path, monkeypatch) == {}
    check_reports(config, tmp_path)


def test_windows_too_short_for_most_features(small_input, tmp_path, monkeypatch):
    config = make_matrix(
        small_input, tmp_path, windows={"upstream": 10, "downstream": 10}
    )
    kept = ("one_type", "few_errors", "sequences")
    config["predictors"] = {name: config["predictors"][name] for name in kept}
    assert run_planned(config, tmp_path, monkeypatch) == {}
    check_reports(config, tmp_path)


def check_reports(config: dict[str, Any], folder: Path) -> None:
    for name in config["predictors"]:
        for report in (*REPORTS, "overview.pdf", "sites.html"):
            assert (folder / "results/reports" / name / report).stat().st_size
