"""What users bring, read and refused: delimited text, Parquet, BED-like intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .intervals import (
        convert_intervals,
        convert_scores,
        iterate_rows,
        read_first_row,
        read_rows,
    )
    from .readers import (
        NUMBER_NULLS,
        Table,
        convert_numbers,
        guess_columns,
        iterate_table,
        open_parquet,
        read_table,
        refuse,
        rename_columns,
    )
    from .streams import copy_head, name_kind

__all__, __getattr__ = open_face(__name__, __file__)
