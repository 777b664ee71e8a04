"""The planted truth of a simulation: its columns, and how it is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.simulation.plan import Plan


def read_truth(path: str | Path) -> pd.DataFrame:
    """Read the planted elements.

    Args:
        path: A ``truth.bed`` that ``simulate`` wrote.

    Returns:
        One row per element: chrom, start, end (0-based half-open genome coordinates),
        cause (its name), strand, junction (interbase), splice_type and pred_type of the
        site it was planted for, role (``cause`` or ``decoy``).

    Raises:
        InputError: The file is missing or is not such a table.
    """
    try:
        truth = pd.read_csv(path, sep="\t", dtype=str)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a table of planted elements: {error}") from error
    found = ",".join(truth.columns)
    expected = "#" + ",".join(BED_COLUMNS)
    if found != expected:
        raise InputError(
            f"{path}: the first line names the columns {found}; a table of planted "
            f"elements has {expected}, separated by tabs"
        )
    truth.columns = BED_COLUMNS
    try:
        truth = truth.astype(dict.fromkeys(("start", "end", "junction"), "int64"))
    except ValueError as error:
        raise InputError(f"{path}: start, end or junction: {error}") from error
    return truth[TRUTH_COLUMNS]


TRUTH_COLUMNS = [
    "chrom",
    "start",
    "end",
    "cause",
    "strand",
    "junction",
    "splice_type",
    "pred_type",
    "role",
]


# In the file a BED score of 0 stands between cause and strand.
BED_COLUMNS = [*TRUTH_COLUMNS[:4], "bed_score", *TRUTH_COLUMNS[4:]]


def describe_plan(
    plan: Plan, errors: pd.DataFrame, truth: pd.DataFrame
) -> dict[str, Any]:
    """What was planted, with how many errors of each class it reached.

    Args:
        plan: The plan.
        errors: ``make_error_table``'s rows.
        truth: ``make_truth``'s rows.

    Returns:
        ``causes``: of each its fields, n_errors, n_planted and reached, the share of
        the errors; ``decoys``: their fields. Plain values.
    """
    sites = errors.drop_duplicates(["chrom", "position", "strand", "splice_type"])
    n_errors = sites.groupby(["pred_type", "splice_type"]).size()
    planted = truth[truth["role"] == "cause"]
    planted = planted.drop_duplicates(["chrom", "junction", "strand", "splice_type"])
    n_planted = planted.groupby(["pred_type", "splice_type"]).size()
    causes = []
    for key, one in plan.causes.items():
        of, reached = (int(counts.get(key, 0)) for counts in (n_errors, n_planted))
        counts = {"n_errors": of, "n_planted": reached, "reached": reached / max(of, 1)}
        causes.append({**one.describe(), **counts})
    return {
        "causes": causes,
        "decoys": [one.describe() for one in plan.decoys.values()],
    }
