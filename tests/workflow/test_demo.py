"""The demo, as `make demo` runs it: planted causes are found, noise is not."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from error_sequence_model.reports import describe_results
from error_sequence_model.simulation import read_truth, simulate
from workflow_runs import ROOT, run_snakemake

pytestmark = pytest.mark.workflow

PLANTED = [
    (contrast, splice_type)
    for contrast in ("fp_vs_tp", "fn_vs_tp")
    for splice_type in ("donor", "acceptor")
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demo in a folder of its own; give the folder."""
    folder = tmp_path_factory.mktemp("demo")
    simulate(folder / "demo")
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    result = run_snakemake(config, folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def read_metrics(folder: Path, contrast: str, splice_type: str) -> dict:
    run = folder / f"results/demo/{contrast}/{splice_type}/encoder/seed1/fold0"
    return json.loads((run / "metrics.json").read_text())


@pytest.mark.parametrize(("contrast", "splice_type"), PLANTED)
def test_planted_causes_are_learnt(demo, contrast, splice_type):
    assert read_metrics(demo, contrast, splice_type)["auroc"] >= 0.9


def test_shuffled_labels_are_not(demo):
    low, high = read_metrics(demo, "shuffled", "donor")["intervals"]["auroc"]
    assert low <= 0.5 <= high


@pytest.mark.parametrize(("contrast", "splice_type"), PLANTED)
def test_maps_find_the_planted_bases(demo, contrast, splice_type):
    run = demo / f"results/demo/{contrast}/{splice_type}/encoder/seed1/fold0"
    checks = json.loads((run / "faithfulness.json").read_text())["methods"]
    planted = checks["integrated_gradients"]["planted"]
    assert planted["n_sites"] >= 5
    assert planted["auroc"] >= 0.85
    assert planted["auprc"] > planted["position_only"]["auprc"]
    assert checks["integrated_gradients"]["completeness"]["passed"]
    # The decoy was planted in both classes alike: it explains nothing.
    decoys = checks["integrated_gradients"]["decoys"]
    assert decoys is None or decoys["auroc"] < planted["auroc"]


@pytest.mark.parametrize(("contrast", "splice_type"), PLANTED)
def test_maps_pass_every_check(demo, contrast, splice_type):
    run = demo / f"results/demo/{contrast}/{splice_type}/encoder/seed1/fold0"
    stored = json.loads((run / "faithfulness.json").read_text())
    assert stored["methods"]["integrated_gradients"]["passed"] is True
    assert stored["control"] is None


def test_a_model_of_shuffled_labels_shows_no_region(demo):
    run = demo / "results/demo/shuffled/donor/encoder/seed1/fold0"
    stored = json.loads((run / "faithfulness.json").read_text())
    assert stored["control"]["passed"] is True


def test_tracks_lie_in_one_folder(demo):
    tracks = pd.read_csv(demo / "results/tracks/demo/tracks.tsv", sep="\t")
    assert set(tracks["contrast"]) == {"fp_vs_tp", "fn_vs_tp"}
    maps = tracks[tracks["kind"] == "attributions"]
    assert (maps["faithfulness"] == "passed").all()
    assert all((demo / "results/tracks/demo" / f).is_file() for f in tracks["file"])


def test_planted_cause_is_named_and_chance_is_not(demo):
    folder = demo / "results" / "demo"
    named = json.loads((folder / "fp_vs_tp/acceptor/causes.json").read_text())
    assert "alu_like_tract" in named["enriched"]
    assert named["coverage"]["errors"]["share"] >= 0.9
    control = json.loads((folder / "shuffled/donor/causes.json").read_text())
    assert control["enriched"] == []


# What is planted, and between which offsets a motif of it may start.
PLANTED_MOTIFS = {
    ("fn_vs_tp", "donor"): ("TAGGG", -42, -5),
    ("fn_vs_tp", "acceptor"): ("CTCTC", -22, -6),
    ("fp_vs_tp", "donor"): ("GGGTGGG", 8, 40),
    ("fp_vs_tp", "acceptor"): ("TTTTTTTT", -37, -8),
}


@pytest.mark.parametrize(("contrast", "splice_type"), PLANTED)
def test_planted_cause_is_the_first_motif_and_the_decoy_none(
    demo, contrast, splice_type
):
    run = demo / f"results/demo/{contrast}/{splice_type}/encoder/seed1/fold0"
    word, low, high = PLANTED_MOTIFS[contrast, splice_type]
    motifs = pd.read_csv(run / "motifs.tsv", sep="\t")
    first = motifs.iloc[0]
    assert first["significant"] and first["low"] > 3 and first["sign"] == "error"
    assert word in first["consensus"] and first["strand"] == "+"
    # At errors it lies where it was planted; correct calls have such words by chance.
    details = json.loads((run / "motifs.json").read_text())["motifs"][0]
    sites = pd.read_parquet(demo / "results/demo/sites.parquet").set_index("site_id")
    places = pd.Series(details["seqlet_offsets"], index=details["seqlet_sites"])
    is_error = sites.loc[places.index, "pred_type"].eq(contrast[:2].upper())
    places = places[is_error.to_numpy()]
    assert len(places) >= 15 and places.between(low, high).mean() >= 0.95
    assert low <= first["offset_median"] <= high
    assert first["delta_low"] > 0  # the model answers to it
    found = motifs[motifs["significant"]]
    assert not found["consensus"].str.contains("TGCATG").any()
    elements = pd.read_csv(run / "elements.tsv", sep="\t")
    assert elements["significant"].any()
    assert not elements.loc[elements["element"] == "rbfox", "significant"].any()


@pytest.mark.parametrize(("contrast", "splice_type"), PLANTED)
def test_page_one_names_the_planted_cause_first_and_no_shadow(
    demo, contrast, splice_type
):
    folder = demo / "results" / "demo" / contrast / splice_type
    table = pd.read_csv(folder / "explanations.tsv", sep="\t")
    word = PLANTED_MOTIFS[contrast, splice_type][0]
    first = table.iloc[0]
    assert first["is_named"] and first["joint_low"] > 3
    assert word in first["name"] or first["explanation"] == "alu_like_tract"
    shadows = table[table["name"].str.startswith(("GGG (", "GGTG", "TGCATG"))]
    assert not shadows["is_named"].any()
    stored = json.loads((folder / "explanations.json").read_text())
    truth = read_truth(demo / "demo" / "truth.bed")
    error = contrast[:2].upper()
    planted = truth[truth["pred_type"].eq(error) & truth["role"].eq("cause")]
    planted = planted[planted["splice_type"] == splice_type]
    n_planted = len(planted[["chrom", "junction", "strand"]].drop_duplicates())
    n_errors = stored["unexplained"]["of"]
    assert abs(stored["explained_share"] - n_planted / n_errors) <= 0.1


def test_shuffled_labels_have_no_explanation(demo):
    folder = demo / "results" / "demo" / "shuffled" / "donor"
    assert json.loads((folder / "explanations.json").read_text())["named"] == []


def test_shuffled_labels_have_no_motif(demo):
    run = demo / "results/demo/shuffled/donor/encoder/seed1/fold0"
    for name in ("motifs", "elements"):
        table = pd.read_csv(run / f"{name}.tsv", sep="\t")
        assert not table["significant"].any()


def test_no_split_leaks(demo):
    checks = pd.read_csv(demo / "results" / "checks.tsv", sep="\t")
    assert len(checks) == 5
    assert checks["passed"].all()


def test_reports_and_closing_lines(demo):
    reports = sorted(
        path.name for path in (demo / "results/reports/demo").glob("*.pdf")
    )
    assert reports == [
        "attention_FN.pdf",
        "attention_FP.pdf",
        "attention_TP.pdf",
        "overview.pdf",
    ]
    lines = "\n".join(describe_results(demo / "results", "demo"))
    assert "Reports to open:" in lines and "attention_FP.pdf" in lines
    assert (demo / "results/reports/demo/sites.html").is_file()
    assert "sites.html" in lines


def test_the_notebook_page_reads_these_results(demo, monkeypatch, capsys):
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    block = page.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(demo)
    exec(compile(block, "notebook.md", "exec"), {})  # noqa: S102 - our own docs
    offset = int(capsys.readouterr().out.split()[-1])
    assert -30 < offset < 0, "the planted tract lies before the acceptor"
    assert (demo / "site.pdf").read_bytes().startswith(b"%PDF")


def test_the_figure_of_the_readme_can_be_made_of_these_results(demo):
    from error_sequence_model.reports import draw_result

    figure = draw_result(demo / "results", "demo", "fn_vs_tp", "acceptor", "FN")
    assert len(figure.axes) == 3
