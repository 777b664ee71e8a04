"""TN: GT and AG dinucleotides of the scanned regions that nobody uses.

Half are hard (the best scores below the threshold), half drawn at random, as many per
dinucleotide as the FN have, so that the dinucleotide alone tells FN from TN no better
than chance.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from error_sequence_model.genome import (
    SITE,
    Genome,
    complement_bases,
    get_dinucleotides,
    match_contigs,
)
from error_sequence_model.tables import convert_intervals, read_rows, refuse

if TYPE_CHECKING:
    from error_sequence_model.settings import CallSettings

CANONICAL = {"donor": "GT", "acceptor": "AG"}


def draw_decoys(
    errors: pd.DataFrame,
    below: pd.DataFrame,
    truth: pd.DataFrame,
    regions: pd.DataFrame,
    genome: Genome,
    *,
    settings: CallSettings,
    support: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Draw TN.

    Args:
        errors: TP, FN and FP.
        below: Scored positions below the threshold.
        truth: Annotated sites; decoys keep clear of them by the tolerance.
        regions: Scanned stretches.
        genome: Where they lie.
        settings: decoy_ratio, tolerance and seed.
        support: Supported sites are no decoys.

    Returns:
        SITE columns, region, pred_type TN, call_class hard or random.
    """
    parts = []
    for number, splice_type in enumerate(("donor", "acceptor")):
        of_type = errors[errors["splice_type"].eq(splice_type)]
        n_errors = int(of_type["pred_type"].isin(["FP", "FN"]).sum())
        wanted = round(settings.decoy_ratio * n_errors)
        missed = of_type[of_type["pred_type"].eq("FN")]
        pairs = pd.Series(get_dinucleotides(missed, genome), dtype="str")
        shares = pairs.value_counts(normalize=True)
        if shares.empty:
            shares = pd.Series({CANONICAL[splice_type]: 1.0})
        generator = np.random.default_rng([settings.seed, number])
        for pair, share in sorted(shares.items()):
            if "N" in pair:
                continue
            candidates = _list_candidates(pair, splice_type, regions, genome)
            candidates = _keep_unused(candidates, of_type, truth, settings, support)
            parts.append(_draw(candidates, below, round(wanted * share), generator))
    decoys = pd.concat(parts, ignore_index=True)
    return decoys.assign(pred_type="TN", shift=np.nan, reads=0.0)


def _list_candidates(
    pair: str, splice_type: str, regions: pd.DataFrame, genome: Genome
) -> pd.DataFrame:
    """Find every place with this dinucleotide whose exonic base is in a region."""
    parts = []
    wanted = np.frombuffer(pair.encode(), dtype=np.uint8)
    for chrom, of_chrom in regions.groupby("chrom", sort=False):
        contig = genome.load_contig(chrom)
        for strand, stretches in of_chrom.groupby("strand", sort=False):
            is_plus = strand == "+"
            letters = wanted if is_plus else complement_bases(wanted[::-1])
            starts = np.flatnonzero(
                (contig[:-1] == letters[0]) & (contig[1:] == letters[1])
            )
            # The dinucleotide starts at the junction or ends there (forward strand).
            at_start = (splice_type == "donor") == is_plus
            junctions = starts if at_start else starts + 2
            exonic = junctions - 1 if at_start else junctions
            order = np.arange(len(exonic))
            for stretch in stretches.itertuples():
                first, last = np.searchsorted(exonic, [stretch.start, stretch.end])
                inside = order[first:last]
                parts.append(
                    pd.DataFrame(
                        {
                            "chrom": chrom,
                            "junction": junctions[inside],
                            "strand": strand,
                            "splice_type": splice_type,
                            "region": stretch.Index,
                        }
                    )
                )
    found = pd.concat(parts, ignore_index=True)
    return found.drop_duplicates(SITE, ignore_index=True)


def _keep_unused(
    candidates: pd.DataFrame,
    errors: pd.DataFrame,
    truth: pd.DataFrame,
    settings: CallSettings,
    support: pd.DataFrame | None,
) -> pd.DataFrame:
    used = [errors[SITE]]
    of_type = truth[truth["splice_type"].isin(candidates["splice_type"].unique())]
    reach = range(-settings.tolerance, settings.tolerance + 1)
    used += [
        of_type[SITE].assign(junction=of_type["junction"] + step) for step in reach
    ]
    if support is not None:
        used.append(support[SITE])
    taken = pd.MultiIndex.from_frame(pd.concat(used, ignore_index=True))
    is_used = pd.MultiIndex.from_frame(candidates[SITE]).isin(taken)
    return candidates[~is_used]


def _draw(
    candidates: pd.DataFrame,
    below: pd.DataFrame,
    wanted: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    scored = candidates.merge(below[[*SITE, "score"]], on=SITE, how="left")
    scored["score"] = scored["score"].fillna(0)
    wanted = min(wanted, len(scored))
    ranked = scored.sort_values("score", ascending=False, kind="stable")
    n_hard = min(wanted // 2, int((scored["score"] > 0).sum()))
    hard = ranked.head(n_hard).assign(call_class="hard")
    rest = ranked.iloc[n_hard:]
    chosen = np.sort(generator.permutation(len(rest))[: wanted - n_hard])
    drawn = rest.iloc[chosen].assign(call_class="random")
    return pd.concat([hard, drawn], ignore_index=True).drop(columns="score")


def make_regions(
    genes: pd.DataFrame,
    genome: Genome,
    *,
    biotypes: tuple[str, ...] | None = None,
    margin: int = 0,
) -> pd.DataFrame:
    """Turn gene bodies into scanned stretches.

    Args:
        genes: gene_id, gene_name, gene_biotype, chrom, start, end, strand.
        genome: For the contigs' lengths.
        biotypes: Only these; all if None.
        margin: Bases at either end of a contig to leave out.
    """
    names, _ = match_contigs(genes["chrom"].unique(), genome.lengths)
    kept = genes.assign(chrom=genes["chrom"].map(names)).dropna(subset=["chrom"])
    if biotypes is not None:
        kept = kept[kept["gene_biotype"].isin(biotypes)]
    lengths = kept["chrom"].map(genome.lengths).astype("int64")
    kept = kept.assign(
        start=kept["start"].clip(lower=margin),
        end=np.minimum(kept["end"], lengths - margin),
    )
    return kept[kept["start"] < kept["end"]].reset_index(drop=True)


def clip_regions(regions: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Cut stretches to what was scored.

    Args:
        regions: chrom, start, end, strand and whatever else; kept in this order.
        scored: chrom, start, end, strand; none overlaps another of its strand.
    """
    keys = ["chrom", "strand"]
    known = dict(iter(scored.sort_values("start").groupby(keys)))
    rows, starts, ends = [], [], []
    for key, of_key in regions.groupby(keys, sort=False):
        if key not in known:
            continue
        first = known[key]["start"].to_numpy()
        last = known[key]["end"].to_numpy()
        for row in of_key.itertuples():
            i = np.searchsorted(last, row.start, "right")
            j = max(i, np.searchsorted(first, row.end, "left"))
            rows += [row.Index] * int(j - i)
            starts.append(np.maximum(first[i:j], row.start))
            ends.append(np.minimum(last[i:j], row.end))
    if not rows:
        return regions.iloc[:0]
    clipped = regions.loc[rows].assign(
        start=np.concatenate(starts), end=np.concatenate(ends)
    )
    return clipped.sort_index(kind="stable").reset_index(drop=True)


def read_regions(path: str | Path) -> pd.DataFrame:
    """Read a BED of scanned stretches with strands in column 6."""
    names = {0: "chrom", 1: "start", 2: "end", 5: "strand"}
    rows = convert_intervals(
        read_rows(path, names, what="BED of six columns"), path, first=0, what="BED"
    )
    is_bad = ~rows["strand"].isin(["+", "-"])
    if is_bad.any():
        problems = [
            (int(line), f"strand is {strand!r}; must be + or -")
            for line, strand in rows.loc[is_bad, "strand"].items()
        ]
        refuse(path, problems, advice="Regions need strands in column 6.")
    return rows.reset_index(drop=True)
