"""Use of exons and known U12 introns, joined to sites by hand."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.examples.outside_truth import (
    read_exon_use,
    read_known_u12,
    summarise_use,
)

GENES = pd.DataFrame(
    {
        "contig": ["A_1", "B_2", "C_3"],
        "chrom": ["chr1", "chr1", "unplaced"],
        "strand": ["+", "-", "+"],
        "start": [100, 500, None],
        "end": [200, 600, None],
    }
)


def write_use(path, rows: list[tuple]) -> None:
    columns = ["Chromosome", "Start", "End", "Strand", "gene_id", "gene_name", "x", "y"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def test_ends_of_exons_are_sites_on_both_strands(tmp_path) -> None:
    rows = [
        ("chr1", 111, 120, "+", "A", "a", 1.0, 0.5),
        ("chr1", 511, 520, "-", "B", "b", 1.0, 1.0),
        ("chr1", 111, 120, "-", "Z", "z", 1.0, 1.0),  # the other strand
        ("chr1", 95, 105, "+", "A", "a", 1.0, 1.0),  # begins before the gene
        ("chr2", 111, 120, "+", "Q", "q", 1.0, 1.0),
    ]
    write_use(tmp_path / "use.csv", rows)
    sites = read_exon_use(tmp_path / "use.csv", GENES).set_index(
        ["chrom", "splice_type"]
    )
    assert len(sites) == 4
    assert sites.loc[("A_1", "acceptor"), "junction"] == 10
    assert sites.loc[("A_1", "donor"), "junction"] == 20
    assert sites.loc[("B_2", "donor"), "junction"] == 10
    assert sites.loc[("B_2", "acceptor"), "junction"] == 20
    assert sites.loc[("A_1", "donor"), "exon_length"] == 10
    assert sites.loc[("A_1", "donor"), "psi"] == 0.75


def test_the_most_used_exon_of_a_site_counts(tmp_path) -> None:
    rows = [
        ("chr1", 111, 120, "+", "A", "a", 0.2, 0.2),
        ("chr1", 111, 150, "+", "A", "a", 0.8, 0.8),
    ]
    write_use(tmp_path / "use.csv", rows)
    sites = read_exon_use(tmp_path / "use.csv", GENES)
    (acceptor,) = sites[sites["splice_type"] == "acceptor"].itertuples()
    assert (acceptor.psi, acceptor.exon_length) == (0.8, 40)
    assert sorted(sites.loc[sites["splice_type"] == "donor", "psi"]) == [0.2, 0.8]


def test_a_tissue_without_the_gene_says_nothing() -> None:
    psi = np.array([[1.0, 0.0], [0.5, 0.0], [0.0, 0.0]])
    use = summarise_use(psi, np.array(["g", "g", "silent"]))
    assert use["psi"].tolist()[:2] == [1.0, 0.5]
    assert np.isnan(use["psi"][2])
    assert use["tissues"].tolist() == [1, 1, 0]
    assert use["tau"].isna().all(), "one tissue tells no specificity"


def test_another_table_is_refused(tmp_path) -> None:
    (tmp_path / "use.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of exon use"):
        read_exon_use(tmp_path / "use.csv", GENES)


def test_known_u12_introns_are_told_by_the_bases_around_the_donor(tmp_path) -> None:
    exon, intron = "ACGT" * 10, "GTATCC" + "t" * 60
    with gzip.open(tmp_path / "u12.gz", "wt") as file:
        file.write(f"# a comment\nname\t99\t{exon}\t{intron}\t{exon}\n")
    (known,) = read_known_u12(tmp_path / "u12.gz")
    assert known == exon[-20:] + "GTATCC" + "T" * 34
    with gzip.open(tmp_path / "bad.gz", "wt") as file:
        file.write("name\t99\tAC\tGT\tAC\n")
    with pytest.raises(InputError, match="line 1"):
        read_known_u12(tmp_path / "bad.gz")
