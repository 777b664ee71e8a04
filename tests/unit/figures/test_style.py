"""Colours of the config reach the figures and the browser, and nothing after them."""

from __future__ import annotations

from error_sequence_model.figures import CLASS_COLOURS, get_class_colour, use_style
from error_sequence_model.reports import write_browser
from fake_results import build_results


def test_colours_hold_within_the_block_only():
    with use_style({"FP": "#123456"}):
        assert get_class_colour("FP/TP") == "#123456"
        assert get_class_colour("TP") == CLASS_COLOURS["TP"]
    assert get_class_colour("FP") == CLASS_COLOURS["FP"]


def test_the_browser_has_them(tmp_path):
    fake = build_results(tmp_path, n_per_class=24, splice_types=("donor",))
    path = write_browser(
        fake.runs,
        tmp_path / "sites.html",
        predictor="toy",
        sites=fake.sites,
        windows=tmp_path / "none.arrow",
        colours={"FN": "#abcdef"},
    )
    page = path.read_text(encoding="utf-8")
    assert "--class-fn: #abcdef" in page
    assert f"--class-tp: {CLASS_COLOURS['TP']}" in page
