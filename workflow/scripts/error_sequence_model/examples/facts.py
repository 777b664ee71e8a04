"""What others measured, as facts of sites that the workflow can test.

`outside.parquet`: chrom (contig), junction, strand, splice_type, and the nullable
booleans of `FACTS`; `outside.json` says what each of them is. Thresholds were fixed
before anything was tested.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.core import write_json, write_parquet
from error_sequence_model.examples.outside_truth import (
    FLANK,
    HEAD,
    read_exon_use,
    read_known_u12,
)
from error_sequence_model.genome import SITE, Genome, extract_window, read_transcripts

LOW_USE, SPECIFIC, IN_USE = 0.5, 0.5, 0.1
MICROEXON = 30  # nt, as in `causes.microexon`
GTEX = "GTEx exon PSI in 54 tissues (mmsplice 2.4.0)"
BY_PLACE = "end of an exon of GTEx at the very junction, by hg38 place and strand"
ENSEMBL = "Ensembl 91, chr19 (intronic 3.0.0)"
OPTIMISTIC = "chr19 is a training chromosome of the predictor: optimistic"
FACTS: dict[str, dict[str, Any]] = {
    "low_use": {
        "label": "exon of low use",
        "definition": f"mean PSI below {LOW_USE} over the tissues that show the gene",
        "source": GTEX,
        "joined": BY_PLACE,
        "causes": ["weak_site", "competitor", "minor_transcripts"],
        "expected": ["FN"],
    },
    "tissue_specific": {
        "label": "exon of some tissues",
        "definition": f"tau of PSI at least {SPECIFIC} (0 alike, 1 one tissue alone)",
        "source": GTEX,
        "joined": BY_PLACE,
        "causes": ["weak_site", "competitor", "minor_transcripts"],
        "expected": ["FN"],
    },
    "microexon_gtex": {
        "label": "microexon, by GTEx's exon",
        "definition": f"exon of at most {MICROEXON} nt, the most used one at the site",
        "source": GTEX,
        "joined": BY_PLACE,
        "causes": ["microexon"],
        "expected": ["FN"],
    },
    "known_u12": {
        "label": "intron known as U12-type",
        "definition": "an end of an intron in the list of known human U12 introns",
        "source": "known U12 introns (intronic 3.0.0)",
        "joined": f"same {FLANK} bases before and {HEAD} after the donor; the acceptor "
        "by its intron",
        "causes": ["u12_type", "noncanonical", "weak_site"],
        "expected": ["FN"],
    },
    "found_in_gtex": {
        "label": "real but unannotated: used in GTEx",
        "definition": f"end of an exon with mean PSI of at least {IN_USE}",
        "source": GTEX,
        "joined": f"{BY_PLACE}; elsewhere in the genes that have a place: no",
        "causes": ["supported", "near_annotated", "tandem"],
        "expected": ["FP"],
    },
    "found_in_ensembl": {
        "label": "real but unannotated: in Ensembl 91",
        "definition": "a splice site of any transcript of Ensembl 91",
        "source": ENSEMBL,
        "joined": "same junction, strand and type",
        "causes": ["supported", "near_annotated", "tandem"],
        "expected": ["FP"],
        "caution": OPTIMISTIC,
    },
    "alternative": {
        "label": "not in the gene's canonical transcript",
        "definition": "no splice site of the transcript with the longest coding "
        "sequence",
        "source": ENSEMBL,
        "joined": "same junction, strand and type",
        "causes": ["minor_transcripts"],
        "expected": ["FN"],
        "caution": OPTIMISTIC,
    },
}


def write_facts(path: str | Path, facts: pd.DataFrame, *, caution: str = "") -> None:
    """Write a table of facts and, beside it, what they are.

    Args:
        path: The Parquet file.
        facts: SITE columns and columns of `FACTS`.
        caution: What is said of all of them.
    """
    names = [name for name in FACTS if name in facts]
    own = {"caution": caution} if caution else {}
    write_parquet(Path(path), facts[[*SITE, *names]].reset_index(drop=True))
    write_json(
        Path(path).with_suffix(".json"), {name: FACTS[name] | own for name in names}
    )


def gather_facts(
    use: pd.DataFrame, annotation: str | Path, genome: str | Path, u12: str | Path
) -> pd.DataFrame:
    """Gather the facts of sites: those of GTEx's exons, and of annotated introns.

    Args:
        use: What ``read_exon_use`` gives.
        annotation: GTF or GFF3.
        genome: FASTA.
        u12: Known U12 introns.

    Returns:
        SITE columns and one nullable boolean per fact, one row per site.
    """
    facts = use[SITE].copy()
    for name, value, is_true in (
        ("low_use", use["psi"], use["psi"] < LOW_USE),
        ("tissue_specific", use["tau"], use["tau"] >= SPECIFIC),
        ("microexon_gtex", use["psi"], use["exon_length"] <= MICROEXON),
        ("found_in_gtex", use["psi"], use["psi"] >= IN_USE),
    ):
        facts[name] = is_true.astype("boolean").mask(value.isna())
    introns = find_known_introns(annotation, genome, u12)
    return facts.merge(introns, on=SITE, how="outer", validate="1:1")


def find_known_introns(
    annotation: str | Path, genome: str | Path, u12: str | Path
) -> pd.DataFrame:
    """Find which annotated introns are known as U12-type.

    Returns:
        SITE columns and known_u12, one row per annotated splice site.
    """
    known = read_known_u12(u12)
    exons = read_transcripts(annotation).exons
    follows = exons["transcript"].eq(exons["transcript"].shift())
    introns = exons.assign(left=exons["end"].shift())[follows].astype({"left": "int64"})
    rows = []
    with Genome(genome) as bases:
        for chrom, strand, left, right in zip(
            *(introns[name] for name in ("chrom", "strand", "left", "start")),
            strict=True,
        ):
            ends = (left, right) if strand == "+" else (right, left)
            around = extract_window(
                bases, chrom, ends[0], strand, upstream=FLANK, downstream=HEAD
            )
            is_known = around.upper() in known
            for end, kind in zip(ends, ("donor", "acceptor"), strict=True):
                rows.append((chrom, end, strand, kind, is_known))
    table = pd.DataFrame(rows, columns=[*SITE, "known_u12"])
    table = table.sort_values("known_u12", ascending=False, kind="stable")
    table = table.drop_duplicates(SITE).astype({"known_u12": "boolean"})
    return table.reset_index(drop=True)


def read_chromosome_use(path: str | Path, chrom: str, contig: str) -> pd.DataFrame:
    """Read the use of exons on a whole chromosome, as ``read_exon_use`` does."""
    whole = {"contig": contig, "chrom": chrom, "start": 0, "end": 1 << 40}
    genes = pd.DataFrame([{**whole, "strand": strand} for strand in "+-"])
    return read_exon_use(path, genes)
