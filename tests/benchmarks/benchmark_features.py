"""Time and memory of 100,000 sites with 2,000 features: computing, then boosting.

Run with ``python tests/benchmarks/benchmark_features.py``; it prints one line per
figure and ends with code 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from measured_steps import SCRIPTS, measure_step

sys.path.insert(0, str(SCRIPTS))

from error_sequence_model.windows import SCHEMA, make_batch

UP, DOWN = 200, 200
WANTED = 2000
EXTRA = 150  # numeric columns of the error table, to come to 2,000 features
LIMITS = {"features": 60.0, "baselines": 120.0}
MOST_MEMORY = 3000.0


def write_input(folder: Path, n: int) -> None:
    """Write n random GT donors; a third are errors, two thirds of these have TTTTTT."""
    generator = np.random.default_rng(1)
    metadata = {"upstream": str(UP), "downstream": str(DOWN)}
    labels = (generator.random(n) < 1 / 3).astype(np.int8)
    with pa.ipc.new_file(folder / "windows.arrow", SCHEMA.with_metadata(metadata)) as f:
        for start in range(0, n, 10_000):
            ids = np.arange(start, min(start + 10_000, n))
            codes = generator.integers(0, 4, (len(ids), UP + DOWN))
            codes[:, UP : UP + 2] = [2, 3]
            has_tract = (labels[ids] == 1) & (generator.random(len(ids)) < 2 / 3)
            codes[has_tract, UP + 20 : UP + 26] = 3
            bases = np.frombuffer(b"ACGT", dtype=np.uint8)[codes]
            f.write_batch(make_batch(ids, bases).replace_schema_metadata(metadata))
    sites = pd.DataFrame(
        {
            "site_id": np.arange(n),
            "chrom": "chr1",
            "junction": np.arange(n) * 1000,
            "strand": "+",
            "splice_type": "donor",
            "pred_type": np.where(labels == 1, "FN", "TP"),
            "score": 0.5,
            "gene_id": [f"gene{i // 10}" for i in range(n)],
        }
    )
    noise = generator.normal(size=(n, EXTRA)).astype(np.float32)
    names = [f"measure{i}" for i in range(EXTRA)]
    noise = pd.DataFrame(noise, columns=names)
    pd.concat([sites, noise], axis=1).to_parquet(folder / "sites.parquet", index=False)
    part = np.resize(np.repeat(["train", "validation", "test"], [70, 10, 20]), n)
    split = sites[["site_id"]].assign(label=labels, fold=np.int16(0), part=part)
    split.to_parquet(folder / "split.parquet", index=False)


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=100_000)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    failures, peak = [], 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder, arguments.sites)
        inputs = [f"--{k}={folder}/{k}.parquet" for k in ("sites", "split")]
        table = folder / "features.parquet"
        columns = ", ".join(f'"measure{i}"' for i in range(EXTRA))
        steps = {
            "features": [
                *inputs,
                *("--windows", f"{folder}/windows.arrow", "--features", str(table)),
                *("--definitions", f"{folder}/features.tsv"),
                *("--settings", f'{{"columns": [{columns}]}}'),
            ],
            "baselines": [
                *(*inputs, "--features", str(table)),
                *("--models", "boosting", "--predictions", f"{folder}/out.parquet"),
            ],
        }
        for step, words in steps.items():
            cost = measure_step(step, *words, cores=arguments.cores)
            peak = max(peak, cost.megabytes)
            print(
                f"{step}, {arguments.sites:,} sites: {cost.seconds:.1f} s "
                f"({cost.cpu_seconds:.1f} s of processor), peak "
                f"{cost.megabytes:.0f} MB"
            )
            if cost.seconds > LIMITS[step]:
                failures.append(f"{step} above {LIMITS[step]:.0f} s")
        count = len(pq.read_schema(table).names) - 1
        print(f"features: {count:,}; file {table.stat().st_size / 1e6:.0f} MB")
        if count < WANTED:
            failures.append(f"fewer than {WANTED:,} features")
    if peak > MOST_MEMORY:
        failures.append("memory above 3 GB")
    print("missed: " + "; ".join(failures) if failures else "all limits met")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
