"""Step: predictor scores and annotation -> error table (1-based, exonic base)."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.calling import call_files
from error_sequence_model.core import parse_json, run_step, write_json, write_tsv
from error_sequence_model.genome import SMALLEST_INTRON
from error_sequence_model.settings import CallSettings


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--scores", type=parse_json, required=True, help="format and files")
    add("--genome", type=Path, required=True, help="FASTA, plain or bgzip")
    add("--annotation", type=Path, required=True, help="GTF, GFF3 or table of sites")
    add("--genes", type=Path, help="GTF or GFF3, if the annotation is a table of sites")
    add("--regions", type=Path, help="BED to scan; without it gene bodies")
    add("--biotypes", type=parse_json, help="of the gene bodies; without it all")
    add("--margin", type=int, default=0, help="bases of contig ends to leave out")
    add("--smallest-intron", type=int, default=SMALLEST_INTRON, help="nt")
    add("--columns", type=parse_json, help="our name -> name in a table of scores")
    add("--support", type=Path, help="sites with reads, or a second annotation")
    add("--coordinate-base", type=int, choices=(0, 1), default=1)
    add("--site-base", choices=("exon", "intron"), default="exon")
    add("--calling", type=parse_json, default={}, help="threshold, tolerance, …")
    add("--errors", type=Path, required=True, help="error table, TSV")
    add("--audit", type=Path, required=True, help="counts, JSON")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Call, match and write."""
    errors, audit = call_files(
        arguments.scores,
        arguments.genome,
        arguments.annotation,
        settings=CallSettings(**arguments.calling),
        genes=arguments.genes,
        regions=arguments.regions,
        biotypes=arguments.biotypes,
        margin=arguments.margin,
        support=arguments.support,
        coordinate_base=arguments.coordinate_base,
        site_base=arguments.site_base,
        smallest_intron=arguments.smallest_intron,
        column_names=arguments.columns,
    )
    write_tsv(arguments.errors, errors)
    write_json(arguments.audit, audit)


if __name__ == "__main__":
    run_step(main, parse_arguments())
