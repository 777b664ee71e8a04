"""Opening genomes and matching names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pysam
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    Genome,
    clean_bases,
    complement_bases,
    match_contigs,
    normalise_contig,
    reverse_complement,
)


def test_bases_are_cleaned_and_complemented() -> None:
    cleaned = clean_bases("acgtnRYKMuU-*")
    assert cleaned.tobytes() == b"ACGTNNNNNTTNN"
    assert complement_bases(cleaned).tobytes() == b"TGCANNNNNAANN"
    assert complement_bases(np.stack([cleaned, cleaned])).shape == (2, 13)
    assert reverse_complement("AACGTN") == "NACGTT"


def test_fetch_pads_with_n_and_describes(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a x\nACGT\nacg\n>b\nTT\n")
    with Genome(tmp_path / "g.fa") as genome:
        assert genome.lengths == {"a": 7, "b": 2}
        assert genome.fetch("a", -2, 9) == "NNACGTACGNN"
        assert genome.fetch("b", 5, 8) == "NNN"
        assert genome.load_contig("a").tobytes() == b"ACGTACG"
        assert genome.describe()["bases"] == 9
        folder = genome._folder
        assert folder is not None
    assert not folder.exists()


def test_an_index_beside_a_bgzip_genome_is_used(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    pysam.tabix_compress(str(tmp_path / "g.fa"), str(tmp_path / "g.fa.gz"))
    with Genome(tmp_path / "g.fa.gz") as genome:
        assert genome._folder is not None
        assert genome.fetch("a", 0, 4) == "ACGT"
    pysam.faidx(str(tmp_path / "g.fa.gz"))
    with Genome(tmp_path / "g.fa.gz") as genome:
        assert genome._folder is None
        assert genome.fetch("a", 0, 4) == "ACGT"


@pytest.mark.parametrize("text", ["", "ACGT\n", "not a fasta at all"])
def test_what_is_no_fasta_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "g.fa").write_text(text)
    with pytest.raises(InputError):
        Genome(tmp_path / "g.fa")
    shutil.rmtree(tmp_path)


def test_contig_names() -> None:
    assert normalise_contig("chrM") == normalise_contig("MT") == "M"
    assert normalise_contig("Chr4") == "4"
    lengths = {"chr1": 5, "chrM": 5, "chr2": 5, "2": 5}
    mapping, problems = match_contigs(["1", "MT", "chr2", "7"], lengths)
    assert mapping == {"1": "chr1", "MT": "chrM", "chr2": "chr2"}
    assert problems == {"7": "not in the genome"}
    _, problems = match_contigs(["Chr2"], lengths)
    assert "ambiguous" in problems["Chr2"]
