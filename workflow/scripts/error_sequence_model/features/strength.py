"""Splice-site strength and competitors, learnt from training genes alone.

Base codes are 0-3 = ACGT and 4 for any other letter. A matrix covers the offsets
``CONSENSUS`` around the junction (0 is the first base 3' of it). Two models of a splice
site's consensus: a position weight matrix, and a first-order one, in which a base
depends on the base before it. Both are log2 odds against the windows of the sites they
were learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from error_sequence_model.features.families import Family, Feature, Layout, say_range
from error_sequence_model.features.files import FOLD
from error_sequence_model.windows import Windows

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
# Offsets of the consensus around the junction: (first, last + 1).
CONSENSUS = {"donor": (-3, 6), "acceptor": (-20, 3)}


def encode_bases(matrix: np.ndarray) -> np.ndarray:
    """Number bases: A 0, C 1, G 2, T 3, anything else 4. int8, same shape."""
    codes = np.full(256, 4, dtype=np.int8)
    codes[BASES] = np.arange(4)
    return codes[matrix]


def learn_matrix(aligned: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Learn a position weight matrix.

    Args:
        aligned: Base codes of aligned sites, int (n, width).
        background: Base codes that give the background composition, any shape.

    Returns:
        log2 of base frequency over background, float64 (width, 5); 0 for other bases.
    """
    counts = (
        np.stack([(aligned == base).sum(axis=0) for base in range(4)], axis=1) + 1.0
    )
    shares = np.array([(background == base).sum() for base in range(4)]) + 1.0
    weights = np.zeros((aligned.shape[1], 5))
    weights[:, :4] = np.log2(
        counts / counts.sum(axis=1, keepdims=True) / (shares / shares.sum())
    )
    return weights


def score_matrix(aligned: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum a matrix over aligned sites, in bits: float64 (n,)."""
    return weights[np.arange(aligned.shape[1]), aligned].sum(axis=1)


def learn_strength(codes: np.ndarray, upstream: int, splice_type: str) -> np.ndarray:
    """Learn the matrix of a splice type from the windows of annotated sites.

    Args:
        codes: Base codes of their windows, int (n, length).
        upstream: Bases of a window before the junction.
        splice_type: donor or acceptor.

    Returns:
        As ``learn_matrix``; the windows as a whole give the background.
    """
    first, last = CONSENSUS[splice_type]
    return learn_matrix(codes[:, upstream + first : upstream + last], codes)


def scan_strength(
    codes: np.ndarray, weights: np.ndarray, splice_type: str
) -> np.ndarray:
    """Score every junction of some windows as if it were a site of this type.

    Args:
        codes: Base codes, int (n, length).
        weights: From ``learn_strength``.
        splice_type: donor or acceptor.

    Returns:
        Bits at each index of the window (the junction is before it), float32
        (n, length); −inf where the matrix does not fit into the window.
    """
    first, last = CONSENSUS[splice_type]
    length = codes.shape[1]
    scores = np.full(codes.shape, -np.inf, dtype=np.float32)
    inside = slice(-first, length - last + 1)
    width = inside.stop - inside.start
    if width > 0:
        scores[:, inside] = 0
        for column, row in enumerate(weights.astype(np.float32)):
            scores[:, inside] += row[codes[:, column : column + width]]
    return scores


def find_dinucleotides(codes: np.ndarray, splice_type: str) -> np.ndarray:
    """Mark the junctions with a GT after (donor) or an AG before (acceptor) them.

    Returns:
        bool (n, length); index i stands for the junction before base i, as in
        ``scan_strength``.
    """
    found = np.zeros(codes.shape, dtype=bool)
    if splice_type == "donor":
        found[:, :-1] = (codes[:, :-1] == 2) & (codes[:, 1:] == 3)
    else:
        found[:, 2:] = (codes[:, :-2] == 0) & (codes[:, 1:-1] == 2)
    return found


DECOY_BINS = (-50, 0, 50)
NO_DECOY = -20.0  # bits: where a bin holds no GT or AG at all
OTHER_TYPE = {"donor": "acceptor", "acceptor": "donor"}


@dataclass(frozen=True)
class StrengthModel:
    """What was learnt of one splice type.

    Attributes:
        splice_type: donor or acceptor.
        matrix: From ``learn_strength``, float64 (width, 5).
        transitions: log2 odds of a base after its left neighbour, float64 (width, 5,
            5); 0 where either is unknown.
        sites: How many sites it was learnt from.
    """

    splice_type: str
    matrix: np.ndarray
    transitions: np.ndarray
    sites: int

    @classmethod
    def learn(cls, codes: np.ndarray, upstream: int, splice_type: str) -> StrengthModel:
        """Learn both models from the windows of annotated training sites.

        Args:
            codes: Base codes, int8 (n, length).
            upstream: Bases before the junction.
            splice_type: donor or acceptor.
        """
        first, last = CONSENSUS[splice_type]
        around = codes[:, upstream + first - 1 : upstream + last]
        return cls(
            splice_type,
            learn_strength(codes, upstream, splice_type),
            learn_transitions(around, codes),
            len(codes),
        )

    def score(self, codes: np.ndarray, upstream: int) -> np.ndarray:
        """Score the junction of each window: bits, float64 (n, 2), matrix and pairs."""
        first, last = CONSENSUS[self.splice_type]
        around = codes[:, upstream + first : upstream + last]
        pairs = codes[:, upstream + first - 1 : upstream + last]
        places = np.arange(last - first)
        return np.stack(
            [
                score_matrix(around, self.matrix),
                self.transitions[places, pairs[:, :-1], pairs[:, 1:]].sum(axis=1),
            ],
            axis=1,
        )


def learn_transitions(aligned: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Learn a first-order model of aligned sites.

    Args:
        aligned: Base codes of aligned sites with one base before them, int (n, width
            + 1).
        background: Base codes of whole windows, int (m, length).

    Returns:
        log2 of the share of a base after its left neighbour at this place over the same
        in the background, float64 (width, 5, 5) [place, left, base]; one pseudocount is
        shared out as in the background, so a pair never seen says nothing.
    """
    usual = _count_pairs(background[:, :-1], background[:, 1:])[0] + 1.0
    usual /= usual.sum(axis=1, keepdims=True)
    counts = _count_pairs(aligned[:, :-1], aligned[:, 1:], by_place=True)
    counts = counts + 4 * usual
    odds = np.zeros((len(counts), 5, 5))
    odds[:, :4, :4] = np.log2(counts / counts.sum(axis=2, keepdims=True) / usual)
    return odds


def _count_pairs(
    left: np.ndarray, right: np.ndarray, *, by_place: bool = False
) -> np.ndarray:
    """Count known pairs, float64 (places, 4, 4); one place for all if not by place."""
    is_known = (left < 4) & (right < 4)
    places = np.arange(left.shape[1]) if by_place else np.zeros(1, dtype=np.int64)
    keys = places * 16 + left.astype(np.int64) * 4 + right
    size = 16 * (left.shape[1] if by_place else 1)
    counts = np.bincount(keys[is_known], minlength=size)
    return counts.reshape(-1, 4, 4).astype(np.float64)


def has_room(layout: Layout, splice_type: str) -> bool:
    """Whether the windows hold a consensus with one base before it."""
    first, last = CONSENSUS[splice_type]
    return layout.upstream >= 1 - first and layout.downstream >= last


def make_strength_families(
    layout: Layout, models: Mapping[str, StrengthModel], *, suffix: str = ""
) -> list[Family]:
    """Strength and competitors of one fold.

    Args:
        layout: The windows.
        models: What was learnt, by splice type.
        suffix: Appended to every name (of the fold).
    """
    return [
        _make_site_family(layout, models, suffix),
        _make_decoy_family(layout, models, suffix),
    ]


def _make_site_family(
    layout: Layout, models: Mapping[str, StrengthModel], suffix: str
) -> Family:
    features = [
        Feature(
            f"strength:matrix{suffix}",
            "bits",
            "position weight matrix of the site's own type, from training genes",
        ),
        Feature(
            f"strength:pairs{suffix}",
            "bits",
            "first-order model of the site's own type, from training genes",
        ),
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        values = np.full((len(codes), 2), np.nan)
        for splice_type, model in models.items():
            rows = is_donor == (splice_type == "donor")
            values[rows] = model.score(codes[rows], layout.upstream)
        return values

    return Family(features, compute)


def _make_decoy_family(
    layout: Layout, models: Mapping[str, StrengthModel], suffix: str
) -> Family:
    bins = layout.cut_bins(DECOY_BINS)
    words = {"same": "same type", "other": "other type"}
    features = [
        Feature(
            f"decoy:{which}:best:{start}:{end}{suffix}",
            "bits",
            f"strongest other GT or AG of the {words[which]} at {say_range(start, end)}"
            f"; {NO_DECOY:g} without any",
        )
        for which in words
        for start, end in bins
    ]
    features += [
        Feature(
            f"decoy:same:margin{suffix}",
            "bits",
            "strength of the site minus that of the strongest competitor within 50 nt",
        ),
        Feature(
            f"decoy:same:stronger{suffix}",
            "count",
            "competitors of the same type in the window at least as strong as the site",
        ),
        Feature(
            f"decoy:same:distance{suffix}",
            "nt",
            "to the nearest of them; the window's longer side plus one without any",
        ),
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        values = np.full((len(codes), len(features)), np.nan)
        for splice_type in ("donor", "acceptor"):
            rows = is_donor == (splice_type == "donor")
            if not rows.any():
                continue
            part, columns = codes[rows], []
            for which, other in (("same", splice_type), ("other", None)):
                model = models.get(other or OTHER_TYPE[splice_type])
                columns.append(_measure(part, model, which, layout, bins))
            values[rows] = np.concatenate(
                [columns[0][:, :-3], columns[1], columns[0][:, -3:]], axis=1
            )
        return values

    return Family(features, compute)


def _measure(
    codes: np.ndarray,
    model: StrengthModel | None,
    which: str,
    layout: Layout,
    bins: list[tuple[int, int]],
) -> np.ndarray:
    """Best decoy per bin; of the same type also margin, stronger ones, distance."""
    extra = 3 if which == "same" else 0
    if model is None:
        return np.full((len(codes), len(bins) + extra), np.nan)
    bits = scan_decoys(codes, model)
    own = model.score(codes, layout.upstream)[:, 0]
    if which == "same":
        bits[:, layout.upstream] = -np.inf
    best = [
        np.maximum(bits[:, layout.get_slice(*place)].max(axis=1), NO_DECOY)
        for place in bins
    ]
    if which == "same":
        near = bits[:, layout.get_slice(-50, 51)].max(axis=1)
        is_stronger = bits >= own[:, None]
        distance = np.abs(np.arange(layout.length) - layout.upstream)
        beyond = max(layout.upstream, layout.downstream) + 1
        nearest = np.where(is_stronger, distance, beyond).min(axis=1)
        best += [own - np.maximum(near, NO_DECOY), is_stronger.sum(axis=1), nearest]
    return np.stack(best, axis=1)


def scan_decoys(codes: np.ndarray, model: StrengthModel) -> np.ndarray:
    """Strength of every GT or AG of a window, float32 (n, length); −inf elsewhere.

    Index i stands for the junction before base i, as in ``scan_strength``.
    """
    bits = scan_strength(codes, model.matrix, model.splice_type)
    bits[~find_dinucleotides(codes, model.splice_type)] = -np.inf
    return bits


def learn_fold_families(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
) -> list[Family]:
    """Strength and competitors, learnt anew from the training genes of each fold.

    Args:
        split: ``split.parquet``.
        sites: ``sites.parquet``.
        windows: Their windows.
    """
    layout = Layout(windows.upstream, windows.downstream)
    families = []
    for fold in sorted(split["fold"].unique()):
        models = learn_strengths(split[split["fold"] == fold], sites, windows)
        families += make_strength_families(layout, models, suffix=f"{FOLD}{fold}")
    return families


def learn_strengths(
    split: pd.DataFrame, sites: pd.DataFrame, windows: Windows
) -> dict[str, StrengthModel]:
    """Learn the consensus of both splice types from the training genes of a fold.

    Teachers are the annotated sites (TP, FN) of genes that have training sites and
    none held out; a split of donors learns the acceptors of the same genes too. Where
    no such site is left, training sites of any kind stand in for their own type.
    """
    layout = Layout(windows.upstream, windows.downstream)
    gene_of = sites.set_index("site_id")["gene_id"]
    is_train = split["part"].eq("train").to_numpy()
    is_held_out = split["part"].isin(["validation", "test"]).to_numpy()
    train_ids = split.loc[is_train, "site_id"].to_numpy()
    held_out = set(gene_of.reindex(split.loc[is_held_out, "site_id"]).dropna())
    genes = set(gene_of.reindex(train_ids).dropna()) - held_out
    # Sites of this split that are held out or excluded never teach, whatever the gene.
    outside = set(split.loc[~is_train, "site_id"])
    is_teacher = (
        sites["gene_id"].isin(genes) | sites["site_id"].isin(train_ids)
    ) & ~sites["site_id"].isin(outside)
    models = {}
    for splice_type in ("donor", "acceptor"):
        if not has_room(layout, splice_type):
            continue
        chosen = is_teacher & sites["splice_type"].eq(splice_type)
        annotated = chosen & sites["pred_type"].isin(["TP", "FN"])
        chosen = annotated if annotated.any() else chosen
        ids = sites.loc[chosen, "site_id"].to_numpy()
        if len(ids):
            codes = encode_bases(windows.get_matrix(ids))
            models[splice_type] = StrengthModel.learn(
                codes, layout.upstream, splice_type
            )
    return models
