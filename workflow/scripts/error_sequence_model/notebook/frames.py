"""Data sets from frames of sequences and labels, for notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np
import pandas as pd

from error_sequence_model.attribution import ERROR_CLASSES
from error_sequence_model.backbones import resolve_tokenizer
from error_sequence_model.core import InputError, list_problems
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.settings import TrainingSettings, check_edges, check_value
from error_sequence_model.tokenizers import SequenceTokenizer, TokenStore

DNA = re.compile(r"[ACGTUNRYSWKMBDHV]+", re.IGNORECASE)
MOST_CLASSES = 100


def prepare_datasets_for_training(
    train_data: pd.DataFrame,
    val_data: pd.DataFrame,
    test_data: pd.DataFrame | None = None,
    *,
    tokenizer: str | SequenceTokenizer = "custom",
    max_length: int | None = 1024,
    bucket_boundaries: Sequence[int] | None = None,
) -> tuple[SequenceDataset, ...]:
    """Tokenize frames of sequences and labels for `train_error_sequence_model`.

    Args:
        train_data: Columns ``sequence`` (transcript strand, any lengths) and ``label``
            (class indices 0, 1, … with the error as 1, or class names, of which
            "error", "FP" or "FN" is put last; else the alphabet decides). Optional:
            ``junction`` (first base 3' of the junction; default: the middle),
            ``gene_id`` (unit of the bootstrap), ``site_id``.
        val_data: The same for choosing the epoch and the threshold.
        test_data: The same for testing; may be left out.
        tokenizer: "custom" (single bases), a registry name such as "DNABERT-2", a
            checkpoint folder, or a tokenizer.
        max_length: Tokens per sequence; longer ones keep those around the junction.
        bucket_boundaries: Outer edges of the length buckets, in tokens.

    Returns:
        Two data sets, or three with ``test_data``.

    Raises:
        InputError: A column is missing, a sequence is empty or not DNA, a label is
            unknown, or frames share a sequence (all problems are listed).
    """
    rules = TrainingSettings.rules["max_length"]
    check_value("max_length", max_length, rules, place="`max_length`")
    bucket_boundaries = check_edges(bucket_boundaries)
    if not isinstance(tokenizer, (str, SequenceTokenizer)):
        raise InputError(f"tokenizer {tokenizer!r} is neither a name nor a tokenizer")
    if isinstance(tokenizer, str):
        tokenizer = resolve_tokenizer(tokenizer)
    frames = {"train_data": train_data, "val_data": val_data, "test_data": test_data}
    if test_data is None:
        del frames["test_data"]
    problems = [line for name, frame in frames.items() for line in _check(frame, name)]
    if problems:
        raise InputError("the frames cannot be used:\n" + list_problems(problems))
    _refuse_shared_sequences(frames)
    classes = _find_classes(frames)
    return tuple(
        _make_dataset(frame, name, classes, tokenizer, max_length, bucket_boundaries)
        for name, frame in frames.items()
    )


def _check(frame: pd.DataFrame, name: str) -> Iterable[str]:
    if not isinstance(frame, pd.DataFrame):
        yield f"{name} is a {type(frame).__name__}; a pandas DataFrame is needed"
        return
    if not frame.columns.is_unique:
        yield f"{name}: columns named more than once: {list(frame.columns)}"
        return
    missing = [c for c in ("sequence", "label") if c not in frame.columns]
    if missing:
        yield (
            f"{name}: no column {', '.join(missing)} (there are: "
            f"{', '.join(map(str, frame.columns))})"
        )
        return
    if frame.empty:
        yield f"{name}: no rows"
        return
    for row, value in enumerate(frame["sequence"]):
        if not isinstance(value, str) or not value:
            yield f"{name} row {row}: sequence is {value!r}"
        elif not DNA.fullmatch(value):
            yield (
                f"{name} row {row}: {value[:30]!r} is not DNA (A C G T U N, IUPAC "
                "codes)"
            )
    yield from _check_labels(frame["label"], name)
    if "junction" in frame.columns:
        for row, (place, sequence) in enumerate(
            zip(frame["junction"], frame["sequence"], strict=True)
        ):
            length = len(sequence) if isinstance(sequence, str) else 0
            if not (isinstance(place, Real) and place in range(length + 1)):
                yield (
                    f"{name} row {row}: junction {place!r} is not a whole number from "
                    f"0 to {length}"
                )
    if "site_id" in frame.columns:
        site_ids = frame["site_id"]
        if not pd.api.types.is_integer_dtype(site_ids) or site_ids.isna().any():
            yield f"{name}: site_id must be whole numbers"
        elif site_ids.duplicated().any():
            row = int(np.flatnonzero(site_ids.duplicated())[0])
            yield f"{name} row {row}: site_id {site_ids.iloc[row]} is there twice"


def _check_labels(labels: pd.Series, name: str) -> Iterable[str]:
    for row in np.flatnonzero(labels.isna().to_numpy()):
        yield f"{name} row {row}: label is missing"
    for row, label in enumerate(labels):
        is_name = isinstance(label, str) and label == label.strip() != ""
        is_null = label is None or label is pd.NA
        if not (is_name or is_null or isinstance(label, (Real, np.bool_))):
            yield (
                f"{name} row {row}: label {label!r} is no class; give 0 and 1, or "
                "names without spaces around them"
            )
            return
    if pd.api.types.is_numeric_dtype(labels):
        for row, label in enumerate(labels.to_numpy(dtype=float, na_value=0)):
            if not (label >= 0 and label < MOST_CLASSES and label % 1 == 0):
                yield (
                    f"{name} row {row}: label {labels.iloc[row]!r} is neither a class "
                    "index 0, 1, … nor a class name"
                )


def _refuse_shared_sequences(frames: dict[str, pd.DataFrame]) -> None:
    complement = str.maketrans("ACGTRYKMBVDH", "TGCAYRMKVBHD")
    seen: dict[str, str] = {}
    for name, frame in frames.items():
        sequences = set(frame["sequence"].str.upper().str.replace("U", "T"))
        for sequence in sequences:
            for text in (sequence, sequence.translate(complement)[::-1]):
                if seen.get(text, name) != name:
                    raise InputError(
                        f"{seen[text]} and {name} share a sequence (or its reverse "
                        f"complement): {sequence[:40]}…; remove it from one of them, "
                        "or the score is explained by the leak"
                    )
        seen.update(dict.fromkeys(sequences, name))


def _find_classes(frames: dict[str, pd.DataFrame]) -> tuple[str, ...]:
    labels = frames["train_data"]["label"]
    if pd.api.types.is_numeric_dtype(labels) or pd.api.types.is_bool_dtype(labels):
        count = max(int(frame["label"].max()) for frame in frames.values()) + 1
        if count <= 2:
            return ("correct", "error")
        return tuple(f"class_{index}" for index in range(count))
    # An error is the positive class: the last one.
    return tuple(sorted(map(str, labels.unique()), key=lambda c: (_is_error(c), c)))


def _is_error(name: str) -> bool:
    return name.casefold() in {error.casefold() for error in ERROR_CLASSES}


def _make_dataset(
    frame: pd.DataFrame,
    name: str,
    classes: tuple[str, ...],
    tokenizer: SequenceTokenizer,
    max_length: int | None,
    bucket_boundaries: Sequence[int] | None,
) -> SequenceDataset:
    labels = frame["label"]
    if not pd.api.types.is_numeric_dtype(labels) and labels.dtype != bool:
        unknown = sorted(set(map(str, labels)) - set(classes))
        if unknown:
            raise InputError(
                f"{name}: labels {', '.join(unknown)} are not in the training data "
                f"(there: {', '.join(classes)})"
            )
        labels = labels.map(lambda label: classes.index(str(label)))
    sequences = frame["sequence"].tolist()
    if "junction" in frame.columns:
        junctions = frame["junction"].to_numpy(dtype=np.int64)
    else:
        junctions = frame["sequence"].str.len().to_numpy(dtype=np.int64) // 2
    encodings = [
        tokenizer.encode(sequence, junction=int(junction))
        for sequence, junction in zip(sequences, junctions, strict=True)
    ]
    return SequenceDataset(
        TokenStore.from_encodings(encodings),
        np.arange(len(frame)),
        labels.to_numpy(dtype=np.int64),
        junctions=junctions,
        classes=classes,
        tokenizer=tokenizer,
        site_ids=frame["site_id"].to_numpy() if "site_id" in frame.columns else None,
        groups=(
            frame["gene_id"].to_numpy(dtype=object)
            if "gene_id" in frame.columns
            else None
        ),
        max_length=max_length,
        bucket_boundaries=bucket_boundaries,
    )
