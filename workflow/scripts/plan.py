"""Say what a run will do before it starts: jobs, minutes and memory of each step.

python workflow/scripts/plan.py my.yaml --cores 8
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from error_sequence_model.core import InputError, list_problems, run_step
from error_sequence_model.runs import (
    describe_plan,
    measure_input,
    plan_steps,
    read_history,
    read_jobs,
    read_rates,
)
from error_sequence_model.settings import is_made_here, list_files, read_config

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="your config file")
    parser.add_argument("--cores", type=int, default=2, help="for the sum, at least 1")
    parser.add_argument("--target", default="all", help="of Snakemake")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Ask Snakemake what it would run, and print how much that is."""
    config = read_config(arguments.config)
    lost = [(k, p) for k, p in list_files(config) if not Path(p).exists()]
    if lost := [f"{k}: {p}" for k, p in lost if not is_made_here(config, p)]:
        raise InputError(f"no such file:\n{list_problems(lost)}")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--configfile", str(arguments.config), "--cores", "1", "--dry-run"]
    done = subprocess.run(  # noqa: S603 - no shell, our own command
        [*command, "--", arguments.target], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"Snakemake cannot plan this:\n{done.stderr.strip()[-2000:]}")
    jobs = read_jobs(done.stdout + done.stderr)
    if not jobs:
        print("nothing to do: everything is there and of these settings")
        return
    sizes = measure_input(config, Path("results"))
    steps = plan_steps(jobs, config, sizes, read_rates(), read_history())
    print("\n".join(describe_plan(steps, max(arguments.cores, 1))))


if __name__ == "__main__":
    run_step(main, parse_arguments(), is_rule=False)
