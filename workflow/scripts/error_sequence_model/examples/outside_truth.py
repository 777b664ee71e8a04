"""What others measured of the study's sites: use of exons in tissues, U12 introns.

Use is PSI (percent spliced in, as a share) of GTEx exons in 54 tissues, as MMSplice's
package ships it: 1-based inclusive hg38 coordinates. The table has no missing values: 0
stands for an exon that is left out and for one whose gene a tissue does not express. A
tissue therefore counts for a gene only where some exon of the gene reaches PSI
`MEASURED` there.

A site's use is that of the exon that ends (donor) or starts (acceptor) at it; of
several such exons, the one that is used most. Junctions are interbase, 0-based.

`exon_use.parquet`, one row per site at an end of an exon of GTEx:
    chrom (the gene's contig), junction int64, strand, splice_type, psi float64 (mean
    over measured tissues), tissues int64 (measured), tau float64 (Yanai et al. 2005; 0
    used alike in all, 1 in one tissue alone; null below two tissues), exon_length int64
    (of the most used exon, bp)
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError

MEASURED = 0.5  # PSI of some exon of a gene, for a tissue to count as measured
PLACE = ("Chromosome", "Start", "End", "Strand", "gene_id", "gene_name")
FLANK, HEAD = 20, 40  # bases of exon and intron that tell a known U12 intron


def read_exon_use(path: str | Path, genes: pd.DataFrame) -> pd.DataFrame:
    """Read the use of exons at the study's sites.

    Args:
        path: ``gtex_psi_map_ranges.csv.gz``.
        genes: ``genes.tsv``; genes without a place on hg38 are left out.

    Returns:
        Rows as in the module's docstring.

    Raises:
        InputError: The file has other columns.
    """
    exons = pd.read_csv(path)
    if tuple(exons.columns[: len(PLACE)]) != PLACE:
        raise InputError(f"{path}: no table of exon use (columns {list(exons)[:6]})")
    placed = genes.dropna(subset=["start"])
    exons = exons[exons["Chromosome"].isin(placed["chrom"].unique())]
    exons = exons.reset_index(drop=True)
    use = summarise_use(
        exons.iloc[:, len(PLACE) :].to_numpy(float), exons["gene_id"].to_numpy()
    )
    exons = pd.concat([exons[list(PLACE)], use], axis=1)
    rows = [_place_exons(exons, gene) for gene in placed.itertuples()]
    sites = pd.concat(rows, ignore_index=True)
    sites = sites.sort_values("psi", ascending=False, na_position="last", kind="stable")
    keys = ["chrom", "junction", "strand", "splice_type"]
    return sites.drop_duplicates(keys).sort_values(keys, ignore_index=True)


def summarise_use(psi: np.ndarray, genes: np.ndarray) -> pd.DataFrame:
    """Summarise the use of exons over the tissues that measure their gene.

    Args:
        psi: float (n_exons, n_tissues), 0 to 1.
        genes: Gene of each exon (n_exons,).

    Returns:
        Columns psi, tissues, tau; rows as given.

    Examples:
        >>> psi = np.array([[1.0, 1.0, 0.0], [0.0, 0.8, 0.0]])
        >>> use = summarise_use(psi, np.array(["g", "g"]))
        >>> use["psi"].tolist(), use["tissues"].tolist(), use["tau"].tolist()
        ([1.0, 0.4], [2, 2], [0.0, 1.0])
    """
    codes, _ = pd.factorize(genes)
    highest = pd.DataFrame(psi).groupby(codes).max().to_numpy()
    is_measured = (highest >= MEASURED)[codes]
    tissues = is_measured.sum(axis=1)
    known = np.where(is_measured, psi, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = known.sum(axis=1) / tissues
        share = known / known.max(axis=1, keepdims=True)
        tau = np.where(is_measured, 1 - share, 0).sum(axis=1) / (tissues - 1)
    tau = np.where((tissues > 1) & (known.max(axis=1) > 0), tau, np.nan)
    return pd.DataFrame({"psi": mean, "tissues": tissues, "tau": tau})


def _place_exons(exons: pd.DataFrame, gene: tuple) -> pd.DataFrame:
    """Place the exons of one gene's strand on its contig, a row per end."""
    inside = exons[
        (exons["Chromosome"] == gene.chrom)
        & (exons["Strand"] == gene.strand)
        & (exons["Start"] > gene.start)
        & (exons["End"] <= gene.end)
    ]
    starts = (inside["Start"] - 1 - gene.start).astype("int64")
    ends = (inside["End"] - gene.start).astype("int64")
    acceptor, donor = (starts, ends) if gene.strand == "+" else (ends, starts)
    columns = {name: inside[name] for name in ("psi", "tissues", "tau")}
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "chrom": gene.contig,
                    "junction": junction,
                    "strand": gene.strand,
                    "splice_type": splice_type,
                    **columns,
                    "exon_length": ends - starts,
                }
            )
            for splice_type, junction in (("donor", donor), ("acceptor", acceptor))
        ],
        ignore_index=True,
    )


def read_known_u12(path: str | Path) -> frozenset[str]:
    """Read known U12 introns as the bases around their 5' splice sites.

    Args:
        path: ``u12_reference_human.introns.iic.gz``: name, score, 5' flank, intron,
            3' flank.

    Returns:
        The last `FLANK` bases of the exon with the first `HEAD` of the intron, each.

    Raises:
        InputError: The file is no such table.
    """
    found = set()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 5 or len(fields[2]) < FLANK or len(fields[3]) < HEAD:
                raise InputError(f"{path}, line {number}: no intron with its flanks")
            found.add((fields[2][-FLANK:] + fields[3][:HEAD]).upper())
    return frozenset(found)
