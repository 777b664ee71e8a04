"""Facts of the study's sites: thresholds, and known introns at both of their ends."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import read_facts
from error_sequence_model.examples.facts import (
    FACTS,
    find_known_introns,
    gather_facts,
    write_facts,
)
from error_sequence_model.genome import reverse_complement

BASES = "".join(np.random.default_rng(1).choice(list("ACGT"), 400))
# Exons of two transcripts on '+', and of their mirror image on '-'.
EXONS = [(0, 50), (150, 200), (300, 400)]


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "g.fa").write_text(f">a\n{BASES}\n>b\n{reverse_complement(BASES)}\n")
    with (tmp_path / "g.gtf").open("w") as file:
        for chrom, strand in (("a", "+"), ("b", "-")):
            for start, end in EXONS:
                if strand == "-":
                    start, end = 400 - end, 400 - start
                ids = f'gene_id "{chrom}"; transcript_id "{chrom}.1";'
                file.write(
                    f"{chrom}\tx\texon\t{start + 1}\t{end}\t.\t{strand}\t.\t{ids}\n"
                )
    # The second intron is known, on either strand.
    intron = BASES[200:300]
    with gzip.open(tmp_path / "u12.gz", "wt") as file:
        file.write(f"#head\nname\t1\t{BASES[150:200]}\t{intron}\t{BASES[300:350]}\n")
    return tmp_path


def test_known_introns_are_found_at_both_ends_and_strands(genome) -> None:
    found = find_known_introns(genome / "g.gtf", genome / "g.fa", genome / "u12.gz")
    assert len(found) == 8
    known = found[found["known_u12"]].set_index(["chrom", "splice_type"])["junction"]
    assert known.to_dict() == {
        ("a", "donor"): 200,
        ("a", "acceptor"): 300,
        ("b", "donor"): 200,
        ("b", "acceptor"): 100,
    }


def test_thresholds_and_what_is_not_known(genome) -> None:
    use = pd.DataFrame(
        {
            "chrom": "a",
            "junction": [50, 150, 7, 8],
            "strand": "+",
            "splice_type": ["donor", "acceptor", "donor", "donor"],
            "psi": [0.49, 0.5, 0.1, np.nan],
            "tau": [0.5, 0.49, np.nan, np.nan],
            "exon_length": [30, 31, 5, 5],
        }
    )
    facts = gather_facts(use, genome / "g.gtf", genome / "g.fa", genome / "u12.gz")
    facts = facts[facts["chrom"] == "a"].set_index("junction")
    assert facts.loc[[50, 150, 7], "low_use"].tolist() == [True, False, True]
    assert facts.loc[[50, 150], "tissue_specific"].tolist() == [True, False]
    assert facts.loc[[50, 150], "microexon_gtex"].tolist() == [True, False]
    assert facts.loc[7, "found_in_gtex"]
    assert pd.isna(facts.loc[8, "low_use"]) and pd.isna(facts.loc[8, "found_in_gtex"])
    assert pd.isna(facts.loc[7, "known_u12"]), "no annotated intron ends there"


def test_what_is_written_is_what_the_workflow_reads(genome) -> None:
    facts = find_known_introns(genome / "g.gtf", genome / "g.fa", genome / "u12.gz")
    write_facts(genome / "facts.parquet", facts, caution="mind")
    table, meanings = read_facts(genome / "facts.parquet")
    assert len(table) == 8
    assert meanings == {"known_u12": FACTS["known_u12"] | {"caution": "mind"}}
