"""Planted causes become motifs and enriched elements; decoys and noise do not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError, read_json
from error_sequence_model.features import read_elements
from error_sequence_model.motifs import choose_method, gather_sites
from error_sequence_model.motifs.clusters import Motif
from error_sequence_model.motifs.element_tests import ELEMENT_COLUMNS, measure_elements
from error_sequence_model.motifs.search import MOTIF_COLUMNS, search_motifs
from error_sequence_model.statistics import scale_maps
from fake_motifs import add_motifs
from fake_results import build_results
from simulated_sites import make_unit, simulate_sites

# What is planted, where (offsets of its first base), and the elements that say so.
PLANTED = {
    ("fn_vs_tp", "donor"): ("TTAGGGT", (-40, -12), {"hnrnpa1"}),
    ("fn_vs_tp", "acceptor"): ("TTCTCTCT", (-20, -12), {"ptbp1"}),
    ("fp_vs_tp", "donor"): ("GGGTGGG", (10, 36), {"g_triplet", "fus"}),
    ("fp_vs_tp", "acceptor"): (
        "TTTTTTTTTTTTTTGA",
        (-35, -17),
        {"alu_antisense", "u_tract_tia1", "u_tract_hnrnpc"},
    ),
}
DECOY = "TGCATG"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulate_sites(tmp_path_factory.mktemp("simulated"))


def search(unit, splice_type, **changes):
    options = {"splice_type": splice_type, "elements": read_elements(), "predict": None}
    options |= changes
    return search_motifs(unit.maps, unit.rows, unit.held_out, **options)


def is_within(consensus, word):
    """Whether a motif's letters fit the word at some shift, mostly overlapping."""
    allowed = {"N": "ACGT", "R": "AG", "Y": "CT", "K": "GT", "W": "AT", "S": "CG"}
    padded = "." * 4 + word + "." * 4
    for shift in range(len(padded) - len(consensus) + 1):
        pairs = list(zip(consensus, padded[shift:], strict=False))
        known = [(a, b) for a, b in pairs if b != "."]
        if len(known) >= min(len(consensus), 5) and all(
            b in allowed.get(a, a) for a, b in known
        ):
            return True
    return False


def test_a_motif_lies_where_most_of_its_seqlets_do() -> None:
    def place(*starts: int) -> tuple[int, int]:
        count = len(starts)
        matrix = np.full((7, 4), 0.25)
        return Motif(1, np.arange(count), np.array(starts), matrix, matrix).place

    assert place(30) == (30, 30)
    assert place(30, 10) == (10, 30)
    assert place(30, 31, 33, 34, 90) == (30, 34), "one word elsewhere by chance"
    assert place(-5, 30, 31, 33, 34, 90) == (-5, 34), "five of six are needed"


@pytest.mark.parametrize(("contrast", "splice_type"), PLANTED)
def test_planted_cause_is_the_motif_and_the_decoy_is_not(
    simulated, contrast, splice_type
):
    word, (low, high), names = PLANTED[contrast, splice_type]
    unit = make_unit(simulated, contrast, splice_type)
    found = search(unit, splice_type).table
    assert list(found) == list(MOTIF_COLUMNS)
    first = found.iloc[0]
    assert first["significant"] and first["q"] < 1e-6 and first["low"] > 3
    assert first["beyond_composition"]
    assert first["sign"] == "error" and first["strand"] == "+"
    core = first["consensus"].strip("T") if "GA" in word else first["consensus"]
    assert is_within(core, word), first["consensus"]
    assert not is_within(core, word.translate(COMPLEMENT)[::-1])
    assert low - 2 <= first["offset_low"] <= first["offset_high"] <= high + 2
    # The decoy is in the maps, so it is found; but it is no more frequent in errors.
    decoys = found[found["element"] == "rbfox"]
    assert not decoys["significant"].any()
    assert not found.loc[found["consensus"].str.contains(DECOY), "significant"].any()

    table = measure_elements(
        read_elements(),
        unit.everything,
        splice_type=splice_type,
        explained=unit.held_out.select(unit.rows),
        scaled=scale_maps(unit.maps),
    )
    assert list(table) == list(ELEMENT_COLUMNS)
    top = table.iloc[0]
    assert top["element"] in names and top["significant"] and top["odds_ratio"] > 3
    assert top["attribution_error"] > 0.4
    assert low - 5 <= top["offset_median"] <= high + 12
    assert not table.loc[table["element"] == "rbfox", "significant"].any()


def test_decoy_is_found_in_the_maps_that_show_it(simulated):
    found = search(make_unit(simulated, "fn_vs_tp", "donor"), "donor").table
    decoy = found[found["element"] == "rbfox"]
    assert len(decoy) == 1 and decoy["element_q"].iloc[0] < 0.05
    assert decoy["q"].iloc[0] > 0.05


def test_permuted_labels_leave_nothing(simulated):
    """At 5 % of false discoveries, about one of 20 such tables is not empty."""
    n_false, p_values = 0, []
    for seed in range(1, 21):
        unit = make_unit(simulated, "fn_vs_tp", "acceptor", shuffle_seed=seed)
        found = search(unit, "acceptor", elements=[]).table
        assert len(found) >= 1  # the maps still show what was planted
        n_false += bool(found["significant"].any())
        p_values += found["p"].dropna().tolist()
    assert n_false <= 3
    assert 0.3 < np.mean(p_values) < 0.7
    table = measure_elements(read_elements(), unit.everything, splice_type="acceptor")
    assert not table["significant"].any()
    assert 0.3 < table["p"].mean() < 0.7


def test_labels_do_not_choose_the_motifs(simulated):
    unit = make_unit(simulated, "fn_vs_tp", "donor")
    flipped = unit.held_out.select(np.arange(len(unit.held_out)))
    object.__setattr__(flipped, "is_error", ~unit.held_out.is_error)
    one = search(unit, "donor")
    other = search(unit._replace(held_out=flipped), "donor")
    for columns in (["consensus", "n_seqlets", "start", "end"],):
        left = one.table[columns].sort_values(columns).to_numpy().tolist()
        assert left == other.table[columns].sort_values(columns).to_numpy().tolist()
    ratio = dict(zip(one.table["consensus"], one.table["odds_ratio"], strict=True))
    for row in other.table.itertuples():
        # Without its neighbours, which ``select`` drops, only nearly the inverse.
        assert np.log(row.odds_ratio) == pytest.approx(
            -np.log(ratio[row.consensus]), abs=0.5
        )


def test_a_model_that_reads_the_motif_shows_its_effect(simulated):
    unit = make_unit(simulated, "fn_vs_tp", "donor")

    def predict(texts):
        return np.array([2.0 * ("TTAGGGT" in text) for text in texts])

    found = search(unit, "donor", predict=predict).table.set_index("element")
    real, decoy = found.loc["hnrnpa1"], found.loc["rbfox"]
    assert real["delta_logit"] == pytest.approx(2, abs=0.2) and real["delta_low"] > 1
    assert real["n_windows"] == 40
    # Taken out of the errors that carry it, beside as many other bases.
    assert real["knockout_logit"] == pytest.approx(-2, abs=0.8)
    assert real["knockout_high"] < -0.5 and real["n_knocked_out"] >= 10
    assert decoy["knockout_logit"] == pytest.approx(0, abs=0.3)
    assert decoy["delta_logit"] == pytest.approx(0, abs=0.2)


def test_too_few_errors_or_flat_maps_give_an_empty_table(simulated):
    unit = make_unit(simulated, "fn_vs_tp", "donor")
    flat = unit._replace(maps=np.zeros_like(unit.maps))
    found = search(flat, "donor")
    assert list(found.table) == list(MOTIF_COLUMNS) and found.table.empty
    few = np.flatnonzero(unit.held_out.is_error)[:5]
    kept = np.sort(np.concatenate([few, np.flatnonzero(~unit.held_out.is_error)]))
    sites = unit.held_out.select(kept)
    rows = np.flatnonzero(np.isin(kept, unit.rows))
    maps = unit.maps[np.isin(unit.rows, kept)]
    table = search_motifs(
        maps, rows, sites, splice_type="donor", elements=read_elements(), predict=None
    ).table
    assert not table["significant"].any() and table["q"].isna().all()


def test_method_is_the_first_that_passed():
    maps = {"substitution": None, "integrated_gradients": None}

    def check(first, second):
        return {
            "methods": {
                "integrated_gradients": {"passed": first},
                "substitution": {"passed": second},
            }
        }

    assert choose_method(maps, check(True, True), "auto") == (
        "integrated_gradients",
        True,
    )
    assert choose_method(maps, check(False, True), "auto") == ("substitution", True)
    assert choose_method(maps, check(False, False), "auto") == (
        "integrated_gradients",
        False,
    )
    assert choose_method(maps, check(True, True), "occlusion") == ("substitution", True)
    with pytest.raises(InputError, match=r"explanation\.methods makes maps of"):
        choose_method(maps, check(True, True), "saliency")


def test_files_of_a_run_fit_each_other(tmp_path):
    fake = add_motifs(build_results(tmp_path, n_per_class=120, splice_types=("donor",)))
    run = fake.runs[0]
    table = pd.read_csv(run / "motifs.tsv", sep="\t")
    details = read_json(run / "motifs.json")
    elements = read_elements(run / "motifs.meme")
    names = table["motif"].tolist()
    assert names == [entry["motif"] for entry in details["motifs"]]
    assert names == [element.name for element in elements]
    for row, entry, element in zip(
        table.itertuples(), details["motifs"], elements, strict=True
    ):
        assert np.allclose(entry["matrix"], element.matrix, atol=1e-3)
        assert len(row.consensus) == element.width == len(entry["contributions"])
        assert len(entry["seqlet_offsets"]) == row.n_seqlets
        inside = [
            offset
            for offset in entry["hit_offsets"]["error"]
            if row.start <= offset <= row.end - element.width
        ]
        assert bool(inside) == bool(row.error_sites)
    again = run / "motifs.tsv"
    before = again.read_bytes()
    add_motifs(fake)
    assert again.read_bytes() == before


COUNT, LENGTH = 40, 20


def gather(explained: list[int], most: int | None):
    sites = pd.DataFrame(
        {
            **{"site_id": np.arange(COUNT), "chrom": "c", "strand": "+"},
            **{"junction": 100 * np.arange(COUNT) + 500, "splice_type": "donor"},
            **{"pred_type": "TP", "gene_id": "g"},
        }
    ).set_index("site_id", drop=False)
    letters = np.random.default_rng(0).choice(list("ACGT"), (COUNT, LENGTH))
    windows = SimpleNamespace(
        upstream=10,
        downstream=10,
        get_matrix=lambda ids: letters[ids].astype("S1").view(np.uint8),
    )
    split = pd.DataFrame({"site_id": np.arange(COUNT), "label": np.arange(COUNT) % 2})
    options = {"error_labels": [1], "explained": np.array(explained), "seed": 3}
    return gather_sites(split, sites, windows, most=most, **options)


def test_explained_sites_are_kept_where_sites_are_drawn() -> None:
    explained = [0, 1, 2, 5, 30, 38]
    found = gather(explained, most=6)
    assert np.isin(explained, found.site_ids).all()
    assert found.is_error.sum() == (~found.is_error).sum() == 6
    assert (np.diff(found.site_ids) > 0).all()
    assert np.array_equal(found.strata[:, 0] == 1, np.isin(found.site_ids, explained))
    assert len(gather(explained, most=None)) == COUNT
