"""audit.json: what was read, merged, dropped and counted."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd


def make_audit(
    sites: pd.DataFrame,
    *,
    rows_read: int,
    shares: dict[str, dict[str, float | None]],
    dropped: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Count what there is, for audit.json and its report page."""
    columns = ("pred_type", "splice_type", "strand", "dinucleotide")
    counts: dict[str, Any] = {
        column: {str(k): int(v) for k, v in sites[column].value_counts().items()}
        for column in columns
    }
    for column in ("splice_type", "dinucleotide"):
        table = pd.crosstab(sites["pred_type"], sites[column])
        counts[f"pred_type_by_{column}"] = {
            str(kind): {str(k): int(v) for k, v in row.items() if v}
            for kind, row in table.iterrows()
        }
    n_dropped = sum(entry["rows"] for entry in dropped or [])
    return {
        "input": {},
        "rows_read": rows_read,
        "sites": len(sites),
        "merged_rows": rows_read - n_dropped - len(sites),
        "dropped": dropped or [],
        "counts": counts,
        "consensus": shares,
    }


def describe_counts(audit: dict[str, Any], *, most: int = 4) -> list[str]:
    """Say how many sites each strand and dinucleotide has, for the report page.

    Args:
        audit: audit.json.
        most: Values named; the rest are counted together.

    Returns:
        One sentence per column that was counted.
    """
    lines = []
    for column, title in (("strand", "Strands"), ("dinucleotide", "Dinucleotides")):
        counts = (audit.get("counts") or {}).get(column) or {}
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        parts = [f"{name.replace('-', '−')} {n:,}" for name, n in ranked[:most]]
        rest = sum(n for _, n in ranked[most:])
        if rest:
            parts.append(f"others {rest:,}")
        if parts:
            lines.append(f"{title}: {', '.join(parts)}.")
    return lines


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
