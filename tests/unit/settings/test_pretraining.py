"""Pretraining in the config: what is refused, and which runs share a backbone."""

from __future__ import annotations

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    PretrainingSettings,
    complete_config,
    find_scope,
    get_network,
    get_settings,
    is_pretrained,
    list_sources,
)

RUN = ("net", "fn_vs_tp", "donor", 2)


def make_config(pretraining: dict | None = None, **more: object) -> dict:
    config = {
        "genomes": {
            "one": {"fasta": "one.fa", "annotation": "one.gtf"},
            "two": {
                **{"fasta": "two.fa", "annotation": "two.gtf"},
                "smallest_intron": 15,
            },
            "bare": {"fasta": "bare.fa"},
        },
        "predictors": {"net": {"genome": "one", "errors": "errors.tsv"}},
        "pretraining": pretraining or {},
        **more,
    }
    return complete_config(config)


def test_a_config_without_the_section_pretrains_by_the_defaults() -> None:
    assert get_settings(make_config()) == PretrainingSettings().to_mapping()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"pretraining": {"mask_share": 0.9}}, ["pretraining.mask_share", "0.5"]),
        ({"pretraining": {"objective": "words"}}, ["pretraining.objective", "both"]),
        (
            {"pretraining": {"genomes": ["three"]}},
            ["pretraining.genomes", "'three'", "one, two, bare"],
        ),
        (
            {"pretraining": {"models": ["other"]}},
            ["pretraining.models", "'other'", "encoder"],
        ),
        (
            {
                "pretraining": {"enabled": True},
                "predictors": {"net": {"genome": "bare", "errors": "e.tsv"}},
            },
            ["genomes.bare.annotation", "gene bodies", "`pretraining.enabled: false`"],
        ),
        (
            {
                "pretraining": {"enabled": True},
                "predictors": {"net": {"errors": "e.tsv", "format": "sequences"}},
            },
            ["predictors.net", "needs its `genome`"],
        ),
        (
            {
                "pretraining": {"enabled": True},
                "backbones": {"hyena": {"architecture": "hyenadna"}},
                "models": ["hyena"],
            },
            ["pretraining.objective", "hyena (hyenadna)", "set it to sequence"],
        ),
    ],
)
def test_wrong_configs_are_refused_with_key_and_remedy(more, words) -> None:
    with pytest.raises(InputError) as caught:
        make_config(**more)
    for word in words:
        assert word in str(caught.value)


def test_without_pretraining_nothing_of_it_is_asked_for() -> None:
    bare = {"net": {"genome": "bare", "errors": "e.tsv"}}
    config = make_config(predictors=bare)
    assert not is_pretrained(config, "encoder")
    make_config({"enabled": True, "models": []}, predictors={**make_net()})


def make_net() -> dict:
    return {"net": {"genome": "one", "errors": "errors.tsv"}}


def test_models_choose_the_pretrained_backbones() -> None:
    backbones = {
        name: {"architecture": "nucleotide_encoder"} for name in ("encoder", "plain")
    }
    config = make_config({"enabled": True, "models": ["encoder"]}, backbones=backbones)
    assert is_pretrained(config, "encoder") and not is_pretrained(config, "plain")


def test_a_control_of_random_weights_is_pretrained_only_where_it_is_named() -> None:
    backbones = {
        "encoder": {"architecture": "nucleotide_encoder"},
        "control": {"architecture": "nucleotide_encoder", "random_init": True},
    }
    config = make_config({"enabled": True}, backbones=backbones)
    assert is_pretrained(config, "encoder") and not is_pretrained(config, "control")
    named = {"enabled": True, "models": ["control"]}
    config = make_config(named, backbones=backbones)
    assert is_pretrained(config, "control") and not is_pretrained(config, "encoder")


@pytest.mark.parametrize(
    ("splits", "scope"),
    [
        ({"test": ["chr1"], "validation": ["chr2"]}, "net"),
        ({"preset": "spliceai"}, "net"),
        ({"test": ["chr1"]}, "net/fn_vs_tp/donor/fold2"),
        ({"by": "gene"}, "net/fn_vs_tp/donor/fold2"),
        ({"by": "homology", "folds": 5}, "net/fn_vs_tp/donor/fold2"),
        ({"by": "chromosome", "folds": 4}, "net/fn_vs_tp/donor/fold2"),
    ],
)
def test_runs_share_a_backbone_where_they_hold_out_the_same(splits, scope) -> None:
    assert find_scope(splits, *RUN) == scope


def test_a_pool_learns_from_the_genomes_of_its_members() -> None:
    predictors = {
        **make_net(),
        "other": {"genome": "two", "errors": "e.tsv"},
        "third": {"genome": "two", "errors": "f.tsv"},
        "all": {"pool": ["net", "other", "third"]},
    }
    config = make_config({"enabled": True}, predictors=predictors)
    mine, theirs = (
        {
            **{"name": name, "fasta": f"{name}.fa", "annotation": f"{name}.gtf"},
            **{"smallest_intron": smallest, "aliases": None},
        }
        for name, smallest in (("one", 21), ("two", 15))
    )
    assert list_sources(config, "net") == [{**mine, "prefix": "", "has_sites": True}]
    assert list_sources(config, "all") == [
        {**mine, "prefix": "one:", "has_sites": True},
        {**theirs, "prefix": "two:", "has_sites": True},
    ]
    config = make_config({"enabled": True, "genomes": ["two", "one"]})
    assert list_sources(config, "net") == [
        {**mine, "prefix": "", "has_sites": True},
        {**theirs, "prefix": "two:", "has_sites": False},
    ]


def test_what_the_classifier_alone_needs_does_not_pretrain_anew() -> None:
    entry = {"architecture": "nucleotide_encoder", "layers": 2, "pooling": "mean"}
    config = make_config(backbones={"encoder": entry})
    assert get_network(config, "encoder") == {
        "architecture": "nucleotide_encoder",
        "layers": 2,
        "random_init": False,
    }


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        ({"objective": "words"}, "allowed: sequence, annotation, both"),
        ({"mask_share": 0.0}, "≥ 0.01, ≤ 0.5"),
        ({"site_share": "1e-1"}, "≥ 0, ≤ 1"),
        ({"windows": 0}, "whole number ≥ 1"),
        ({"length": 12.5}, "whole number ≥ 16"),
        ({"learning_rate": "1e-4"}, "write 1.0e-4.*`pretraining.learning_rate`"),
        ({"tokens_per_batch": "many"}, "`pretraining.tokens_per_batch`"),
        ({"epoch": 1}, "unknown key epoch"),
    ],
)
def test_settings_refuse_what_they_cannot_use(mapping, word) -> None:
    with pytest.raises(InputError, match=word):
        PretrainingSettings.from_mapping(mapping)
