"""Scores are those of the predictors' authors' own code."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.predictors import load_predictor
from predictor_fixtures import (
    PARITY,
    cut_sequence,
    find_spliceai,
    get_expected,
    get_sequences,
    needs_parity,
    needs_spliceai,
)

pytestmark = needs_parity
TOLERANCE = 1e-5

OPENSPLICEAI = {
    "mane_80nt_rs10": ["mane_80nt_rs10.pt"],
    "mane_400nt_rs10": ["mane_400nt_rs10.pt"],
    "mane_400nt_rs11": ["mane_400nt_rs11.pt"],
    "mane_400nt_rs12": ["mane_400nt_rs12.pt"],
    "mane_400nt_rs13": ["mane_400nt_rs13.pt"],
    "mane_400nt_rs14": ["mane_400nt_rs14.pt"],
    "mane_400nt_mean": [f"mane_400nt_rs{seed}.pt" for seed in range(10, 15)],
    "mane_10000nt_rs10": ["mane_10000nt_rs10.pt"],
}
PANGOLIN = ("final.1.0.3.v2", "final.2.0.3.v2", "final.3.0.3.v2", "final.1.1.3")
SPLICEAI = {
    "spliceai1": ["spliceai1.h5"],
    "spliceai3": ["spliceai3.h5"],
    "spliceai4": ["spliceai4.h5"],
    "mean5": [f"spliceai{number}.h5" for number in range(1, 6)],
}


def assert_parity(predictor, family: str, network: str) -> None:
    expected = get_expected(family)
    records = get_sequences(family)
    assert records
    for record in records:
        scores = predictor.predict(cut_sequence(record, predictor.context))
        wanted = expected[f"{network}/{record['name']}"].T
        assert scores.dtype == np.float32
        assert scores.shape == wanted.shape
        np.testing.assert_allclose(
            scores, wanted, rtol=0, atol=TOLERANCE, err_msg=record["name"]
        )
        is_seen = wanted > 1e-6
        np.testing.assert_allclose(scores[is_seen], wanted[is_seen], rtol=1e-3)
        assert ((scores >= 0.5) == (wanted >= 0.5)).all()


@pytest.mark.parametrize("network", OPENSPLICEAI)
def test_openspliceai_is_what_its_authors_compute(network):
    folder = PARITY / "openspliceai" / "weights"
    paths = [folder / name for name in OPENSPLICEAI[network]]
    predictor = load_predictor("openspliceai", paths)
    assert predictor.channels == ("neither", "acceptor", "donor")
    assert 2 * predictor.context == int(network.split("_")[1].removesuffix("nt"))
    assert_parity(predictor, "openspliceai", network)


@pytest.mark.parametrize("network", PANGOLIN)
def test_pangolin_is_what_its_authors_compute(network):
    path = PARITY / "pangolin" / "weights" / network
    predictor = load_predictor("pangolin", path)
    assert len(predictor.channels) == 12
    assert_parity(predictor, "pangolin", network)


def test_the_mean_of_pangolins_networks_is_its_authors():
    folder = PARITY / "pangolin" / "weights"
    paths = [folder / f"final.{replicate}.0.3.v2" for replicate in (1, 2, 3)]
    predictor = load_predictor("pangolin", paths, tissue="heart")
    assert predictor.channels == ("splice",)
    expected = get_expected("pangolin")
    for record in get_sequences("pangolin"):
        scores = predictor.predict(cut_sequence(record, 5000))[:, 0]
        wanted = expected[f"heart_p_splice_mean/{record['name']}"]
        np.testing.assert_allclose(scores, wanted, rtol=0, atol=TOLERANCE)


def test_pangolins_usage_comes_from_the_networks_tuned_for_it():
    folder = PARITY / "pangolin" / "weights"
    paths = [folder / "final.1.1.3", folder / "final.1.0.3.v2"]
    predictor = load_predictor("pangolin", paths, tissue="heart")
    assert predictor.channels == ("splice", "usage")
    expected = get_expected("pangolin")
    record = get_sequences("pangolin")[2]
    scores = predictor.predict(cut_sequence(record, 5000))
    splice = expected[f"final.1.0.3.v2/{record['name']}"][1]
    usage = expected[f"final.1.1.3/{record['name']}"][2]
    np.testing.assert_allclose(scores[:, 0], splice, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(scores[:, 1], usage, rtol=0, atol=TOLERANCE)


@needs_spliceai
@pytest.mark.parametrize("network", SPLICEAI)
def test_spliceai_is_what_its_authors_compute(network):
    paths = [find_spliceai() / name for name in SPLICEAI[network]]
    predictor = load_predictor("spliceai", paths)
    assert predictor.channels == ("neither", "acceptor", "donor")
    assert predictor.context == 5000
    assert_parity(predictor, "spliceai", network)
