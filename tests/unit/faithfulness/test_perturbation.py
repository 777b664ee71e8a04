from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.faithfulness import RankedMaps, check_perturbation
from error_sequence_model.faithfulness.perturbation import SHARES
from error_sequence_model.notebook import prepare_datasets_for_training
from tiny_models import draw_sequences

LENGTH = 41
CPU = torch.device("cpu")


def make_case(values: np.ndarray, count: int = 12):
    """Sites whose own bases carry ``values`` (one per place); any other base, nothing.

    All sites are one sequence, so that the additive model fits each of them.
    """
    text, other = draw_sequences(np.random.default_rng(0), 2, LENGTH, LENGTH)
    frame = pd.DataFrame({"sequence": [text] * count + [other]})
    frame["label"] = np.arange(count + 1) % 2
    dataset, _ = prepare_datasets_for_training(frame[:count], frame[count:])
    table = np.zeros((LENGTH, 4))
    for place, base in enumerate(text):
        table[place, "ACGT".index(base)] = values[place]
    return AdditiveModel(table).eval(), dataset, [text] * count


def check(case, **maps):
    model, dataset, texts = case
    ranked = {
        name: RankedMaps(np.tile(scores, (len(texts), 1)), kind)
        for name, (scores, kind) in maps.items()
    }
    return check_perturbation(model, dataset, texts, ranked, device=CPU, seed=1)


def test_curves_of_a_known_model_are_exact() -> None:
    values = np.zeros(LENGTH)
    values[[5, 18, 19, 30]] = [4.0, 2.0, 1.0, -3.0]
    found = check(make_case(values), true=(values, "signed"))["true"]
    deleted, inserted = found["deletion"]["curve"], found["insertion"]["curve"]
    assert deleted["shares"] == list(SHARES["deletion"])
    # 1 %, 2 %, 5 %, 10 % and 20 % of 41 bases are 1, 1, 2, 4 and 8 bases.
    assert deleted["guided"] == pytest.approx([4, 4, 6, 7, 7])
    # The whole sequence is worth 4, a blank one nothing: 2, 4, 8 and 16 bases back.
    assert inserted["guided"] == pytest.approx([6, 7, 7, 7])
    for mode, curve in (("deletion", deleted), ("insertion", inserted)):
        assert found[mode]["area"] == pytest.approx(np.mean(curve["guided"]))
        assert found[mode]["random_area"] == pytest.approx(np.mean(curve["random"]))
        assert found[mode]["passed"]
        assert found[mode]["interval"][0] > 0
        assert found[mode]["n_sites"] == 12


def test_the_predicted_side_is_what_is_supported() -> None:
    values = np.zeros(LENGTH)
    values[[5, 18, 30]] = [2.0, -4.0, -1.0]
    found = check(make_case(values), true=(values, "signed"))["true"]
    # Seen as correct: its negative bases support that.
    assert found["deletion"]["curve"]["guided"] == pytest.approx([4, 4, 5, 5, 5])
    turned = check(make_case(values), turned=(-values, "signed"))["turned"]
    assert not turned["deletion"]["passed"]
    assert not turned["insertion"]["passed"]


def test_a_random_map_and_a_constant_one_fail() -> None:
    values = np.zeros(LENGTH)
    values[[7, 25, 33]] = [3.0, 3.0, 3.0]
    noise = np.random.default_rng(5).permutation(np.r_[np.zeros(3), np.ones(38)])
    noise[[7, 25, 33]] = 0
    found = check(
        make_case(values), noise=(noise, "signed"), flat=(np.ones(LENGTH), "unsigned")
    )
    for name in ("noise", "flat"):
        assert not found[name]["deletion"]["passed"], name
        assert not found[name]["insertion"]["passed"], name


def test_what_a_height_means_depends_on_the_kind() -> None:
    values = np.zeros(LENGTH)
    values[[5, 18]] = [-4.0, -2.0]
    case = make_case(values)
    found = check(
        case,
        unsigned=(np.abs(values), "unsigned"),
        signed=(np.abs(values), "signed"),
        error=(np.abs(values), "error"),
    )
    assert found["unsigned"]["deletion"]["passed"]
    assert not found["signed"]["deletion"]["passed"], "the sign is wrong"
    # Evidence for an error says nothing of sites that are seen as correct.
    assert found["error"]["deletion"] == {
        **{"area": None, "random_area": None, "n_sites": 0, "passed": None}
    }


def test_nothing_is_inserted_where_a_blank_sequence_looks_alike() -> None:
    values = np.zeros(LENGTH)
    values[[5, 6]] = [0.05, -0.01]
    found = check(make_case(values), true=(values, "signed"))["true"]
    assert found["insertion"]["n_sites"] == 0
    assert found["insertion"]["passed"] is None
    assert found["deletion"]["n_sites"] == 12


def test_too_few_sites_are_not_judged() -> None:
    values = np.zeros(LENGTH)
    values[5] = 4.0
    found = check(make_case(values, count=4), true=(values, "signed"))["true"]
    assert found["deletion"]["n_sites"] == 4
    assert found["deletion"]["passed"] is None
    assert found["deletion"]["curve"]["guided"] == pytest.approx([4] * 5)
