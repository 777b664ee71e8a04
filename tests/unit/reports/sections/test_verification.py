"""The verification page: nothing overlaps; without a table there is no page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports.sections.verification import (
    describe_verdicts,
    make_verification_pages,
)
from error_sequence_model.verification import COLUMNS
from fake_results import build_results
from page_checks import find_text_problems

VERDICTS = ["confirmed", "classical-only", "LM-only", "contradicted", "undecided"]


def make_table(tests: int, motifs: int) -> pd.DataFrame:
    rows = []
    for number in range(tests + motifs):
        is_motif = number >= tests
        value = (-1) ** number * (1 + number / 10)
        rows.append(
            {
                "feature": f"element:polypyrimidine_tract:-{200 - number}:-50"
                if not is_motif
                else f"error_{number}",
                "definition": "YYYYYYYYYYNNNNNNNNNN at −20..−5",
                "source": "motif" if is_motif else "classical",
                "mode": "added" if is_motif else ["removed", "implanted"][number % 2],
                "importance": np.nan if is_motif else 0.1,
                "n_sites": 60,
                "n_genes": 48,
                "classical": value / 10 if is_motif else value,
                "classical_low": value - 0.5,
                "classical_high": value + 0.5,
                "model": np.nan if number == tests + 1 else value,
                "model_low": value - 1.0,
                "model_high": value + 1.0,
                "verdict": VERDICTS[number % 5],
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return build_results(
        tmp_path_factory.mktemp("results"), n_per_class=40, splice_types=("donor",)
    )


def load(results, tmp_path):
    data = results.inputs(tmp_path / "tables").load("FP")
    return data, data.units[0]


def test_no_table_no_page(results, tmp_path) -> None:
    data, unit = load(results, tmp_path)
    (unit.lead.path / "verification.tsv").unlink(missing_ok=True)
    assert make_verification_pages(data, unit) == []


@pytest.mark.parametrize(("tests", "motifs"), [(16, 9), (5, 0), (0, 3), (0, 0), (1, 1)])
def test_nothing_overlaps(results, tmp_path, monkeypatch, tests, motifs) -> None:
    data, unit = load(results, tmp_path)
    table = make_table(tests, motifs)
    table.to_csv(unit.lead.path / "verification.tsv", sep="\t", index=False)
    (spec,) = make_verification_pages(data, unit)
    with use_style():
        page = Page(spec, header="toy · FP report", number=1, total=1)
        spec.draw(page)
        assert find_text_problems(page.figure, monkeypatch) == []
    stored = tmp_path / "tables" / "FP.fp_vs_tp.donor.verification.tsv"
    assert len(pd.read_csv(stored, sep="\t")) == tests + motifs


def test_verdicts_in_words() -> None:
    text = describe_verdicts(make_table(6, 2))
    assert text == (
        "6 tests of classical features: 2 confirmed, 1 contradicted, 1 LM only, "
        "1 classical only, 1 undecided."
    )
    assert "No feature" in describe_verdicts(make_table(0, 2))
