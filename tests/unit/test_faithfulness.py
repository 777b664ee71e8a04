from __future__ import annotations

from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from error_sequence_model.attribution import Attribution, attribute
from error_sequence_model.classifier import save_model
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.errors import InputError
from error_sequence_model.explaining import (
    attend_run,
    attribute_run,
    check_run,
    is_error,
)
from error_sequence_model.explanations import (
    choose_sites,
    read_maps,
    write_attribution,
)
from error_sequence_model.faithfulness import (
    check_completeness,
    check_deletion,
    check_planted,
    check_randomisation,
    judge,
    mark_planted,
    randomise,
)
from error_sequence_model.files import read_json
from error_sequence_model.frames import prepare_datasets_for_training
from error_sequence_model.runs import ExplainedRun
from error_sequence_model.substitution import (
    attribute_by_substitution,
    predict_targets,
    replace_windows,
)
from tiny_models import draw_sequences, make_tiny_classifier

CPU = torch.device("cpu")
LENGTH = 41


class AdditiveModel(nn.Module):
    """Log-odds of an error are the sum of ``values[place, base]``."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values, dtype=torch.float32))
        self.config = SimpleNamespace(classes=("correct", "error"))

    def forward(self, input_ids, attention_mask, junction) -> SimpleNamespace:
        places = torch.arange(input_ids.shape[1])
        value = self.values[places, input_ids.clamp(max=3)].sum(dim=1)
        return SimpleNamespace(logits=torch.stack([0 * value, value], dim=1))


def make_dataset(count: int = 12) -> tuple[SequenceDataset, list[str]]:
    sequences = draw_sequences(np.random.default_rng(0), count + 1, LENGTH, LENGTH)
    frame = pd.DataFrame({"sequence": sequences, "label": np.arange(count + 1) % 2})
    dataset, _ = prepare_datasets_for_training(frame[:count], frame[count:])
    return dataset, sequences[:count]


def test_substitution_on_an_additive_model_is_the_smoothed_effect() -> None:
    dataset, sequences = make_dataset(1)
    text = sequences[0]
    values = np.zeros((LENGTH, 4))
    for place, effect in ((10, 3.0), (25, -2.0), (LENGTH - 1, 5.0)):
        values[place, "ACGT".index(text[place])] = effect
    model = AdditiveModel(values).eval()
    maps, target = attribute_by_substitution(
        model, dataset, sequences, device=CPU, seed=1, draws=2
    )
    assert target[0] == pytest.approx(6.0)
    # Any other base loses the whole effect: no chance is left in the result.
    starts = [*range(0, LENGTH - 3, 2), LENGTH - 4]
    expected, covered = np.zeros(LENGTH), np.zeros(LENGTH)
    effects = values.sum(axis=1)
    for start in starts:
        window = slice(start, start + 4)
        expected[window] += effects[window].sum() / 4
        covered[window] += 1
    assert covered.min() >= 1, "also the last base is tested"
    assert np.allclose(maps[0], expected / covered, atol=1e-5)
    assert maps[0, LENGTH - 1] > 0


def test_one_base_at_a_time_gives_the_effects_themselves() -> None:
    dataset, sequences = make_dataset(3)
    rng = np.random.default_rng(2)
    effects = rng.standard_normal((3, LENGTH))
    for site, text in enumerate(sequences):
        values = np.zeros((LENGTH, 4))
        for place, base in enumerate(text):
            values[place, "ACGT".index(base)] = effects[site, place]
        maps, _ = attribute_by_substitution(
            AdditiveModel(values).eval(),
            dataset.select([site]),
            [text],
            device=CPU,
            seed=1,
            width=1,
            stride=1,
            draws=1,
        )
        assert np.allclose(maps[0], effects[site], atol=1e-4)


def test_replaced_windows_differ_there_and_nowhere_else() -> None:
    text = "ACGTNACGTACGT"
    starts = np.array([0, 3, 9])
    found = replace_windows(text, starts, 4, 2, np.random.default_rng(0))
    assert len(found) == 6
    for index, changed in enumerate(found):
        start = starts[index // 2]
        differs = [a != b for a, b in zip(text, changed, strict=True)]
        assert all(differs[start : start + 4])
        assert sum(differs) == 4


def test_substitution_needs_equal_lengths_and_repeats_with_its_seed() -> None:
    dataset, sequences = make_dataset(2)
    model = make_tiny_classifier().eval()
    with pytest.raises(InputError, match="one length"):
        attribute_by_substitution(
            model, dataset, [sequences[0], "ACGT"], device=CPU, seed=1
        )
    first, second = (
        attribute(model, dataset, "occlusion", sequences=sequences, seed=4)
        for _ in range(2)
    )
    assert np.array_equal(first.attributions, second.attributions)
    targets = predict_targets(model, dataset, sequences, dataset.junctions, device=CPU)
    assert np.allclose(first.target, targets, atol=1e-6)


@pytest.mark.parametrize("is_signed", [True, False])
def test_deletion_passes_for_the_true_map_and_fails_for_a_random_one(is_signed) -> None:
    dataset, sequences = make_dataset()
    values = np.zeros((LENGTH, 4))
    values[[5, 18, 19, 30]] = [2, 2, -1, -1] if is_signed else [2, 2, 0, 0]
    model = AdditiveModel(values).eval()
    codes = np.array([["ACGT".index(base) for base in s] for s in sequences])
    true = values[np.arange(LENGTH), codes]
    options = {"is_signed": is_signed, "device": CPU, "seed": 1}
    found = check_deletion(model, dataset, sequences, true, **options)
    assert found["passed"]
    assert found["area"] > found["random_area"]
    assert found["interval"][0] > 0
    assert found["n_sites"] == 12
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(true.shape)
    assert not check_deletion(model, dataset, sequences, noise, **options)["passed"]
    if is_signed:
        upside_down = check_deletion(model, dataset, sequences, -true, **options)
        assert upside_down["area"] < found["area"]
        assert not upside_down["passed"]


def test_completeness_is_judged_by_its_95th_percentile() -> None:
    good = check_completeness(np.full(100, 0.01))
    assert good == {"median": 0.01, "p95": 0.01, "limit": 0.05, "passed": True}
    bad = check_completeness(np.r_[np.full(90, 0.01), np.full(10, 0.5)])
    assert not bad["passed"]
    assert check_completeness(None) is None
    assert check_completeness(np.zeros(0)) is None


def test_randomisation_compares_ranks() -> None:
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((10, 80))
    same = check_randomisation(maps, 3 * maps + 1)
    assert same["rank_correlation"] == pytest.approx(1.0)
    assert not same["passed"]
    assert not check_randomisation(maps, -maps)["passed"]
    other = check_randomisation(maps, rng.standard_normal((10, 80)))
    assert other["passed"]
    assert other["n_sites"] == 10
    flat = check_randomisation(np.zeros((3, 80)), maps[:3])
    assert flat["n_sites"] == 0
    assert not flat["passed"], "nothing was compared"


def test_random_weights_are_everywhere_and_the_model_stays() -> None:
    model = make_tiny_classifier(layers=2)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.get_rng_state()
    fresh = randomise(model, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    for name, parameter in fresh.named_parameters():
        if parameter.ndim > 1:
            assert not torch.equal(parameter, before[name]), name
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert fresh.tokenizer is model.tokenizer
    again = randomise(model, seed=1).state_dict()
    assert all(torch.equal(t, again[name]) for name, t in fresh.state_dict().items())


def make_truth(rows: list[tuple]) -> pd.DataFrame:
    columns = ["chrom", "start", "end", "strand", "junction", "splice_type", "role"]
    return pd.DataFrame(rows, columns=columns)


def test_planted_bases_on_both_strands_by_hand() -> None:
    sites = pd.DataFrame(
        {
            "chrom": ["c", "c", "c", "d"],
            "junction": [100, 100, 200, 100],
            "strand": ["+", "-", "-", "+"],
            "splice_type": ["donor", "donor", "acceptor", "donor"],
        },
        index=[7, 3, 5, 1],
    )
    truth = make_truth(
        [
            ("c", 102, 105, "+", 100, "donor", "cause"),  # offsets 2, 3, 4
            ("c", 102, 105, "-", 100, "donor", "cause"),  # offsets -5, -4, -3
            ("c", 190, 192, "-", 200, "acceptor", "decoy"),  # offsets 8, 9
            ("c", 203, 260, "-", 200, "acceptor", "cause"),  # cut at the window's edge
            ("e", 102, 105, "+", 100, "donor", "cause"),  # no such site
        ]
    )
    causes, decoys = mark_planted(truth, sites, upstream=10, downstream=12)
    assert causes.shape == decoys.shape == (4, 22)
    assert np.flatnonzero(causes[0]).tolist() == [12, 13, 14]
    assert np.flatnonzero(causes[1]).tolist() == [5, 6, 7]
    assert np.flatnonzero(causes[2]).tolist() == list(range(7))
    assert np.flatnonzero(decoys[2]).tolist() == [18, 19]
    assert not causes[3].any()
    assert not decoys[[0, 1, 3]].any()


def test_planted_truth_is_scored_on_confident_errors_only() -> None:
    causes = np.zeros((3, 20), dtype=bool)
    causes[:2, 4:8] = True
    maps = np.random.default_rng(0).standard_normal((3, 20)) * 0.1 + causes
    found = check_planted(maps, causes, np.array([True, False, True]))
    assert found == {"auroc": 1.0, "auprc": 1.0, "base_rate": 0.2, "n_sites": 1}
    turned = check_planted(-maps, causes, np.ones(3, dtype=bool))
    assert turned["auroc"] == 0.0
    assert turned["n_sites"] == 2
    assert check_planted(maps, causes, np.zeros(3, dtype=bool)) is None


def test_a_map_passes_only_if_every_check_passed() -> None:
    good, bad = {"passed": True}, {"passed": False}
    assert judge({"completeness": None, "deletion": good})["passed"]
    assert not judge({"completeness": good, "deletion": bad})["passed"]
    found = judge({"deletion": good, "planted": {"auroc": 0.2}})
    assert found["passed"]


def test_chosen_sites_are_a_fixed_sample_of_each_class() -> None:
    test = pd.DataFrame({"site_id": np.arange(50)[::-1], "label": np.arange(50) % 2})
    chosen = choose_sites(test, per_class=7, seed=1)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) == 14
    labels = test.set_index("site_id")["label"].loc[chosen]
    assert labels.sum() == 7
    shuffled = test.sample(frac=1, random_state=0)
    assert np.array_equal(choose_sites(shuffled, per_class=7, seed=1), chosen)
    assert not np.array_equal(choose_sites(test, per_class=7, seed=2), chosen)
    assert len(choose_sites(test, per_class=1000, seed=1)) == 50


def test_maps_round_trip_and_nan_is_not_written(tmp_path) -> None:
    nothing = np.full(3, np.nan)
    maps = np.arange(12, dtype=np.float32).reshape(3, 4)
    good = Attribution(maps, np.ones(3), nothing, nothing, "none")
    write_attribution(tmp_path / "a.h5", np.array([5, 6, 9]), good, {"upstream": 2})
    frame = read_maps(tmp_path / "a.h5")
    assert frame.index.tolist() == [5, 6, 9]
    assert np.array_equal(frame.to_numpy(), maps)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["upstream"] == 2
        assert "completeness_error" not in file
        assert file["attributions"].dtype == np.float32
    bad = good._replace(attributions=np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        write_attribution(tmp_path / "b.h5", np.arange(3), bad, {})
    assert not (tmp_path / "b.h5").exists()
    with pytest.raises(InputError, match="no maps 'rollout'"):
        read_maps(tmp_path / "a.h5", "rollout")
    with pytest.raises(InputError, match="no maps"):
        read_maps(tmp_path / "c.h5")


def make_run(tmp_path) -> ExplainedRun:
    dataset, sequences = make_dataset(8)
    sites = pd.DataFrame({"site_id": np.arange(8), "chrom": "c", "strand": "+"})
    sites["junction"] = np.arange(8) * 1000 + 500
    sites["splice_type"] = "donor"
    model = make_tiny_classifier(seed=3).eval()
    save_model(model, tmp_path / "model")
    return ExplainedRun(model, dataset, sites, sequences, LENGTH // 2, LENGTH // 2 + 1)


def test_the_checks_of_a_run_are_written_for_every_method(tmp_path) -> None:
    run = make_run(tmp_path)
    maps = {}
    for method in ("integrated_gradients", "saliency"):
        maps[method] = tmp_path / f"{method}.h5"
        attribute_run(run, method, baseline="auto", seed=1, output=maps[method])
    attend_run(run, output=tmp_path / "attention.h5")
    options = {"truth": None, "baseline": "auto", "seed": 1}
    check_run(
        run, maps, tmp_path / "attention.h5", output=tmp_path / "f.json", **options
    )
    found = read_json(tmp_path / "f.json")
    assert found["n_sites"] == 8
    assert set(found["methods"]) == {*maps, "attention"}
    for name, checks in found["methods"].items():
        assert (checks["completeness"] is not None) == (name == "integrated_gradients")
        made = [checks[key]["passed"] for key in ("deletion", "randomisation")]
        assert checks["passed"] <= all(made)
    with h5py.File(maps["saliency"]) as file:
        assert not file.attrs["signed"]
        assert file.attrs["upstream"] == LENGTH // 2


def test_maps_of_other_sites_are_refused(tmp_path) -> None:
    run = make_run(tmp_path)
    nothing = np.full(8, np.nan)
    maps = Attribution(
        np.zeros((8, LENGTH), np.float32), np.zeros(8), nothing, nothing, "none"
    )
    write_attribution(tmp_path / "a.h5", np.arange(8) + 1, maps, {})
    with pytest.raises(InputError, match="other sites"):
        check_run(
            run,
            {"saliency": tmp_path / "a.h5"},
            tmp_path / "none.h5",
            truth=None,
            baseline="auto",
            seed=1,
            output=tmp_path / "f.json",
        )


def test_errors_are_told_by_their_class() -> None:
    labels = np.array([0, 1, 2, 3])
    found = is_error(labels, ("TP", "FP", "FN", "TN"))
    assert found.tolist() == [False, True, True, False]
