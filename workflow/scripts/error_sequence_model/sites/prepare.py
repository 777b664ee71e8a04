"""Error tables in, one checked row per splice site out.

A site is (chrom, junction, strand, splice_type); the junction is interbase, 0-based.

`sites.parquet`, sorted by chrom, junction, strand, splice_type:
    site_id int64 (0 … n-1), chrom, junction int64, strand, splice_type, pred_type,
    score float32, gene_id, gene_name, transcript_ids (comma-joined), gene_biotype,
    dinucleotide (transcript sense, the two intronic bases beside the junction), then
    the input's other columns (`input_label` for a `label`, and so on). Missing text is
    null. Tables that bring their sequences keep them in `sequence` and
    `sequence_junction`.

`audit.json`: what was read, merged, dropped and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, hash_file
from error_sequence_model.genome import (
    Genome,
    check_convention,
    get_dinucleotides,
    get_junctions,
)
from error_sequence_model.sites.consensus import (
    Reading,
    check_consensus,
    measure_consensus,
)
from error_sequence_model.sites.metaspliceai import fill_splice_types, place_on_genome
from error_sequence_model.sites.owntables import (
    finish_rows,
    prepare_analysis_sequences,
    prepare_plain_sequences,
)
from error_sequence_model.sites.rowchecks import (
    KEYS,
    OPTIONAL_TEXT,
    check_rows,
    merge_copies,
    settle_overlaps,
)
from error_sequence_model.tables import Table, read_table, refuse, rename_columns

logger = logging.getLogger(__name__)

FORMATS = ("native", "metaspliceai", "sequences")
REQUIRED = ("chrom", "position", "strand", "splice_type", "pred_type")
# What a split says of a site; a column of the input of such a name is none of it.
SPLIT_COLUMNS = ("label", "fold", "part", "training_similarity", "relative")
COLUMNS = (
    *("site_id", "chrom", "junction", "strand", "splice_type", "pred_type", "score"),
    *OPTIONAL_TEXT,
    "dinucleotide",
)


def prepare_sites(
    errors_path: str | Path,
    genome_path: str | Path | None = None,
    *,
    coordinate_base: int = 1,
    site_base: str = "exon",
    column_names: Mapping[str, str] | None = None,
    table_format: str = "native",
    annotation_path: str | Path | None = None,
    aliases: str | Path | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read an error table, convert, check and merge it.

    Args:
        errors_path: TSV, CSV (also gzip) or Parquet. ``native``: chrom, position,
            strand, splice_type and pred_type; score, gene_id, gene_name,
            transcript_id(s), gene_biotype where known; anything else is kept.
        genome_path: FASTA, plain or bgzip. Not needed where the table brings its
            sequences.
        coordinate_base: What the table calls a contig's first base, 0 or 1.
        site_base: Which base beside the junction `position` is, ``exon`` or ``intron``.
        column_names: Our name -> the table's name, where they differ.
        table_format: ``native``; ``metaspliceai`` (`splice_positions*` with
            ``annotation_path``, `analysis_sequences*` with or without); ``sequences``
            (`sequence` and `label` or `pred_type`).
        annotation_path: The GTF that a MetaSpliceAI table was made with.
        aliases: Other names of the genome's contigs.

    Returns:
        ``(sites, audit)``: the sites table (see the top of this module) and what was
        read, merged, dropped and counted.

    Raises:
        InputError: The file's bad rows, all at once; conflicting copies of a site; or
            TP sites without consensus, with the setting that would mend it.
    """
    check_convention(coordinate_base, site_base)
    if table_format not in FORMATS:
        raise InputError(
            f"format is {table_format!r}; it must be one of {', '.join(FORMATS)}; set "
            "`predictors.<name>.format`"
        )
    table = read_table(errors_path)
    details: dict[str, Any] = {"format": table_format}
    dropped: list[dict[str, Any]] = []
    if table_format == "sequences" or (
        table_format == "metaspliceai" and annotation_path is None
    ):
        sites, shares, lines = _prepare_own(
            table, errors_path, column_names, table_format, details, dropped
        )
        conflicts: list[tuple[int, str]] = []
        sites, conflicts = merge_copies(sites, lines)
    else:
        if genome_path is None:
            raise InputError(
                f"{errors_path}: a genome is needed; set `predictors.<name>.genome`"
            )
        frame = rename_columns(
            table.frame,
            errors_path,
            # MetaSpliceAI counts within genes.
            required=(
                "chrom" if table_format == "native" else "gene_id",
                *REQUIRED[1:],
            ),
            column_names=column_names,
        )
        placed = Table(frame, table.lines, table.problems)
        if table_format == "metaspliceai":
            placed, untyped = fill_splice_types(placed)
            placed, beaten = place_on_genome(placed, annotation_path, errors_path)
            dropped += [*untyped, *beaten]
            coordinate_base, site_base = 1, "intron"
            details["annotation"] = str(annotation_path)
        reading = Reading(coordinate_base, site_base)
        sites, conflicts, shares = _prepare_native(
            placed, errors_path, genome_path, aliases, reading, details, dropped
        )
    if conflicts:
        refuse(
            errors_path,
            conflicts,
            advice="Copies of one site must have one pred_type; keep the right rows.",
        )
    sites = order_columns(sites)
    audit = make_audit(
        sites, rows_read=len(table.frame), shares=shares, dropped=dropped
    )
    audit["input"] = {
        "errors": str(errors_path),
        "sha256": hash_file(errors_path),
        "rows": len(table.frame),
        "coordinate_base": coordinate_base,
        "site_base": site_base,
        "columns": dict(column_names or {}),
        **details,
    }
    told = ", ".join(f"{k} {v}" for k, v in audit["counts"]["pred_type"].items())
    logger.info(
        "%s: %d rows, %d sites (%s)", errors_path, len(table.frame), len(sites), told
    )
    return sites, audit


def _prepare_native(
    table: Table,
    path: str | Path,
    genome_path: str | Path,
    aliases: str | Path | None,
    reading: Reading,
    details: dict[str, Any],
    dropped: list[dict[str, Any]],
) -> tuple[pd.DataFrame, list[tuple[int, str]], dict[str, dict[str, float | None]]]:
    """Check rows, find junctions, merge copies and check the consensus."""
    frame = table.frame
    if "transcript_ids" not in frame and "transcript_id" in frame:
        frame = frame.rename(columns={"transcript_id": "transcript_ids"})
    with Genome(genome_path, aliases) as genome:
        rows, details["contigs_renamed"] = check_rows(
            Table(frame, table.lines, table.problems),
            path,
            genome,
            reading.coordinate_base,
        )
        # With it, windows would be cut from the table's `sequence`.
        rows = set_aside(rows, ("sequence_junction",))
        rows["junction"] = get_junctions(
            rows["position"].to_numpy(),
            rows["strand"].eq("+").to_numpy(),
            rows["splice_type"].eq("donor").to_numpy(),
            coordinate_base=reading.coordinate_base,
            site_base=reading.site_base,
        )
        kept, beaten = settle_overlaps(rows, KEYS, by_gene=True)
        dropped += beaten
        rows = rows[kept].reset_index(drop=True)
        sites, conflicts = merge_copies(rows, table.lines[kept])
        own = None
        if "dinucleotide" in sites:
            own = sites["dinucleotide"].astype("str").str.upper()
        sites["dinucleotide"] = get_dinucleotides(sites, genome)
        # Before the conflicts are told: a wrong convention makes sites collide.
        shares = check_consensus(sites, genome, reading, path)
        details["genome"] = genome.describe()
    if own is not None:
        differ = own.notna() & own.ne(sites["dinucleotide"])
        details["dinucleotide_mismatches"] = int(differ.sum())
        if differ.any():
            logger.warning(
                "%s: the dinucleotide of %d sites is not the genome's, which is used",
                path,
                int(differ.sum()),
            )
    return sites, conflicts, shares


def _prepare_own(
    table: Table,
    path: str | Path,
    column_names: Mapping[str, str] | None,
    table_format: str,
    details: dict[str, Any],
    dropped: list[dict[str, Any]],
) -> tuple[pd.DataFrame, dict[str, dict[str, float | None]], np.ndarray]:
    """Read a table that brings its sequences."""
    if table_format == "sequences":
        required: tuple[str, ...] = ("sequence",)
    else:
        if not {"sequence", (column_names or {}).get("sequence")} & set(table.frame):
            raise InputError(
                f"{path}: a MetaSpliceAI table without `sequence` counts its positions "
                "within genes; set `genomes.<name>.annotation` and "
                "`predictors.<name>.genome`"
            )
        required = (
            *("gene_id", "position", "window_start", "sequence"),
            *("strand", "pred_type"),
        )
    frame = rename_columns(
        table.frame, path, required=required, column_names=column_names
    )
    placed = Table(frame, table.lines, table.problems)
    if table_format == "sequences":
        if not {"label", "pred_type"} & set(frame):
            rename_columns(frame, path, required=("label",))
        rows = prepare_plain_sequences(placed, path)
    else:
        placed, untyped = fill_splice_types(placed)
        dropped += untyped
        rows, details["offsets"] = prepare_analysis_sequences(placed, path)
    if "transcript_ids" not in rows and "transcript_id" in rows:
        rows = rows.rename(columns={"transcript_id": "transcript_ids"})
    rows = finish_rows(rows, OPTIONAL_TEXT, placed.lines, path)
    return rows, measure_consensus(rows), placed.lines


def order_columns(sites: pd.DataFrame) -> pd.DataFrame:
    """Sort by site, number the rows and put the promised columns first."""
    ordered = sites.sort_values(list(KEYS), kind="stable", ignore_index=True)
    ordered["site_id"] = np.arange(len(ordered), dtype=np.int64)
    others = [c for c in ordered if c not in {*COLUMNS, "position"}]
    return set_aside(ordered[[*COLUMNS, *others]], SPLIT_COLUMNS)


def set_aside(rows: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Rename columns of the input whose names later steps use for their own."""
    renamed = {name: f"input_{name}" for name in names if name in rows}
    for name, new in renamed.items():
        logger.warning("the input's column %s is kept as %s", name, new)
    return rows.rename(columns=renamed)


def read_sites(path: str | Path) -> pd.DataFrame:
    """Read sites.parquet (one of ours, so nothing is checked but that it is there)."""
    return read_table(path).frame


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
