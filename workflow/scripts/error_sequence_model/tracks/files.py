"""Files for genome browsers: what stands in a bigWig or BED, as IGV and UCSC read it.

Coordinates are 0-based half-open on the forward strand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.features import Word
from error_sequence_model.figures import CLASS_COLOURS, NEGATIVE, POSITIVE
from error_sequence_model.results import RunResults
from error_sequence_model.statistics import find_high_regions, find_threshold

BED_COLUMNS = (
    *("chrom", "start", "end", "name", "score", "strand"),
    *("thick_start", "thick_end", "rgb"),
)
ERROR_CLASSES = ("error", "FP", "FN")
FULL_SCORE = 0.999  # share of the bases whose magnitude lies below a score of 1000
RULE = """\
tracks.tsv lists every file with its model, its sites and the verdict of the
faithfulness checks. Sites are those of the held-out test part, and of them, for maps,
the explained ones. Coordinates are those of the genome's FASTA.

*.plus.bw, *.minus.bw  attribution per base in log-odds of an error, by the strand of
               the site: above 0 speaks for an error, below 0 against it. Where windows
               overlap: their mean.
*.words.bed    where the words lie that page one of the report names as explanations,
               at all sites of the contrast that have them. Name: word, gene, type of
               call. Colour: the type of call.
*.regions.bed  high-scoring regions: at least 3 bases of one sign whose magnitude is
               above the 95th percentile of all bases of all explained sites of the
               file (gaps of up to 2 bases are bridged). Red speaks for an error, blue
               against. Score: 1000 times mean magnitude over the 99.9th percentile,
               at most 1000. Name: gene, type of call, splice type, first and last
               offset from the junction (offset 0 is the first base 3' of it).
*.predictions.bed  the two bases beside each junction. Score: 1000 times the model's
               probability of an error. Name: gene, type of call, probability. Colour:
               the type of call.
hub.txt        a track hub of the bigWigs, with paths relative to it: put the folder on
               a web server and give the browser the address of hub.txt. UCSC needs
               `assembly` of the genome in the config, and its names of the contigs. BED
               files are opened by themselves: a hub takes bigBed only.
"""
STRANDS = {"plus": "+", "minus": "-"}


def average_places(
    places: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average values that lie on one base.

    Args:
        places: Position of each value, int64 of any shape; negative ones count nowhere.
        values: float of the same shape.

    Returns:
        Rising positions, int64 (n,), and their mean values, float64 (n,).
    """
    inside = (places >= 0) & np.isfinite(values)
    found, inverse, counts = np.unique(
        places[inside], return_inverse=True, return_counts=True
    )
    sums = np.bincount(inverse, weights=values[inside], minlength=len(found))
    return found, sums / counts


def write_bigwig(
    path: Path,
    lengths: Mapping[str, int],
    tracks: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> int:
    """Write values of single bases; bases without a value stay without one.

    Args:
        path: The file.
        lengths: Contig -> length, all contigs of the genome in its order.
        tracks: Contig -> rising positions, int64 (n,), and values, float (n,).

    Returns:
        How many bases have a value; with none there is no file.
    """
    import pyBigWig  # imported here: the rest needs no such library

    total = sum(len(places) for places, _ in tracks.values())
    if not total:
        return 0
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(name, int(length)) for name, length in lengths.items()])
        for chrom in lengths:
            places, values = tracks.get(chrom, (np.zeros(0, dtype=np.int64), None))
            breaks = np.flatnonzero(np.diff(places) > 1) + 1
            for run in np.split(np.arange(len(places)), breaks):
                if len(run):
                    file.addEntries(
                        chrom,
                        int(places[run[0]]),
                        values=values[run].astype(float).tolist(),
                        span=1,
                        step=1,
                    )
    return total


def write_bed(path: Path, rows: pd.DataFrame, *, name: str, description: str) -> int:
    """Write a BED9 with a track line, sorted by contig and start.

    Args:
        path: The file.
        rows: Columns of ``BED_COLUMNS``; score 0 to 1000.
        name: Of the track.
        description: Of the track, one line.

    Returns:
        How many rows were written.
    """
    rows = rows.sort_values(["chrom", "start", "end", "name"], kind="stable")
    head = f'track name="{name}" description="{description}" itemRgb="On"\n'
    body = rows[list(BED_COLUMNS)].to_csv(
        sep="\t", index=False, header=False, lineterminator="\n"
    )
    path.write_text(head + body, encoding="utf-8")
    return len(rows)


def make_region_rows(
    sites: pd.DataFrame, scores: np.ndarray, places: np.ndarray, upstream: int
) -> pd.DataFrame:
    """Find the high-scoring regions of maps and put them on the genome.

    Args:
        sites: chrom, strand, gene_name, gene_id, pred_type and splice_type.
        scores: Their maps, float (n_sites, length).
        places: Genome position of each base, int64 (n_sites, length); -1: none.
        upstream: Bases of the window 5' of the junction.

    Returns:
        Rows of a BED9; regions without any base on the genome are left out.
    """
    threshold = find_threshold(scores)
    full = float(np.quantile(np.abs(scores), FULL_SCORE)) if scores.size else 0.0
    genes = name_genes(sites)
    rows = []
    for index, site in enumerate(sites.itertuples()):
        for region in find_high_regions(scores[index], threshold):
            inside = places[index, region.start : region.end]
            inside = inside[inside >= 0]
            if not len(inside):
                continue
            start, end = int(inside.min()), int(inside.max()) + 1
            first, last = region.start - upstream, region.end - 1 - upstream
            name = f"{genes[index]}|{site.pred_type}|{site.splice_type}"
            name += f"|{_write_offset(first)}..{_write_offset(last)}"
            share = abs(region.mean) / full if full else 0.0
            rows.append(
                (
                    *(site.chrom, start, end, name),
                    *(int(np.clip(round(1000 * share), 1, 1000)), site.strand),
                    *(start, end, write_rgb(POSITIVE if region.mean > 0 else NEGATIVE)),
                )
            )
    return pd.DataFrame(rows, columns=list(BED_COLUMNS))


def _write_offset(offset: int) -> str:
    return f"{offset:+d}" if offset else "0"


def make_prediction_rows(
    sites: pd.DataFrame, run: RunResults, lengths: Mapping[str, int]
) -> pd.DataFrame:
    """Put the model's probability of an error at the junctions of its test sites.

    Args:
        sites: chrom, junction, strand, gene_name, gene_id and pred_type, indexed by
            site_id.
        run: The model, with its predictions.
        lengths: Contig -> length.

    Returns:
        Rows of a BED9.
    """
    classes = run.classes
    errors = classes[1:] if len(classes) == 2 else ERROR_CLASSES
    columns = [f"probability_{name}" for name in classes if name in errors]
    table = run.predictions
    if table is None or not columns or not set(columns) <= set(table.columns):
        return pd.DataFrame(columns=list(BED_COLUMNS))
    table = table[table["part"] == "test"].drop_duplicates("site_id")
    table = table.set_index("site_id")[columns].sum(axis=1).reindex(sites.index)
    sites = sites.assign(probability=table, gene=name_genes(sites))
    sites = sites[sites["probability"].notna()]
    ends = sites["chrom"].map(lengths)
    rows = pd.DataFrame(
        {
            "chrom": sites["chrom"],
            "start": (sites["junction"] - 1).clip(lower=0),
            "end": np.minimum(sites["junction"] + 1, ends),
            "name": [
                f"{s.gene}|{s.pred_type}|P={s.probability:.3f}"
                for s in sites.itertuples()
            ],
            "score": (1000 * sites["probability"]).round().astype(int),
            "strand": sites["strand"],
            "rgb": [write_rgb(CLASS_COLOURS[kind]) for kind in sites["pred_type"]],
        }
    )
    return rows.assign(thick_start=rows["start"], thick_end=rows["end"])


def make_word_rows(
    places: pd.DataFrame, sites: pd.DataFrame, placed: np.ndarray, words: Sequence[Word]
) -> pd.DataFrame:
    """Put the words of sites on the genome.

    Args:
        places: From ``place_words``, with start and end as columns of ``placed``.
        sites: strand, chrom, gene_name, gene_id and pred_type, indexed by site_id.
        placed: Genome position of each base of their windows, int64 (n_sites, length).
        words: The words.

    Returns:
        Rows of a BED9; words without any base on the genome are left out.
    """
    rows, genes = [], name_genes(sites)
    order = {int(site): row for row, site in enumerate(sites.index)}
    for hit in places.itertuples():
        row = order[hit.site_id]
        inside = placed[row, hit.start : hit.end]
        inside = inside[inside >= 0]
        if len(inside):
            site, low, high = sites.iloc[row], inside.min(), inside.max() + 1
            name = "_".join(words[hit.word].name.split())
            name += f"|{genes[row]}|{site['pred_type']}"
            color = write_rgb(CLASS_COLOURS[site["pred_type"]])
            rows.append(
                (
                    *(site["chrom"], low, high, name, 1000, site["strand"]),
                    *(low, high, color),
                )
            )
    return pd.DataFrame(rows, columns=list(BED_COLUMNS)).drop_duplicates()


def write_hub(
    folder: Path, predictor: str, assembly: str, tracks: Sequence[Mapping[str, str]]
) -> None:
    """Write a track hub of the bigWigs in a folder: hub, genomes and trackDb.

    Args:
        folder: Where the bigWigs lie.
        predictor: For the hub's name.
        assembly: What the browser calls the genome.
        tracks: ``file`` and ``description`` of each bigWig.
    """
    hub = {
        **{"hub": predictor, "shortLabel": predictor[:17]},
        "longLabel": f"Where the errors of {predictor} come from",
        **{"genomesFile": "genomes.txt", "email": "none@example.org"},
    }
    genome = {"genome": assembly, "trackDb": "trackDb.txt"}
    entries = []
    for number, track in enumerate(tracks, start=1):
        entries.append(
            {
                **{"track": f"track{number}", "bigDataUrl": track["file"]},
                "shortLabel": track["file"].removesuffix(".bw")[:17],
                "longLabel": track["description"][:76],
                **{"type": "bigWig", "visibility": "full", "autoScale": "on"},
                **{"color": write_rgb(POSITIVE), "altColor": write_rgb(NEGATIVE)},
                **{"alwaysZero": "on", "maxHeightPixels": "60:40:16"},
            }
        )
    for name, stanzas in {
        "hub.txt": [hub],
        "genomes.txt": [genome],
        "trackDb.txt": entries,
    }.items():
        texts = ["".join(f"{k} {v}\n" for k, v in entry.items()) for entry in stanzas]
        (folder / name).write_text("\n".join(texts), encoding="utf-8")


def name_genes(sites: pd.DataFrame) -> list[str]:
    """Gene of each site without white space: its name, else its id, else "."."""
    names = sites["gene_name"].astype(object).where(sites["gene_name"].notna())
    names = names.where(names.notna(), sites["gene_id"].astype(object))
    return ["_".join(str(n).split()) if pd.notna(n) else "." for n in names]


def write_rgb(color: str) -> str:
    """A colour as BED has it: "#D55E00" is "213,94,0"."""
    return ",".join(str(int(color[place : place + 2], 16)) for place in (1, 3, 5))
