"""Tables that bring their sequences: no genome is needed.

`analysis_sequences*` of MetaSpliceAI, and plain tables of `sequence` and `label`. Their
sites keep two more columns, `sequence` and `sequence_junction` (the junction's index in
it), from which ``windows`` cuts.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.sites.metaspliceai import place_in_sequences
from error_sequence_model.sites.rowchecks import convert_others, read_scores
from error_sequence_model.tables import Table, refuse

PRED_TYPES = ("TP", "FP", "FN", "TN")
LABELS = {"0": "TP", "1": "FP"}
_LETTERS = "ACGTUNRYSWKMBDHV"

logger = logging.getLogger(__name__)


def prepare_analysis_sequences(
    table: Table, path: str | Path
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read MetaSpliceAI's `analysis_sequences*`.

    Args:
        table: gene_id, position, window_start, sequence, strand, splice_type and
            pred_type.
        path: Its file, for messages.

    Returns:
        ``(rows, offsets)``, see ``metaspliceai.place_in_sequences``.
    """
    frame = table.frame
    problems = list(table.problems)
    for column, allowed in (
        ("strand", ("+", "-")),
        ("splice_type", ("donor", "acceptor")),
        ("pred_type", PRED_TYPES),
    ):
        _note(problems, table, column, ~frame[column].isin(allowed), allowed)
    for column in ("sequence", "gene_id"):
        _note(problems, table, column, frame[column].isna(), "a value")
    numbers = {}
    for column in ("position", "window_start"):
        numbers[column] = pd.to_numeric(frame[column], errors="coerce")
        is_bad = ~numbers[column].between(0, 2**53) | (numbers[column] % 1 != 0)
        _note(problems, table, column, is_bad, "a whole number")
    if problems:
        refuse(path, problems, advice="Correct the rows.")
    typed = {column: values.astype("int64") for column, values in numbers.items()}
    rows, offsets = place_in_sequences(frame.assign(**typed), path)
    ends = rows["sequence"].str.len()
    is_bad = ~rows["sequence_junction"].between(0, ends)
    _note(problems, table, "position", is_bad, "in the row's own sequence")
    if problems:
        refuse(path, problems, advice="Are position and window_start of one run?")
    return rows.drop(columns=["window_start", "window_end"], errors="ignore"), offsets


def prepare_plain_sequences(table: Table, path: str | Path) -> pd.DataFrame:
    """Read a table of `sequence` and `label` (or `pred_type`).

    Args:
        table: sequence; pred_type, or label 0 (TP) or 1 (FP); splice_type
            (donor where absent) and junction (the middle where absent) if known.
        path: Its file, for messages.

    Returns:
        Rows with the columns of a site; every sequence is a contig of its own.
    """
    frame = table.frame
    problems = list(table.problems)
    if "pred_type" in frame:
        kinds = frame["pred_type"]
        _note(problems, table, "pred_type", ~kinds.isin(PRED_TYPES), PRED_TYPES)
    else:
        given = frame["label"].astype("str").str.replace(r"\.0$", "", regex=True)
        kinds = given.map(LABELS)
        _note(problems, table, "label", kinds.isna(), tuple(LABELS))
    if "splice_type" not in frame:
        logger.warning("%s: no splice_type: every site is taken for a donor", path)
        frame = frame.assign(splice_type="donor")
    types = ("donor", "acceptor")
    _note(problems, table, "splice_type", ~frame["splice_type"].isin(types), types)
    texts = frame["sequence"]
    is_bad = ~texts.str.fullmatch(f"(?i:[{_LETTERS}]+)").fillna(False).astype(bool)
    _note(problems, table, "sequence", is_bad, f"bases only ({_LETTERS})")
    junctions = texts.str.len() // 2
    if "junction" in frame:
        junctions = pd.to_numeric(frame["junction"], errors="coerce")
        is_bad = ~junctions.between(0, texts.str.len()) | (junctions % 1 != 0)
        _note(problems, table, "junction", is_bad, "an index of the sequence")
    if problems:
        refuse(path, problems, advice="Correct the rows.")
    rows = frame.drop(columns=["label"], errors="ignore").assign(
        pred_type=kinds.to_numpy(),
        strand="+",
        junction=junctions.astype("int64"),
        sequence_junction=junctions.astype("int64"),
    )
    if "chrom" in rows:
        rows["source_chrom"] = rows["chrom"]
    rows["chrom"] = [f"sequence_{line}" for line in table.lines]
    return rows


def _note(
    problems: list[tuple[int, str]],
    table: Table,
    column: str,
    is_bad: pd.Series,
    allowed: Any,
) -> None:
    for row in np.flatnonzero(is_bad.to_numpy()):
        value = table.frame[column].iloc[row] if column in table.frame else None
        shown = "empty" if pd.isna(value) else repr(str(value)[:40])
        told = f"{column} is {shown}; must be {allowed}"
        problems.append((int(table.lines[row]), told))


def finish_rows(
    rows: pd.DataFrame, columns: tuple[str, ...], lines: np.ndarray, path: str | Path
) -> pd.DataFrame:
    """Add missing columns, type the others and read dinucleotides from the sequence.

    Args:
        rows: With sequence, sequence_junction and splice_type.
        columns: Optional text columns of a site.
        lines: int64 ``(n_rows,)``, line of each row.
        path: Their file, for messages.
    """
    rows = rows.copy()
    starts = rows["sequence_junction"] - np.where(rows["splice_type"].eq("donor"), 0, 2)
    rows["dinucleotide"] = [
        (text[start : start + 2] if start >= 0 else "")
        .upper()
        .replace("U", "T")
        .ljust(2, "N")
        for text, start in zip(rows["sequence"], starts, strict=True)
    ]
    for column in columns:
        values = rows[column] if column in rows else pd.Series(None, rows.index)
        rows[column] = values.astype("str")
    problems: list[tuple[int, str]] = []
    rows["score"] = read_scores(rows, lines, problems)
    kept = {"sequence", "dinucleotide", "chrom", "strand", "splice_type", "pred_type"}
    others = convert_others(rows, lines, problems, {*kept, *columns, "score"})
    if problems:
        refuse(path, problems, advice="Correct the rows.")
    rows = rows.assign(**others)
    if "position" not in rows:
        rows["position"] = rows["junction"]
    return rows
