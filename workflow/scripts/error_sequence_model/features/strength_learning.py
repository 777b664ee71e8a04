"""Who teaches the splice consensus: annotated sites of training genes, per fold."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from error_sequence_model.features.families import Family, Layout
from error_sequence_model.features.files import FOLD
from error_sequence_model.features.strength import encode_bases
from error_sequence_model.features.strength_features import (
    StrengthModel,
    has_room,
    make_strength_families,
)
from error_sequence_model.windows import Windows


def learn_fold_families(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    folds: Sequence[int] | None = None,
) -> list[Family]:
    """Strength and competitors, learnt anew from the training genes of each fold.

    Args:
        split: ``split.parquet``.
        sites: ``sites.parquet``.
        windows: Their windows.
        folds: Which folds; None: all.
    """
    layout = Layout(windows.upstream, windows.downstream)
    families = []
    for fold in folds if folds is not None else sorted(split["fold"].unique()):
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
