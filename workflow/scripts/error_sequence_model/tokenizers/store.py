"""Token store: the encodings of all windows in one memory-mapped Arrow file.

A token's span is the 0-based half-open interval of window bases it covers; special
tokens have start == end.

`tokens/{tokenizer}.arrow` (Arrow IPC file, rows in the order of windows.arrow):
    site_id int64, and as lists of int32, an item per token: input_ids, starts, ends
    schema metadata: ``upstream``, ``downstream``, ``tokenizer`` (its family)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from error_sequence_model.core import (
    InputError,
    atomic_path,
    get_progress,
    read_arrow,
    read_metadata,
    refuse_damage,
)
from error_sequence_model.tokenizers.base import (
    Encoding,
    Encodings,
    SequenceTokenizer,
    join_encodings,
)

TOKEN_SCHEMA = pa.schema(
    [
        ("site_id", pa.int64()),
        ("input_ids", pa.list_(pa.int32())),
        ("starts", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
    ]
)
ROWS_PER_BATCH = 4096


def write_tokens(
    windows_path: str | Path, tokenizer: SequenceTokenizer, output: str | Path
) -> int:
    """Tokenize windows into a token store, one record batch at a time.

    Args:
        windows_path: ``windows.arrow``.
        tokenizer: Tokenizer of the backbone.
        output: Arrow IPC file with site_id, input_ids, starts, ends.

    Returns:
        Number of windows tokenized.
    """
    windows = read_arrow(windows_path)
    read_metadata(windows, windows_path, "upstream")
    metadata = windows.schema.metadata | {b"tokenizer": tokenizer.family.encode()}
    with (
        atomic_path(output) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, TOKEN_SCHEMA.with_metadata(metadata)) as writer,
    ):
        batches = windows.to_batches()
        for batch in get_progress(batches, what="tokenizing", unit="batches"):
            for start in range(0, batch.num_rows, ROWS_PER_BATCH):
                rows = batch.slice(start, ROWS_PER_BATCH)
                with refuse_damage(windows_path):
                    site_ids, sequences = rows["site_id"], rows["sequence"].to_pylist()
                encodings = tokenizer.encode_many(sequences)
                writer.write_batch(_to_record_batch(site_ids, encodings))
    return windows.num_rows


def _to_record_batch(site_ids: pa.Array, encodings: Encodings) -> pa.RecordBatch:
    offsets = pa.array(encodings.offsets)
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(values)) for values in encodings[:3]
    ]
    return pa.RecordBatch.from_arrays([site_ids, *lists], schema=TOKEN_SCHEMA)


class TokenStore:
    """Encodings of many sequences, memory-mapped or in memory; row ``i`` is a slice.

    Attributes:
        site_ids: int64 (n_rows,).
        lengths: Tokens per row, int32 (n_rows,).
        metadata: What the file says of itself (tokenizer, upstream, downstream).
    """

    def __init__(self, table: pa.Table) -> None:
        self.site_ids = table["site_id"].to_numpy()
        self.metadata = {
            key.decode(): value.decode()
            for key, value in (table.schema.metadata or {}).items()
        }
        self._chunks = []
        starts, lengths = [0], []
        for batch in table.to_batches():
            offsets = batch["input_ids"].offsets.to_numpy()
            # Offsets count from the buffer's start, values are the whole buffer.
            values = [
                batch[name].values.to_numpy()  # noqa: PD011 - of pyarrow
                for name in ("input_ids", "starts", "ends")
            ]
            self._chunks.append((offsets, *values))
            lengths.append(np.diff(offsets))
            starts.append(starts[-1] + batch.num_rows)
        self._first_rows = np.array(starts[:-1], dtype=np.int64)
        self.lengths = (
            np.concatenate(lengths).astype(np.int32)
            if lengths
            else np.zeros(0, np.int32)
        )

    @classmethod
    def open(cls, path: str | Path) -> TokenStore:
        """Memory-map a token file written by `write_tokens`."""
        table = read_arrow(path)
        with refuse_damage(path):
            return cls(table)

    @classmethod
    def from_encodings(cls, encodings: Sequence[Encoding]) -> TokenStore:
        """Hold encodings in memory; their site_id is their place in the list."""
        site_ids = pa.array(np.arange(len(encodings), dtype=np.int64))
        batch = _to_record_batch(site_ids, join_encodings(encodings))
        return cls(pa.Table.from_batches([batch]))

    def __len__(self) -> int:
        return len(self.site_ids)

    def get_row(self, row: int) -> Encoding:
        """Give the encoding of a row: input_ids (n_tokens,), spans (n_tokens, 2)."""
        chunk = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        offsets, ids, starts, ends = self._chunks[chunk]
        place = row - self._first_rows[chunk]
        part = slice(offsets[place], offsets[place + 1])
        return Encoding(ids[part], np.stack([starts[part], ends[part]], axis=1))

    def find_rows(self, site_ids: np.ndarray) -> np.ndarray:
        """Find the row of each site, int64 (n,).

        Raises:
            InputError: A site has no tokens.
        """
        site_ids = np.asarray(site_ids, dtype=np.int64)
        rows = pd.Index(self.site_ids).get_indexer(site_ids)
        missing = site_ids[rows < 0]
        if len(missing):
            raise InputError(
                f"{len(missing)} sites have no tokens, first site_id {missing[0]}; "
                "make the tokens again from the same sites table"
            )
        return rows
