"""Motifs of the language model's maps as classical features: what do they add?

Motifs come from the maps of explained test sites, so the gain is measured on the other
held-out sites, on which nothing was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.features import find_matrix_hits, get_background, say_range
from error_sequence_model.statistics import (
    compute_macro_auprc,
    compute_sampled_auprc,
    count_genes,
    fill_empty_columns,
    get_interval,
    number_groups,
)
from error_sequence_model.verification.effects import Effect, HeldOut
from error_sequence_model.verification.named_model import (
    NamedModel,
    make_plain_boosting,
)

FEWEST_SITES = 10  # of each class, to measure a gain on


class MapMotif(NamedTuple):
    """A motif of the maps.

    Attributes:
        name: As in ``motifs.tsv``.
        consensus: IUPAC letters and where it is counted.
        matrix: Share of each base, float (width, 4).
        place: Offsets [start, end) that its hits are counted in.
        effect: On the language model's log-odds where it is inserted.
    """

    name: str
    consensus: str
    matrix: np.ndarray
    place: tuple[int, int]
    effect: Effect


def read_map_motifs(table: pd.DataFrame, details: dict) -> list[MapMotif]:
    """Read motifs from ``motifs.tsv`` and ``motifs.json``, in the table's order."""
    matrices = {
        entry["motif"]: np.array(entry["matrix"]) for entry in details["motifs"]
    }
    return [
        MapMotif(
            row.motif,
            f"{row.consensus} at {say_range(int(row.start), int(row.end))}",
            matrices[row.motif],
            (int(row.start), int(row.end)),
            Effect(row.delta_logit, row.delta_low, row.delta_high),
        )
        for row in table.itertuples()
    ]


def verify_motifs(
    motifs: Sequence[MapMotif],
    named: NamedModel,
    train: HeldOut,
    unseen: HeldOut,
    *,
    seed: int,
    draws: int = 2000,
) -> list[dict[str, object]]:
    """Add each motif, then all of them, to the classical features.

    Args:
        motifs: The motifs.
        named: The classical model without them.
        train: Training sites.
        unseen: Held-out sites that the motifs were not found on.
        seed: Of boosting and bootstrap.
        draws: Bootstrap samples of genes.

    Returns:
        Rows of ``verification.COLUMNS``; none where too few sites are left.
    """
    if not motifs or np.bincount(unseen.labels, minlength=2).min() < FEWEST_SITES:
        return []
    background = get_background(train.codes)
    hits = [
        np.stack(
            [_count_hits(motif, part.codes, named, background) for motif in motifs],
            axis=1,
        )
        for part in (train, unseen)
    ]
    features = [named.compute(part.codes, part.is_donor) for part in (train, unseen)]
    groups = number_groups(unseen.genes, len(unseen.labels))

    def sample(columns: list[int]) -> tuple[float, np.ndarray]:
        added = [
            np.hstack([own, counts[:, columns]])
            for own, counts in zip(features, hits, strict=True)
        ]
        given = fill_empty_columns(added[0])
        boosting = make_plain_boosting(seed).fit(given, train.labels)
        found = np.zeros((len(unseen.labels), int(boosting.classes_.max()) + 1))
        found[:, boosting.classes_] = boosting.predict_proba(added[1])
        sampled = compute_sampled_auprc(
            unseen.labels, found, groups, draws=draws, seed=seed
        )
        return compute_macro_auprc(unseen.labels, found), sampled

    without = sample([])
    tests = [([number], motif) for number, motif in enumerate(motifs)]
    if len(motifs) > 1:
        tests.append((list(range(len(motifs))), _join(motifs)))
    rows = []
    for columns, motif in tests:
        gain = _compare(sample(columns), without, count_genes(unseen.labels, groups))
        rows.append(
            {
                "feature": motif.name,
                "definition": motif.consensus,
                "source": "motif",
                "mode": "added",
                "importance": np.nan,
                "n_sites": len(unseen.labels),
                "n_genes": int(groups.max()) + 1,
                "classical": gain.mean,
                "classical_low": gain.low,
                "classical_high": gain.high,
                "model": motif.effect.mean,
                "model_low": motif.effect.low,
                "model_high": motif.effect.high,
                "verdict": judge_motif(gain, motif.effect),
            }
        )
    return rows


def _count_hits(
    motif: MapMotif, codes: np.ndarray, named: NamedModel, background: np.ndarray
) -> np.ndarray:
    hits = find_matrix_hits(codes, motif.matrix, background)
    return hits[:, named.layout.get_slice(*motif.place)].sum(axis=1).astype(np.float32)


def _join(motifs: Sequence[MapMotif]) -> MapMotif:
    """All motifs as one; the strongest of their effects stands for the model's."""
    effect = max((m.effect for m in motifs), key=lambda e: abs(np.nan_to_num(e.mean)))
    return motifs[0]._replace(
        name="all motifs", consensus=f"{len(motifs)} motifs together", effect=effect
    )


def _compare(
    with_motif: tuple[float, np.ndarray],
    without: tuple[float, np.ndarray],
    genes: int,
) -> Effect:
    ends = np.array(get_interval(with_motif[1] - without[1], genes), dtype=float)
    return Effect(with_motif[0] - without[0], *ends.tolist())


def judge_motif(gain: Effect, effect: Effect) -> str:
    """Say whether a motif that moves the language model helps the classical one too.

    Args:
        gain: AUPRC that it adds as a feature.
        effect: Its effect on the language model's log-odds, of either sign.

    Returns:
        "confirmed", "LM-only", "classical-only", "contradicted" (the model moves and
        the feature harms), or "undecided".
    """
    added, moves = gain.get_sign(0.0), effect.get_sign()
    if moves and added:
        return "confirmed" if added > 0 else "contradicted"
    if moves:
        return "LM-only"
    return "classical-only" if added > 0 else "undecided"
