"""Step: who errs where, and why -> peers.tsv and peer_contrasts.tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.causes import compare_peers, read_named_causes
from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_json,
    read_saved_table,
    run_step,
    write_tsv,
)

FILES = {"type": Path, "nargs": "*", "default": []}
parse_arguments = make_parser(
    *(__doc__, "draws"),
    peers="peers.parquet",
    records={**FILES, "help": "provenance.json of scores"},
    groups={"type": parse_json, "default": [], "help": "[[error, folder], …], JSON"},
    pairs="where the pairs go",
    contrasts="where the contrasts go",
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Compare and write."""
    records = {path.parents[1].name: read_json(path) for path in arguments.records}
    known = read_named_causes(arguments.groups)
    found = compare_peers(
        read_saved_table(arguments.peers),
        flags=known.causes,
        labels=known.labels,
        contexts={name: 2 * record["context"] for name, record in records.items()},
        draws=arguments.draws,
    )
    write_tsv(arguments.pairs, found.pairs)
    write_tsv(arguments.contrasts, found.contrasts)


if __name__ == "__main__":
    run_step(main, parse_arguments())
