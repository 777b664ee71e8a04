"""Files of tfmodisco-lite: what is written is what it reads, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.features import read_elements
from error_sequence_model.motifs import convert_modisco_patterns, export_run
from error_sequence_model.motifs.exchange import read_modisco_patterns
from error_sequence_model.windows import read_windows
from fake_motifs import add_motifs
from fake_results import build_results


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> tuple[Path, Path, Path]:
    """A run with motifs, its windows, and what was written of it."""
    folder = tmp_path_factory.mktemp("exchange")
    fake = add_motifs(build_results(folder, n_per_class=160, splice_types=("donor",)))
    windows = fake.folder / "windows.arrow"
    export_run(fake.runs[0], read_windows(windows), folder / "out")
    return fake.runs[0], windows, folder / "out"


def test_arrays_are_letters_by_length_and_hold_the_maps(exported) -> None:
    run, windows, output = exported
    letters = np.load(output / "sequences.npz")["arr_0"]
    values = np.load(output / "contributions.npz")["arr_0"]
    details = json.loads((run / "motifs.json").read_text())
    with h5py.File(run / "attributions" / f"{details['method']}.h5") as file:
        ids, maps = file["site_id"][:], file["attributions"][:]
    assert letters.shape == values.shape == (len(ids), 4, maps.shape[1])
    first = read_windows(windows).get_sequences(ids[:1])[0]
    assert "".join("ACGT"[n] for n in letters[0].argmax(axis=0)) == first
    np.testing.assert_allclose((letters * values).sum(axis=1), maps, atol=1e-6)


def test_mutagenesis_gives_the_letters_that_are_not_there(exported, tmp_path) -> None:
    run, windows, _ = exported
    details = json.loads((run / "motifs.json").read_text())
    with h5py.File(run / "attributions" / f"{details['method']}.h5") as file:
        ids, shape = file["site_id"][:], file["attributions"].shape
    changes = np.random.default_rng(1).normal(size=(*shape, 4)).astype(np.float32)
    path = run / "attributions" / "in_silico_mutagenesis.h5"
    with h5py.File(path, "w") as file:
        file["site_id"], file["substitutions"] = ids, changes
    try:
        export_run(run, read_windows(windows), tmp_path)
    finally:
        path.unlink()
    values = np.load(tmp_path / "contributions.npz")["arr_0"]
    expected = changes - changes.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(values.transpose(0, 2, 1), expected, atol=1e-5)


def test_motifs_come_back_as_elements(exported, tmp_path) -> None:
    run, _, output = exported
    table = pd.read_csv(run / "motifs.tsv", sep="\t")
    with h5py.File(output / "motifs.h5") as file:
        assert set(file) <= {"pos_patterns", "neg_patterns"}
        groups = [g for name in file for g in file[name].values()]
        sizes = [int(group["seqlets/n_seqlets"][0]) for group in groups]
        first = groups[0]
        width = first["sequence"].shape[0]
        assert first["contrib_scores"].shape == (width, 4)
        assert first["seqlets/sequence"].shape == (sizes[0], width, 4)
        length = first["seqlets/end"][:] - first["seqlets/start"][:]
        assert (length == width).all()
    assert sorted(sizes) == sorted(table["n_seqlets"])
    convert_modisco_patterns(output / "motifs.h5", tmp_path / "back.meme")
    back = {e.name: e.matrix for e in read_elements(tmp_path / "back.meme")}
    details = json.loads((run / "motifs.json").read_text())["motifs"]
    assert len(back) == len(details) >= 1
    for entry in details:
        # Ours has half a pseudocount per base, modisco has none.
        n = len(entry["seqlet_sites"])
        fitting = [
            (m * n + 0.5) / (n + 2)
            for m in back.values()
            if m.shape == np.shape(entry["matrix"])
        ]
        assert any(np.abs(m - entry["matrix"]).max() < 0.005 for m in fitting)


def test_a_pattern_is_taken_apart_by_strand(tmp_path) -> None:
    path = tmp_path / "x.h5"
    word = np.eye(4)[[0, 2, 2]]  # AGG as it was laid
    with h5py.File(path, "w") as file:
        seqlets = file.create_group("pos_patterns/pattern_0/seqlets")
        seqlets["sequence"] = np.stack([word] * 5)
        seqlets["is_revcomp"] = [False, False, True, True, True]
        seqlets["example_idx"] = np.arange(5)
    forward, back = read_modisco_patterns(path)
    assert (forward.consensus, len(forward.rows)) == ("AGG", 2)
    assert (back.consensus, len(back.rows)) == ("CCT", 3)
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(InputError, match="modisco motifs"):
        read_modisco_patterns(path)
