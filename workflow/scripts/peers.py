"""Step: errors of predictors of one genome -> peers.parquet, peers.tsv, and more."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.causes import KIND_OF, compare_peers, read_named_causes
from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_json,
    read_saved_table,
    run_step,
    write_parquet,
    write_tsv,
)

FILES = {"type": Path, "nargs": "*", "default": []}
parse_arguments = make_parser(
    *(__doc__, "draws", "output"),
    sites={"nargs": "+", "help": "sites.parquet of each, the one in question first"},
    records={**FILES, "help": "provenance.json of scores"},
    groups={"type": parse_json, "default": [], "help": "[[error, folder], …], JSON"},
    pairs="where the pairs go",
    contrasts="where the contrasts go",
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Compare and write."""
    tables = {path.parent.name: read_saved_table(path) for path in arguments.sites}
    records = {path.parents[1].name: read_json(path) for path in arguments.records}
    causes, _ = read_named_causes(arguments.groups)
    found = compare_peers(
        tables,
        flags={KIND_OF[error]: table for error, table in causes.items()},
        contexts={name: 2 * record["context"] for name, record in records.items()},
        draws=arguments.draws,
    )
    write_parquet(arguments.output, found.sites)
    write_tsv(arguments.pairs, found.pairs)
    write_tsv(arguments.contrasts, found.contrasts)


if __name__ == "__main__":
    run_step(main, parse_arguments())
