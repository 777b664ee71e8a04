"""The memory of a run's motif search with 300,000 held-out sites and 30 motifs.

Run with ``python tests/benchmarks/benchmark_motif_memory.py``. Thirty words lie each at
a place of its own in the windows and maps of 600 explained sites; all other windows are
random. Prints how many come out as motifs, the processor time and the greatest memory;
ends with code 1 above 1 GB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from measured_steps import SCRIPTS

sys.path.insert(0, str(SCRIPTS))

from error_sequence_model.core import write_json
from error_sequence_model.motifs import find_run_motifs
from error_sequence_model.settings import MotifSettings
from error_sequence_model.windows import Windows, make_windows

LENGTH, UPSTREAM, WIDTH = 200, 100, 8
MOTIFS, PER_MOTIF, GIGABYTES = 30, 20, 1.0
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


def draw_sites(folder: Path, n_sites: int) -> tuple[pd.DataFrame, Windows]:
    """Write maps and checks into a folder; give the sites and their windows."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, size=(n_sites, LENGTH), dtype=np.int8)
    explained = np.arange(MOTIFS * PER_MOTIF)
    maps = rng.normal(0, 0.1, (len(explained), LENGTH))
    words = rng.integers(0, 4, size=(MOTIFS, WIDTH), dtype=np.int8)
    for row in explained:
        place = slice(5 + row % MOTIFS * 6, 5 + row % MOTIFS * 6 + WIDTH)
        codes[row, place] = words[row % MOTIFS]
        maps[row, place] += 2.0
    with h5py.File(folder / "maps.h5", "w") as file:
        file["site_id"], file["attributions"] = explained, maps.astype("float32")
    write_json(folder / "faithfulness.json", {"methods": {}})
    is_error = rng.random(n_sites) < 0.3
    is_error[explained] = True
    # A tenth more sites teach what a splice site looks like.
    numbers = np.arange(n_sites)
    sites = pd.DataFrame(
        {
            "site_id": numbers,
            **{"chrom": "chr1", "junction": 1000 * numbers, "strand": "+"},
            **{"splice_type": "donor", "gene_id": (numbers // 10).astype(str)},
            **{
                "pred_type": np.where(is_error, "FN", "TP"),
                "label": is_error.astype(int),
            },
            **{"part": np.where(numbers % 10 == 9, "train", "test")},
        }
    )
    sites.loc[explained, "part"] = "test"
    text = BASES[codes].tobytes().decode()
    letters = [text[start : start + LENGTH] for start in range(0, len(text), LENGTH)]
    return sites, make_windows(numbers, letters, upstream=UPSTREAM)


def main() -> None:
    """Plant, search and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=330_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sites, windows = draw_sites(folder, given.sites)
        start = time.process_time()
        find_run_motifs(
            {"maps": folder / "maps.h5"},
            folder / "faithfulness.json",
            sites[["site_id", "label", "part"]],
            sites.set_index("site_id", drop=False),
            windows,
            splice_type="donor",
            error_labels=[1],
            predict=None,
            settings=MotifSettings.from_mapping({}),
            output=folder,
        )
        seconds = time.process_time() - start
        n_motifs = len(pd.read_csv(folder / "motifs.tsv", sep="\t"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    n_test = int((sites["part"] == "test").sum())
    print(
        f"{n_test:,} held-out sites, {n_motifs} motifs: {seconds:.0f} s of processor "
        f"time, {peak:.2f} GB with data and program"
    )
    sys.exit(int(peak > GIGABYTES))


if __name__ == "__main__":
    main()
