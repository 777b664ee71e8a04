"""Step: facts measured elsewhere, held against the errors -> outside_truth.tsv."""

from __future__ import annotations

import argparse

from error_sequence_model.causes import hold_facts, read_facts, read_named_causes
from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_saved_table,
    run_step,
    write_tsv,
)

parse_arguments = make_parser(
    *(__doc__, "sites", "output"),
    facts="the table of facts",
    groups={"type": parse_json, "default": [], "help": "[[error, folder], …], JSON"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Join, test and write."""
    facts, meanings = read_facts(arguments.facts)
    known = read_named_causes(arguments.groups)
    sites = read_saved_table(arguments.sites)
    table = hold_facts(sites, facts, meanings, causes=known.causes, named=known.named)
    write_tsv(arguments.output, table)


if __name__ == "__main__":
    run_step(main, parse_arguments())
