"""A chromosome with all transcripts and with the canonical ones alone."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.examples.chr19 import choose_canonical, write_chr19
from error_sequence_model.genome import read_annotation

BASES = "".join(np.random.default_rng(2).choice(list("ACGT"), 1000))
# Per transcript its exons and its coding pieces, 1-based; two genes, one not coding.
TRANSCRIPTS = {
    ("g1", "t1"): ([(101, 150), (201, 250), (301, 380)], [(120, 150), (201, 210)]),
    ("g1", "t2"): ([(101, 150), (221, 250), (301, 350)], [(101, 150), (221, 250)]),
    ("g2", "t3"): ([(501, 550), (601, 650)], []),
}


@pytest.fixture
def ensembl(tmp_path):
    rows = ["##gff-version 3"]
    for gene, kind in (("g1", "protein_coding"), ("g2", "lincRNA")):
        start, end = (101, 380) if gene == "g1" else (501, 650)
        rows.append(
            f"19\te\tgene\t{start}\t{end}\t.\t+\t.\tID=gene:{gene};biotype={kind}"
        )
    for (gene, name), (exons, coding) in TRANSCRIPTS.items():
        place = f"{exons[0][0]}\t{exons[-1][1]}\t.\t+\t."
        rows.append(f"19\te\tmRNA\t{place}\tID=transcript:{name};Parent=gene:{gene}")
        for kind, pieces in (("exon", exons), ("CDS", coding)):
            rows += [
                f"19\te\t{kind}\t{a}\t{b}\t.\t+\t.\tParent=transcript:{name}"
                for a, b in pieces
            ]
    with gzip.open(tmp_path / "e.gff3.gz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    with gzip.open(tmp_path / "e.fa.gz", "wt") as file:
        file.write(f">19 whole\n{BASES}\n")
    with gzip.open(tmp_path / "known_u12.introns.iic.gz", "wt") as file:
        file.write("#none\n")
    columns = ["Chromosome", "Start", "End", "Strand", "gene_id", "gene_name", "x"]
    rows = [("chr19", 201, 250, "+", "g1", "G1", 0.9), ("chr1", 1, 2, "+", "z", "z", 1)]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "use.csv", index=False)
    return tmp_path


def write(folder, **options) -> None:
    files = (folder / "e.fa.gz", folder / "e.gff3.gz", folder / "use.csv")
    write_chr19(folder, *files, **options)


def test_the_longest_coding_sequence_is_canonical(ensembl) -> None:
    write(ensembl)
    every = read_annotation(ensembl / "chr19.all.gtf").sites
    canonical = read_annotation(ensembl / "chr19.canonical.gtf").sites
    assert sorted(canonical["junction"]) == [150, 220, 250, 300]
    assert sorted(every["junction"]) == [150, 200, 220, 250, 300]
    assert (ensembl / "chr19.fa").read_text() == f">19 whole\n{BASES}\n"


def test_facts_of_both_annotations(ensembl) -> None:
    write(ensembl)
    facts = pd.read_parquet(ensembl / "chr19.all.parquet").set_index(
        ["junction", "splice_type"]
    )
    assert facts.loc[(200, "acceptor"), "alternative"]
    assert not facts.loc[(220, "acceptor"), "alternative"]
    assert not facts.loc[(200, "acceptor"), "low_use"]
    facts = pd.read_parquet(ensembl / "chr19.canonical.parquet").set_index(
        ["junction", "splice_type"]
    )
    # The whole of Ensembl is held against it, a gene that is not coding too.
    assert facts.loc[(200, "acceptor"), "found_in_ensembl"]
    assert facts.loc[(550, "donor"), "found_in_ensembl"]
    assert "optimistic" in (ensembl / "chr19.canonical.json").read_text()


def test_no_coding_sequence_is_refused(ensembl) -> None:
    path = ensembl / "none.gff3"
    path.write_text("19\te\texon\t1\t2\t.\t+\t.\tParent=t\n")
    with pytest.raises(InputError, match="no CDS"):
        choose_canonical(path, pd.DataFrame())


def test_a_site_of_a_gene_left_out_is_none_to_judge(ensembl) -> None:
    # A second coding gene, of which g1's first intron holds an exon.
    rows = [
        "19\te\tgene\t61\t275\t.\t+\t.\tID=gene:g0;biotype=protein_coding",
        "19\te\tmRNA\t61\t275\t.\t+\t.\tID=transcript:t0;Parent=gene:g0",
    ]
    for start, end in ((61, 90), (161, 185), (261, 275)):
        place = f"{start}\t{end}\t.\t+\t.\tParent=transcript:t0"
        rows += [f"19\te\texon\t{place}", f"19\te\tCDS\t{place}"]
    path = ensembl / "e.gff3.gz"
    head, _, old = gzip.decompress(path.read_bytes()).decode().partition("\n")
    path.write_bytes(gzip.compress("\n".join([head, *rows, old]).encode()))
    write(ensembl, genes=1)
    for name in ("all", "canonical"):
        known = read_annotation(ensembl / f"chr19.{name}.gtf")
        biotypes = known.genes.set_index("gene_id")["gene_biotype"].to_dict()
        assert biotypes == {"gene:g0": "protein_coding", "gene:g1": "left_out"}
        others = known.sites[known.sites["gene_id"] == "gene:g1"]
        assert sorted(others["junction"]) == [150, 200, 220, 250, 300]
    facts = pd.read_parquet(ensembl / "chr19.all.parquet").set_index("junction")
    assert not facts.loc[160, "alternative"]
