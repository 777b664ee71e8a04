"""Speed of the predictors, one thread, CPU time, beside what their authors ship.

Run with ``python tests/benchmarks/benchmark_predictors.py``. Everything runs on the
same made genome, with networks of random values (speed does not depend on them);
medians of three. ``--openspliceai`` and ``--keras`` install the authors' packages into
temporary environments of their own and compare with them: the network classes on equal
tiles, and ``openspliceai predict`` with an annotation as a whole command beside
``score.py``. Ends with code 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
sys.path[:0] = [str(SCRIPTS), str(Path(__file__).resolve().parents[1] / "builders")]
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.nn.functional as F

from error_sequence_model.predictors import SplicePredictor, load_predictor
from made_predictors import make_sequence, write_openspliceai, write_spliceai

OPENSPLICEAI = "openspliceai==0.0.7"
KERAS = ("spliceai==1.3.1", "tensorflow-cpu", "h5py")
GENES = (15_000, 25_000, 40_000, 60_000, 80_000, 130_000, 250_000, 400_000)  # bases
LEAST = {"command": 8.0, "class": 2.5, "keras": 1.5}

CLASS = """
import sys, time, statistics, numpy as np, torch
from openspliceai.train_base.openspliceai import SpliceAI
torch.set_num_threads(1)
W = np.repeat([11, 11, 21, 41], 4); AR = np.repeat([1, 4, 10, 25], 4)
model = SpliceAI(32, W, AR)
model.load_state_dict(torch.load(sys.argv[1])); model.eval()
for n in map(int, sys.argv[2:]):
    x = torch.nn.functional.one_hot(torch.arange(n + 10000) % 4).T[None].float()
    taken = []
    with torch.inference_mode():
        for _ in range(4):
            start = time.process_time(); model(x)
            taken.append(time.process_time() - start)
    print(statistics.median(taken[1:]))
"""
NETWORK = """
import os, sys, time, statistics, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"; os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.simplefilter("ignore")
import numpy as np, tensorflow as tf, keras
from importlib import metadata
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
package = metadata.distribution("spliceai")
path = package.locate_file("spliceai/models/spliceai1.h5")
model = keras.models.load_model(path, compile=False)
for n in map(int, sys.argv[1:]):
    x = np.eye(4, dtype="float32")[np.arange(n + 10000) % 4][None]
    taken = []
    for _ in range(4):
        start = time.process_time(); model.predict(x, verbose=0)
        taken.append(time.process_time() - start)
    print(statistics.median(taken[1:]))
"""


def measure(run: Callable[[], object]) -> float:
    """CPU seconds of a call, median of three after one to warm up."""
    run()
    taken = []
    for _ in range(3):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def measure_command(words: list[str | Path], times: int) -> float:
    """CPU seconds of a whole command, median of so many runs."""
    taken = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        )
    return statistics.median(taken)


def measure_peak() -> float:
    """GFLOP/s of a large product of matrices, one thread, float32."""
    a, b = torch.randn(2, 1024, 1024)
    return 2 * 1024**3 / measure(lambda: torch.mm(a, b)) / 1e9


def measure_convolution() -> float:
    """GFLOP/s of a large channels-last convolution: another library, another peak."""
    x = torch.randn(1, 64, 1, 20_000).to(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 1, 11).to(memory_format=torch.channels_last)
    operations = 2 * weight.numel() * (20_000 - 10)
    return operations / measure(lambda: F.conv2d(x, weight)) / 1e9


def run_plainly(predictor: SplicePredictor, codes: torch.Tensor) -> torch.Tensor:
    """The same network by `conv1d`, the whole tile at once."""
    network = predictor.members[0].network
    x = network.embedding[codes.long()].T[None]
    for unit in network.units:
        y = x * unit.scale[:, None] + unit.shift[:, None]
        for part in (unit.first, unit.second):
            y = F.leaky_relu(y, network.slope)
            y = F.conv1d(
                y,
                part.weight,
                part.bias,
                dilation=part.dilation,
                padding=unit.context // 2,
            )
        x = x + y
    return x


def make_environment(folder: Path, packages: tuple[str, ...], *, shares: bool) -> Path:
    """Make an environment with packages; it may see this one's own.

    Returns:
        Its Python.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    if shares:
        site = subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            text=True,
        )
        link = Path(site.strip(), "shared.pth")
        link.write_text(sysconfig.get_path("purelib") + "\n")
    command = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*command, "--no-deps", packages[0]], check=True)
    if packages[1:]:
        subprocess.run([*command, *packages[1:]], check=True)
    return python


def ask(python: Path, code: str, *words: object) -> list[float]:
    """Run a program in another environment; its lines are seconds."""
    text = subprocess.check_output([python, "-c", code, *map(str, words)], text=True)
    return [float(line) for line in text.split()]


def write_genome(folder: Path) -> tuple[Path, Path]:
    """Write one contig of genes far apart, and their annotation."""
    gap, place, lines, parts = 12_000, 0, [], []
    for number, length in enumerate(GENES):
        start = place + gap
        strand = "+-"[number % 2]
        fields = ("one", "made", "gene", start + 1, start + length, ".", strand, ".")
        lines.append("\t".join(map(str, fields)) + f"\tID=gene{number};Name=g{number}")
        exon = ("one", "made", "exon", *fields[3:])
        lines.append("\t".join(map(str, exon)) + f"\tID=exon{number};Parent=t{number}")
        place = start + length
    parts.append(make_sequence(place + gap, 1, "ACGT"))
    genome, annotation = folder / "genome.fa", folder / "genes.gff3"
    genome.write_text(">one\n" + "\n".join(parts) + "\n")
    annotation.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
    return genome, annotation


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--openspliceai", action="store_true")
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--repeats", type=int, default=3, help="of whole commands")
    parser.add_argument("--tiles", type=int, nargs="+", default=[30_000, 200_000])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        folder = Path(name)
        weights = folder / "openspliceai.pt"
        write_openspliceai(weights, n_units=16, width=32)
        write_spliceai(folder / "spliceai.h5", n_units=16, width=32)
        osai = load_predictor("openspliceai", weights, device="cpu")
        keras = load_predictor("spliceai", folder / "spliceai.h5", device="cpu")
        peaks = {"matrix product": measure_peak(), "convolution": measure_convolution()}
        for what, peak in peaks.items():
            print(f"peak of a {what}: {peak:.0f} GFLOP/s")
        print(f"ways: {osai.describe()['computed_by']}")
        ours: dict[tuple[str, int], float] = {}
        for family, predictor in (("openspliceai", osai), ("spliceai", keras)):
            for n in arguments.tiles:
                codes = (np.arange(n + 2 * predictor.context) % 4).astype(np.uint8)
                seconds = measure(lambda p=predictor, c=codes: p.score_codes(c))
                ours[family, n] = seconds
                done = predictor.members[0].network.operations * len(codes) / seconds
                shares = ", ".join(
                    f"{done / peak / 1e7:.0f} % of a {what}"
                    for what, peak in peaks.items()
                )
                print(
                    f"{family}, {n:,} bases: {seconds:.3f} CPU-s, "
                    f"{n / seconds:,.0f} bases/s, as direct sums "
                    f"{done / 1e9:.0f} GFLOP/s ({shares})"
                )
        n = arguments.tiles[0]
        codes = torch.arange(n + 2 * osai.context) % 4
        plain = measure(lambda: run_plainly(osai, codes))
        ratio = plain / ours["openspliceai", n]
        print(f"plain conv1d, {n:,} bases: {plain:.3f} CPU-s, {ratio:.2f} times ours")
        if arguments.openspliceai:
            needed = ("gffutils", "biopython", "mappy", "argcomplete", "simplejson")
            python = make_environment(
                folder / "osai", (OPENSPLICEAI, *needed), shares=True
            )
            taken = ask(python, CLASS, weights, *arguments.tiles)
            for n, seconds in zip(arguments.tiles, taken, strict=True):
                ratio = seconds / ours["openspliceai", n]
                ratios["class"] = min(ratio, ratios.get("class", ratio))
                print(f"its class, {n:,} bases: {seconds:.3f} CPU-s, {ratio:.2f} times")
            genome, annotation = write_genome(folder)
            command = [python.parent / "openspliceai", "predict", "-i", genome]
            command += ["-m", weights, "-f", "10000", "-a", annotation]
            theirs = measure_command(
                [*command, "-o", folder / "theirs"], arguments.repeats
            )
            command = [sys.executable, SCRIPTS / "score.py", "--model", "openspliceai"]
            command += ["--weights", weights, "--genome", genome, "--device", "cpu"]
            command += ["--annotation", annotation, "--precision", "fp32"]
            own = measure_command(
                [*command, "--output", folder / "ours"], arguments.repeats
            )
            ratios["command"] = theirs / own
            print(
                f"openspliceai predict, genes of {sum(GENES):,} bases: {theirs:.1f} "
                f"CPU-s, score.py {own:.1f}, {theirs / own:.1f} times"
            )
        if arguments.keras:
            python = make_environment(folder / "keras", KERAS, shares=False)
            taken = ask(python, NETWORK, *arguments.tiles)
            for n, seconds in zip(arguments.tiles, taken, strict=True):
                ratio = seconds / ours["spliceai", n]
                ratios["keras"] = min(ratio, ratios.get("keras", ratio))
                print(f"Keras, {n:,} bases: {seconds:.3f} CPU-s, {ratio:.2f} times")
    missed = {what: r for what, r in ratios.items() if r < LEAST[what]}
    if missed:
        sys.exit(f"slower than it must be: {missed}")


if __name__ == "__main__":
    main()
