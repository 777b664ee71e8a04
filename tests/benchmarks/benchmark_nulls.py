"""False positives of named causes and known elements where there is nothing to find.

Run with ``python tests/benchmarks/benchmark_nulls.py``. Four nulls, each with sites
whose error has no cause of its own: strength that annotated sites teach and are then
judged by; errors whose polypyrimidine tract holds fewer C; errors of weaker consensus;
donors and acceptors in one contrast, of which one is missed more often. Prints the
share of tests with p < 0.05 by null; ends with code 1 where it is not 5 ± 2 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from measured_steps import SCRIPTS

sys.path.insert(0, str(SCRIPTS))

from error_sequence_model.causes import name_causes
from error_sequence_model.features import OWN, read_elements
from error_sequence_model.motifs import SearchedSites, measure_elements
from error_sequence_model.settings import parse_contrast
from error_sequence_model.windows import make_windows

N, LENGTH, UPSTREAM = 900, 200, 100
USUAL = (0.27, 0.20, 0.20, 0.33)
DONOR = ("CAGGTAAGT", (0.5, 0.6, 0.8, 1, 1, 0.6, 0.7, 0.8, 0.5))
ACCEPTOR = ("CAGG", (0.65, 1, 1, 0.5))
TRACT = slice(UPSTREAM - 20, UPSTREAM - 4)
# Flags and elements with fewer hits (or more) are tested too coarsely to count.
FEWEST = 40
CALLED = 0.05
ALLOWED = (0.03, 0.07)


class Null(NamedTuple):
    """Sites of one run: codes int8 (n, LENGTH), errors and donors bool (n,)."""

    codes: np.ndarray
    is_error: np.ndarray
    is_donor: np.ndarray


def draw_sites(
    rng: np.random.Generator,
    is_donor: np.ndarray,
    *,
    kept: float | np.ndarray = 1.0,
    tract: np.ndarray | None = None,
) -> np.ndarray:
    """Windows with consensus and tract.

    Args:
        rng: Source of randomness.
        is_donor: bool (n,).
        kept: Share of the consensus bases that are drawn at all, by site.
        tract: Shares of A, C, G, T in the acceptors' tracts, float (n, 4).
    """
    n = len(is_donor)
    codes = rng.choice(4, (n, LENGTH), p=USUAL).astype(np.int8)
    kept = np.broadcast_to(kept, n)
    usual = np.tile([0.12, 0.30, 0.12, 0.46], (n, 1)) if tract is None else tract
    limits = np.cumsum(usual, axis=1)[:, None, :3]
    drawn = (rng.random((n, TRACT.stop - TRACT.start, 1)) > limits).sum(axis=2)
    codes[~is_donor, TRACT] = drawn[~is_donor]
    for (word, shares), rows, splice_type in (
        (DONOR, is_donor, "donor"),
        (ACCEPTOR, ~is_donor, "acceptor"),
    ):
        first = UPSTREAM + OWN[splice_type][0]
        for column, (base, share) in enumerate(zip(word, shares, strict=True)):
            chance = np.where(share == 1, 1, share * kept)
            has_base = rows & (rng.random(n) < chance)
            codes[has_base, first + column] = "ACGT".index(base)
    return codes


def draw_labels(rng: np.random.Generator, chance: float | np.ndarray) -> np.ndarray:
    """Errors at random, bool (n,)."""
    return rng.random(N) < chance


def draw_taught(rng: np.random.Generator) -> Null:
    """Errors like correct calls; these alone teach what a site looks like."""
    is_donor = np.zeros(N, dtype=bool)
    return Null(draw_sites(rng, is_donor), draw_labels(rng, 0.5), is_donor)


def draw_composition(rng: np.random.Generator) -> Null:
    """Errors have fewer C and more purines in the tract, and no word of their own."""
    is_donor, is_error = np.zeros(N, dtype=bool), draw_labels(rng, 0.5)
    poor = np.array([[0.18, 0.25, 0.16, 0.41], [0.12, 0.30, 0.12, 0.46]])
    tract = poor[np.where(is_error, 0, 1)]
    return Null(draw_sites(rng, is_donor, tract=tract), is_error, is_donor)


def draw_consensus(rng: np.random.Generator) -> Null:
    """Errors have a weaker consensus, and nothing beside it."""
    is_donor, is_error = np.ones(N, dtype=bool), draw_labels(rng, 0.5)
    codes = draw_sites(rng, is_donor, kept=np.where(is_error, 0.75, 1.0))
    return Null(codes, is_error, is_donor)


def draw_mixed(rng: np.random.Generator) -> Null:
    """Donors are missed more often than acceptors, whatever their windows hold."""
    is_donor = rng.random(N) < 0.5
    is_error = draw_labels(rng, np.where(is_donor, 0.7, 0.3))
    return Null(draw_sites(rng, is_donor), is_error, is_donor)


def measure_flags(
    null: Null, seed: int, *, contrast: str, splice_type: str
) -> np.ndarray:
    """P values of the named causes."""
    genes = np.random.default_rng(seed).integers(0, N // 3, N)
    error, correct = ("FP", "TP") if contrast == "fp_vs_tp" else ("FN", "TP")
    sites = pd.DataFrame(
        {
            "site_id": np.arange(N),
            "chrom": "chr1",
            "junction": np.arange(N) * 1000,
            "strand": "+",
            "splice_type": np.where(null.is_donor, "donor", "acceptor"),
            "pred_type": np.where(null.is_error, error, correct),
            "gene_id": [f"g{gene}" for gene in genes],
            "gene_biotype": "protein_coding",
        }
    )
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[null.codes]
    sequences = [row.tobytes().decode() for row in letters]
    windows = make_windows(np.arange(N), sequences, upstream=UPSTREAM)
    part = np.where(genes % 4 == 0, "test", "train")
    split = sites[["site_id"]].assign(
        label=null.is_error.astype(int), fold=0, part=part
    )
    data = (sites, windows, split, parse_contrast(contrast), splice_type)
    found = name_causes(*data, draws=2)
    hits = found.sites.set_index("site_id").drop(columns=["label", "part"]).sum()
    is_told = hits.between(FEWEST, N - FEWEST)
    table = found.table.set_index("flag")
    return table.loc[is_told.index[is_told], "p"].dropna().to_numpy(dtype=float)


def measure_some_elements(null: Null, seed: int, *, splice_type: str) -> np.ndarray:
    """P values of the known elements in all regions."""
    genes = np.random.default_rng(0).integers(0, N // 3, N)
    sites = SearchedSites(
        *(np.arange(N), null.codes, null.is_error, genes, UPSTREAM),
        strata=null.is_donor[:, None] * 1.0,
        is_donor=null.is_donor,
    )
    # A part of the catalogue each time: all of it is one run after the other.
    elements = np.random.default_rng(seed).permutation(read_elements())[:8]
    table = measure_elements(list(elements), sites, splice_type=splice_type, fdr=0)
    hits = table["error_sites"] + table["correct_sites"]
    kept = table["p"].notna() & hits.between(FEWEST, N - FEWEST)
    return table.loc[kept, "p"].to_numpy(dtype=float)


def judge(
    name: str, draw: Callable, test: Callable[[Null, int], np.ndarray], runs: int
) -> bool:
    """Print the share of small p values; whether it is as it should be."""
    found = [test(draw(np.random.default_rng(seed)), seed) for seed in range(runs)]
    p = np.concatenate(found)
    share = (p < CALLED).mean()
    is_fine = ALLOWED[0] <= share <= ALLOWED[1]
    # Under the null p is even: its median says whether a whole table leans.
    print(
        f"{name}: {share:.1%} of {len(p)} tests with p < {CALLED} "
        f"(± {1.96 * np.sqrt(share * (1 - share) / len(p)):.1%}), "
        f"median p {np.median(p):.2f}{'' if is_fine else '  BAD'}",
        flush=True,
    )
    return is_fine


def main() -> None:
    """Draw, test, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="of flags")
    parser.add_argument("--element-runs", type=int, default=120)
    given = parser.parse_args()
    rows = [
        ("taught strength, flags", draw_taught, "fp_vs_tp", "acceptor"),
        ("composition, elements", draw_composition, None, "acceptor"),
        ("consensus, elements", draw_consensus, None, "donor"),
        ("mixed types, flags", draw_mixed, "fn_vs_tp", "any"),
        ("mixed types, elements", draw_mixed, None, "any"),
    ]
    fine = []
    for name, draw, contrast, splice_type in rows:
        if contrast:
            how = partial(measure_flags, contrast=contrast, splice_type=splice_type)
        else:
            how = partial(measure_some_elements, splice_type=splice_type)
        runs = given.runs if contrast else given.element_runs
        fine.append(judge(name, draw, how, runs))
    sys.exit(int(not all(fine)))


if __name__ == "__main__":
    main()
