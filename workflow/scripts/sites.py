"""Step: error table and genome -> sites.parquet and audit.json."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step, write_json, write_parquet
from error_sequence_model.sites import FORMATS, prepare_sites


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=Path, required=True, help="error table")
    parser.add_argument("--genome", type=Path, help="FASTA, plain or bgzip")
    parser.add_argument("--coordinate-base", type=int, choices=(0, 1), default=1)
    parser.add_argument("--site-base", choices=("exon", "intron"), default="exon")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="native",
        help="of the error table; metaspliceai positions need --annotation",
    )
    parser.add_argument("--annotation", type=Path, help="GTF of a MetaSpliceAI table")
    parser.add_argument("--columns", type=parse_json, help="our name -> the table's")
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--audit", type=Path, required=True, help="audit.json")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Read, check and merge the table; write sites and audit."""
    sites, audit = prepare_sites(
        arguments.errors,
        arguments.genome,
        coordinate_base=arguments.coordinate_base,
        site_base=arguments.site_base,
        column_names=arguments.columns,
        table_format=arguments.format,
        annotation_path=arguments.annotation,
    )
    write_parquet(arguments.sites, sites)
    write_json(arguments.audit, audit)


if __name__ == "__main__":
    run_step(main, parse_arguments())
