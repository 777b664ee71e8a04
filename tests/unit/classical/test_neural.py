"""Embeddings of an untuned backbone under a logistic regression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from error_sequence_model.classical import fit_embedding_baseline
from error_sequence_model.classical import neural as neural_baselines
from error_sequence_model.classifier import create_classifier, embed_sites
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.settings import BackboneSettings
from error_sequence_model.tokenizers import TokenStore, write_tokens
from feature_cases import UPSTREAM, make_case
from tiny_models import write_windows

OPTIONS = {"layers": 1, "heads": 2, "hidden_size": 16, "stem_channels": 8}
BACKBONE = BackboneSettings("nucleotide_encoder", options=OPTIONS)


@pytest.fixture
def case(tmp_path):
    split, sites, windows = make_case(120)
    site_ids, texts = list(range(120)), windows.get_sequences()
    path = write_windows(tmp_path / "windows.arrow", site_ids, texts)
    model = create_classifier("nucleotide_encoder", options=OPTIONS, seed=1)
    write_tokens(path, model.tokenizer, tmp_path / "tokens.arrow")
    return split, sites, tmp_path / "tokens.arrow"


def test_embeddings_are_what_the_head_sees(case) -> None:
    *_, tokens = case
    model = create_classifier("nucleotide_encoder", options=OPTIONS, seed=1).eval()
    store = TokenStore.open(tokens)
    dataset = SequenceDataset(
        store,
        np.array([4, 2, 9]),
        np.zeros(3),
        junctions=np.full(3, UPSTREAM),
        classes=("correct", "error"),
        tokenizer=model.tokenizer,
    )
    found = embed_sites(model, dataset, device=torch.device("cpu"))
    seen = []
    hook = model.head.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    items = collate([dataset[i] for i in range(3)], pad_token_id=0)
    said = model(
        input_ids=items["input_ids"],
        attention_mask=items["attention_mask"],
        junction=items["junction"],
    )
    hook.remove()
    assert np.allclose(found.vectors, seen[-1].detach().numpy(), atol=1e-5)
    assert np.allclose(found.logits, said.logits.detach().numpy(), atol=1e-5)


def test_a_frozen_backbone_predicts_every_held_out_site(case) -> None:
    split, _, tokens = case
    split.loc[3, "part"] = "excluded"
    second = split.assign(fold=1, part=np.roll(split["part"], 20))
    both = pd.concat([split, second], ignore_index=True)
    found = fit_embedding_baseline(both, tokens, BACKBONE, name="encoder", seed=1)
    assert set(found["model"]) == {"encoder frozen"}
    assert set(found["kind"]) == {"baseline"}
    for fold, rows in found.groupby("fold"):
        here = both[(both["fold"] == fold) & both["part"].isin(["validation", "test"])]
        assert sorted(rows["site_id"]) == sorted(here["site_id"])
        assert np.allclose(rows["probability_0"] + rows["probability_1"], 1)
    again = fit_embedding_baseline(both, tokens, BACKBONE, name="encoder", seed=1)
    pd.testing.assert_frame_equal(found, again)


def test_new_weights_see_training_windows_only(case, monkeypatch) -> None:
    split, _, tokens = case
    seen = []

    def watch(model, dataset, *, seed):
        seen.append(set(dataset.site_ids.tolist()))

    monkeypatch.setattr(neural_baselines, "calibrate_model", watch)
    fit_embedding_baseline(split, tokens, BACKBONE, name="encoder", seed=1)
    assert seen == [set(split.loc[split["part"] == "train", "site_id"])]
