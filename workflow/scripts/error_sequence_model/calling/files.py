"""Calling from files: reads what ``calling`` needs, whatever its format."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.matching import call_sites
from error_sequence_model.calling.scan_regions import (
    clip_regions,
    make_regions,
    read_regions,
)
from error_sequence_model.calling.score_files import (
    refuse_ends_beyond,
    use_contig_names,
)
from error_sequence_model.calling.scores import LEAST, read_extra, read_scores
from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SITE_BASES,
    SMALLEST_INTRON,
    Genome,
    get_dinucleotides,
    get_junctions,
    get_positions,
    read_annotation,
    read_genes,
    read_support,
)
from error_sequence_model.settings import TOP_K, CallSettings
from error_sequence_model.sites import (
    MINIMUM_SHARE,
    Reading,
    check_consensus,
    has_consensus,
)

logger = logging.getLogger(__name__)

SAMPLE = 20_000  # sites looked at to tell how a table of support is written
# Below, no reading of it has consensus.
LEAST_CONSENSUS = 0.5


def call_files(
    scores: Mapping[str, Any],
    genome_path: str | Path,
    annotation_path: str | Path,
    *,
    settings: CallSettings | None = None,
    genes: str | Path | None = None,
    regions: str | Path | None = None,
    scored: str | Path | None = None,
    biotypes: list[str] | None = None,
    margin: int = 0,
    support: str | Path | None = None,
    coordinate_base: int = 1,
    site_base: str = "exon",
    smallest_intron: int = SMALLEST_INTRON,
    column_names: Mapping[str, str] | None = None,
    aliases: str | Path | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Make an error table from files.

    Args:
        scores: Format and files of the scores (see ``scores.read_scores``).
        genome_path: FASTA.
        annotation_path: GTF, GFF3 or a table of annotated sites.
        settings: Threshold, tolerance and decoys.
        genes: GTF or GFF3 with the gene bodies to scan, if the annotation has none.
        regions: BED of the stretches to scan; without it gene bodies are scanned.
        scored: BED of what has scores; what lies outside is not scanned.
        biotypes: Only genes of these biotypes, and only their sites.
        margin: Bases of contig ends not scanned.
        support: What ``read_support`` reads.
        coordinate_base: Of tables (scores, annotated sites, support).
        site_base: Of tables and tracks.
        smallest_intron: Shorter gaps between exons are none.
        column_names: Our name -> the name in a table of scores, where they differ.
        aliases: Other names of the genome's contigs.

    Returns:
        ``(errors, audit)``, see ``calling.call_sites``; with a track of usage, errors
        have ``usage_score`` too.

    Raises:
        InputError: A file cannot be read, does not fit the genome, or holds no genes to
            scan.
    """
    settings = settings or CallSettings()
    convention = {"coordinate_base": coordinate_base, "site_base": site_base}
    annotation = read_annotation(
        annotation_path, smallest_intron=smallest_intron, **convention
    )
    bodies = annotation.genes if genes is None else read_genes(genes)
    wanted = tuple(biotypes) if biotypes else None
    audit: dict[str, Any] = {"gaps_below_smallest_intron": annotation.joined_gaps}
    with Genome(genome_path, aliases) as genome:
        known = None
        if support is not None:
            known, audit["support"] = find_support(
                support, genome, Reading(**convention), smallest_intron
            )
        truth = use_contig_names(annotation.sites, genome, str(annotation_path))
        check_truth(truth, genome, annotation_path, coordinate_base, site_base)
        audit["annotated_sites_read"] = len(truth)
        if regions is not None:
            stretches = use_contig_names(read_regions(regions), genome, str(regions))
            refuse_ends_beyond(stretches, genome, regions)
            stretches = stretches.reset_index(drop=True)
        elif bodies is None:
            raise InputError(
                "calling: a table of sites has no gene bodies to scan; give `regions` "
                "(BED) or `genes` (GTF or GFF3)"
            )
        else:
            stretches = make_regions(bodies, genome, biotypes=wanted, margin=margin)
        if scored is not None:
            stretches = clip_regions(stretches, read_regions(scored))
        if stretches.empty:
            raise InputError(
                "calling: no stretch to scan; check biotypes, regions and margin"
            )
        others = None
        if wanted and bodies is not None:
            truth, others = _part_biotypes(truth, bodies, wanted)
            audit["other_biotypes"] = len(others)
        tracks = dict(scores)
        if column_names:
            tracks.setdefault("columns", dict(column_names))
        least = LEAST if settings.threshold == TOP_K else settings.threshold
        found = read_scores(tracks, genome, minimum=min(least, LEAST), **convention)
        if scored is not None:
            found = found.declare(stretches)
        errors, counts = call_sites(
            found,
            truth,
            stretches,
            genome,
            settings=settings,
            support=known,
            others=others,
            genes=bodies,
        )
        if "usage" in scores:
            errors["usage_score"] = read_extra(scores["usage"], errors, genome)
    return errors, counts | audit


def _part_biotypes(
    truth: pd.DataFrame, genes: pd.DataFrame, biotypes: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sites of genes of these biotypes, and the others; the wanted genes named first.

    A site whose genes are not known stays.
    """
    if "gene_id" not in truth:
        return truth, truth.iloc[:0]
    wanted = set(genes.loc[genes["gene_biotype"].isin(biotypes), "gene_id"])
    known = set(genes["gene_id"])
    unique = pd.unique(truth["gene_id"].dropna())
    names = {joined: joined.split(",") for joined in unique}
    ranked = {
        joined: ",".join(sorted(ids, key=lambda gene: gene not in wanted))
        for joined, ids in names.items()
    }
    unwanted = [
        joined
        for joined, ids in names.items()
        if known.intersection(ids) and not wanted.intersection(ids)
    ]
    is_other = truth["gene_id"].isin(unwanted)
    kept = truth[~is_other]
    return kept.assign(gene_id=kept["gene_id"].map(ranked)), truth[is_other]


def find_support(
    path: str | Path, genome: Genome, declared: Reading, smallest_intron: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read support; a table of sites in the convention that has consensus.

    Support has no settings of its own, and one base off no call has any.
    """
    sites = read_support(
        path,
        coordinate_base=declared.coordinate_base,
        site_base=declared.site_base,
        smallest_intron=smallest_intron,
    )
    sites = use_contig_names(sites, genome, str(path))
    lengths = sites["chrom"].map(genome.lengths)
    is_inside = sites["junction"].le(lengths.astype("int64"))
    if not is_inside.all():
        logger.warning(
            "support %s: %d of %d sites lie beyond their contig, and are left out: "
            "another genome build?",
            *(path, (~is_inside).sum(), len(sites)),
        )
    sites = sites[is_inside]
    sample = sites.sample(min(SAMPLE, len(sites)), random_state=0)
    readings = [declared]
    readings += [Reading(b, s) for b in (0, 1) for s in SITE_BASES]
    shares = [
        measure_sites(read_anew(sample, declared, reading), genome)
        for reading in readings
    ]
    best = max(range(len(readings)), key=lambda row: (shares[row], -row))
    if shares[0] >= MINIMUM_SHARE or shares[best] < shares[0] + 0.1:
        best = 0
    if len(sites) and shares[best] < LEAST_CONSENSUS:
        raise InputError(
            f"support {path}: only {shares[best]:.0%} of its sites have GT, GC or AG: "
            "another genome build? (No coordinate_base or site_base gives more)"
        )
    found = readings[best]
    if best:
        logger.warning(
            "support %s: with %s %.0f %% of its sites have consensus, as declared "
            "%.0f %%: it is read so",
            *(path, found.describe(declared), 100 * shares[best], 100 * shares[0]),
        )
    return read_anew(sites, declared, found), {
        "sites": len(sites),
        "coordinate_base": found.coordinate_base,
        "site_base": found.site_base,
        "consensus": round(shares[best], 4),
    }


def read_anew(sites: pd.DataFrame, declared: Reading, reading: Reading) -> pd.DataFrame:
    """Read positions of sites in another convention than they were read in.

    Args:
        sites: SITE columns.
        declared: How they were read.
        reading: How to read them; without its shift.
    """
    is_plus = sites["strand"].eq("+").to_numpy()
    is_donor = sites["splice_type"].eq("donor").to_numpy()
    given, new = (
        {"coordinate_base": r.coordinate_base, "site_base": r.site_base}
        for r in (declared, reading)
    )
    positions = get_positions(sites["junction"].to_numpy(), is_plus, is_donor, **given)
    is_plus, is_donor = is_plus ^ reading.is_flipped, is_donor ^ reading.is_swapped
    read = sites.assign(junction=get_junctions(positions, is_plus, is_donor, **new))
    if reading.is_flipped:
        read["strand"] = np.where(is_plus, "+", "-")
    if reading.is_swapped:
        read["splice_type"] = np.where(is_donor, "donor", "acceptor")
    return read


def measure_sites(sites: pd.DataFrame, genome: Genome) -> float:
    """The share of sites with GT, GC or AG; 0 where there are none."""
    pairs = pd.Series(get_dinucleotides(sites, genome), dtype="str")
    is_donor = sites["splice_type"].eq("donor").to_numpy()
    return float(has_consensus(pairs, is_donor).mean()) if len(pairs) else 0.0


def check_truth(
    truth: pd.DataFrame,
    genome: Genome,
    path: str | Path,
    coordinate_base: int,
    site_base: str,
) -> None:
    """Refuse an annotation of another build: its sites have no consensus."""
    lengths = truth["chrom"].map(genome.lengths).astype("int64")
    is_out = (truth["junction"] < 0) | (truth["junction"] > lengths)
    if is_out.any():
        first = truth[is_out].iloc[0]
        raise InputError(
            f"{path}: {int(is_out.sum())} annotated sites beyond the contig's end, "
            f"such as {first['chrom']}:{first['junction']}: another genome build?"
        )
    sites = truth.assign(pred_type="TP", dinucleotide=get_dinucleotides(truth, genome))
    check_consensus(sites, genome, Reading(coordinate_base, site_base), path)
