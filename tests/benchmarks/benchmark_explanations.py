"""Page one on genomes whose causes, places, shares and decoys are drawn.

Run with ``python tests/benchmarks/benchmark_explanations.py --seeds 1 2 3 4 5``. Each
genome is simulated, runs through the workflow with a small model on one core, and its
ranked explanations are held against what was planted; then the labels of every unit are
permuted and its flags, elements and motifs tested again. One line per unit; ends with
code 1 if a unit's first explanation is not the planted one, a decoy or shadow is named,
the explained share is off by more than ten points, or permuted labels have one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from measured_steps import SCRIPTS

ROOT = SCRIPTS.parents[1]
sys.path[:0] = [str(SCRIPTS), str(ROOT / "tests" / "builders")]

from drawn_genomes import CONTRASTS, OPTIONS, draw_maps, explain_permuted, judge
from error_sequence_model.core import read_json
from error_sequence_model.simulation import simulate

MOST_OFF = 0.1  # of the share of errors explained


def make_config(folder: Path, epochs: int) -> dict[str, Any]:
    """The demo's config with this genome, fewer maps and no control."""
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    genome = {"fasta": "genome.fa", "annotation": "annotation.gtf"}
    predictor = {"errors": "errors.tsv", "truth": "truth.bed", "genome": "simulated"}
    config["genomes"] = {"simulated": genome}
    config["predictors"] = {
        "demo": {**predictor, "coordinate_base": 1, "site_base": "exon"}
    }
    config["contrasts"] = list(CONTRASTS.values())
    config["training"]["epochs"] = epochs
    return config


def run_workflow(folder: Path, epochs: int) -> None:
    """Make the explanations of all units."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(make_config(folder, epochs)))
    targets = [
        f"results/demo/{contrast}/{splice_type}/explanations.tsv"
        for contrast in CONTRASTS.values()
        for splice_type in ("donor", "acceptor")
    ]
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    words += ["--directory", str(folder), "--configfile", str(path), "--cores", "1"]
    words += ["--resources", "gpu=0", "--quiet", "all", "--show-failed-logs", *targets]
    subprocess.run(words, check=True)


def main() -> None:
    """Simulate, run, judge, permute and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--folder", type=Path, help="kept; else a temporary one")
    parser.add_argument(
        "--maps",
        choices=["model", "planted"],
        default="model",
        help="planted: no model, but maps of what is planted; seconds per genome",
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--genes-per-chromosome", type=int, default=46)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    is_bad = False
    for seed in given.seeds:
        genome = folder / f"seed{seed}"
        size = {"genes_per_chromosome": given.genes_per_chromosome}
        paths = simulate(genome, seed=seed, **OPTIONS, **size)
        causes = read_json(paths.causes)["causes"]
        start = time.monotonic()
        if given.maps == "model":
            run_workflow(genome, given.epochs)
        else:
            draw_maps(genome, causes)
        print(f"seed {seed}: {time.monotonic() - start:.0f} s", flush=True)
        for cause in causes:
            found = judge(genome, cause)
            found["permuted"] = explain_permuted(genome, cause, seed)
            is_off = abs(found["share"] - found["explained"]) > MOST_OFF
            is_wrong = not found["is_first"] or found["wrong"] or found["permuted"]
            is_bad |= bool(is_off or is_wrong)
            mark = "BAD" if is_off or is_wrong else "ok"
            print("\t".join(map(str, (mark, *found.values()))), flush=True)
    sys.exit(is_bad)


if __name__ == "__main__":
    main()
