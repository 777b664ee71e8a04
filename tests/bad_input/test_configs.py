"""Configs that are none: all that is wrong is told at once, before a job starts."""

from __future__ import annotations

import copy
import json
import math
import shlex
import subprocess
from typing import Any

import pytest

from error_sequence_model.classifier import check_backbone
from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    BackboneSettings,
    complete_config,
    expand_contrasts,
    read_config,
    refuse_repeated_keys,
)

SOUND = {
    "genomes": {"toy": {"fasta": "toy.fa"}},
    "predictors": {"net": {"genome": "toy", "errors": "errors.tsv"}},
}
NET = "predictors.net"


def change(key: str, value: Any) -> dict[str, Any]:
    """The sound config with the value under a dotted key changed."""
    config = copy.deepcopy(SOUND)
    *parents, last = key.split(".")
    section = config
    for name in parents:
        section = section.setdefault(name, {})
    section[last] = value
    return config


def backbone(**options: Any) -> dict[str, Any]:
    entry = {"architecture": "nucleotide_encoder", **options}
    return {"b": entry}


# Key, value, and what is said beside the key.
WRONG: list[tuple[str, Any, tuple[str, ...]]] = [
    # Wrong types.
    ("predictors", ["net"], ("['net']", "allowed: keys with values")),
    ("predictors", "net", ("sheet 'net'", "column `name`")),
    (NET, None, ("predictors.net: null", "keys with values")),
    (f"{NET}.errors", ["a.tsv"], ("['a.tsv']", "allowed: text")),
    (f"{NET}.errors", 3, ("errors: 3; allowed: text",)),
    (f"{NET}.errors", "", ("errors: '' is empty; at least 1 needed",)),
    (f"{NET}.genome", ["toy"], ("['toy']; allowed: text",)),
    (f"{NET}.coordinate_base", "1", ("coordinate_base: '1'; allowed: 0, 1",)),
    (f"{NET}.coordinate_base", True, ("true; allowed: 0, 1",)),
    (f"{NET}.coordinate_base", 1.0, ("1.0; allowed: 0, 1",)),
    (f"{NET}.haplotype", 2.0, ("2.0; allowed: 1, 2",)),
    (f"{NET}.columns", ["position"], ("keys with values",)),
    (f"{NET}.columns.chrom", 3, ("columns.chrom: 3; allowed: text",)),
    (f"{NET}.biotypes", ["a", 1], ("biotypes.1: 1; allowed: text",)),
    ("splice_types", None, ("null; allowed: list of donor, acceptor, any",)),
    ("seeds", 1, ("seeds: 1; allowed: list of whole number",)),
    ("seeds", [1.0], ("seeds.0: 1.0; allowed: whole number",)),
    ("seeds", [True], ("true; allowed: whole number",)),
    ("training.epochs", 5.0, ("5.0; allowed: whole number ≥ 1",)),
    ("training.epochs", "5", ("'5'; allowed: whole number ≥ 1",)),
    ("training.learning_rate", "1e-4", ("'1e-4'; allowed: auto", "write 1.0e-4")),
    ("training.gradient_checkpointing", "yes", ("'yes'; allowed: true or false",)),
    ("windows.upstream", True, ("true; allowed: whole number",)),
    (
        NET,
        {
            "genome": "toy",
            "annotated_sites": "a.tsv",
            "scores": {
                "format": "bigwig",
                "donor": {"+": "a.bw", "-": None},
                "acceptor": {"+": "a.bw", "-": "b.bw"},
            },
        },
        ("scores.donor", "'-': None"),
    ),
    ("causes.repeats", 5, ("5; allowed: null or text or keys with values",)),
    ("causes.repeats", {"toy": 5}, ("causes.repeats.toy: 5; allowed: text",)),
    ("fetch", 3, ("3; allowed: text or list of text",)),
    # Out of range.
    (f"{NET}.coordinate_base", 2, ("2; allowed: 0, 1",)),
    (f"{NET}.tolerance", -1, ("-1; allowed: whole number ≥ 0",)),
    (f"{NET}.natural_counts", {"TP": 0}, ("counts.TP: 0; allowed: number > 0",)),
    ("windows.upstream", 9, ("9; allowed: whole number ≥ 10, ≤ 100000",)),
    ("windows.upstream", 10**30, ("0; allowed: whole number ≥ 10, ≤ 100000",)),
    ("windows.downstream", -200, ("-200; allowed: whole number ≥ 10",)),
    ("seeds", [-1], ("seeds.0: -1; allowed: whole number ≥ 0",)),
    ("seeds", [2**32], ("4294967296;", "≤ 4294967295")),
    ("seeds", [], ("seeds: [] is empty; at least 1 needed",)),
    ("seeds", [1, 1], ("1 stands twice in the list",)),
    ("splits.folds", 2, ("folds: 2; allowed: whole number ≥ 3, ≤ 20 or null",)),
    ("splits.similarity", 0, ("0; allowed: number > 0, ≤ 1",)),
    ("evaluation.bootstrap_draws", 10, ("10; allowed: whole number ≥ 100",)),
    ("training.learning_rate", 0, ("0; allowed: auto or number > 0, ≤ 1",)),
    ("baselines.cnn.dilations", [0], ("dilations.0: 0; allowed: whole number ≥ 1",)),
    ("reports.colours.TP", "red", ("'red'; allowed: '#rrggbb' in quotes",)),
    # No numbers: no comparison holds NaN.
    ("training.learning_rate", math.nan, ("nan", "finite")),
    ("training.weight_decay", math.inf, ("inf", "finite")),
    ("training.gradient_clip", math.nan, ("nan", "finite")),
    ("training.checkpoint_minutes", math.inf, ("inf", "finite")),
    ("causes.minimum_reads", math.nan, ("nan", "finite")),
    (f"{NET}.threshold", math.nan, ("nan", "finite")),
    (f"{NET}.threshold", -math.inf, ("-inf", "finite")),
    (f"{NET}.natural_counts", {"TP": math.inf}, ("inf", "finite")),
    # Unknown keys and names, at any depth.
    ("trainin", {}, ("did you mean 'training'",)),
    ("training.lerning_rate", 1, ("did you mean 'learning_rate'",)),
    ("baselines.cnn.chanels", 3, ("did you mean 'channels'",)),
    (f"{NET}.site_bse", "exon", ("did you mean 'site_base'",)),
    (f"{NET}.splits", {"tset": ["chr1"]}, ("did you mean 'test'",)),
    (f"{NET}.natural_counts", {"XX": 3}, ("unknown key 'XX'",)),
    ("genomes.toy.annotaton", "x.gtf", ("did you mean 'annotation'",)),
    ("backbones", backbone(tuning="lora", lora={"rnk": 4}), ("did you mean 'rank'",)),
    ("contrasts", ["fp_vs_tpp"], ("'fp_vs_tpp'",)),
    ("explanation.methods", ["guess"], ("'guess'",)),
    ("explanation.methods", ["captum.__class__"], ("captum.__class__", "captum.Name")),
    ("genomes", {"toy": {"fast": "a.fa"}}, ("toy: fasta is missing; given: fast",)),
    ("genomes", {"toy": {"fast": "a.fa"}}, ("did you mean 'fasta'",)),
    (NET, {"genome": "toy"}, ("exactly one of these: errors (an error table)",)),
    (NET, {"pool": ["a"]}, ("net.pool: ['a'] is too short; at least 2 needed",)),
    ("backbones", backbone(revision="0" * 40), ("revision needs checkpoint",)),
    ("models", ["other"], ("'other'", "there are: encoder")),
    ("reports.colours.XX", "#ffffff", ("unknown key 'XX'",)),
    ("causes.beds", {"b": {"other": "x.bed"}}, ("'other'", "there are: toy")),
    # What does not go together.
    (f"{NET}.splits", {"folds": 1}, ("splits.folds: 1; allowed: whole number ≥ 3",)),
    (
        f"{NET}.splits",
        {"test": "chr1"},
        ("test: 'chr1'; allowed: list of text or whole number",),
    ),
    (f"{NET}.splits", {"preset": "moon"}, ("'moon'", "there are")),
    ("splits", {"test": ["a"], "validation": ["a"]}, ("both `test` and",)),
    ("splits", {"test_share": 0.8, "validation_share": 0.5}, ("below 1",)),
    ("splits", {"by": "gene", "test": ["chr1"]}, ("name chromosomes",)),
    ("training.bucket_boundaries", [512, 100], ("must rise",)),
    ("training.bucket_boundaries", [], ("[] is empty; at least 1",)),
    ("baselines.cnn.kernel", 4, ("must be odd",)),
    (
        "backbones",
        {"encoder": {"architecture": "nucleotide_encoder"}}
        | {"boosting": {"architecture": "nucleotide_encoder"}},
        ("'boosting' is the name of a baseline",),
    ),
    (
        "backbones",
        backbone(head_dropout=1.5),
        ("b.head_dropout: 1.5; allowed: number ≥ 0, < 1",),
    ),
    (
        "backbones",
        backbone(head_dropout="x"),
        ("b.head_dropout: 'x'; allowed: number",),
    ),
    ("backbones", backbone(lora={"rank": 4}), ("tuning is 'full'",)),
    ("motifs.method", "saliency", ("explanation.methods",)),
    # Names become folders.
    ("predictors", {"../x": SOUND["predictors"]["net"]}, ("'../x'",)),
    ("predictors", {"a b": SOUND["predictors"]["net"]}, ("'a b'",)),
    ("predictors", {"é": SOUND["predictors"]["net"]}, ("'é'",)),
    ("predictors", {"a'b": SOUND["predictors"]["net"]}, ("a'b",)),
    ("predictors", {"a\n": SOUND["predictors"]["net"]}, ("do not print",)),
    (
        "predictors",
        {7: SOUND["predictors"]["net"]},
        ("7; allowed: letters, digits, dot",),
    ),
    (
        "contrasts",
        {"../x": {"positive": ["FP"], "negative": ["TP"]}},
        ("'../x'; allowed: letters",),
    ),
    ("predictors", {"reports": SOUND["predictors"]["net"]}, ("folder of the results",)),
    (
        "contrasts",
        {"tokens": {"positive": ["FP"], "negative": ["TP"]}},
        ("contrasts: 'tokens' is a folder",),
    ),
    (
        "backbones",
        {"encoder": {"architecture": "nucleotide_encoder"}}
        | {"ensemble": {"architecture": "nucleotide_encoder"}},
        ("'ensemble' is a folder",),
    ),
    ("contrasts", {"x": {"positive": ["FP"]}}, ("needs both",)),
    ("contrasts", ["private_fn_vs_shared"], ("'net' has no peers", "role: compared")),
    ("contrasts", {"fp_vs_tp": {"peers": ["b"]}}, ("errors private or shared",)),
    ("contrasts", {"x": {"positive": ["FP"], "negative": ["FP"]}}, ("more than one",)),
    ("backbones", {"../b": {"architecture": "dnabert2"}}, ("'../b'",)),
    ("features.bigwigs", {"../x": "a.bw"}, ("'../x'",)),
    ("causes.beds", {"b c": "x.bed"}, ("'b c'",)),
    # Control characters in paths and values.
    (f"{NET}.errors", "errors\n.tsv", ("do not print",)),
    ("genomes.toy.fasta", "toy\0.fa", ("do not print",)),
    ("reports.colours.TP", "#ffffff\n", ("do not print",)),
]


@pytest.mark.parametrize(
    ("key", "value", "words"), WRONG, ids=[f"{k}={v!r}"[:60] for k, v, _ in WRONG]
)
def test_values(key, value, words):
    with pytest.raises(InputError) as caught:
        expand_contrasts(complete_config(change(key, value))["contrasts"])
    message = str(caught.value)
    for word in words:
        assert word in message
    if key != "contrasts":
        assert key.rpartition(".")[0] in message


@pytest.mark.parametrize("config", [None, [], "a text", 3, {}, {1: 2}, {"genomes": {}}])
def test_what_is_no_config(config):
    with pytest.raises(InputError):
        complete_config(config)


def test_a_config_in_utf_16_is_named(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("genomes: {}\n", encoding="utf-16")
    with pytest.raises(InputError, match=r"UTF-16 text.*iconv"):
        read_config(config)


REPEATED = """\
windows: {upstream: 100}
training:
  epochs: 3
  learning_rate: 0.1
  epochs: 4
contrasts: [fp_vs_tp]
contrasts: [fn_vs_tp]
"""


def test_keys_that_are_there_twice(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(REPEATED)
    with pytest.raises(InputError) as caught:
        refuse_repeated_keys(config)
    message = str(caught.value)
    assert str(config) in message
    assert "row 5: the key 'epochs' is there already, in row 3" in message
    assert "row 7: the key 'contrasts' is there already, in row 6" in message
    assert "upstream" not in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [1",
        "a: &x {b: 1}\nc: *x\nd: *x",
        "a: &x [*x]",
        "[" * 5000,
        "{1: 2, 1.0: 3}",
    ],
)
def test_keys_that_are_there_once(tmp_path, text):
    config = tmp_path / "config.yaml"
    config.write_text(text)
    refuse_repeated_keys(config)


LONG = {
    **SOUND,
    "windows": {"upstream": 700, "downstream": 700},
    "backbones": {"sb": {"architecture": "splicebert", "checkpoint": "sb"}},
    "models": ["sb"],
}


def test_windows_beyond_the_positions_of_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = r"1400 bases are too long for backbones.sb .* 1024 together.*max_length"
    with pytest.raises(InputError, match=words):
        complete_config(copy.deepcopy(LONG))
    complete_config(copy.deepcopy(LONG) | {"training": {"max_length": 1026}})
    complete_config(
        copy.deepcopy(LONG) | {"windows": {"upstream": 512, "downstream": 512}}
    )
    (tmp_path / "sb").mkdir()
    (tmp_path / "sb" / "config.json").write_text('{"max_position_embeddings": 2050}')
    complete_config(copy.deepcopy(LONG))


# Options of a network, which the schema leaves to the architecture; and what is said.
NETWORKS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"layerz": 3}, ("'layerz'", "did you mean 'layers'")),
    ({"layers": "three"}, ("three", "int")),
    ({"layers": -3}, ("num_hidden_layers -3",)),
    ({"layers": 2.5}, ("2.5", "int")),
    ({"hidden_size": 100, "heads": 7}, ("100", "7")),
    ({"hidden_size": 0}, ("hidden_size 0",)),
    ({"dropout": "much"}, ("much",)),
    ({"dropout": 2}, ("dropout is 2", "below 1")),
    ({"attention_dropout": -0.1}, ("attention_dropout is -0.1",)),
    ({"stem_dilations": [0]}, ("stem_dilations [0]",)),
    ({"pooling": "middle"}, ("pooling 'middle'", "junction")),
    ({"pooling": ""}, ("pooling ''", "junction")),
]


@pytest.mark.parametrize(("options", "words"), NETWORKS, ids=str)
def test_networks(options, words):
    with pytest.raises(InputError) as caught:
        check_backbone(BackboneSettings.from_mapping(backbone(**options)["b"]))
    assert all(word in str(caught.value) for word in words)


ODD = (
    *("../../genome.fa", "/a/./b//c.fa", 'it\'s "quoted".fa', "$(touch hacked).fa"),
    *("Genoma humano – Ñandú.fa", "基因组.fa", "a;b|c&d>e.fa", "-rf", "{braces}.fa"),
    *("back\\slash.fa", "%s.fa", "#hash.fa", "a" * 300 + ".fa"),
)


@pytest.mark.parametrize("path", ODD)
def test_odd_paths_are_kept_as_they_are(path, tmp_path):
    """What a rule hands to the shell, quoted or as JSON, arrives as it was given."""
    config = complete_config(change("genomes.toy.fasta", path))
    assert config["genomes"]["toy"]["fasta"] == path
    words = [shlex.quote(path), shlex.quote(json.dumps({"fasta": path}))]
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {' '.join(words)}"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    first, second = done.stdout.decode().splitlines()
    assert (first, json.loads(second)["fasta"]) == (path, path)
    assert not list(tmp_path.iterdir())
