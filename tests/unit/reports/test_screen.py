"""The results on the screen."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.core import InputError, write_json, write_tsv
from error_sequence_model.reports import describe_results


def test_results_in_a_few_lines(tmp_path) -> None:
    with pytest.raises(InputError, match="run the workflow"):
        list(describe_results(tmp_path, "net"))
    row = dict.fromkeys(["auprc", "auprc_low", "auprc_high"], 0.5)
    row |= dict.fromkeys(["auroc", "auroc_low", "auroc_high"], 0.75)
    row |= {"model": "encoder", "kind": "backbone", "prevalence": 0.25}
    row |= {"against": "kmers", "delta_auprc": 0.125}
    write_tsv(
        tmp_path / "net" / "fp_vs_tp" / "donor" / "comparison.tsv",
        pd.DataFrame([row, {**row, "model": "kmers", "kind": "baseline"}]),
    )
    sites = pd.DataFrame({"gene_id": ["a", None]})
    sites.to_parquet(tmp_path / "net" / "sites.parquet")
    report = tmp_path / "reports" / "net" / "overview.pdf"
    report.parent.mkdir(parents=True)
    report.touch()
    text = "\n".join(describe_results(tmp_path, "net"))
    assert "AUROC 0.75 [0.75, 0.75]" in text
    assert "kmers: +0.12 AUPRC" in text
    assert str(report) in text
    assert text.count("AUPRC 0.50") == 1, "baselines are in the table only"
    assert "(95 % intervals by bootstrap over genes):" in text
    sites.assign(gene_id=None).to_parquet(tmp_path / "net" / "sites.parquet")
    assert "over sites (no gene_id: read “genes” as sites)" in next(
        line for line in describe_results(tmp_path, "net") if line
    )


@pytest.mark.parametrize(
    ("leakage", "told"),
    [
        ({}, "no weak: 50% of errors, 25% of correct calls"),
        ({"peers": ["other"]}, "no weak: 50% of private, 25% of shared errors"),
    ],
)
def test_shared_errors_are_no_correct_calls(tmp_path, leakage, told) -> None:
    folder = tmp_path / "net" / "mine" / "any"
    write_tsv(folder / "comparison.tsv", pd.DataFrame({"model": [], "kind": []}))
    row = {"name": "weak", "is_named": True, "is_absence": True}
    row |= {"share_error": 0.5, "share_correct": 0.25}
    write_tsv(folder / "explanations.tsv", pd.DataFrame([row]))
    write_json(folder / "leakage.json", leakage)
    pd.DataFrame({"gene_id": ["a"]}).to_parquet(tmp_path / "net" / "sites.parquet")
    assert told in "\n".join(describe_results(tmp_path, "net"))
