"""The study's genes: one-hot arrays of a public package as a genome and an annotation.

The package ``frame-alignment-checks`` has whole genes of SpliceAI's test chromosomes in
transcript direction, and one class per base: 0 nothing, 1 the first base of an exon (an
acceptor), 2 the last base of an exon (a donor). Each gene becomes a contig of its own
in genome orientation, so that both strands occur; genes whose strand the package does
not tell stay in transcript direction, on '+'.

`genes.tsv`, one row per gene:
    contig, gene, chrom (chr1, chr3 or "unplaced"), strand, length, start, end: the
    contig's place on hg38, 0-based half-open; empty where it is not told
"""

from __future__ import annotations

import csv
import io
import json
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from error_sequence_model.core import InputError, atomic_path
from error_sequence_model.genome import reverse_complement

logger = logging.getLogger(__name__)

STUDY_GENE_COLUMNS = (
    *("contig", "gene", "chrom", "strand", "length"),
    *("start", "end", "transcript"),
)
LINE = 80
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
ACCEPTOR, DONOR = 1, 2


class StudyGene(NamedTuple):
    """One gene in transcript direction.

    Attributes:
        number: Its number in the package.
        sequence: Its bases.
        acceptors: First bases of exons, 0-based, transcript direction, int64 (n,).
        donors: Last bases of exons, 0-based, transcript direction, int64 (n,).
    """

    number: int
    sequence: str
    acceptors: np.ndarray
    donors: np.ndarray


def read_genes(arrays: str | Path, *, most: int | None = None) -> Iterator[StudyGene]:
    """Read genes one by one; an array of all would take gigabytes.

    Args:
        arrays: ``relevant_validation_genes.npz``.
        most: Only so many, spread evenly over the file; all by default.

    Yields:
        Genes by rising number.

    Raises:
        InputError: The file is no archive of such arrays.
    """
    try:
        with np.load(arrays, allow_pickle=False) as file:
            numbers = sorted(int(name[1:]) for name in file.files if name[0] == "x")
            if most is not None and most < len(numbers):
                chosen = np.linspace(0, len(numbers) - 1, most).round().astype(int)
                numbers = [numbers[index] for index in chosen]
            for number in numbers:
                bases, classes = file[f"x{number}"], file[f"y{number}"]
                yield _make_gene(number, bases, classes)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise InputError(f"{arrays}: not the study's genes ({error})") from None


def _make_gene(number: int, bases: np.ndarray, classes: np.ndarray) -> StudyGene:
    if bases.shape[1] != 4 or classes.shape != (len(bases), 3):
        raise ValueError(f"gene {number} has shapes {bases.shape}, {classes.shape}")
    letters = np.where(bases.any(axis=1), LETTERS[bases.argmax(axis=1)], ord("N"))
    return StudyGene(
        number,
        letters.astype(np.uint8).tobytes().decode("ascii"),
        np.flatnonzero(classes[:, ACCEPTOR]),
        np.flatnonzero(classes[:, DONOR]),
    )


def list_exons(gene: StudyGene) -> list[tuple[int, int]]:
    """List a gene's exons, 0-based half-open in transcript direction.

    Examples:
        >>> nothing = np.array([3]), np.array([1])
        >>> list_exons(StudyGene(1, "AAGTAGAA", np.array([6]), np.array([1])))
        [(0, 2), (6, 8)]
    """
    starts = [0, *gene.acceptors.tolist()]
    ends = [*(gene.donors + 1).tolist(), len(gene.sequence)]
    exons = list(zip(starts, ends, strict=True))
    if any(start >= end for start, end in exons):
        raise ValueError(f"gene {gene.number}: donors and acceptors do not alternate")
    return exons


def write_study_genes(
    arrays: str | Path,
    coordinates: str | Path,
    folder: str | Path,
    *,
    most: int | None = None,
) -> int:
    """Write ``genome.fa``, ``annotation.gtf`` and ``genes.tsv``.

    Args:
        arrays: ``relevant_validation_genes.npz``.
        coordinates: ``relevant_validation_genes_transcript_coords.json``.
        folder: Where they go.
        most: Only so many genes, spread evenly.

    Returns:
        How many genes were written.

    Raises:
        InputError: A file is not what it should be.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        places = json.loads(Path(coordinates).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{coordinates}: not JSON ({error})") from None
    count = 0
    with (
        # What is opened first gets its name last: the table says that all is there.
        atomic_path(folder / "genes.tsv") as table,
        atomic_path(folder / "genome.fa") as fasta,
        atomic_path(folder / "annotation.gtf") as gtf,
        fasta.open("w", encoding="ascii") as bases,
        gtf.open("w", encoding="utf-8") as features,
        table.open("w", encoding="utf-8", newline="") as rows,
    ):
        writer = csv.DictWriter(
            rows, STUDY_GENE_COLUMNS, delimiter="\t", lineterminator="\n"
        )
        writer.writeheader()
        for gene in read_genes(arrays, most=most):
            row = _describe(gene, places.get(str(gene.number), {}))
            writer.writerow(row)
            _write_fasta(bases, row, gene.sequence)
            _write_gtf(features, row, gene)
            count += 1
    logger.info("%d genes written to %s", count, folder)
    return count


def _describe(gene: StudyGene, place: dict[str, Any]) -> dict[str, Any]:
    """Describe a gene as a row; the package's coordinates are 1-based, inclusive."""
    name = place.get("gene") or f"gene{gene.number}"
    row = {
        "contig": f"{name}_{gene.number}",
        "gene": name,
        "chrom": place.get("chrom", "unplaced"),
        "strand": place.get("strand", "+"),
        "length": len(gene.sequence),
        "start": "",
        "end": "",
        "transcript": place.get("transcript", ""),
    }
    if place:
        row |= {"start": place["hg38_start"] - 1, "end": place["hg38_end"]}
        if row["end"] - row["start"] != len(gene.sequence):
            # hg38 corrected bases within some genes: their hg19 sequence has no place.
            row |= {"start": "", "end": ""}
    return row


def _write_fasta(file: io.TextIOBase, row: dict[str, Any], sequence: str) -> None:
    if row["strand"] == "-":
        sequence = reverse_complement(sequence)
    file.write(f">{row['contig']}\n")
    for start in range(0, len(sequence), LINE):
        file.write(sequence[start : start + LINE] + "\n")


def _write_gtf(file: io.TextIOBase, row: dict[str, Any], gene: StudyGene) -> None:
    exons = list_exons(gene)
    length = len(gene.sequence)
    if row["strand"] == "-":
        exons = [(length - end, length - start) for start, end in reversed(exons)]
    ids = f'gene_id "{row["contig"]}"; gene_name "{row["gene"]}"; '
    ids += 'gene_biotype "protein_coding"; '
    transcript = f'transcript_id "{row["transcript"] or row["contig"]}.t"; '
    lines = [("gene", 0, length, ids), ("transcript", 0, length, ids + transcript)]
    lines += [("exon", start, end, ids + transcript) for start, end in exons]
    for feature, start, end, attributes in lines:
        place = f"{start + 1}\t{end}\t.\t{row['strand']}\t."
        file.write(
            f"{row['contig']}\tstudy\t{feature}\t{place}\t{attributes.strip()}\n"
        )
