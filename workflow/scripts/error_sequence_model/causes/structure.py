"""Named causes that need to know the genes: exons, introns, neighbours, biotypes.

Junctions are interbase and 0-based; a gene body is 0-based half-open. A flag is float
(n,): 1, 0, or NaN where it is not defined, as an exon's length is at a site that no
transcript uses.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from error_sequence_model.genome import SITE, GeneModels
from error_sequence_model.settings import CauseSettings

logger = logging.getLogger(__name__)

UNKNOWN_BIOTYPES = ("unknown", "", ".")


def flag_structure(
    sites: pd.DataFrame,
    is_teacher: np.ndarray,
    models: GeneModels | None,
    settings: CauseSettings,
) -> dict[str, np.ndarray]:
    """Flag sites by the genes around them.

    Args:
        sites: chrom, junction, strand, splice_type, pred_type, gene_biotype.
        is_teacher: Annotated training sites, for quantiles, bool (n,).
        models: From ``read_gene_models``, or None without an annotation.
        settings: Thresholds.

    Returns:
        Flag name -> float (n,).
    """
    flags = _flag_biotype(sites, models)
    if models is None:
        return flags
    found = sites[SITE].merge(models.sites, on=SITE, how="left", validate="m:1")
    is_known = found["transcripts"].notna().to_numpy()
    intron = found["shortest_intron"].to_numpy(dtype=np.float64)
    usual = intron[is_known & is_teacher]
    limit = np.quantile(usual, 1 - settings.long_intron_share) if len(usual) else np.nan
    is_outer = found["is_outer"].eq(True).to_numpy()
    share = found["transcripts"] / found["gene_transcripts"]
    structure = {
        "microexon": found["longest_exon"] <= settings.microexon,
        "long_exon": found["shortest_exon"] > settings.long_exon,
        "first_exon": is_outer & sites["splice_type"].eq("donor").to_numpy(),
        "last_exon": is_outer & sites["splice_type"].eq("acceptor").to_numpy(),
        "minor_transcripts": (share < 0.5) & (found["gene_transcripts"] > 1),
    }
    if np.isfinite(limit):
        structure["long_intron"] = intron >= limit
    for name, flag in structure.items():
        flags[name] = np.where(is_known, np.asarray(flag, dtype=np.float64), np.nan)
    own, other = _count_genes(sites, models.genes)
    flags["antisense_gene"] = (other > 0).astype(np.float64)
    flags["intergenic"] = (own == 0).astype(np.float64)
    return flags


def _flag_biotype(
    sites: pd.DataFrame, models: GeneModels | None
) -> dict[str, np.ndarray]:
    biotype = sites["gene_biotype"].astype("object")
    if models is not None:
        known = models.genes.dropna(subset=["gene_biotype"])
        known = known.drop_duplicates("gene_id").set_index("gene_id")["gene_biotype"]
        biotype = biotype.where(biotype.notna(), sites["gene_id"].map(known))
    name = biotype.astype("string").str.lower()
    is_unknown = (name.isna() | name.isin(UNKNOWN_BIOTYPES)).to_numpy(dtype=bool)
    if is_unknown.all():
        return {}
    is_pseudogene = name.str.contains("pseudogene").fillna(False).to_numpy(dtype=bool)
    is_coding = name.str.contains("coding").fillna(False).to_numpy(dtype=bool)
    is_coding &= ~name.str.contains("non").fillna(False).to_numpy(dtype=bool)
    flags = {
        "pseudogene": is_pseudogene,
        "noncoding_gene": ~(is_pseudogene | is_coding),
    }
    return {
        key: np.where(is_unknown, np.nan, flag.astype(np.float64))
        for key, flag in flags.items()
    }


def _count_genes(
    sites: pd.DataFrame, genes: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Genes over each site on its own and on the other strand, int (n,) each."""
    counts = {key: np.zeros(len(sites), dtype=np.int64) for key in ("own", "other")}
    bodies = dict(list(genes.groupby(["chrom", "strand"])))
    for (chrom, strand), rows in sites.groupby(["chrom", "strand"]).indices.items():
        places = sites["junction"].to_numpy()[rows]
        for kind in counts:
            side = strand if kind == "own" else {"+": "-", "-": "+"}[strand]
            group = bodies.get((chrom, side))
            if group is not None:
                begun = np.searchsorted(np.sort(group["start"]), places, side="right")
                ended = np.searchsorted(np.sort(group["end"]), places, side="left")
                counts[kind][rows] = begun - ended
    return counts["own"], counts["other"]


def flag_neighbours(
    sites: pd.DataFrame, annotated: pd.DataFrame, settings: CauseSettings
) -> np.ndarray:
    """Flag sites with *another* annotated site of their type nearby, float (n,).

    A site's own place does not count, so that the flag says the same of annotated and
    of unannotated sites.

    Args:
        sites: SITE columns.
        annotated: SITE columns of every annotated site known.
        settings: ``near``.
    """
    keys = ["chrom", "strand", "splice_type"]
    known = {key: np.unique(g["junction"]) for key, g in annotated.groupby(keys)}
    flags = np.zeros(len(sites))
    for key, rows in sites.groupby(keys).indices.items():
        places = sites["junction"].to_numpy()[rows]
        others = known.get(key)
        if others is None:
            continue
        padded = np.concatenate([[-(10**12)], others, [10**12]])
        before = padded[np.searchsorted(others, places, side="left")]
        after = padded[np.searchsorted(others, places, side="right") + 1]
        distance = np.minimum(places - before, after - places)
        flags[rows] = distance <= settings.near
    return flags
