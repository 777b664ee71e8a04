"""The fast ways to compute a network agree with the plain one."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from error_sequence_model.predictors import load_predictor
from error_sequence_model.predictors.base_codes import encode
from error_sequence_model.predictors.engine import DIRECT, FOURIER, Engine
from made_predictors import (
    make_sequence,
    sigmoid,
    softmax,
    write_openspliceai,
    write_pangolin,
    write_spliceai,
)

WAYS = (DIRECT, FOURIER)


def run(predictor, sequence: str, method: str) -> np.ndarray:
    engine = Engine(predictor.members[0].network, predictor.device, method=method)
    return engine.run(torch.from_numpy(encode(sequence))).numpy()


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize(("n_units", "width"), [(4, 8), (8, 5), (12, 32), (16, 6)])
def test_openspliceai_of_any_depth_and_width(tmp_path, n_units, width, method):
    layers = write_openspliceai(tmp_path / "a.pt", n_units=n_units, width=width)
    predictor = load_predictor("openspliceai", tmp_path / "a.pt", device="cpu")
    assert predictor.context == layers.context
    sequence = make_sequence(2 * layers.context + 333)
    wanted = softmax(layers.run(sequence, slope=0.1, epsilon=1e-5))
    np.testing.assert_allclose(run(predictor, sequence, method), wanted, atol=1e-5)


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("n_units", [4, 12, 16])
@pytest.mark.parametrize("with_graph", [True, False])
def test_spliceai_of_any_depth(tmp_path, n_units, method, with_graph):
    layers = write_spliceai(
        tmp_path / "a.h5", n_units=n_units, first_number=40, with_graph=with_graph
    )
    predictor = load_predictor("spliceai", tmp_path / "a.h5", device="cpu")
    sequence = make_sequence(2 * layers.context + 77)
    wanted = softmax(layers.run(sequence, slope=0.0, epsilon=1e-3))
    np.testing.assert_allclose(run(predictor, sequence, method), wanted, atol=1e-5)


@pytest.mark.parametrize("method", WAYS)
def test_pangolin_of_any_width(tmp_path, method):
    layers = write_pangolin(tmp_path / "a.pt", width=7)
    predictor = load_predictor("pangolin", tmp_path / "a.pt", device="cpu")
    sequence = make_sequence(2 * layers.context + 99)
    logits = layers.run(sequence, slope=0.0, epsilon=1e-5)
    wanted = np.concatenate(
        [
            part
            for n in range(0, 12, 3)
            for part in (
                softmax(logits[:, n : n + 2]),
                sigmoid(logits[:, n + 2 :][:, :1]),
            )
        ],
        axis=1,
    )
    np.testing.assert_allclose(run(predictor, sequence, method), wanted, atol=1e-5)


def test_safetensors_hold_the_same_weights(tmp_path):
    write_openspliceai(tmp_path / "a.pt")
    save_file(torch.load(tmp_path / "a.pt"), tmp_path / "a.safetensors")
    sequence = make_sequence(200)
    scores = [
        load_predictor("openspliceai", tmp_path / name).predict(sequence)
        for name in ("a.pt", "a.safetensors")
    ]
    np.testing.assert_array_equal(*scores)


def test_an_ensemble_is_the_mean_of_its_networks(tmp_path):
    paths = [tmp_path / f"{seed}.pt" for seed in range(3)]
    for seed, path in enumerate(paths):
        write_openspliceai(path, seed=seed)
    sequence = make_sequence(300)
    single = [load_predictor("openspliceai", p).predict(sequence) for p in paths]
    together = load_predictor("openspliceai", paths).predict(sequence)
    np.testing.assert_allclose(together, np.mean(single, axis=0), atol=1e-6)
    of_folder = load_predictor("openspliceai", tmp_path).predict(sequence)
    np.testing.assert_array_equal(of_folder, together)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "a.pt"
    write_openspliceai(path, n_units=8)
    return load_predictor("openspliceai", path)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), length=st.integers(401, 3000))
def test_case_and_other_letters_do_not_matter(predictor, seed, length):
    sequence = make_sequence(length, seed)
    scores = predictor.predict(sequence)
    np.testing.assert_array_equal(scores, predictor.predict(sequence.lower()))
    others = sequence.replace("N", "R").replace("T", "u")
    np.testing.assert_array_equal(scores, predictor.predict(others))
    np.testing.assert_array_equal(scores, predictor.predict(sequence.encode()))


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 2999))
def test_tiles_are_the_whole(predictor, seed, cut):
    context = predictor.context
    sequence = make_sequence(3000 + 2 * context, seed)
    whole = predictor.predict(sequence)
    left = predictor.predict(sequence[: cut + 2 * context])
    right = predictor.predict(sequence[cut:])
    joined = np.concatenate([left, right])
    np.testing.assert_allclose(joined, whole, atol=1e-6)


def test_a_base_scores_by_its_context_alone(predictor):
    context = predictor.context
    sequence = make_sequence(2 * context + 1, letters="ACGT")
    alone = predictor.predict(sequence)
    within = predictor.predict("T" * 500 + sequence + "G" * 700)
    np.testing.assert_allclose(within[500], alone[0], atol=1e-6)


def test_dilations_are_those_that_the_file_states(tmp_path):
    path = tmp_path / "a.h5"
    write_spliceai(path)
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        text = text.replace(
            '"conv1d_3", "dilation_rate": [1]', '"conv1d_3", "dilation_rate": [7]'
        )
        file.attrs["model_config"] = text
    with pytest.raises(ValueError, match=r"conv1d_3 has dilation \[7\]"):
        load_predictor("spliceai", path)
