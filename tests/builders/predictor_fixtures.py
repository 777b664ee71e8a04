"""Scores of published predictors by their authors' own code, and their weights."""

from __future__ import annotations

import functools
import json
import os
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

REPOSITORY = Path(__file__).resolve().parents[2]
PARITY = Path(
    os.environ.get(
        "SPLICE_ERRORS_PREDICTOR_DATA",
        str(REPOSITORY.parent / "shared" / "parity_predictors"),
    )
)
needs_parity = pytest.mark.skipif(
    not PARITY.is_dir(),
    reason=f"no scores of predictors in {PARITY}; set SPLICE_ERRORS_PREDICTOR_DATA",
)


def find_spliceai() -> Path | None:
    """The folder of SpliceAI's five files, from its package or an unpacked one."""
    folder = os.environ.get("SPLICE_ERRORS_SPLICEAI_WEIGHTS")
    if folder is None:
        try:
            package = metadata.distribution("spliceai")
        except metadata.PackageNotFoundError:
            return None
        folder = str(package.locate_file("spliceai/models"))
    return Path(folder) if Path(folder, "spliceai1.h5").is_file() else None


needs_spliceai = pytest.mark.skipif(
    find_spliceai() is None,
    reason="no weights of SpliceAI; pip install --no-deps spliceai==1.3.1, or set "
    "SPLICE_ERRORS_SPLICEAI_WEIGHTS to the folder of spliceai1.h5",
)


@functools.cache
def get_expected(family: str) -> dict[str, np.ndarray]:
    return load_file(PARITY / family / "expected.safetensors")


@functools.cache
def get_sequences(family: str) -> list[dict]:
    return json.loads((PARITY / family / "sequences.json").read_text())


def cut_sequence(record: dict, context: int) -> str:
    """What a network of this context reads for the record's output."""
    start = record["output_start"] - context
    end = record["output_start"] + record["output_length"] + context
    return record["sequence_with_flanks"][start:end]
