"""The figure of peers and outside facts shows what the overview's tables say."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.reports import draw_beside, write_figure

FACT = {
    **{"fact": "low", "label": "low use", "error_type": "FN", "cause": ""},
    **{"share_with": 0.3, "share_without": 0.1, "odds_ratio": 4.0, "low": 2.0},
    **{"high": 8.0, "verdict": "supports", "caution": "", "predictor": "p"},
}


@pytest.fixture
def tables(tmp_path):
    folder = tmp_path / "reports" / "p" / "tables"
    folder.mkdir(parents=True)
    rows = [
        FACT,
        FACT | {"error_type": "FP", "label": "real but unannotated: seen"},
        FACT | {"verdict": "not expected", "label": "no"},
        FACT | {"cause": "weak", "label": "of a cause"},
        FACT | {"caution": "mind", "predictor": "chr19"},
        FACT | {"fact": "other", "label": "other", "caution": "mind"},
    ]
    facts = pd.DataFrame(rows)
    facts.to_csv(folder / "overview.outside_truth.tsv", sep="\t", index=False)
    sets = {"kind": ["missed", "invented"], "p": True, "q": [True, False], "n": [7, 9]}
    pd.DataFrame(sets).to_csv(
        folder / "overview.peer_combinations.tsv", sep="\t", index=False
    )
    return folder


def read_texts(figure) -> list[str]:
    return [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]


def test_missed_sites_and_facts_of_errors_are_drawn(tables, tmp_path) -> None:
    figure = draw_beside(tmp_path, "p")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [7]
    texts = " | ".join(read_texts(figure))
    assert "FN: low use\n30% against 10%" in texts
    assert "FP: seen" in texts and "FN¹: other" in texts
    assert texts.count("low use") == 1, "of the first predictor that has it"
    assert "FN: no" not in texts and "of a cause" not in texts
    write_figure(figure, tmp_path / "a.png")
    write_figure(draw_beside(tmp_path, "p"), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_facts_alone_are_enough_and_nothing_is_refused(tables, tmp_path) -> None:
    (tables / "overview.peer_combinations.tsv").unlink()
    assert len(draw_beside(tmp_path, "p").axes) == 1
    (tables / "overview.outside_truth.tsv").unlink()
    with pytest.raises(InputError, match="no other predictors and no outside facts"):
        draw_beside(tmp_path, "p")


def test_own_facts_come_first_and_cautions_are_told(tables, tmp_path) -> None:
    path = tables / "overview.outside_truth.tsv"
    facts = pd.read_csv(path, sep="\t")
    facts.iloc[::-1].to_csv(path, sep="\t", index=False)
    figure = draw_beside(tmp_path, "p")
    texts = " | ".join(read_texts(figure))
    assert "FN: low use" in texts and "FN¹: low use" not in texts
    notes = [text.get_text() for text in figure.axes[-1].texts]
    assert notes == ["¹ mind"]
