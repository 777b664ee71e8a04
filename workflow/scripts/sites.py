"""Step: error table and genome -> sites.parquet and audit.json."""

from __future__ import annotations

import argparse

from error_sequence_model.core import (
    make_parser,
    parse_json,
    run_step,
    write_json,
    write_parquet,
)
from error_sequence_model.sites import FORMATS, prepare_sites

parse_arguments = make_parser(
    *(__doc__, "errors", "genome", "coordinate_base", "site_base", "sites"),
    *("audit", "aliases"),
    format={
        "choices": FORMATS,
        "default": "native",
        "help": "of the error table; metaspliceai positions need --annotation",
    },
    annotation="GTF of a MetaSpliceAI table",
    columns={"type": parse_json, "help": "our name -> the table's"},
).parse_args


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
        aliases=arguments.aliases,
    )
    write_parquet(arguments.sites, sites)
    write_json(arguments.audit, audit)


if __name__ == "__main__":
    run_step(main, parse_arguments())
