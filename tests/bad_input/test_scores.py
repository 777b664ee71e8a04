"""Scores that are none: bigWig, bedGraph, BED of OpenSpliceAI and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from step_runs import options_of, run_here
from tiny_calls import write_beds, write_tracks


def write_bigwig(path: str, header: list[tuple[str, int]], value: float) -> None:
    with pyBigWig.open(path, "w") as file:
        file.addHeader(header)
        file.addEntries([header[0][0]], [5], ends=[6], values=[value])


def get_lengths(inputs) -> list[tuple[str, int]]:
    return [(name, len(text)) for name, text in inputs.genome.contigs.items()]


BIGWIGS = {
    "empty": lambda path, inputs: Path(path).write_bytes(b""),
    "text": lambda path, inputs: Path(path).write_text("chr1\t5\t6\t0.5\n"),
    "random bytes": lambda path, inputs: Path(path).write_bytes(
        np.random.default_rng(5).bytes(4000)
    ),
    "header only": lambda path, inputs: Path(path).write_bytes(
        Path(path).read_bytes()[:64]
    ),
    "cut short": lambda path, inputs: Path(path).write_bytes(
        Path(path).read_bytes()[: Path(path).stat().st_size // 2]
    ),
    "other lengths": lambda path, inputs: write_bigwig(path, [("chr1", 999)], 0.5),
    "other contigs": lambda path, inputs: write_bigwig(path, [("scaffold", 999)], 0.5),
    "infinite": lambda path, inputs: write_bigwig(path, get_lengths(inputs), np.inf),
    "missing": lambda path, inputs: Path(path).unlink(),
}


@pytest.mark.parametrize("case", BIGWIGS)
def test_bigwig(inputs, refuse, case):
    tracks = write_tracks(inputs.genome, inputs.folder, "bigwig")
    path = tracks["donor"]["+"]
    BIGWIGS[case](path, inputs)
    refuse("call", path, scores=tracks)


BEDGRAPHS = {
    "words": b"chr1\t5\t6\thigh\n",
    "three columns": b"chr1\t5\t6\n",
    "turned round": b"chr1\t60\t6\t0.5\n",
    "negative": b"chr1\t-60\t6\t0.5\n",
    "beyond the end": b"chr1\t5\t999999999\t0.5\n",
    "infinite": b"chr1\t5\t6\tinf\n",
    "no number": b"chr1\t5\t6\tnan\n",
    "fractions": b"chr1\t5.5\t6.5\t0.5\n",
    "other contigs": b"scaffold\t5\t6\t0.5\n",
    "random bytes": np.random.default_rng(6).bytes(3000),
}


@pytest.mark.parametrize("case", BEDGRAPHS)
def test_bedgraph(inputs, refuse, case):
    tracks = write_tracks(inputs.genome, inputs.folder, "bedgraph")
    path = tracks["donor"]["+"]
    Path(path).write_bytes(BEDGRAPHS[case])
    refuse("call", path, scores=tracks)


BEDS = {
    "five columns": "chr1\t5\t7\tx\t0.5\n",
    "words": "chr1\ta\tb\tx\t0.5\t+\n",
    "a word for a score": "chr1\t5\t7\tx\thigh\t+\n",
    "no consensus": "chr1\t5\t7\tx\t0.5\t+\n",
    "beyond the end": "chr1\t14700\t14702\tx\t0.5\t+\n",
}


@pytest.mark.parametrize("case", BEDS)
def test_openspliceai(inputs, refuse, case):
    tracks = write_beds(inputs.genome, inputs.folder, "exact")
    Path(tracks["donor"]).write_text(BEDS[case])
    refuse("call", tracks["donor"], scores=tracks)


TABLES = {
    "no score": "chrom\tposition\tstrand\tsplice_type\nchr1\t5\t+\tdonor\n",
    "no strand": "chrom\tposition\tscore\nchr1\t5\t0.5\n",
    "words": "chrom\tposition\tstrand\tsplice_type\tscore\nchr1\tx\t+\tdonor\t0.5\n",
    "infinite": "chrom\tposition\tstrand\tsplice_type\tscore\nchr1\t5\t+\tdonor\tinf\n",
    "half": "chrom\tposition\tstrand\tsplice_type\tscore\nchr1\t5.5\t+\tdonor\t0.5\n",
    "beyond": "chrom\tposition\tstrand\tsplice_type\tscore\nchr1\t1e9\t+\tdonor\t0.5\n",
    "no contig": "chrom\tposition\tstrand\tsplice_type\tscore\n\t5\t+\tdonor\t0.5\n",
    "header only": "chrom\tposition\tstrand\tsplice_type\tscore\n",
}


@pytest.mark.parametrize("case", TABLES)
def test_tables(inputs, refuse, case):
    file = inputs.folder / "scores.tsv"
    file.write_text(TABLES[case])
    refuse("call", str(file), scores={"format": "table", "path": str(file)})


def test_scores_that_are_all_too_low(inputs, monkeypatch):
    """Nothing is called then, which is a result too."""
    file = inputs.folder / "scores.tsv"
    file.write_text(TABLES["infinite"].replace("inf", "0"))
    scores = {"format": "table", "path": str(file)}
    options = options_of("call", inputs, {"scores": scores})
    assert run_here("call", options, monkeypatch) == 0
    assert set(pd.read_table(options["errors"])["pred_type"]) == {"FN", "TN"}


SCORES = {
    "unknown format": {"format": "hdf5"},
    "no format": {},
    "a strand less": {"format": "bigwig", "donor": {"+": "a.bw"}},
    "no files": {"format": "openspliceai"},
}


@pytest.mark.parametrize("case", SCORES)
def test_settings(inputs, refuse, case):
    refuse("call", "scores", scores=SCORES[case])


@pytest.mark.parametrize(
    "calling",
    [{"threshold": -1}, {"threshold": 2}, {"threshold": "high"}, {"tolerance": -3}],
)
def test_calling(inputs, refuse, calling):
    refuse("call", *calling, calling=calling)
