from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.attention import attend_run
from error_sequence_model.attribution import (
    attribute,
    attribute_by_substitution,
    attribute_run,
    predict_targets,
    replace_windows,
    write_map_file,
)
from error_sequence_model.classifier import create_classifier, save_model
from error_sequence_model.core import InputError, read_json
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.faithfulness import (
    check_completeness,
    check_planted,
    check_randomisation,
    check_run,
    find_stages,
    is_error,
    iterate_stages,
    judge,
    mark_planted,
    randomise,
)
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.results import read_maps
from error_sequence_model.runs import ExplainedRun, choose_sites
from tiny_models import draw_sequences, make_tiny_classifier

CPU = torch.device("cpu")
LENGTH = 41


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
    same = check_randomisation(maps, {"all weights": [3 * maps + 1]})
    assert same["rank_correlation"] == pytest.approx(1.0)
    assert not same["passed"]
    assert not check_randomisation(maps, {"all weights": [-maps]})["passed"]
    noise = rng.standard_normal((10, 80))
    other = check_randomisation(maps, {"head": [maps[:4]], "all weights": [noise]})
    assert other["passed"], "the last stage is judged"
    assert other["n_sites"] == 10
    assert [stage["stage"] for stage in other["cascade"]] == ["head", "all weights"]
    assert other["cascade"][0]["rank_correlation"] == pytest.approx(1.0)
    assert other["cascade"][0]["n_sites"] == 4
    # One network in three that happens to resemble the model is chance; two are not.
    draws = [maps, noise, rng.standard_normal((10, 80))]
    assert check_randomisation(maps, {"all weights": draws})["passed"]
    draws[1] = -maps
    assert not check_randomisation(maps, {"all weights": draws})["passed"]
    flat = check_randomisation(np.zeros((3, 80)), {"all weights": [maps[:3]]})
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


def test_weights_are_drawn_anew_from_the_head_down() -> None:
    dataset, _ = make_dataset(8)
    model = make_tiny_classifier(layers=3).eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    changed, drawn = {}, []
    for stage, network in iterate_stages(model, dataset, seed=1):
        drawn += [network] if stage == "all weights" else []
        assert not network.training
        changed[stage] = {
            name.removeprefix("backbone.").split(".weight")[0]
            for name, tensor in network.named_parameters()
            if tensor.ndim > 1 and not torch.equal(tensor, before[name])
        }
    assert list(changed) == ["head", "upper layers", "all layers", "all weights"]
    firsts = [next(network.backbone.parameters()).flatten() for network in drawn]
    assert len({tuple(weights.tolist()) for weights in firsts}) == len(drawn) == 5
    parts = {
        stage: {
            ".".join(n.split(".")[:2]) if "layers" in n else n.split(".")[0]
            for n in names
        }
        for stage, names in changed.items()
    }
    layers = {f"layers.{index}" for index in range(3)}
    assert parts["head"] == {"head"}
    assert parts["upper layers"] == {"head", "layers.1", "layers.2"}
    assert parts["all layers"] == {"head", *layers}
    assert parts["all weights"] == {"head", *layers, "embeddings", "stem"}
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("hyenadna", {"layers": 2, "hidden_size": 16, "max_seq_len": 64}),
        ("splicebert", {"layers": 2, "hidden_size": 16, "heads": 2}),
        ("nucleotide_transformer", {"layers": 2, "hidden_size": 16, "heads": 2}),
        ("nucleotide_encoder", {"layers": 1, "hidden_size": 16, "heads": 2}),
        ("nucleotide_encoder", {"layers": 0, "hidden_size": 16, "heads": 2}),
    ],
)
def test_stages_of_every_family_hold_its_layers(architecture, options) -> None:
    model = create_classifier(architecture, options=options, seed=1)
    names = list(model.state_dict())
    stages = find_stages(model)
    expected = ["head", "upper layers", "all layers"]
    count = options["layers"]
    assert (
        list(stages)
        == (expected if count > 1 else expected[:1] + expected[2:])[: 1 + count]
    )
    for prefixes in stages.values():
        assert all(any(name.startswith(p) for name in names) for p in prefixes)
    assert not any(
        n.startswith("backbone.stem")
        for n in names
        if n.startswith(tuple(stages["head"]))
    )


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
    good, bad, unknown = {"passed": True}, {"passed": False}, {"passed": None}
    made = {"deletion": good, "randomisation": good}
    assert judge({"completeness": None, **made})["passed"] is True
    assert judge({**made, "insertion": unknown})["passed"] is True
    assert judge({"completeness": good, **made, "deletion": bad})["passed"] is False
    assert judge({**made, "insertion": bad})["passed"] is False
    assert judge({**made, "planted": {"auroc": 0.2}})["passed"] is True
    assert judge({**made, "deletion": unknown})["passed"] is None
    assert judge({"randomisation": good})["passed"] is None


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
    maps = np.arange(12, dtype=np.float32).reshape(3, 4)
    good = {"attributions": maps, "completeness_error": np.full(3, np.nan)}
    write_map_file(tmp_path / "a.h5", np.array([5, 6, 9]), good, {"upstream": 2})
    frame = read_maps(tmp_path / "a.h5")
    assert frame.index.tolist() == [5, 6, 9]
    assert np.array_equal(frame.to_numpy(), maps)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["upstream"] == 2
        assert "completeness_error" not in file
        assert file["attributions"].dtype == np.float32
    bad = {"attributions": np.full((3, 4), np.nan)}
    with pytest.raises(ValueError, match="NaN"):
        write_map_file(tmp_path / "b.h5", np.arange(3), bad, {})
    assert not (tmp_path / "b.h5").exists()
    with pytest.raises(InputError, match="no maps 'rollout'"):
        read_maps(tmp_path / "a.h5", "rollout")
    with pytest.raises(InputError, match="no such file"):
        read_maps(tmp_path / "c.h5")


def make_run(tmp_path) -> ExplainedRun:
    dataset, sequences = make_dataset(8)
    sites = pd.DataFrame({"site_id": np.arange(8), "chrom": "c", "strand": "+"})
    sites["junction"] = np.arange(8) * 1000 + 500
    sites["splice_type"] = "donor"
    sites["gene_id"], sites["score"] = None, 0.5
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
    views = ("junction", "first_token", "rollout", "gradient_weighted")
    assert set(found["attention_views"]) == set(views)
    every = {**found["methods"], **found["attention_views"]}
    gates = ("completeness", "deletion", "insertion", "randomisation")
    for name, checks in every.items():
        assert (checks["completeness"] is not None) == (name == "integrated_gradients")
        made = [checks[key]["passed"] for key in gates if checks[key]]
        assert (checks["passed"] is False) == (False in made), name
        stages = [entry["stage"] for entry in checks["randomisation"]["cascade"]]
        assert stages == ["head", "all layers", "all weights"]
    matrix = np.array(found["agreement"]["rank_correlation"], dtype=float)
    assert found["agreement"]["methods"] == list(every)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1)
    assert found["control"] is None
    with h5py.File(maps["saliency"]) as file:
        assert not file.attrs["signed"]
        assert file.attrs["upstream"] == LENGTH // 2


def test_windows_that_are_cut_are_counted(tmp_path, caplog) -> None:
    run = make_run(tmp_path)
    attend_run(run, output=tmp_path / "a.h5")
    run.dataset.max_length = 30
    attend_run(run, output=tmp_path / "b.h5")
    assert "8 windows have more tokens" in caplog.text
    for name, count in (("a", 0), ("b", 8)):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert file.attrs["cut_windows"] == count


def test_a_control_is_told_from_a_model_of_true_labels(tmp_path) -> None:
    run = replace(make_run(tmp_path), is_control=True)
    maps = {"saliency": tmp_path / "saliency.h5"}
    attribute_run(run, "saliency", baseline="auto", seed=1, output=maps["saliency"])
    attend_run(run, output=tmp_path / "attention.h5")
    options = {"truth": None, "baseline": "auto", "seed": 1}
    check_run(
        run, maps, tmp_path / "attention.h5", output=tmp_path / "f.json", **options
    )
    control = read_json(tmp_path / "f.json")["control"]
    assert control["passed"] is None, "eight sites are too few to say"


def test_maps_of_other_sites_are_refused(tmp_path) -> None:
    run = make_run(tmp_path)
    maps = {"attributions": np.zeros((8, LENGTH), np.float32)}
    write_map_file(tmp_path / "a.h5", np.arange(8) + 1, maps, {})
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
