"""The figure of the README is drawn from tables alone, and says what they say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.reports import draw_result, write_figure

ROOT = Path(__file__).parents[3]
UNIT = "FP.fp_vs_tp.donor"


@pytest.fixture
def results(tmp_path) -> Path:
    tables = tmp_path / "reports" / "p" / "tables"
    group = tmp_path / "p" / "fp_vs_tp" / "donor"
    for folder in (tables, group):
        folder.mkdir(parents=True)
    rows = [("prevalence", "reference", 0.3), ("net", "backbone", 0.8)]
    rows += [("kmers", "baseline", 0.6)]
    comparison = pd.DataFrame(rows, columns=["model", "kind", "auprc"])
    comparison["auprc_low"] = comparison["auprc"] - 0.1
    comparison["auprc_high"] = comparison["auprc"] + 0.1
    comparison["prevalence"] = 0.3
    profile = pd.DataFrame({"offset": range(-10, 10)})
    for kind, value in (("error", 1.5), ("correct", -0.5)):
        profile[kind], profile[f"{kind}_sites"] = value, 12
        profile[f"{kind}_low"], profile[f"{kind}_high"] = value - 0.2, value + 0.2
    elements = pd.DataFrame(
        {
            "element": ["g_triplet", "g_triplet", "fus", "other"],
            "consensus": ["GGG", "GGG", "GGTG", "AAA"],
            "odds_ratio": [4.0, 3.0, 0.5, 1.0],
            "low": [2.0, 2.0, 0.3, 0.5],
            "high": [8.0, 5.0, 0.8, 2.0],
            "q": [1e-4, 1e-3, 1e-2, 0.9],
            "significant": [True, True, True, False],
        }
    )
    checks = pd.DataFrame(
        {
            "contrast": ["fn_vs_tp", "fp_vs_tp"],
            "splice type": ["donor", "donor"],
            "method": ["saliency", "integrated gradients"],
            "verdict": ["✓ passed", "✗ FAILED"],
        }
    )
    comparison.to_csv(group / "comparison.tsv", sep="\t", index=False)
    profile.to_csv(tables / f"{UNIT}.attribution_profile.tsv", sep="\t", index=False)
    elements.to_csv(tables / f"{UNIT}.elements.tsv", sep="\t", index=False)
    checks.to_csv(tables / "FP.checks.tsv", sep="\t", index=False)
    return tmp_path


def test_three_panels_say_what_the_tables_say(results, tmp_path):
    figure = draw_result(results, "p", "fp_vs_tp", "donor", "FP")
    models, profile, elements = figure.axes
    names = [label.get_text() for label in models.get_yticklabels()]
    assert names == ["kmers", "net"], "sorted by AUPRC, references are no rows"
    assert "integrated gradients: ✗ FAILED" in profile.get_xlabel()
    legend = [text.get_text() for text in profile.get_legend().get_texts()]
    assert legend == ["FP (12 sites)", "TP (12 sites)"]
    words = [label.get_text() for label in elements.get_yticklabels()]
    assert words == ["fus\nGGTG", "g triplet\nGGG"], "each once, only significant ones"
    for name in ("a.png", "b.png"):
        write_figure(figure, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_results_it_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"comparison\.tsv.*run the workflow"):
        draw_result(tmp_path, "p", "fp_vs_tp", "donor", "FP")


def test_the_figure_of_the_readme_is_small():
    figure = ROOT / "docs" / "images" / "demo.png"
    assert "docs/images/demo.png" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert figure.stat().st_size < 200_000
