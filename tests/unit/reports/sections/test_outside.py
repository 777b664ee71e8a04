"""The overview's pages on other predictors and on facts measured elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import compare_peers, hold_facts
from error_sequence_model.core import write_parquet, write_tsv
from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports.sections.outside import make_outside_pages
from error_sequence_model.reports.sections.peers import (
    describe_context,
    make_peer_pages,
)
from error_sequence_model.results import ReportData, ReportInputs
from error_sequence_model.sites import join_errors
from page_checks import collect_texts, find_text_problems

SITES = 900
SITE = ["chrom", "junction", "strand", "splice_type"]


def make_tables() -> dict[str, pd.DataFrame]:
    """Four predictors; what sees more misses less."""
    rng = np.random.default_rng(3)
    hardness = rng.random(SITES)
    tables = {}
    for name, least in (
        ("spliceai", 0.85),
        ("openspliceai_80", 0.6),
        ("openspliceai_400", 0.7),
        ("openspliceai_10000", 0.8),
    ):
        errs = hardness + rng.normal(0, 0.08, SITES) > least
        if name == "spliceai":
            errs |= rng.random(SITES) < 0.06
        is_annotated = np.arange(SITES) % 2 == 0
        calls = np.select(
            [is_annotated & errs, is_annotated, errs], ["FN", "TP", "FP"], default="TN"
        )
        tables[name] = pd.DataFrame(
            {
                "site_id": np.arange(SITES),
                "chrom": "g",
                "junction": np.arange(SITES) * 50,
                "strand": "+",
                "splice_type": np.where(np.arange(SITES) % 4 < 2, "donor", "acceptor"),
                "pred_type": calls,
                "gene_id": [f"gene{n // 9}" for n in range(SITES)],
            }
        )
    return tables


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> ReportData:
    folder = tmp_path_factory.mktemp("beside") / "spliceai"
    tables = make_tables()
    own = tables["spliceai"]
    rng = np.random.default_rng(4)
    columns = {f"cause_{n}": pd.array(rng.random(SITES) < 0.3) for n in range(9)}
    flags = pd.DataFrame({"site_id": own["site_id"], **columns})
    joined = join_errors(tables)
    found = compare_peers(
        joined,
        flags={"FN": flags, "FP": flags},
        contexts=dict(zip(tables, (10000, 80, 400, 10000), strict=True)),
        draws=100,
    )
    folder.mkdir()
    write_parquet(folder / "peers.parquet", joined)
    write_tsv(folder / "peers.tsv", found.pairs)
    write_tsv(folder / "peer_contrasts.tsv", found.contrasts)
    is_rare = (rng.random(SITES) < 0.2) ^ own["pred_type"].eq("FN")
    facts = own[SITE].assign(low_use=is_rare.astype("boolean"), found_in_x=True)
    meanings = {
        "low_use": {
            "label": "exon in less than half of the transcripts",
            "definition": "mean PSI below 0.5",
            "source": "GTEx",
            "joined": "by place",
            "expected": ["FN"],
            "caution": "a training chromosome: optimistic",
        }
    }
    named = {"FN": {"cause_1": "weak splice site"}, "FP": {}}
    table = hold_facts(
        *(own, facts, meanings), causes=dict.fromkeys(named, flags), named=named
    )
    write_tsv(folder / "outside_truth.tsv", table)
    inputs = ReportInputs(
        "spliceai",
        [],
        folder / "sites.parquet",
        folder / "tables",
        beside=sorted(folder.iterdir()),
    )
    return ReportData(inputs, None, own.set_index("site_id"), {}, (), (), ())


def read_pages(specs, monkeypatch) -> str:
    texts = []
    with use_style():
        for spec in specs:
            page = Page(spec, header="toy", number=1, total=1)
            spec.draw(page)
            assert find_text_problems(page.figure, monkeypatch) == []
            assert page.room > -0.05
            texts += [t.get_text() for t in collect_texts(page.figure, monkeypatch)]
    return " ".join(texts)


def test_peer_pages_have_sets_pairs_and_contrasts(data, monkeypatch) -> None:
    text = read_pages(make_peer_pages(data), monkeypatch)
    for word in ("Missed (FN)", "Invented (FP)", "kappa [95 %]", "Context as a cause"):
        assert word in text
    assert "private_to_spliceai_vs_shared" in text
    pairs = pd.read_csv(data.inputs.tables / "overview.peers.tsv", sep="\t")
    assert len(pairs) == 2 * 2 * 6
    counts = pd.read_csv(
        data.inputs.tables / "overview.peer_combinations.tsv", sep="\t"
    )
    missed = counts[(counts["kind"] == "missed") & counts["spliceai"]]["n"].sum()
    assert missed == data.sites["pred_type"].eq("FN").sum()


def test_context_is_compared_with_the_widest_of_the_family(data) -> None:
    sites = pd.read_parquet(data.inputs.sites.parent / "peers.parquet")
    pairs = pd.read_csv(data.inputs.sites.parent / "peers.tsv", sep="\t")
    first, second = describe_context(sites, pairs)
    assert "openspliceai_80 misses with 80 nt in view" in first
    assert "found by openspliceai_10000 with 10,000 nt" in second
    missed = sites[(sites["kind"] == "missed") & sites["openspliceai_400"]]
    share = 1 - missed["openspliceai_10000"].mean()
    assert f"of {len(missed)} sites" in second and f"{share:.0%} [" in second


def test_sites_without_a_gene_are_not_one_gene(data) -> None:
    sites = pd.read_parquet(data.inputs.sites.parent / "peers.parquet")
    pairs = pd.read_csv(data.inputs.sites.parent / "peers.tsv", sep="\t")
    lines = list(describe_context(sites.assign(gene_id=None), pairs))
    spans = [re.findall(r"\[(\d+)%, (\d+)%\]", line)[0] for line in lines]
    assert len(spans) == 2
    assert all(int(low) < int(high) for low, high in spans)


def test_outside_pages_give_verdicts_and_sources(data, monkeypatch) -> None:
    text = read_pages(make_outside_pages(data), monkeypatch)
    assert "✓ supports" in text and "FN against TP" in text
    assert "FN: weak splice site" in text and "with and without a named cause" in text
    assert "¹ A training chromosome: optimistic." in text
    assert "mean PSI below 0.5 (GTEx; joined: by place)." in text


def test_nothing_beside_makes_no_page(data, tmp_path: Path) -> None:
    inputs = ReportInputs("x", [], data.inputs.sites, tmp_path)
    empty = ReportData(inputs, None, data.sites, {}, (), (), ())
    assert make_peer_pages(empty) == make_outside_pages(empty) == []


def test_sites_of_one_gene_have_no_interval() -> None:
    """All of one gene are drawn alike: it would have no width."""
    sites = pd.DataFrame({"kind": "missed", "near": True, "gene_id": [None] * 40})
    sites["wide"] = np.arange(40) < 20
    pairs = pd.DataFrame(
        [["near", "wide", 80, 10_000]],
        columns=["first", "second", "context_first", "context_second"],
    )
    (told,) = describe_context(sites, pairs)
    low, high = map(int, re.search(r"50% \[(\d+)%, (\d+)%\]", told).groups())
    assert 25 < low < 40 < 60 < high < 75
    (told,) = describe_context(sites.assign(gene_id="g"), pairs)
    assert "50% are found" in told
