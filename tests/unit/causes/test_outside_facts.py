"""Facts measured elsewhere: joined by place, tested at errors and at their causes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import hold_facts, read_facts, read_named_causes
from error_sequence_model.causes.outside_facts import join_facts
from error_sequence_model.core import InputError

SITE = ["chrom", "junction", "strand", "splice_type"]


def make_sites(calls: str) -> pd.DataFrame:
    n = 120
    return pd.DataFrame(
        {
            "site_id": np.arange(n),
            "chrom": "g",
            "junction": np.arange(n) * 10,
            "strand": "+",
            "splice_type": np.where(np.arange(n) % 2, "donor", "acceptor"),
            "pred_type": [calls[k % len(calls)] * 2 for k in range(n)],
            "gene_id": [f"gene{k // 4}" for k in range(n)],
        }
    ).replace({"pred_type": {"FF": "FN", "TT": "TP", "PP": "FP", "NN": "TN"}})


def make_facts(sites: pd.DataFrame, **facts) -> pd.DataFrame:
    columns = {name: pd.array(value, dtype="boolean") for name, value in facts.items()}
    return sites[SITE].assign(**columns)


def test_a_list_of_places_is_false_elsewhere_and_a_fact_unknown() -> None:
    sites = make_sites("FT")
    facts = make_facts(sites, found_in_x=[True] * 120, low=[True] * 120).iloc[:10]
    joined = join_facts(sites, facts)
    assert joined["found_in_x"].tolist() == [True] * 10 + [False] * 110
    assert joined["low"].isna().sum() == 110
    other = sites.assign(chrom=["g"] * 60 + ["h"] * 60)
    assert join_facts(other, facts)["found_in_x"].isna().sum() == 60
    # Another fact of a contig is no list of it.
    more = make_facts(other.iloc[60:70], found_in_x=[None] * 10, low=[True] * 10)
    joined = join_facts(other, pd.concat([facts, more]))
    assert joined["found_in_x"].isna().sum() == 60


def test_a_fact_of_errors_supports_and_its_opposite_contradicts() -> None:
    sites = make_sites("FFT")
    is_error = sites["pred_type"].eq("FN").to_numpy()
    rng = np.random.default_rng(0)
    noise = rng.random(120) < 0.2
    facts = make_facts(sites, goes=is_error ^ noise, against=~is_error ^ noise)
    facts = facts.assign(chance=pd.array(rng.random(120) < 0.5, dtype="boolean"))
    meanings = {"goes": {"label": "it goes", "expected": ["FN"], "source": "made"}}
    table = hold_facts(sites, facts, meanings)
    own = table[table["error_type"] == "FN"].set_index("fact")
    assert own.loc["goes", "verdict"] == "supports"
    assert own.loc["goes", ["label", "source"]].tolist() == ["it goes", "made"]
    assert own.loc["against", "verdict"] == "contradicts"
    assert own.loc["chance", "verdict"] == "open"
    assert own.loc["goes", "known"] == 1
    other = table[table["error_type"] == "FP"].set_index("fact")["verdict"]
    assert other.to_dict() == {
        "goes": "not expected",
        "against": "too few",
        "chance": "too few",
    }


def test_a_cause_is_held_against_facts_among_errors_alone() -> None:
    sites = make_sites("FFT")
    is_error = sites["pred_type"].eq("FN").to_numpy()
    has_cause = np.arange(120) % 4 < 2
    facts = make_facts(sites, low=has_cause & is_error)
    causes = pd.DataFrame({"site_id": np.arange(120), "weak": pd.array(has_cause)})
    table = hold_facts(
        *(sites, facts, {}), causes={"FN": causes}, named={"FN": {"weak": "weak site"}}
    )
    row = table[table["cause"] == "weak"].iloc[0]
    assert row["compared"] == "FN with and without: weak site"
    assert row["n_with"] + row["n_without"] == is_error.sum()
    assert (row["share_with"], row["share_without"]) == (1, 0)
    assert row["verdict"] == "supports"
    # A fact says nothing of causes that it does not name, nor of other errors.
    for meaning in ({"causes": ["gc"]}, {"expected": ["FP"]}):
        table = hold_facts(
            *(sites, facts, {"low": meaning}), causes={"FN": causes}, named=None
        )
        row = table[table["cause"] == "weak"].iloc[0]
        assert row["verdict"] == "not expected" and row["odds_ratio"] > 1


def test_one_of_many_facts_is_not_enough() -> None:
    sites = make_sites("FFT")
    is_error = sites["pred_type"].eq("FN").to_numpy()
    # Twice as frequent at errors: sure by itself, not as the best of many.
    place = np.arange(120) // 3
    often = np.where(is_error, place % 20 < 10, place % 20 < 5)
    alone = hold_facts(sites, make_facts(sites, often=often), {})
    row = alone[alone["error_type"] == "FN"].iloc[0]
    assert row["low"] > 1 and row["q"] < 0.05 and row["verdict"] == "supports"
    chance = {f"chance{n}": place % (n + 3) < 2 for n in range(30)}
    facts = make_facts(sites, often=often, **chance)
    many = hold_facts(sites, facts, {}).query("error_type == 'FN'").set_index("fact")
    assert many.loc["often", "low"] > 1 and many.loc["often", "q"] > 0.05
    assert many.loc["often", "verdict"] == "open"
    # What a fact says nothing of is not asked, and costs nothing.
    meanings = {name: {"expected": ["FP"]} for name in chance}
    fewer = hold_facts(sites, facts, meanings).query("error_type == 'FN'")
    assert fewer.set_index("fact").loc["often", "verdict"] == "supports"
    assert fewer.set_index("fact").loc["chance1", "verdict"] == "not expected"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: facts.assign(n=1.5), "are no facts"),
        (lambda facts: facts[SITE], "no column beside"),
        (lambda facts: facts.assign(strand=1), "strand is .*1.*; it must be [+] or -"),
        (lambda facts: facts.assign(splice_type="5'ss"), "must be donor or acceptor"),
        (lambda facts: facts.assign(junction="7"), "junction holds no numbers"),
    ],
)
def test_other_tables_are_refused(tmp_path, change, message) -> None:
    facts = make_facts(make_sites("FT"), low=[True] * 120)
    change(facts).to_parquet(tmp_path / "facts.parquet")
    with pytest.raises(InputError, match=message):
        read_facts(tmp_path / "facts.parquet")


def test_facts_of_another_genome_or_twice_are_refused() -> None:
    sites = make_sites("FT")
    facts = make_facts(sites, low=[True] * 120)
    with pytest.raises(InputError, match="stands there twice"):
        join_facts(sites, pd.concat([facts, facts.iloc[:1]]))
    with pytest.raises(InputError, match="no contig is the sites'"):
        join_facts(sites, facts.assign(chrom="19"))
    # A list of places would be false everywhere.
    with pytest.raises(InputError, match=r"no row is at a site .*interbase, 0-based"):
        join_facts(sites, facts.assign(junction=facts["junction"] + 1))


def test_meanings_are_read_beside(tmp_path) -> None:
    facts = make_facts(make_sites("FT"), low=[True, None] * 60)
    facts.to_parquet(tmp_path / "facts.parquet")
    assert read_facts(tmp_path / "facts.parquet")[1] == {}
    (tmp_path / "facts.json").write_text(json.dumps({"low": {"label": "rare"}}))
    assert read_facts(tmp_path / "facts.parquet")[1]["low"]["label"] == "rare"
    for odd in ([1], {"low": "rare"}, {"low": {"expected": None}}):
        (tmp_path / "facts.json").write_text(json.dumps(odd))
        with pytest.raises(InputError, match="must say of each fact what it is"):
            read_facts(tmp_path / "facts.parquet")


def test_named_causes_are_flags_and_words(tmp_path) -> None:
    flags = pd.DataFrame({"flag": ["weak", "gc"], "cause": ["weak site", "GC"]}).assign(
        is_enriched=[True, False]
    )
    flags.to_csv(tmp_path / "causes.tsv", sep="\t", index=False)
    ranked = pd.DataFrame(
        {"explanation": ["AGGT"], "name": ["AGGT, exon"], "is_named": [True]}
    ).assign(is_absence=True)
    ranked.to_csv(tmp_path / "explanations.tsv", sep="\t", index=False)
    heads = {"site_id": [4, 5], "label": [0, 1], "part": ["test", "train"]}
    own = {"weak": pd.array([True, None]), "gc": pd.array([False, True])}
    pd.DataFrame(heads | own).to_parquet(tmp_path / "causes.parquet")
    pd.DataFrame(heads | {"AGGT": [2, 1]}).to_parquet(tmp_path / "explanations.parquet")
    causes, named, labels = read_named_causes([("FN", str(tmp_path))])
    assert named == {"FN": {"AGGT": "no AGGT, exon", "weak": "weak site"}}
    assert labels == {"FN": {**named["FN"], "gc": "GC"}}
    assert causes["FN"]["AGGT"].tolist() == [True, False]
    assert set(causes["FN"]) == {"site_id", "weak", "gc", "AGGT"}
