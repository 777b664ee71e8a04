"""The study's genes: strands, exons and places, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.examples import write_study_genes
from error_sequence_model.examples.study_genes import (
    StudyGene,
    list_exons,
    read_genes,
)
from error_sequence_model.genome import Genome, extract_window, read_annotation

INTRONS = "GTAAGT" + "T" * 18 + "CAG", "GTGAGT" + "T" * 18 + "AG"
SEQUENCE = "CCAAG" + INTRONS[0] + "CATT" + INTRONS[1] + "GGA"
DONORS, ACCEPTORS = [4, 35], [32, 62]


def write_arrays(path, genes: dict[int, str]) -> None:
    arrays = {}
    for number, sequence in genes.items():
        arrays[f"x{number}"] = (
            np.array(list(sequence))[:, None] == np.array(list("ACGT"))
        ).astype(int)
        classes = np.zeros((len(sequence), 3), int)
        classes[ACCEPTORS, 1] = 1
        classes[DONORS, 2] = 1
        classes[:, 0] = 1 - classes.sum(axis=1)
        arrays[f"y{number}"] = classes
    np.savez(path, **arrays)


@pytest.fixture
def files(tmp_path):
    write_arrays(tmp_path / "a.npz", {1: SEQUENCE, 2: SEQUENCE, 7: SEQUENCE})
    place = {"gene": "G", "chrom": "chr1", "transcript": "T", "hg38_start": 101}
    places = {
        "1": {**place, "strand": "+", "hg38_end": 100 + len(SEQUENCE)},
        "2": {**place, "strand": "-", "hg38_end": 101 + len(SEQUENCE)},
    }
    (tmp_path / "c.json").write_text(json.dumps(places))
    return tmp_path / "a.npz", tmp_path / "c.json"


def test_genes_are_written_in_genome_orientation(files, tmp_path) -> None:
    assert write_study_genes(*files, tmp_path / "out") == 3
    genome = Genome(tmp_path / "out" / "genome.fa")
    assert list(genome.lengths) == ["G_1", "G_2", "gene7_7"]
    table = pd.read_csv(tmp_path / "out" / "genes.tsv", sep="\t")
    assert table["strand"].tolist() == ["+", "-", "+"]
    assert table["chrom"].tolist() == ["chr1", "chr1", "unplaced"]
    assert table["start"].tolist()[0] == 100
    assert table["end"].tolist()[0] == 100 + len(SEQUENCE)
    # One base more on hg38 than the sequence has: it has no place there.
    assert table["start"].isna().tolist() == [False, True, True]


def test_annotated_junctions_have_the_consensus_on_both_strands(
    files, tmp_path
) -> None:
    write_study_genes(*files, tmp_path / "out")
    sites = read_annotation(tmp_path / "out" / "annotation.gtf").sites
    assert len(sites) == 12
    genome = Genome(tmp_path / "out" / "genome.fa")
    for row in sites.itertuples():
        place = (row.chrom, row.junction, row.strand)
        window = extract_window(genome, *place, upstream=2, downstream=2)
        pair = window[2:] if row.splice_type == "donor" else window[:2]
        assert pair == ("GT" if row.splice_type == "donor" else "AG")


def test_exons_of_one_gene() -> None:
    gene = StudyGene(1, SEQUENCE, np.array(ACCEPTORS), np.array(DONORS))
    assert list_exons(gene) == [(0, 5), (32, 36), (62, 65)]
    crossed = gene._replace(acceptors=np.array(ACCEPTORS[::-1]))
    with pytest.raises(ValueError, match="do not alternate"):
        list_exons(crossed)


def test_a_few_genes_are_spread_over_the_file(files) -> None:
    assert [gene.number for gene in read_genes(files[0], most=2)] == [1, 7]
    assert [gene.number for gene in read_genes(files[0])] == [1, 2, 7]


def test_what_is_no_archive_of_genes_is_refused(files, tmp_path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4 no")
    with pytest.raises(InputError, match="not the study's genes"):
        write_study_genes(tmp_path / "bad.npz", files[1], tmp_path / "out")
    assert not (tmp_path / "out" / "genome.fa").exists()
    np.savez(tmp_path / "other.npz", x1=np.zeros((3, 5)), y1=np.zeros((3, 3)))
    with pytest.raises(InputError, match="shapes"):
        write_study_genes(tmp_path / "other.npz", files[1], tmp_path / "out")
    files[1].write_text("no")
    with pytest.raises(InputError, match="not JSON"):
        write_study_genes(*files, tmp_path / "out")


def test_the_table_of_genes_is_there_only_with_the_rest(
    files, monkeypatch, tmp_path
) -> None:
    def fail(self, target):
        raise OSError(f"no {target}")

    out = tmp_path / "out"
    # Killed between two names.
    replace = Path.replace
    monkeypatch.setattr(
        Path,
        "replace",
        lambda self, to: (fail if to.name == "genome.fa" else replace)(self, to),
    )
    with pytest.raises(OSError, match="no "):
        write_study_genes(*files, out)
    assert not (out / "genes.tsv").exists()
