"""Transcripts of the genome as arrays: exons, introns, and the sites between them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome.annotation import SITE
from error_sequence_model.genome.contigs import match_contigs
from error_sequence_model.genome.transcripts import (
    SMALLEST_INTRON,
    list_introns,
    read_transcripts,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneModels:
    """What an annotation says of sites and genes.

    Attributes:
        sites: SITE columns, then over the transcripts that use a site: shortest_exon,
            longest_exon, shortest_intron (nt), is_outer (its exon is the first one of
            all of them, at an acceptor the last one), transcripts (their number),
            gene_id, gene_transcripts (of its gene).
        genes: gene_id, gene_biotype, chrom, start, end, strand.
    """

    sites: pd.DataFrame
    genes: pd.DataFrame


def read_gene_models(
    paths: Sequence[Sequence[Any]], *, chroms: Iterable[str] = ()
) -> GeneModels:
    """Read annotations.

    Args:
        paths: ``(prefix, path)`` of GTF or GFF3 files, then the smallest intron and
            the table of aliases where they are not the defaults; a pool's contigs begin
            with ``prefix:``, else the prefix is empty.
        chroms: The sites' contigs, whose names an annotation's contigs get (chr1 for
            1); where there are none, names stay as they are.

    Raises:
        InputError: A file that is not an annotation, or has none of the contigs.
    """
    chroms = list(chroms)
    sites, genes = [], []
    for prefix, path, *options in paths:
        smallest, aliases = (*options, *(SMALLEST_INTRON, None)[len(options) :])
        found = read_transcripts(path, smallest_intron=smallest)
        exons, bodies = found.exons, found.genes
        theirs = list(exons["chrom"].cat.categories)
        own = [name for name in chroms if not prefix or name.startswith(f"{prefix}:")]
        names = [f"{prefix}:{c}" if prefix else c for c in theirs]
        mapping = _match(names, own, path, aliases)
        mapping = dict(zip(theirs, mapping, strict=True))
        exons = exons.assign(chrom=exons["chrom"].cat.rename_categories(mapping))
        sites.append(_describe_junctions(exons))
        genes.append(bodies.assign(chrom=bodies["chrom"].map(mapping)))
        logger.info("%s: %d sites, %d genes", path, len(sites[-1]), len(genes[-1]))
    return GeneModels(
        pd.concat(sites, ignore_index=True), pd.concat(genes, ignore_index=True)
    )


def _describe_junctions(exons: pd.DataFrame) -> pd.DataFrame:
    """One row per annotated site, see ``GeneModels.sites``."""
    transcript = exons["transcript"].to_numpy()
    length = (exons["end"] - exons["start"]).to_numpy()
    is_first = np.diff(transcript, prepend=-1) != 0
    is_last = np.diff(transcript, append=-1) != 0
    introns = list_introns(exons)
    row = introns["row"].to_numpy()
    is_plus = introns["strand"].eq("+").to_numpy()
    left, right = introns["left"].to_numpy(), introns["right"].to_numpy()
    sides = []
    for is_donor, at_left in ((True, is_plus), (False, ~is_plus)):
        # The exon beside the site is the outermost one on its own side.
        is_outer = np.where(at_left, is_first[row], is_last[row + 1])
        sides.append(
            pd.DataFrame(
                {
                    "chrom": introns["chrom"].cat.codes,
                    "junction": np.where(at_left, left, right),
                    "is_minus": ~is_plus,
                    "is_donor": is_donor,
                    "gene": introns["gene_id"].cat.codes,
                    "name": introns["transcript_id"].cat.codes,
                    "exon": np.where(at_left, length[row], length[row + 1]),
                    "intron": right - left,
                    "is_outer": is_outer,
                }
            )
        )
    rows = pd.concat(sides, ignore_index=True)
    keys = ["chrom", "junction", "is_minus", "is_donor"]
    used = rows.groupby(keys, sort=True).agg(
        gene=("gene", "first"),
        shortest_exon=("exon", "min"),
        longest_exon=("exon", "max"),
        shortest_intron=("intron", "min"),
        is_outer=("is_outer", "min"),
    )
    used["transcripts"] = rows.drop_duplicates([*keys, "name"]).groupby(keys).size()
    used = used.reset_index()
    genes = exons["gene_id"].cat
    pairs = exons[["gene_id", "transcript_id"]].drop_duplicates()
    n_transcripts = pairs.groupby("gene_id", observed=False).size().to_numpy()
    own = used.pop("gene").to_numpy()
    is_known = own >= 0
    used["gene_id"] = pd.Series(np.append(genes.categories, [None])[own], dtype="str")
    used["gene_transcripts"] = np.where(is_known, np.append(n_transcripts, 0)[own], 0)
    names = {
        "chrom": np.array(exons["chrom"].cat.categories)[used["chrom"]],
        "strand": np.where(used.pop("is_minus"), "-", "+"),
        "splice_type": np.where(used.pop("is_donor"), "donor", "acceptor"),
    }
    used = used.assign(**{k: pd.Series(v, dtype="str") for k, v in names.items()})
    return used[[*SITE, *[name for name in used if name not in SITE]]]


def _match(
    theirs: list[str], chroms: list[str], path: str | Path, aliases: str | None
) -> list[str]:
    """The sites' names of an annotation's contigs; other contigs keep theirs."""
    names, _ = match_contigs(theirs, dict.fromkeys(chroms, 0), aliases=aliases)
    if chroms and not names:
        raise InputError(
            f"annotation {path}: none of its contigs ({', '.join(theirs[:5])} …) is "
            f"among the sites' ({', '.join(chroms[:5])} …): another genome? Set "
            "`genomes.<name>.annotation`"
        )
    return [names.get(name, name) for name in theirs]
