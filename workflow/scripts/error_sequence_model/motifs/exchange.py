"""Maps and motifs in the files of tfmodisco-lite, for its own tools and back.

Its command takes two arrays of shape (n_sites, 4, length), letters A, C, G, T: one-hot
sequences and hypothetical contributions. What it writes is an HDF5 file with groups
``pos_patterns`` and ``neg_patterns``; each has ``pattern_0`` … with ``sequence``,
``contrib_scores`` and ``hypothetical_contribs``, float (width, 4), and ``seqlets``:
``n_seqlets``, ``example_idx``, ``start``, ``end``, ``is_revcomp`` and the same three of
each seqlet, float (n, width, 4). Positive patterns speak for an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from error_sequence_model.core import (
    InputError,
    atomic_path,
    open_hdf5,
    read_json,
    read_saved_table,
)
from error_sequence_model.features import encode_bases, write_consensus
from error_sequence_model.motifs.run import write_meme
from error_sequence_model.windows import Windows

MUTAGENESIS = "in_silico_mutagenesis"

GROUPS = {"error": "pos_patterns", "correct": "neg_patterns"}


def write_modisco_input(
    folder: Path,
    codes: np.ndarray,
    attributions: np.ndarray,
    substitutions: np.ndarray | None = None,
) -> None:
    """Write ``sequences.npz`` and ``contributions.npz`` for ``modisco motifs``.

    Args:
        folder: Where to.
        codes: Base codes, int (n_sites, length); 4 is no base.
        attributions: Maps, float (n_sites, length).
        substitutions: Change of the log-odds with each base in place of the site's own,
            float (n_sites, length, 4): the hypothetical contributions of letters that
            are not there; without them these are 0.
    """
    letters = codes[..., None] == np.arange(4)
    values = np.where(letters, attributions[..., None], 0.0)
    if substitutions is not None:
        # As for any method, what each letter adds beside the mean of the four.
        values = substitutions - substitutions.mean(axis=2, keepdims=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("sequences", letters), ("contributions", values)):
        turned = array.transpose(0, 2, 1).astype(np.float32)
        with (
            atomic_path(folder / f"{name}.npz") as temporary,
            temporary.open("wb") as file,
        ):
            np.savez_compressed(file, turned)


def write_modisco_patterns(
    path: Path,
    motifs: Sequence[Mapping[str, Any]],
    signs: Mapping[str, str],
    site_ids: np.ndarray,
    codes: np.ndarray,
    attributions: np.ndarray,
    *,
    upstream: int,
) -> None:
    """Write motifs in the layout of tfmodisco-lite's results.

    Args:
        path: The HDF5 file.
        motifs: Those of ``motifs.json``: motif, matrix, seqlet_sites, seqlet_offsets.
        signs: "error" or "correct" by motif.
        site_ids: Sites in the order of the arrays written beside, int64 (n_sites,).
        codes: Their base codes, int (n_sites, length).
        attributions: Their maps, float (n_sites, length).
        upstream: Bases of a window before the junction.
    """
    rows = {int(site): row for row, site in enumerate(site_ids)}
    letters = (codes[..., None] == np.arange(4)).astype(np.float32)
    values = letters * attributions[..., None].astype(np.float32)
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["window_size"] = codes.shape[1]
        counts = dict.fromkeys(GROUPS, 0)
        for motif in motifs:
            sign, width = signs[motif["motif"]], len(motif["matrix"])
            places = [
                (rows[int(site)], int(offset) + upstream)
                for site, offset in zip(
                    motif["seqlet_sites"], motif["seqlet_offsets"], strict=True
                )
                if int(site) in rows
                and int(offset) + upstream >= 0
                and int(offset) + upstream + width <= codes.shape[1]
            ]
            if not places:
                continue
            index, start = np.array(places, dtype=np.int64).T
            columns = start[:, None] + np.arange(width)
            own = letters[index[:, None], columns], values[index[:, None], columns]
            group = file.create_group(f"{GROUPS[sign]}/pattern_{counts[sign]}")
            counts[sign] += 1
            seqlets = group.create_group("seqlets")
            seqlets["n_seqlets"] = np.array([len(places)])
            seqlets["example_idx"], seqlets["start"] = index, start
            seqlets["end"] = start + width
            seqlets["is_revcomp"] = np.zeros(len(places), dtype=bool)
            names = ("sequence", "contrib_scores", "hypothetical_contribs")
            for name, arrays in zip(names, (*own, own[1]), strict=True):
                group[name], seqlets[name] = arrays.mean(axis=0), arrays


class Pattern(NamedTuple):
    """A pattern as it is read on the transcript.

    Attributes:
        name: "error_0.forward".
        matrix: Share of each base, float64 (width, 4).
        rows: Its seqlets' sites, int64 (n,).
    """

    name: str
    matrix: np.ndarray
    rows: np.ndarray

    @property
    def width(self) -> int:
        """Bases."""
        return len(self.matrix)

    @property
    def consensus(self) -> str:
        """IUPAC letters."""
        return write_consensus(self.matrix)


def read_modisco_patterns(path: Path) -> list[Pattern]:
    """Read the patterns of tfmodisco-lite's results, by strand.

    tfmodisco-lite lays a seqlet on another or on its reverse complement; what binds RNA
    reads one strand, so that a pattern is taken apart: letters of the seqlets that lie
    as they are read, and of those that lie the other way.

    Raises:
        InputError: The file has no such groups.
    """
    found = []
    with open_hdf5(path) as file:
        if not set(GROUPS.values()) & set(file):
            names = " or ".join(GROUPS.values())
            raise InputError(f"{path}: no {names}; give what `modisco motifs` writes")
        for sign, group in GROUPS.items():
            for name, pattern in file.get(group, {}).items():
                seqlets = pattern["seqlets"]
                sequences = seqlets["sequence"][:].astype(np.float64)
                is_reversed = seqlets["is_revcomp"][:].astype(bool)
                start = f"{sign}_{name.removeprefix('pattern_')}"
                for word, mask in (("forward", ~is_reversed), ("reverse", is_reversed)):
                    if mask.any():
                        # Seqlets are stored as they were laid: turned back, A is T.
                        shares = sequences[mask].mean(axis=0)
                        shares = shares if word == "forward" else shares[::-1, ::-1]
                        rows = seqlets["example_idx"][:][mask]
                        found.append(Pattern(f"{start}.{word}", shares, rows))
    return found


def convert_modisco_patterns(patterns: Path, output: Path) -> None:
    """Write tfmodisco-lite's patterns as MEME, for `motifs.elements` of the config."""
    found = read_modisco_patterns(patterns)
    names = [pattern.name for pattern in found]
    write_meme(output, found, names, np.full(4, 0.25))


def export_run(run: Path, windows: Windows, output: Path) -> None:
    """Write a run's maps and motifs for tfmodisco-lite's tools.

    Args:
        run: Run folder with `motifs.json`, `motifs.tsv` and maps.
        windows: The sites' windows.
        output: Folder of `sequences.npz`, `contributions.npz` and `motifs.h5`.
    """
    details = read_json(run / "motifs.json")
    table = read_saved_table(run / "motifs.tsv").set_index("motif")
    folder = run / "attributions"
    with open_hdf5(folder / f"{details['method']}.h5") as file:
        site_ids, values = file["site_id"][:], file["attributions"][:]
    changes = folder / f"{MUTAGENESIS}.h5"
    substitutions = None
    if changes.is_file():
        with open_hdf5(changes) as file:
            if np.array_equal(file["site_id"][:], site_ids):
                substitutions = file["substitutions"][:]
    letters = "".join(windows.get_sequences(site_ids)).encode()
    codes = encode_bases(np.frombuffer(letters, np.uint8)).reshape(len(site_ids), -1)
    write_modisco_input(output, codes, values, substitutions)
    write_modisco_patterns(
        output / "motifs.h5",
        details["motifs"],
        table["sign"].to_dict(),
        *(site_ids, codes, values),
        upstream=windows.upstream,
    )
