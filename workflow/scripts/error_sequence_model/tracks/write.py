"""Attributions and predictions back on the genome: bigWig and BED per predictor.

The model is the one the reports show (best validation AUPRC), the sites are those of
the held-out test part. Coordinates are 0-based half-open on the forward strand; values
keep the sign of the transcript's map: positive speaks for an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.core import (
    InputError,
    atomic_path,
    read_saved_table,
    write_tsv,
)
from error_sequence_model.genome import Genome, Variants
from error_sequence_model.results import RunResults, Unit, build_units, read_sites
from error_sequence_model.tracks.genome_tracks import GenomeTracks
from error_sequence_model.tracks.rows import RULE

logger = logging.getLogger(__name__)

INDEX_COLUMNS = (
    *("file", "kind", "contrast", "splice_type", "method", "pred_type"),
    *("model", "faithfulness", "n_sites", "n_items"),
)


@dataclass(frozen=True)
class Source:
    """A genome that sites lie on.

    Attributes:
        genome: Its name.
        fasta: Its FASTA.
        member: The predictor of a pool that its sites come from; None without a pool.
        variants: VCF of the personal genome that windows were cut from, or None.
        sample: Whose genotypes, if the VCF has several.
        haplotype: 1 or 2.
        variant_conflicts: See ``Variants``.
    """

    genome: str
    fasta: Path
    member: str | None = None
    variants: Path | None = None
    sample: str | None = None
    haplotype: int = 1
    variant_conflicts: str = "gene"


def write_tracks(
    runs: Sequence[str | Path],
    output: str | Path,
    *,
    predictor: str,
    sites: str | Path,
    sources: Sequence[Source],
) -> Path:
    """Write the tracks of a predictor into a folder, one set per genome.

    Args:
        runs: Run folders of the predictor.
        output: The folder; in a pool it has one folder per genome.
        predictor: Name of the predictor.
        sites: ``sites.parquet``.
        sources: The genomes; none where the table brings its own sequences.

    Returns:
        The folder: ``{contrast}.{splice_type}.{method}.{pred_type}.bw``,
        ``….{method}.regions.bed``, ``….predictions.bed``, ``tracks.tsv`` (what there
        is, with the verdict on every map) and ``README.txt``.
    """
    table = read_saved_table(sites).set_index("site_id", drop=False)
    reason = _find_reason(table, sources)
    with atomic_path(output) as folder:
        folder.mkdir()
        if reason:
            _write_notes(folder, predictor, [], f"There are no tracks: {reason}.")
            logger.info("%s: no tracks: %s", predictor, reason)
            return Path(output)
        loaded = [RunResults.load(run) for run in runs]
        known = read_sites(sites)
        units = [u for u in build_units(loaded, known, {}, None) if _is_shown(u)]
        is_pool = any(source.member for source in sources)
        rows, notes = [], []
        for genome in dict.fromkeys(source.genome for source in sources):
            place = folder / genome if is_pool else folder
            place.mkdir(exist_ok=True)
            own = [source for source in sources if source.genome == genome]
            written, missing = _write_genome(place, units, table, own, predictor)
            rows += (
                [{**row, "file": f"{genome}/{row['file']}"} for row in written]
                if is_pool
                else written
            )
            notes += missing
        _write_notes(folder, predictor, rows, " ".join(notes))
    logger.info("%s: %d track files", predictor, len(rows))
    return Path(output)


def _is_shown(unit: Unit) -> bool:
    """A control's maps are nothing to look at on a genome."""
    return not unit.lead.is_control


def _find_reason(table: pd.DataFrame, sources: Sequence[Source]) -> str:
    """Why there cannot be any tracks, or nothing."""
    if {"sequence", "sequence_junction"} <= set(table.columns):
        return (
            "the error table brings its own sequences, whose place on a genome is not "
            "known"
        )
    if not sources:
        return "the predictor has no genome"
    return ""


def _write_genome(
    folder: Path,
    units: Sequence[Unit],
    table: pd.DataFrame,
    sources: Sequence[Source],
    predictor: str,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the tracks on one genome: rows of the index, and notes."""
    rows, notes = [], []
    with Genome(sources[0].fasta) as genome:
        parts = [_select_sites(table, source) for source in sources]
        unknown = sum(int((~p["chrom"].isin(genome.lengths)).sum()) for p in parts)
        if unknown:
            notes.append(
                f"{unknown} sites lie on contigs that {sources[0].genome} does not "
                "have and are left out."
            )
        personal = {
            source.member: Variants(
                source.variants,
                genome.lengths,
                sample=source.sample,
                haplotype=source.haplotype,
                conflicts=source.variant_conflicts,
            )
            for source in sources
            if source.variants
        }
        writer = GenomeTracks(folder, genome, pd.concat(parts), personal, predictor)
        for unit in units:
            for splice_type in unit.splice_types:
                rows += writer.write_unit(unit, splice_type)
    return rows, notes


def _select_sites(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Sites of a source, with the contigs' own names."""
    if source.member is None:
        return table.assign(member=None)
    if "member" not in table:
        raise InputError("tracks: the sites of a pool need the column `member`")
    chosen = table[table["member"] == source.member]
    names = chosen["chrom"].str.removeprefix(f"{source.genome}:")
    return chosen.assign(chrom=names)


def _write_notes(
    folder: Path, predictor: str, rows: list[dict[str, Any]], note: str
) -> None:
    """Write README.txt and, where there are tracks, their list."""
    text = f"Genome browser tracks of {predictor}.\n\n"
    if rows:
        write_tsv(
            folder / "tracks.tsv", pd.DataFrame(rows).reindex(columns=INDEX_COLUMNS)
        )
        text += RULE + "\n"
    (folder / "README.txt").write_text(text + note + "\n" * bool(note), "utf-8")
