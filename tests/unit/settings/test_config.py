"""Scores that the workflow computes itself: keys, defaults, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    complete_config,
    list_files,
    list_peers,
    write_reference,
)


def configure(*, fasta_only: bool = False, **scores: Any) -> dict[str, Any]:
    genome = {"fasta": "toy.fa", "annotation": "toy.gtf"}
    if fasta_only:
        del genome["annotation"]
    given = {"format": "model", "model": "spliceai", "weights": ["a.h5"], **scores}
    scores = {key: value for key, value in given.items() if value is not ...}
    predictor = {"genome": "toy", "scores": scores, "annotated_sites": "sites.tsv"}
    return {"genomes": {"toy": genome}, "predictors": {"net": predictor}}


def test_defaults_are_filled_in_for_models_alone():
    config = complete_config(configure())
    assert config["predictors"]["net"]["scores"] == {
        "format": "model",
        "model": "spliceai",
        "weights": ["a.h5"],
        "tissue": None,
        "precision": "auto",
        "regions": "genes",
        "flank": 300,
        "parts": 4,
    }
    table = {"format": "table", "path": "a.tsv"}
    other = configure()
    other["predictors"]["net"]["scores"] = table
    assert complete_config(other)["predictors"]["net"]["scores"] == table


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"weights": ...}, "predictors.net.scores: weights is missing; given: format"),
        (
            {"model": ...},
            "predictors.net.scores: model is missing; given: format, weights",
        ),
        ({"weights": []}, r"predictors.net.scores.weights: \[\]"),
        ({"weights": ["a.h5", "a.h5"]}, "scores.weights: 'a.h5' stands twice"),
        ({"weights": 5}, "predictors.net.scores.weights: 5"),
        ({"flank": -1}, "predictors.net.scores.flank: -1; allowed: whole number ≥ 0"),
        ({"flank": 3.0}, "predictors.net.scores.flank: 3.0"),
        ({"parts": 0}, "predictors.net.scores.parts: 0; allowed: whole number ≥ 1"),
        ({"precision": "fp16"}, r"scores.precision: 'fp16'; allowed: auto, fp32, bf16"),
        ({"regions": None}, "predictors.net.scores.regions: null; allowed: text"),
        ({"tisue": "heart"}, "unknown key 'tisue'; did you mean 'tissue'"),
        ({"path": "a.tsv"}, "unknown key 'path'"),
        ({"format": "modl"}, r"scores.format: 'modl'; .*table, model"),
    ],
)
def test_odd_scores_are_refused(scores, said):
    with pytest.raises(InputError, match=said):
        complete_config(configure(**scores))


def test_a_genome_without_genes_needs_a_bed():
    with pytest.raises(InputError, match=r"net\.scores\.regions: no genes to score"):
        complete_config(configure(fasta_only=True))
    complete_config(configure(fasta_only=True, regions="a.bed"))


def test_scores_made_here_lie_on_the_exonic_base():
    config = configure()
    config["predictors"]["net"]["site_base"] = "intron"
    with pytest.raises(InputError, match=r"net\.site_base is 'intron'.*exonic base"):
        complete_config(config)


def test_the_reference_has_each_key_once():
    text = write_reference()
    for key in ("format", "model", "weights", "tissue", "regions", "flank", "parts"):
        assert text.count(f"| `predictors.{{name}}.scores.{key}` |") == 1


def test_every_file_of_a_config_is_listed_with_its_key() -> None:
    scores = {"format": "model", "model": "spliceai", "weights": ["a.h5", "b.h5"]}
    tracks = {k: {"+": f"{k}.bw", "-": f"{k}.bw"} for k in ("donor", "acceptor")}
    config = complete_config(
        {
            "genomes": {"g": {"fasta": "g.fa", "annotation": "g.gtf"}},
            "predictors": {
                "net": {"genome": "g", "scores": {**scores, "regions": "r.bed"}},
                "packed": {"genome": "g", "scores": {**scores, "weights": "package"}},
                "bw": {"genome": "g", "scores": {"format": "bigwig", **tracks}},
                "table": {"genome": "g", "errors": "e.tsv", "variants": "v.vcf"},
            },
            "causes": {"repeats": "rm.bed", "beds": {"hot": {"g": "hot.bed"}}},
            "features": {"bigwigs": {"phylop": "p.bw"}},
            "motifs": {"elements": "m.meme"},
        }
    )
    assert sorted(list_files(config)) == [
        ("causes.beds.hot.g", "hot.bed"),
        ("causes.repeats", "rm.bed"),
        ("features.bigwigs.phylop", "p.bw"),
        ("genomes.g.annotation", "g.gtf"),
        ("genomes.g.fasta", "g.fa"),
        ("motifs.elements", "m.meme"),
        ("predictors.bw.scores.acceptor.+", "acceptor.bw"),
        ("predictors.bw.scores.acceptor.-", "acceptor.bw"),
        ("predictors.bw.scores.donor.+", "donor.bw"),
        ("predictors.bw.scores.donor.-", "donor.bw"),
        ("predictors.net.scores.regions", "r.bed"),
        ("predictors.net.scores.weights", "a.h5"),
        ("predictors.net.scores.weights", "b.h5"),
        ("predictors.table.errors", "e.tsv"),
        ("predictors.table.variants", "v.vcf"),
    ]


def test_private_errors_need_peers_that_are_there() -> None:
    table = {"genome": "toy", "errors": "a.tsv"}
    other = {**table, "role": "compared"}
    elsewhere = {"genome": "far", "errors": "b.tsv", "role": "compared"}
    config = {
        "genomes": {"toy": {"fasta": "toy.fa"}, "far": {"fasta": "far.fa"}},
        "predictors": {"a": table, "b": other, "c": other, "d": elsewhere},
        "contrasts": ["fn_vs_tp", "private_fn_vs_shared"],
    }
    assert list_peers(complete_config(config), "a") == ["a", "b", "c"]
    assert list_peers(complete_config(config), "d") == []

    def refuse(**changes: Any) -> str:
        with pytest.raises(InputError) as caught:
            complete_config({**config, **changes})
        return str(caught.value)

    right_in = {"like": "private_fn_vs_shared", "peers": ["b"]}
    assert complete_config({**config, "contrasts": {"right_in_b": right_in}})
    for name in ("ghost", "d"):
        said = refuse(contrasts={"mine": {**right_in, "peers": ["b", name]}})
        assert f"contrasts.mine.peers: ['{name}'] are not among" in said
        assert "predictors of a's genome: b, c" in said
    said = refuse(predictors={"a": table, "d": elsewhere})
    assert "contrasts.private_fn_vs_shared: 'a' has no peers" in said
    said = refuse(contrasts={"mine": {**right_in, "peers": ["a"]}})
    assert "contrasts.mine.peers: beside a none is studied" in said
