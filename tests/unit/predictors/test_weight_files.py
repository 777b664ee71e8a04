"""Weights that do not fit are refused, and nothing in a file is run."""

from __future__ import annotations

import pickle

import pytest
import torch

from error_sequence_model.core import InputError
from error_sequence_model.genome import Genome
from error_sequence_model.predictors import (
    load_predictor,
    read_stretches,
    score_genome,
)
from made_predictors import write_openspliceai, write_pangolin, write_spliceai


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_openspliceai(folder / "osai.pt")
    write_openspliceai(folder / "osai400.pt", n_units=8)
    write_pangolin(folder / "final.1.2.3.v2", width=4)
    write_spliceai(folder / "spliceai.h5")
    (folder / "genome.fa").write_text(">one\nACGTACGT\n")
    return folder


@pytest.mark.parametrize(
    ("model", "file", "seen"),
    [
        ("spliceai", "osai.pt", "OpenSpliceAI with 4 units"),
        ("openspliceai", "spliceai.h5", "a Keras file"),
        ("openspliceai", "final.1.2.3.v2", "Pangolin"),
        ("pangolin", "osai400.pt", "OpenSpliceAI with 8 units"),
    ],
)
def test_weights_of_another_family(folder, model, file, seen):
    with pytest.raises(InputError, match=f"not weights of {model}.*{seen}") as caught:
        load_predictor(model, folder / file)
    assert file in str(caught.value)
    assert "scores.weights" in str(caught.value)


def test_weights_of_another_context_are_not_averaged(folder):
    with pytest.raises(InputError, match="different contexts") as caught:
        load_predictor("openspliceai", [folder / "osai.pt", folder / "osai400.pt"])
    assert "80 nt" in str(caught.value)
    assert "400 nt" in str(caught.value)


@pytest.mark.parametrize("file", ["osai.pt", "spliceai.h5"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_short(folder, tmp_path, file, share):
    content = (folder / file).read_bytes()
    path = tmp_path / file
    path.write_bytes(content[: int(len(content) * share)])
    model = "spliceai" if file.endswith("h5") else "openspliceai"
    with pytest.raises(InputError, match=str(path)):
        load_predictor(model, path)


class Evil:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_code_in_a_checkpoint_does_not_run(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    torch.save({"initial_conv.weight": Evil()}, path)
    with pytest.raises(InputError, match="not a file of weights") as caught:
        load_predictor("openspliceai", path)
    with (tmp_path / "evil.pkl").open("wb") as file:
        pickle.dump(Evil(), file, protocol=2)
    with pytest.raises(InputError, match="not a file of weights"):
        load_predictor("pangolin", tmp_path / "evil.pkl")
    # Nobody is told how to run it.
    assert "load failed" not in str(caught.value)
    assert "must not run" not in capsys.readouterr().out


def test_unknown_names(folder):
    with pytest.raises(InputError, match=r"'alphafold'.*spliceai, openspliceai, pang"):
        load_predictor("alphafold", folder / "osai.pt")
    with pytest.raises(InputError, match=r"'lung'.*heart, liver, brain, testis"):
        load_predictor("pangolin", folder / "final.1.2.3.v2", tissue="lung")
    with pytest.raises(InputError, match="has no tissues"):
        load_predictor("openspliceai", folder / "osai.pt", tissue="heart")
    with pytest.raises(InputError, match=r"'fp8'.*auto, fp32, bf16"):
        load_predictor("openspliceai", folder / "osai.pt", precision="fp8")


@pytest.mark.parametrize("device", ["nowhere", "cuda:97"])
def test_a_device_that_is_not_there(folder, device):
    with pytest.raises(InputError, match=f"device '{device}' cannot be used"):
        load_predictor("openspliceai", folder / "osai.pt", device=device)


def test_a_file_tuned_for_another_tissue(folder):
    with pytest.raises(InputError, match="tuned for liver, not for heart"):
        load_predictor("pangolin", folder / "final.1.2.3.v2", tissue="heart")


def test_a_folder_holds_several_tissues(tmp_path):
    for name in ("final.1.0.3.v2", "final.1.2.3.v2", "final.2.0.3.v2"):
        write_pangolin(tmp_path / name, width=2)
    predictor = load_predictor("pangolin", tmp_path, tissue="heart")
    assert [p.name for p in predictor.paths] == ["final.1.0.3.v2", "final.2.0.3.v2"]
    with pytest.raises(InputError, match="in this folder"):
        load_predictor("pangolin", tmp_path, tissue="brain")


def test_no_weights(folder, tmp_path):
    (tmp_path / "a").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match="a Git LFS pointer, not the weights"):
        load_predictor("pangolin", tmp_path / "a")
    with pytest.raises(InputError, match="the list is empty"):
        load_predictor("openspliceai", [])
    with pytest.raises(InputError, match="no such file"):
        load_predictor("openspliceai", tmp_path / "none.pt")
    with pytest.raises(InputError, match="no weights of openspliceai in this folder"):
        load_predictor("openspliceai", tmp_path)
    with pytest.raises(InputError, match="given twice"):
        load_predictor("openspliceai", [folder / "osai.pt"] * 2)


def test_weights_of_a_package(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no package brings weights of pangolin"):
        load_predictor("pangolin", "package")
    site = tmp_path / "site"
    (site / "spliceai-1.3.1.dist-info").mkdir(parents=True)
    (site / "spliceai-1.3.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: spliceai\nVersion: 1.3.1\n"
    )
    (site / "spliceai").mkdir()
    # Importing it must not be needed: it would fail.
    (site / "spliceai" / "__init__.py").write_text("raise RuntimeError('imported')")
    (site / "spliceai" / "models").mkdir()
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(InputError, match=r"has no spliceai1\.h5"):
        load_predictor("spliceai", "package")
    for number in range(1, 6):
        write_spliceai(
            site / "spliceai" / "models" / f"spliceai{number}.h5", seed=number
        )
    predictor = load_predictor("spliceai", "package")
    assert [p.name for p in predictor.paths] == [f"spliceai{n}.h5" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("final_conv.bias"), "it has no final_conv.bias"),
        (lambda s: s.update(extra=torch.ones(2)), "it also has extra"),
        (
            lambda s: s.update({"final_conv.bias": torch.ones(4)}),
            "final_conv.bias is 4; it must be 3",
        ),
        (lambda s: s["final_conv.bias"].fill_(float("nan")), "no finite numbers"),
        (
            lambda s: s["residual_units.0.batchnorm1.running_var"].fill_(-1),
            "negative",
        ),
        (
            lambda s: [s.pop(k) for k in list(s) if k.startswith("residual_units.4")],
            "no skip convolution",
        ),
    ],
)
def test_weights_that_do_not_fit(folder, tmp_path, change, said):
    state = torch.load(folder / "osai.pt")
    change(state)
    torch.save(state, tmp_path / "bad.pt")
    with pytest.raises(InputError, match=said):
        load_predictor("openspliceai", tmp_path / "bad.pt")


def test_a_sequence_without_context(folder):
    predictor = load_predictor("openspliceai", folder / "osai.pt")
    with pytest.raises(InputError, match=r"40 bases on each side.*at least 81"):
        predictor.predict("A" * 80)
    with pytest.raises(InputError, match="must be text"):
        predictor.predict([1, 2, 3])
    assert predictor.predict("A" * 81).shape == (1, 3)


def test_pangolin_scores_a_genome_only_with_a_tissue(folder, tmp_path):
    predictor = load_predictor("pangolin", folder / "final.1.2.3.v2")
    with Genome(folder / "genome.fa") as genome:
        stretches = read_stretches(genome)
        with pytest.raises(InputError, match="needs a tissue"):
            score_genome(predictor, genome, stretches, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stretches_that_are_none(folder, tmp_path):
    with Genome(folder / "genome.fa") as genome:
        bed = tmp_path / "a.bed"
        bed.write_text("other\t1\t5\n")
        with pytest.raises(InputError, match="another genome build"):
            read_stretches(genome, regions=bed)
        bed.write_text("one\t1\t5\tx\t0\t?\n")
        with pytest.raises(InputError, match=r"line 1: strand is '\?'"):
            read_stretches(genome, regions=bed)
        bed.write_text("#\n")
        with pytest.raises(InputError, match="not a BED file"):
            read_stretches(genome, regions=bed)
        bed.write_text("one\t1\t5\n")
        assert len(read_stretches(genome, regions=bed)) == 2
        with pytest.raises(InputError, match="flank is -1"):
            read_stretches(genome, regions=bed, flank=-1)
        sites = tmp_path / "sites.tsv"
        sites.write_text("chrom\tposition\tstrand\tsplice_type\none\t2\t+\tdonor\n")
        with pytest.raises(InputError, match="no gene bodies"):
            read_stretches(genome, annotation=sites)
        predictor = load_predictor("openspliceai", folder / "osai.pt")
        stretches = read_stretches(genome, regions=bed)
        for options in ({"part": "3/2"}, {"part": "x"}, {"minimum": 0.0}):
            with pytest.raises(InputError):
                score_genome(predictor, genome, stretches, tmp_path / "out", **options)
