"""Read the files of a config and say what was understood, what is odd, what is wrong.

    python workflow/scripts/check.py my.yaml

Prints the lines of the config that would mend what is wrong, and ends with code 1 if
anything is.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections import Counter
from pathlib import Path

from error_sequence_model.calling import ODD, WRONG, check_files
from error_sequence_model.core import run_step
from error_sequence_model.settings import read_config


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="your config file")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Check and print, one finding after the other."""
    subject, counts = "", Counter[str]()
    for finding in check_files(read_config(arguments.config)):
        counts[finding.kind] += 1
        if finding.subject != subject:
            subject = finding.subject
            print(subject)
        first = f"  {finding.kind:<11}"
        print(textwrap.indent(finding.text, " " * 13).replace(" " * 13, first, 1))
        if finding.remedy:
            print(textwrap.indent(f"in the config:\n{finding.remedy}", " " * 13))
        sys.stdout.flush()
    print(f"{counts[WRONG]} wrong, {counts[ODD]} odd")
    if counts[WRONG]:
        sys.exit(1)


if __name__ == "__main__":
    run_step(main, parse_arguments(), is_rule=False)
