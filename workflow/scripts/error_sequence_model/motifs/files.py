"""The files of a run's motifs: tables for people, MEME for other tools, JSON for pages.

`motifs.tsv`: one row per motif, columns in ``motif_search.MOTIF_COLUMNS``.
`elements.tsv`: one row per known element and region, ``element_tests.ELEMENT_COLUMNS``.
`motifs.meme`: the motifs' matrices in MEME format (minimal, version 5), one strand.
`motifs.json`: what both were made with, and per motif its matrix, contributions, the
offsets of its seqlets, and the offsets of its hits in held-out sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import atomic_path, write_json, write_tsv
from error_sequence_model.motifs.clusters import Motif
from error_sequence_model.motifs.search import FoundMotifs


def write_meme(
    path: str | Path,
    motifs: Sequence[Motif],
    names: Sequence[str],
    background: np.ndarray,
) -> None:
    """Write matrices in MEME format.

    Args:
        path: The file.
        motifs: The motifs.
        names: Their names.
        background: Share of each base, float (4,).
    """
    shares = " ".join(
        f"{base} {share:.4f}" for base, share in zip("ACGT", background, strict=True)
    )
    lines = ["MEME version 5", "", "ALPHABET= ACGT", "", "strands: +", ""]
    lines += ["Background letter frequencies", shares, ""]
    for motif, name in zip(motifs, names, strict=True):
        lines += [
            f"MOTIF {name} {motif.consensus}",
            f"letter-probability matrix: alength= 4 w= {motif.width} "
            f"nsites= {len(motif.rows)}",
            *(" ".join(f"{share:.6f}" for share in row) for row in motif.matrix),
            "",
        ]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def write_motifs(
    folder: str | Path,
    found: FoundMotifs,
    elements: pd.DataFrame,
    background: np.ndarray,
    *,
    upstream: int,
    site_ids: np.ndarray,
    about: dict[str, Any],
) -> None:
    """Write the four files of a run.

    Args:
        folder: The run folder.
        found: The motifs.
        elements: From ``measure_elements``.
        background: Share of each base in the windows, float (4,).
        upstream: Bases of the window before the junction.
        site_ids: Of the explained sites, int64 (m,).
        about: What it was made with; plain values.
    """
    folder = Path(folder)
    names = found.table["motif"].tolist()
    details = [
        {
            "motif": name,
            "matrix": motif.matrix.round(4).tolist(),
            "contributions": motif.contributions.round(4).tolist(),
            "seqlet_offsets": (motif.starts - upstream).tolist(),
            "seqlet_sites": site_ids[motif.rows].tolist(),
            "hit_offsets": hits,
        }
        for name, motif, hits in zip(names, found.motifs, found.hits, strict=True)
    ]
    write_meme(folder / "motifs.meme", found.motifs, names, background)
    write_json(folder / "motifs.json", {**about, "motifs": details})
    write_tsv(folder / "elements.tsv", elements)
    write_tsv(folder / "motifs.tsv", found.table)
