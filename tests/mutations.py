"""Planted faults: each must be caught by a test.

Run by `make mutations`. Every fault is put into a copy of the library, and the test
file that is to catch it runs on that copy; a table says what caught what. The same test
files pass on the copy without a fault, or nothing is proven.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = Path("workflow/scripts/error_sequence_model")


class Fault(NamedTuple):
    """One planted fault.

    Attributes:
        what: What goes wrong, in words.
        file: The module, below the library.
        old: Its text, there exactly once.
        new: The faulty text.
        tests: The test file that must fail.
    """

    what: str
    file: str
    old: str
    new: str
    tests: str


FAULTS = (
    Fault(
        "sites: 1-based positions taken for 0-based",
        "genome/coordinates.py",
        "dtype=np.int64) - coordinate_base + is_left",
        "dtype=np.int64) + is_left",
        "genome/test_coordinates.py",
    ),
    Fault(
        "sites: the exon on the wrong side of the junction",
        "genome/coordinates.py",
        'return exon_is_left if site_base == "exon" else ~exon_is_left',
        'return ~exon_is_left if site_base == "exon" else exon_is_left',
        "genome/test_coordinates.py",
    ),
    Fault(
        "sites: a position just beyond the contig's end accepted",
        "sites/rowchecks.py",
        "positions - coordinate_base >= lengths",
        "positions - coordinate_base > lengths",
        "sites/test_prepare.py",
    ),
    Fault(
        "sites: GTF exons one base too long on the left",
        "genome/gene_rows.py",
        'rows["start"].to_numpy() - 1',
        'rows["start"].to_numpy()',
        "genome/test_annotation.py",
    ),
    Fault(
        "windows: those on '-' not mirrored",
        "genome/coordinates.py",
        "np.where(np.asarray(is_plus), upstream, downstream)",
        "np.where(np.asarray(is_plus), upstream, upstream)",
        "windows/test_windows.py",
    ),
    Fault(
        "windows: complemented, but not reversed",
        "genome/cutting.py",
        "complement_bases(windows[is_minus, ::-1])",
        "complement_bases(windows[is_minus])",
        "windows/test_windows.py",
    ),
    Fault(
        "windows: one base to the right",
        "genome/cutting.py",
        "self._views[starts + self.length]",
        "self._views[starts + self.length + 1]",
        "windows/test_windows.py",
    ),
    Fault(
        "windows: the last site of every contig left out",
        "windows/windows.py",
        "bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))",
        "bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=codes[-1:]))",
        "windows/test_windows.py",
    ),
    Fault(
        "splits: overlaps of one base kept",
        "splits/leakfilter.py",
        'np.searchsorted(starts, self._ends, side="left")',
        'np.searchsorted(starts, self._ends - 1, side="left")',
        "splits/test_split.py",
    ),
    Fault(
        "splits: reverse complements not looked for by the audit",
        "splits/leakage.py",
        "block = complement_bases(block[:, ::-1])",
        "block = complement_bases(block)",
        "splits/test_split.py",
    ),
    Fault(
        "splits: the audit lets test windows overlap validation",
        "splits/leakage.py",
        "(reach[:-1] > (starts + offsets)[1:])",
        "(reach[:-1] > (ends + offsets)[1:])",
        "splits/test_split.py",
    ),
    Fault(
        "splits: training is not held against validation",
        "splits/leakfilter.py",
        '(["train"], ["test", "validation"]),',
        '(["train"], ["test"]),',
        "splits/test_split.py",
    ),
    Fault(
        "splits: rare k-mers of near-copies too few to tell",
        "splits/near_copies.py",
        "kept = has - self._need + sure",
        "kept = has - self._need + 1",
        "splits/test_near_copies.py",
    ),
    Fault(
        "splits: k-mers of the last hashes not listed",
        "splits/near_copies.py",
        "for part in range(n_parts):",
        "for part in range(max(1, n_parts - 1)):",
        "splits/test_near_copies.py",
    ),
    Fault(
        "splits: windows left out that share just enough",
        "splits/near_copies.py",
        "has >= self._need, True",
        "has > self._need + SURE, True",
        "splits/test_near_copies.py",
    ),
    Fault(
        "splits: reverse complements of k-mers of odd size",
        "splits/homology.py",
        "reverse *= dtype.type(4**more)",
        "reverse *= dtype.type(4**self.size)",
        "splits/test_homology.py",
    ),
    Fault(
        "splits: turned relatives looked for on a wrong diagonal",
        "splits/relatives.py",
        "np.where(is_turned.view(np.int64), last - end, end)",
        "np.where(is_turned.view(np.int64), end, end)",
        "splits/test_relatives.py",
    ),
    Fault(
        "splits: seeds looked up at a wrong bit",
        "splits/relatives.py",
        "bits >>= (hashes & 7).astype(np.uint8)",
        "bits >>= (hashes & 0).astype(np.uint8)",
        "splits/test_relatives.py",
    ),
    Fault(
        "splits: relatives need not be alike",
        "splits/alignment.py",
        "(cells & mask) >= (IDENTITY - LEEWAY)",
        "(cells & mask) >= (0 * IDENTITY - LEEWAY)",
        "splits/test_relatives.py",
    ),
    Fault(
        "metrics: ties count as ranked",
        "statistics/metrics.py",
        "np.append(ranked[1:] != ranked[:-1], True)",
        "np.append(ranked[1:] == ranked[1:], True)",
        "statistics/test_metrics.py",
    ),
    Fault(
        "metrics: AUROC gives ties nothing",
        "statistics/metrics.py",
        "np.diff(true_rate, axis=1, prepend=0.0) / 2",
        "np.diff(true_rate, axis=1, prepend=0.0)",
        "statistics/test_metrics.py",
    ),
    Fault(
        "metrics: sites drawn, not genes",
        "statistics/metrics.py",
        "yield counts[:, groups].astype(np.float32)",
        "yield rng.permuted(counts[:, groups], axis=1).astype(np.float32)",
        "statistics/test_metrics.py",
    ),
    Fault(
        "metrics: F1 of the correct class",
        "statistics/metrics.py",
        "f1[:, 1]",
        "f1[:, 0]",
        "statistics/test_metrics.py",
    ),
    Fault(
        "tokens: the junction's token one to the left",
        "tokenizers/base.py",
        'np.searchsorted(starts, min(junction, ends[-1] - 1), "right")) - 1',
        'np.searchsorted(starts, min(junction, ends[-1] - 1), "left")) - 1',
        "tokenizers/test_load.py",
    ),
    Fault(
        "tokens: scores spread over one base too few",
        "tokenizers/base.py",
        'values = scores[..., body] / (widths if how == "spread" else 1)',
        'values = scores[..., body] / (widths - 1 if how == "spread" else 1)',
        "tokenizers/test_load.py",
    ),
    Fault(
        "tokens: the cut is not centred on the junction",
        "tokenizers/base.py",
        "start = min(max(int(np.floor(centre - keep / 2 + 0.5)), 0), count - keep)",
        "start = min(max(int(np.floor(centre - keep / 2 - 0.5)), 0), count - keep)",
        "tokenizers/test_load.py",
    ),
    Fault(
        "maps: weights of cells that do not keep the known sum",
        "attribution/paths.py",
        "weights = cells.widths * (1 + factor[number] * offsets)",
        "weights = cells.widths",
        "attribution/test_paths.py",
    ),
    Fault(
        "maps: a change that no gradient shows is made up",
        "attribution/paths.py",
        "factor = factor / (factor * spread).abs().clamp(min=1)",
        "factor = factor * 1",
        "attribution/test_paths.py",
    ),
    Fault(
        "maps: the thirds of a cell on one side of its centre",
        "attribution/paths.py",
        "torch.cat([centres - step, centres + step])",
        "torch.cat([centres + step / 2, centres + step])",
        "attribution/test_paths.py",
    ),
    Fault(
        "maps: equal tokens with another junction taken for equal",
        "attribution/substitution.py",
        "np.concatenate([ids, beside], axis=1)",
        "ids.copy()",
        "attribution/test_mutagenesis.py",
    ),
    Fault(
        "maps: the junction's left token one to the right",
        "attribution/substitution.py",
        "np.maximum(junctions - 1, low)",
        "np.maximum(junctions, low)",
        "attribution/test_mutagenesis.py",
    ),
    Fault(
        "predictors: units of a network without their dilation",
        "predictors/engine.py",
        'options = {"dilation": (1, unit.dilation)}',
        'options = {"dilation": (1, 1)}',
        "predictors/test_engine.py",
    ),
    Fault(
        "predictors: the shortcut of a unit one base off",
        "predictors/engine.py",
        "x[..., reach : x.shape[-1] - reach]",
        "x[..., reach + 1 : x.shape[-1] - reach + 1]",
        "predictors/test_engine.py",
    ),
    Fault(
        "predictors: what is scored not cut at the contig's end",
        "predictors/stretches.py",
        '    ends = np.minimum(rows["end"].to_numpy(np.int64) + flank, lengths)',
        '    ends = rows["end"].to_numpy(np.int64) + flank',
        "predictors/test_genome_scores.py",
    ),
    Fault(
        "variants: an indel at a junction taken out of the intron",
        "genome/placement.py",
        "return shifts if intron_is_right else shifts[::-1]",
        "return shifts[::-1] if intron_is_right else shifts",
        "genome/test_variants.py",
    ),
    Fault(
        "variants: a deletion moves what lies before it",
        "genome/placement.py",
        "behind = ends[hit] + into - lengths[hit]",
        "behind = starts[hit] + into - lengths[hit]",
        "genome/test_variants.py",
    ),
    Fault(
        "variants: runs of a repeat not followed to the left",
        "genome/placement.py",
        "first=self.start - left, last",
        "first=self.start, last",
        "genome/test_variants.py",
    ),
    Fault(
        "gate: a map is held against itself",
        "faithfulness/gate.py",
        "partners[members] = np.roll(members, 1)",
        "partners[members] = np.roll(members, 0)",
        "faithfulness/test_gate.py",
    ),
    Fault(
        "gate: the mean map of a class holds the site's own",
        "faithfulness/gate.py",
        "scores[members].sum(axis=0, dtype=float) - scores[site]",
        "scores[members].sum(axis=0, dtype=float)",
        "faithfulness/test_gate.py",
    ),
    Fault(
        "gate: an interval over zero passes",
        "faithfulness/gate.py",
        'found["passed"] = interval[0] > 0',
        'found["passed"] = interval[1] > 0',
        "faithfulness/test_gate.py",
    ),
    Fault(
        "explanations: the explained errors called unexplained",
        "causes/explanations.py",
        "& ~has_name &",
        "& has_name &",
        "causes/test_explanations.py",
    ),
    Fault(
        "explanations: motifs counted where they were found",
        "causes/explanations.py",
        'is_test = chosen["part"].eq("test").to_numpy()',
        'is_test = chosen["part"].ne("test").to_numpy()',
        "causes/test_explanations.py",
    ),
    Fault(
        "probabilities: balanced weights not undone",
        "statistics/calibration.py",
        "restored = probabilities / balance_weights(",
        "restored = probabilities * balance_weights(",
        "statistics/test_calibration.py",
    ),
    Fault(
        "probabilities: no evidence is not the prior",
        "statistics/calibration.py",
        "evidence / temperature + offsets, axis=1",
        "(evidence + offsets) / temperature, axis=1",
        "statistics/test_calibration.py",
    ),
    Fault(
        "probabilities: the weights of the loss stay in the classifier",
        "training/finetuning.py",
        "offsets - taught / temperature",
        "offsets - self.log_shares / temperature",
        "training/test_finetuning.py",
    ),
    Fault(
        "check: an interval to a contig's end called beyond it",
        "calling/user_tracks.py",
        'rows["end"].gt(contigs',
        'rows["end"].ge(contigs',
        "calling/test_user_tracks.py",
    ),
    Fault(
        "check: windows that are mostly N pass",
        "calling/user_files.py",
        "2 * outside > up + down",
        "outside > up + down",
        "calling/test_user_files.py",
    ),
    Fault(
        "check: percentages taken for scores",
        "sites/rowchecks.py",
        "high > 1 + 1e-6 and",
        "high > 1e6 and",
        "calling/test_user_files.py",
    ),
    Fault(
        "check: a contrast without errors passes",
        "calling/user_files.py",
        "if not min(counts.values()):",
        "if not max(counts.values()):",
        "calling/test_user_files.py",
    ),
    Fault(
        "private errors: shared with one peer taken for shared with all",
        "settings/contrasts.py",
        'company[verdicts.fillna(False).all(axis=1).to_numpy()] = "shared"',
        'company[verdicts.fillna(False).any(axis=1).to_numpy()] = "shared"',
        "settings/test_contrasts.py",
    ),
    Fault(
        "private errors: a peer that did not judge a site taken to be right there",
        "settings/contrasts.py",
        'company[verdicts.isna().any(axis=1).to_numpy()] = "not_judged"',
        'company[verdicts.isna().all(axis=1).to_numpy()] = "not_judged"',
        "settings/test_contrasts.py",
    ),
    Fault(
        "private errors: a contig that a peer never saw taken as without calls",
        "sites/peer_errors.py",
        "column[column.isna() & is_scanned] = False",
        "column[column.isna()] = False",
        "sites/test_peer_errors.py",
    ),
    Fault(
        "rows without padding: positions run on from one window to the next",
        "backbones/attention.py",
        "torch.arange(total, device=lengths.device) - starts[rows]",
        "torch.arange(total, device=lengths.device)",
        "backbones/test_attention.py",
    ),
    Fault(
        "rows without padding: torch's kernel told the ends in place of the starts",
        "backbones/attention.py",
        "Varlen(F.pad(lengths.cumsum(0), (1, 0)).int(), longest, reach)",
        "Varlen(F.pad(lengths.cumsum(0), (0, 1)).int(), longest, reach)",
        "backbones/test_attention.py",
    ),
)


def run_tests(folder: Path, name: str) -> tuple[bool, str]:
    """Run one test file on a copy; say whether it passes, and the first failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    # Tests of speed fail on a busy machine, whatever the code.
    command += ["-k", "not seconds"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "workflow/scripts")}
    done = subprocess.run(
        [*command, f"tests/unit/{name}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    found = re.search(r"^(?:FAILED|ERROR) \S+?::(\w+)", done.stdout, re.MULTILINE)
    if done.returncode == 1 and found:
        return False, found[1]
    if done.returncode == 0:
        return True, ""
    raise SystemExit(f"{name} could not run:\n{done.stdout}\n{done.stderr}")


def plant(folder: Path, fault: Fault) -> str:
    """Put a fault into a copy; give the sound text."""
    module = folder / LIBRARY / fault.file
    sound = module.read_text(encoding="utf-8")
    if sound.count(fault.old) != 1:
        raise SystemExit(f"{fault.file}: not there exactly once: {fault.old}")
    module.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    return sound


def main() -> int:
    """Plant all faults and print the table; 1 if one is not caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[""], help="words of faults")
    words = parser.parse_args().only
    faults = [f for f in FAULTS if any(word in f.what for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("workflow", "tests", "resources", "config"):
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        for tests in sorted({fault.tests for fault in faults}):
            is_sound, failure = run_tests(folder, tests)
            if not is_sound:
                raise SystemExit(f"{tests} fails without a fault: {failure}")
        print("| fault | module | caught by |\n|---|---|---|")
        for fault in faults:
            sound = plant(folder, fault)
            passed, failure = run_tests(folder, fault.tests)
            (folder / LIBRARY / fault.file).write_text(sound, encoding="utf-8")
            missed += passed
            caught = "**nothing**" if passed else f"`{fault.tests}`: `{failure}`"
            print(f"| {fault.what} | `{fault.file}` | {caught} |", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
