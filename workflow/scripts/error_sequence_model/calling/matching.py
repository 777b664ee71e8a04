"""A predictor's scores held against an annotation: an error table.

A call is a position whose score reaches the threshold. Calls and annotated sites of one
contig, strand and type are matched one to one within the tolerance: as many pairs as
possible, then the smallest total distance. Matched is TP (at the annotated place, with
the score of its call), unmatched calls are FP, unmatched sites FN; TN are drawn from
unused GT/AG decoys. What was not scored is not judged.

The error table (1-based positions of the exonic base, as ``sites`` reads it) has next
to the native columns
    call_class  TP: exact | near_miss; FP: near_miss | channel_swap | supported |
                unannotated; FN: near_miss | channel_swap | missed; TN: hard | random
    shift       nt from the annotated site to the call, transcript direction; null
                where there is none within ``near``
    reads       support of the site, where support is given
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.arrangement import check_arrangement
from error_sequence_model.calling.decoys import draw_decoys
from error_sequence_model.calling.keys import (
    BITS,
    Scores,
    find_twins,
    is_among,
    make_frame,
    make_keys,
    name_channels,
)
from error_sequence_model.calling.pairing import match_keys
from error_sequence_model.calling.scan_regions import Stretches
from error_sequence_model.calling.scanned import find_scored
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, Genome, get_dinucleotides, get_positions
from error_sequence_model.settings import TOP_K, CallSettings

logger = logging.getLogger(__name__)


def call_sites(
    scores: Scores | pd.DataFrame,
    truth: pd.DataFrame,
    regions: pd.DataFrame,
    genome: Genome,
    *,
    settings: CallSettings | None = None,
    support: pd.DataFrame | None = None,
    others: pd.DataFrame | None = None,
    genes: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Make an error table.

    Args:
        scores: From ``read_scores``, or a frame of SITE columns and score.
        truth: Annotated sites: SITE columns, gene_id and transcript_ids where known.
        regions: Scanned stretches: chrom, start, end (0-based half-open), strand, and
            gene_id, gene_name, gene_biotype where known. A site belongs to a stretch
            that holds the exonic base next to it. Nothing outside counts.
        genome: Where all this lies.
        settings: Threshold, tolerance and decoys.
        support: SITE columns and ``reads``: sites that RNA-seq or a second annotation
            knows.
        others: SITE columns of annotated sites that are not judged (of other biotypes):
            neither truth nor, where called, an error, nor decoys.
        genes: gene_id, gene_name and gene_biotype of the sites' genes, where the
            regions do not have them all.

    Returns:
        ``(errors, audit)``: the error table and the counts behind it.

    Raises:
        InputError: No annotated site in the regions was scored, or scores that lie
            elsewhere.
    """
    settings = settings or CallSettings()
    contigs = pd.Index(genome.lengths)
    if isinstance(scores, pd.DataFrame):
        scores = Scores.from_frame(scores, contigs)
    stretches = Stretches(regions, contigs)
    truth = truth.assign(key=make_keys(truth, contigs)).drop_duplicates("key")
    judged, counts = _choose_judged(truth, scores, stretches, contigs)
    sites = np.sort(judged["key"].to_numpy())
    check_arrangement(scores, sites)
    scanned = _scan(scores, sites, stretches, counts.pop("channels"))
    near = _widen(sites, settings.tolerance)
    unjudged = np.zeros(0, np.int64)
    if others is not None:
        places = _widen(make_keys(others, contigs), settings.tolerance)
        unjudged = np.setdiff1d(places, near)
    is_free = ~is_among(scanned.keys, unjudged)
    threshold = find_threshold(scanned.levels[is_free], len(sites), settings.threshold)
    # In float32, as tracks store scores: 0.2489 must reach a threshold of 0.2489.
    is_high = scanned.levels >= np.float32(threshold)
    calls = scanned.keys[is_high & is_free]
    errors, known = _add_support(match_keys(calls, sites, settings), support, contigs)
    placed = make_frame(errors["key"].to_numpy(), contigs)
    decoys = draw_decoys(
        placed.assign(pred_type=errors["pred_type"]),
        scanned.choose(~is_high),
        np.unique(np.concatenate([errors["key"], near, unjudged, known])),
        *(stretches, genome),
        settings=settings,
    )
    errors = pd.concat([errors, decoys.assign(call=-1)], ignore_index=True)
    errors = _add_scores(errors, scanned)
    table = _finish(errors, judged, regions, stretches, genome, genes)
    table["threshold"] = threshold
    counts |= {"threshold": float(threshold), "tolerance": settings.tolerance}
    counts |= {"annotated_sites": len(sites), "calls": len(calls)}
    counts["calls_at_other_sites"] = int((is_high & ~is_free).sum())
    counts["counts"] = _count(table)
    logger.info("calling: %s", counts)
    return table, counts


def _widen(keys: np.ndarray, tolerance: int) -> np.ndarray:
    """All places within the tolerance of sites."""
    return (keys[:, None] + np.arange(-tolerance, tolerance + 1)).ravel()


def _add_scores(errors: pd.DataFrame, scanned: Scores) -> pd.DataFrame:
    """The score of a site's call, else of the site."""
    scored_at = np.where(errors["call"] < 0, errors["key"], errors["call"])
    return errors.assign(score=scanned.look_up(scored_at))


def _scan(
    scores: Scores, sites: np.ndarray, stretches: Stretches, channels: np.ndarray
) -> Scores:
    """The scores inside of the stretches, of what is judged.

    Where one score is two types' and one of them is annotated, it is that one's.
    """
    if scores.is_untyped:
        is_twin = is_among(find_twins(scores.keys), sites)
        scores = scores.choose(~is_twin | is_among(scores.keys, sites))
    return scores.choose(stretches.find(scores.keys) >= 0, channels)


def _count(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Sites per pred_type and call_class."""
    counts = pd.crosstab(table["pred_type"], table["call_class"])
    return {
        str(kind): {str(k): int(v) for k, v in row.items() if v}
        for kind, row in counts.iterrows()
    }


def _choose_judged(
    truth: pd.DataFrame, scores: Scores, stretches: Stretches, contigs: pd.Index
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The annotated sites that are judged, and how many are not, and why."""
    is_inside = stretches.find(truth["key"].to_numpy()) >= 0
    scanned = truth[is_inside]
    if scanned.empty:
        raise InputError("calling: no annotated site lies in the scanned regions")
    keys = np.sort(scanned["key"].to_numpy())
    channels, silent = find_scored(scores, keys)
    is_scored = is_among(scanned["key"].to_numpy() >> BITS, channels)
    judged = scanned[is_scored].reset_index(drop=True)
    unscored: dict[str, Any] = {"annotated_sites": int((~is_scored).sum())}
    if len(judged) < len(scanned):
        where = name_channels(silent, contigs)
        unscored |= {"contigs": len(where), "where": dict(list(where.items())[:20])}
        logger.warning(
            "calling: %d of %d annotated sites lie where the predictor gave no score "
            "at all, and are not judged: %s",
            *(unscored["annotated_sites"], len(scanned)),
            "; ".join(f"{c} ({', '.join(k)})" for c, k in unscored["where"].items()),
        )
    if judged.empty:
        raise InputError(
            "calling: no annotated site lies on a contig and strand that has scores: "
            "another genome, or contigs of other names?"
        )
    n_outside = int((~is_inside).sum())
    logger.info(
        "calling: %d of %d annotated sites lie in no scanned stretch",
        *(n_outside, len(truth)),
    )
    return judged, {
        "outside_regions": n_outside,
        "not_scored": unscored,
        "channels": channels,
    }


def find_threshold(
    scores: np.ndarray, n_annotated: int, threshold: float | str
) -> float:
    """Find the score from which a position is a call.

    Args:
        scores: Of the scanned positions, above 0.
        n_annotated: How many sites are annotated there.
        threshold: A score, or "topk": the score of the n-th best position; where many
            positions share it, the one that gives the number of calls next to n.

    Raises:
        InputError: Fewer positions have a score than sites are annotated.

    Example:
        >>> scores = np.array([0.9, 0.1, 0.6, 0.4])
        >>> find_threshold(scores, 2, "topk"), find_threshold(scores, 2, 0.5)
        (0.6, 0.5)
    """
    if threshold != TOP_K:
        return float(threshold)
    if len(scores) < n_annotated:
        raise InputError(
            f"threshold topk needs {n_annotated} positions with a score above 0; there "
            f"are {len(scores)}: give a number instead"
        )
    best = np.partition(scores, -n_annotated)[-n_annotated]
    above = scores[scores > best]
    n_at_least = int((scores >= best).sum())
    if len(above) and n_at_least - n_annotated > n_annotated - len(above):
        logger.warning(
            "topk: %d positions share the score %g of the %d-th best: %d are called",
            *(n_at_least - len(above), best, n_annotated, len(above)),
        )
        best = above.min()
    elif n_at_least > n_annotated:
        logger.warning(
            "topk: %d positions instead of %d are called, as some share a score",
            *(n_at_least, n_annotated),
        )
    return float(best)


def _add_support(
    errors: pd.DataFrame, support: pd.DataFrame | None, contigs: pd.Index
) -> tuple[pd.DataFrame, np.ndarray]:
    """Add reads; give the keys of supported sites too."""
    if support is None:
        return errors.assign(reads=np.nan), np.zeros(0, np.int64)
    reads = pd.Series(1.0, support.index)
    if "reads" in support:
        reads = pd.to_numeric(support["reads"], errors="coerce")
    known = pd.Series(reads.to_numpy(), make_keys(support, contigs))
    known = known[~known.index.duplicated()]
    errors = errors.assign(reads=known.reindex(errors["key"]).fillna(0).to_numpy())
    is_known = errors["call_class"].eq("unannotated") & errors["reads"].gt(0)
    errors.loc[is_known, "call_class"] = "supported"
    return errors, known.index.to_numpy()


def _finish(
    errors: pd.DataFrame,
    truth: pd.DataFrame,
    regions: pd.DataFrame,
    stretches: Stretches,
    genome: Genome,
    genes: pd.DataFrame | None,
) -> pd.DataFrame:
    """Give the table its native columns, sorted."""
    keys = errors["key"].to_numpy()
    table = make_frame(keys, pd.Index(genome.lengths))
    others = ("pred_type", "score", "call_class", "shift", "reads")
    table = table.assign(**{name: errors[name] for name in others})
    own = truth.set_index("key").reindex(keys)
    region = stretches.find(keys)
    for name in ("gene_id", "transcript_ids"):
        if name in truth:
            table[name] = own[name].replace("", None).to_numpy()
    if "gene_id" in table:
        known = regions if genes is None else pd.concat([genes, regions])
        table = _name_genes(table, known)
    # What no gene of its own names is called after the stretch that holds it.
    is_named = table.get("gene_id", pd.Series(None, table.index)).notna()
    for name in ("gene_id", "gene_name", "gene_biotype"):
        if name in regions:
            host = pd.Series(regions[name].to_numpy()[region], table.index)
            table[name] = table.get(name, host).where(is_named, host).astype("str")
    table["dinucleotide"] = get_dinucleotides(table, genome)
    table["position"] = get_positions(
        table["junction"].to_numpy(),
        table["strand"].eq("+").to_numpy(),
        table["splice_type"].eq("donor").to_numpy(),
        coordinate_base=1,
        site_base="exon",
    )
    table["shift"] = table["shift"].astype("Int64")
    order = table.sort_values(SITE, kind="stable", ignore_index=True)
    first = ["chrom", "position", "strand", "splice_type", "pred_type", "score"]
    return order[[*first, *[c for c in order if c not in {*first, "junction"}]]]


def _name_genes(table: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """Names and biotypes of the sites' own genes; of several the first."""
    if "gene_id" not in genes:
        return table
    known = genes.dropna(subset=["gene_id"]).drop_duplicates("gene_id")
    known = known.set_index("gene_id")
    first = table["gene_id"].str.partition(",")[0]
    for name in ("gene_name", "gene_biotype"):
        if name in known:
            table[name] = known[name].reindex(first).to_numpy()
    return table
