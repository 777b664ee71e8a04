"""Features from the gene annotation, for sites that are all annotated.

At a site outside the annotation none of them is defined, so between annotated and
unannotated sites they would be the label in other words: there they are refused.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from error_sequence_model.features.families import Feature
from error_sequence_model.genome import SITE, GeneModels

ANNOTATED = frozenset({"TP", "FN"})
FEATURES = {
    "shortest_exon": ("nt", "shortest exon beside the site, over its transcripts"),
    "longest_exon": ("nt", "longest exon beside the site"),
    "shortest_intron": ("nt", "shortest intron of the site"),
    "is_outer": ("0/1", "its exon is the first (donor) or last (acceptor) of all"),
    "transcripts": ("count", "transcripts that use the site"),
    "transcript_share": ("share", "of its gene's transcripts that use the site"),
}


def may_use_annotation(pred_types: Iterable[str]) -> bool:
    """Whether all sites told apart are annotated, or none of them is."""
    kinds = set(pred_types)
    return not (kinds & ANNOTATED and kinds - ANNOTATED)


def compute_annotation_features(
    sites: pd.DataFrame, models: GeneModels
) -> tuple[list[Feature], np.ndarray]:
    """Look sites up in the gene models.

    Args:
        sites: chrom, junction, strand, splice_type.
        models: From ``read_gene_models``.

    Returns:
        The features, and float32 (n, features); NaN where no transcript uses the site.
    """
    found = sites[SITE].merge(models.sites, on=SITE, how="left", validate="m:1")
    found["transcript_share"] = found["transcripts"] / found["gene_transcripts"]
    features = [
        Feature(f"annotation:{name}", unit, definition)
        for name, (unit, definition) in FEATURES.items()
    ]
    columns = [found[name].astype("float32") for name in FEATURES]
    return features, np.stack([c.to_numpy(np.float32) for c in columns], axis=1)
