"""Several predictors' sites, also of several genomes, studied as one.

Contigs become ``genome:contig``; `member` and `genome` are added as columns, which a
split may be made by (train on three species, test on the fourth).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from error_sequence_model.core import InputError, atomic_path
from error_sequence_model.sites.consensus import measure_consensus
from error_sequence_model.sites.prepare import COLUMNS, make_audit, read_sites
from error_sequence_model.sites.rowchecks import KEYS
from error_sequence_model.windows import SCHEMA, read_windows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """One predictor of a pool.

    Attributes:
        name: The predictor's name.
        genome: Its genome's name.
        sites: Its sites.parquet.
        windows: Its windows.arrow.
    """

    name: str
    genome: str
    sites: Path
    windows: Path


def pool_sites(members: Sequence[Member]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put the members' sites one after the other, renumbered.

    Args:
        members: Ordered by name of genome and predictor, whatever order is given.

    Returns:
        ``(sites, audit)`` as ``sites.prepare_sites`` gives them.

    Raises:
        InputError: A site is in two members.
    """
    frames = []
    for member in _order(members):
        frame = read_sites(member.sites)
        frame["chrom"] = member.genome + ":" + frame["chrom"]
        # A gene name may be used in two genomes; a site of several joins their names.
        for column in [c for c in ("gene_id", "gene_ids") if c in frame]:
            names = frame[column].str.replace(",", f",{member.genome}:", regex=False)
            frame[column] = f"{member.genome}:" + names
        frames.append(frame.assign(genome=member.genome, member=member.name))
    sites = pd.concat(_agree_on_types(frames), ignore_index=True)
    sites["site_id"] = np.arange(len(sites), dtype=np.int64)
    if "gene_ids" in sites:  # of some members only
        sites["gene_ids"] = sites["gene_ids"].fillna(sites["gene_id"])
    repeated = sites[sites.duplicated(list(KEYS), keep=False)]
    if not repeated.empty:
        first = repeated[[*KEYS, "member", "pred_type"]].head(6).to_string(index=False)
        raise InputError(
            f"pool: {len(repeated)} rows are sites that two members have; a pool needs "
            f"members of different genomes or sites:\n{first}"
        )
    others = [c for c in sites if c not in COLUMNS]
    sites = sites[[*COLUMNS, *others]]
    audit = make_audit(sites, rows_read=len(sites), shares=measure_consensus(sites))
    audit["input"] = {
        "pool": [
            {"member": m.name, "genome": m.genome, "sites": str(m.sites)}
            for m in _order(members)
        ]
    }
    logger.info("pool: %d sites of %d members", len(sites), len(members))
    return sites, audit


def _agree_on_types(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Turn a column that is text in one frame and numbers in another into text."""
    is_text: dict[str, set[bool]] = {}
    for frame in frames:
        for name, kind in frame.dtypes.items():
            # A column of nulls alone goes with either.
            if frame[name].notna().any():
                is_number = pd.api.types.is_numeric_dtype(kind)
                is_text.setdefault(name, set()).add(not is_number)
    mixed = [name for name, kinds in is_text.items() if len(kinds) > 1]
    if mixed:
        logger.warning("pool: text in one member, numbers in another: %s", mixed)
    return [
        frame.astype({name: "str" for name in mixed if name in frame})
        for frame in frames
    ]


def pool_windows(members: Sequence[Member], out_path: str | Path) -> int:
    """Put the members' windows one after the other, numbered as ``pool_sites`` does.

    Raises:
        InputError: The members' windows are of different lengths.
    """
    opened = [read_windows(member.windows) for member in _order(members)]
    sides = {(windows.upstream, windows.downstream) for windows in opened}
    if len(sides) > 1:
        raise InputError(f"pool: windows of different sides {sorted(sides)}")
    upstream, downstream = sides.pop()
    schema = SCHEMA.with_metadata(
        {"upstream": str(upstream), "downstream": str(downstream)}
    )
    count = 0
    with atomic_path(out_path) as temporary, pa.ipc.new_file(temporary, schema) as file:
        for windows in opened:
            for batch in windows.table.to_batches():
                ids = pa.array(np.arange(count, count + len(batch)), pa.int64())
                file.write_batch(
                    pa.record_batch([ids, batch.column("sequence")], schema=schema)
                )
                count += len(batch)
    return count


def _order(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda member: (member.genome, member.name))
