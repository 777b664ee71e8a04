from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    BackboneSettings,
    CallSettings,
    Settings,
    TrainingSettings,
    complete_config,
    compute_run_hash,
    schema,
)


def make_config(**more: object) -> dict:
    return {
        "genomes": {"toy": {"fasta": "toy.fa"}},
        "predictors": {"net": {"genome": "toy", "errors": "errors.tsv"}},
        **more,
    }


def test_defaults_are_filled_in_everywhere() -> None:
    given = make_config()
    config = complete_config(given)
    assert config["training"]["epochs"] == 5
    assert config["windows"] == {"upstream": 200, "downstream": 200}
    assert config["genomes"]["toy"]["annotation"] is None
    assert config["predictors"]["net"]["site_base"] == "exon"
    assert config["models"] == ["encoder"]
    assert "training" not in given, "the given config must stay as it was"


def test_defaults_are_not_shared_between_configs() -> None:
    complete_config(make_config())["contrasts"].append("x")
    assert "x" not in complete_config(make_config())["contrasts"]


TRACKS = {"+": "plus.bw", "-": "minus.bw"}


def make_scored(scores: dict) -> dict:
    """A config of a predictor that is called from its scores."""
    return {
        "genomes": {"toy": {"fasta": "toy.fa", "annotation": "toy.gtf"}},
        "predictors": {"net": {"genome": "toy", "scores": scores}},
    }


def list_settings() -> list[type[Settings]]:
    return sorted(Settings.__subclasses__(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", list_settings())
def test_a_field_is_a_key_of_the_schema_or_said_to_be_none(kind) -> None:
    own = {
        BackboneSettings: {"options", "architecture"},
        CallSettings: {"near", "decoy_ratio", "seed"},
        TrainingSettings: {"seed"},  # one of `seeds`, a wildcard of the run
    }
    names = {field.name for field in dataclasses.fields(kind)}
    assert names - set(kind.rules) == own.get(kind, set())
    for name in names & set(kind.rules):
        assert f"{name}: " in kind.__doc__


def test_the_schema_says_defaults_and_ranges(monkeypatch, tmp_path) -> None:
    text = schema.find_shipped("schemas/config.schema.yaml").read_text()
    line = "epochs: {type: integer, minimum: 1, default: 5"
    assert line in text
    path = tmp_path / "schema.yaml"
    path.write_text(text.replace(line, line.replace("1, default: 5", "7, default: 8")))
    monkeypatch.setattr(schema, "find_shipped", lambda _: path)
    monkeypatch.setattr(schema, "read_schema", schema.read_schema.__wrapped__)

    @dataclasses.dataclass(frozen=True)
    class Changed(Settings, section="training"):
        epochs: int

    assert Changed().epochs == 8
    with pytest.raises(InputError, match="epochs 6: allowed: whole number ≥ 7"):
        Changed(6)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"trainin": {}}, ["unknown key 'trainin'", "did you mean 'training'"]),
        (
            {"training": {"learning_rat": 1.0}},
            ["training: unknown key 'learning_rat'", "did you mean 'learning_rate'"],
        ),
        (
            {"training": {"learning_rate": "1e-4"}},
            ["training.learning_rate", "'1e-4'", "write 1.0e-4"],
        ),
        (
            {"training": {"epochs": 0}},
            ["training.epochs", "0; allowed: whole number ≥ 1"],
        ),
        ({"windows": {"upstream": 200.5}}, ["windows.upstream", "whole number"]),
        (
            {"splice_types": ["donr"]},
            ["splice_types.0", "'donr'", "donor, acceptor, any"],
        ),
        ({"contrasts": ["fp_vs_tpp"]}, ["contrasts", "fp_vs_tpp", "fp_vs_tp"]),
        (
            {"contrasts": {"mine": {"positive": ["XX"], "negative": ["TP"]}}},
            ["contrasts.mine.positive.0", "'XX'"],
        ),
        ({"models": ["other"]}, ["models", "'other'", "there are: encoder"]),
        (
            {"backbones": {"b": {"architecture": "dnabert2", "tuning": "half"}}},
            ["backbones.b.tuning", "'half'", "frozen"],
        ),
        (
            {"backbones": {"b": {"architecture": "dnabert2", "lora": {"rank": 4}}}},
            ["backbones.b: lora is given, but tuning is 'full'"],
        ),
        (
            {
                "backbones": {
                    "b": {"architecture": "dnabert2", "checkpoint": "x", "lr": 1}
                }
            },
            ["backbones.b: unknown key lr", "a checkpoint fixes its own shape"],
        ),
        (
            {"predictors": {"net": {"genome": "tyo", "errors": "e.tsv"}}},
            ["predictors.net.genome", "'tyo'", "there are: toy"],
        ),
        (
            {"predictors": {"net": {"errors": "e.tsv"}}},
            ["predictors.net: its positions need a `genome`", "`format: metaspliceai`"],
        ),
        (
            {"predictors": {"net": {"genome": "toy", "scores": {"format": "table"}}}},
            ["predictors.net.scores", "genomes.toy.annotation", "annotated_sites"],
        ),
        (
            {"predictors": {"net": {"genome": "toy", "scores": {"format": "hdf5"}}}},
            ["predictors.net.scores.format", "'hdf5'", "bigwig, bedgraph"],
        ),
        (
            make_scored({"format": "bigwig", "donor": "d.bw", "acceptor": TRACKS}),
            ["predictors.net.scores.donor is 'd.bw'", '{"+": file, "-": file}'],
        ),
        (
            make_scored({"format": "bigwig", "donor": TRACKS, "acceptors": TRACKS}),
            [
                "predictors.net.scores.acceptor is None",
                "unknown key 'acceptors' (format bigwig has: donor, acceptor)",
            ],
        ),
        (
            make_scored({"format": "openspliceai", "donor": TRACKS, "acceptor": "a"}),
            ["predictors.net.scores.donor", "must be the path of a file"],
        ),
        ({"predictors": {}}, ["predictors"]),
    ],
)
def test_wrong_configs_are_refused_with_key_and_remedy(more, words) -> None:
    with pytest.raises(InputError) as caught:
        complete_config(make_config(**more))
    for word in words:
        assert word in str(caught.value)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(InputError) as caught:
        complete_config(make_config(oops=1, training={"epochs": "many"}))
    assert "oops" in str(caught.value)
    assert "training.epochs" in str(caught.value)


@pytest.mark.parametrize(
    "scores",
    [
        {"format": "bigwig", "donor": TRACKS, "acceptor": TRACKS},
        {"format": "openspliceai", "donor": "d.bed", "acceptor": "a.bed"},
        {"format": "table", "path": "s.tsv", "columns": {"position": "pos"}},
    ],
)
def test_scores_in_the_shape_of_their_format_are_taken(scores) -> None:
    config = complete_config(make_scored(scores))
    assert config["predictors"]["net"]["scores"] == scores


@pytest.mark.parametrize(
    "contrasts",
    [
        ["fp_vs_tp", "error_type"],
        {"fp_vs_tp": None, "mine": {"positive": ["FP"], "negative": ["TP", "FN"]}},
        {"control": {"like": "fp_vs_tp", "shuffle_labels": True}},
    ],
)
def test_contrasts_as_list_or_map(contrasts) -> None:
    config = complete_config(make_config(contrasts=contrasts))
    assert list(config["contrasts"]) == list(contrasts)


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        ({"epoch": 3}, "unknown key epoch"),
        ({"learning_rate": "1e-4"}, "write 1.0e-4"),
        ({"bucket_boundaries": [512, 256]}, "must rise"),
        (
            {"precision": "fp64"},
            "'fp64': allowed: auto, fp32, bf16, fp16; set `training.precision`",
        ),
        ({"schedule": "cosin"}, "allowed: cosine, linear, constant"),
        ({"class_weights": "inverse"}, "allowed: balanced, none"),
        ({"tokens_per_batch": "many"}, "allowed: auto or whole number ≥ 1"),
        ({"epochs": 0}, "epochs 0: allowed: whole number ≥ 1; set `training.epochs`"),
        ({"learning_rate": float("nan")}, "nan: allowed: auto or number > 0, ≤ 1"),
        ({"learning_rate": float("inf")}, "inf: allowed: auto or number > 0, ≤ 1"),
        ({"learning_rate": None}, "None: allowed: auto or number > 0, ≤ 1"),
        ({"learning_rate": True}, "True: allowed: auto or number > 0, ≤ 1"),
        ({"epochs": 1.5}, "1.5: allowed: whole number ≥ 1"),
        ({"epochs": "2"}, "'2': allowed: whole number ≥ 1.*as text"),
        ({"batch_size": 2.5}, "2.5: allowed: whole number ≥ 1"),
        ({"batch_size": True}, "True: allowed: whole number ≥ 1"),
        ({"warmup_steps": -1}, "-1: allowed: whole number ≥ 0 or null"),
        ({"warmup_fraction": 2}, "2: allowed: number ≥ 0, ≤ 0.9"),
        ({"weight_decay": -1}, "-1: allowed: number ≥ 0"),
        ({"gradient_clip": 0}, "0: allowed: number > 0"),
        ({"patience": 0}, "0: allowed: whole number ≥ 1 or null"),
        ({"layer_decay": 2}, "2: allowed: number > 0, ≤ 1"),
        ({"mask_share": -1}, "-1: allowed: number ≥ 0, ≤ 0.5"),
        ({"checkpoint_minutes": "a"}, "'a': allowed: number > 0.*as text"),
        ({"max_length": 0}, "0: allowed: whole number ≥ 3 or null"),
        ({"seed": -1}, "-1: allowed: whole number ≥ 0, ≤ 4294967295"),
        ({"seed": 1.5}, "1.5: allowed: whole number ≥ 0"),
        ({"tokens_per_batch": True}, "True: allowed: auto or whole number"),
        ({"bucket_boundaries": 512}, "bucket_boundaries 512"),
        ({"bucket_boundaries": ["a"]}, "bucket_boundaries .'a'."),
        ({"compile": "no"}, "compile 'no': allowed: auto, true, false"),
        ({"attention": "cudnn"}, "attention 'cudnn': allowed: auto, varlen, flash"),
    ],
)
def test_training_settings_refuse_what_they_cannot_use(mapping, word) -> None:
    with pytest.raises(InputError, match=word):
        TrainingSettings.from_mapping(mapping)


def test_training_settings_take_numbers_of_numpy() -> None:
    settings = TrainingSettings(
        epochs=np.int64(2),
        learning_rate=np.float32(0.5),
        bucket_boundaries=np.array([10, 20]),
    )
    assert settings.bucket_boundaries == (10, 20)


@pytest.mark.parametrize("lora", [5, [4], "rank", {"rank": "4"}, {"alpha": "16"}])
def test_adapters_of_no_size_are_refused(lora) -> None:
    with pytest.raises(InputError, match="lora"):
        BackboneSettings.from_mapping(
            {"architecture": "dnabert2", "tuning": "lora", "lora": lora}
        )


def test_backbone_settings_split_own_keys_from_options() -> None:
    settings = BackboneSettings.from_mapping(
        {"architecture": "hyenadna", "pooling": "last", "layers": 2}
    )
    assert settings.pooling == "last"
    assert settings.options == {"layers": 2}
    assert settings.base_model == "hyenadna"
    assert BackboneSettings("dnabert2", "models/x").base_model == "models/x"


def test_run_hash_depends_on_values_not_on_order() -> None:
    assert compute_run_hash({"a": 1, "b": (1, 2)}) == compute_run_hash(
        {"b": [1, 2], "a": 1}
    )
    assert compute_run_hash({"a": 1}) != compute_run_hash({"a": 2})
