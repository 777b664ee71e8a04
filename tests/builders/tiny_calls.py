"""Scores, annotations and tracks of a tiny genome."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig

from error_sequence_model.genome import get_positions
from tiny_genome import TinyGenome


def annotated(genome: TinyGenome) -> pd.DataFrame:
    return genome.sites[genome.sites["pred_type"].isin(["TP", "FN"])]


def exonic(sites: pd.DataFrame) -> np.ndarray:
    return get_positions(
        sites["junction"].to_numpy(),
        sites["strand"].eq("+").to_numpy(),
        sites["splice_type"].eq("donor").to_numpy(),
        coordinate_base=0,
        site_base="exon",
    )


def scored(genome: TinyGenome) -> pd.DataFrame:
    """TP and FP above 0.5, FN and TN below; TN on their own."""
    high = {"TP": 0.9, "FP": 0.7, "FN": 0.3, "TN": 0.1}
    return genome.sites.assign(score=genome.sites["pred_type"].map(high))


def whole_contigs(genome: TinyGenome) -> pd.DataFrame:
    rows = itertools.product(genome.contigs.items(), "+-")
    return pd.DataFrame(
        [(name, 0, len(text), strand) for (name, text), strand in rows],
        columns=["chrom", "start", "end", "strand"],
    )


def write_gtf(genome: TinyGenome, path: Path) -> Path:
    """Two exons for every gene whose donor and acceptor are annotated."""
    lines = []
    for gene, rows in annotated(genome).groupby("gene_id"):
        places = sorted(rows["junction"])
        if len(places) < 2:
            continue
        first, last = places[0] - 80, places[1] + 80
        chrom, strand = rows["chrom"].iloc[0], rows["strand"].iloc[0]
        ids = f'gene_id "{gene}"; transcript_id "{gene}.t"; gene_biotype "coding";'
        for feature, start, end in (
            ("gene", first, last),
            ("exon", first, places[0]),
            ("exon", places[1], last),
        ):
            fields = [chrom, "x", feature, start + 1, end, ".", strand, ".", ids]
            lines.append("\t".join(map(str, fields)))
    path.write_text("#!comment\n" + "\n".join(lines) + "\n")
    return path


def write_tracks(genome: TinyGenome, folder: Path, kind: str) -> dict:
    rows = scored(genome).assign(base=exonic(genome.sites))
    tracks: dict = {"format": kind}
    for splice_type, strand in itertools.product(("donor", "acceptor"), "+-"):
        chosen = rows[rows["splice_type"].eq(splice_type) & rows["strand"].eq(strand)]
        chosen = chosen.sort_values(["chrom", "base"])
        path = folder / f"{splice_type}{strand}.{kind}"
        if kind == "bedgraph":
            ends = chosen.assign(end=chosen["base"] + 1)
            ends[["chrom", "base", "end", "score"]].to_csv(
                path, sep="\t", index=False, header=False
            )
        else:
            with pyBigWig.open(str(path), "w") as file:
                file.addHeader([(n, len(t)) for n, t in genome.contigs.items()])
                file.addEntries(
                    chosen["chrom"].tolist(),
                    chosen["base"].tolist(),
                    ends=(chosen["base"] + 1).tolist(),
                    values=chosen["score"].tolist(),
                )
        tracks.setdefault(splice_type, {})[strand] = str(path)
    return tracks


def write_beds(genome: TinyGenome, folder: Path, layout: str) -> dict:
    """BED of two intronic bases, those shifted 5' by one, or the exonic base."""
    tracks = {"format": "openspliceai"}
    for kind, rows in scored(genome).groupby("splice_type"):
        is_plus = rows["strand"].eq("+").to_numpy()
        at_start = is_plus == (kind == "donor")
        start = rows["junction"].to_numpy() - np.where(at_start, 0, 2)
        if layout == "shifted":
            start = start - np.where(is_plus, 1, -1)
        end = start + 2
        if layout == "exonic":
            start = exonic(rows)
            end = start + 1
        bed = pd.DataFrame(
            {0: rows["chrom"], 1: start, 2: end, 3: "x", 4: rows["score"]}
        )
        bed[5] = rows["strand"]
        path = folder / f"{kind}.bed"
        bed.to_csv(path, sep="\t", index=False, header=False)
        tracks[kind] = str(path)
    return tracks
