"""Tables of MetaSpliceAI: `splice_positions*` and `analysis_sequences*`.

Their `position` is counted within the gene, in transcript direction, from the first or
last *intronic* base. On '+' it is one too large, because the gene's start was made
0-based and its end was not: a 1-based intronic base p has position ``p - start + 1`` on
'+' and ``end - p`` on '-'. With the annotation that was used, positions become genome
coordinates; tables that carry their windows (`sequence`, `window_start`) need neither
annotation nor genome: each gene is then a contig of its own, in its own direction.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import read_genes
from error_sequence_model.sites.consensus import (
    ACCEPTOR_CONSENSUS,
    DONOR_CONSENSUS,
    MINIMUM_SHARE,
)
from error_sequence_model.sites.rowchecks import settle_overlaps
from error_sequence_model.tables import Table, refuse

logger = logging.getLogger(__name__)

# Junction minus `position` as an index of the transcript-direction gene sequence.
OFFSETS = {
    ("donor", "+"): -1,
    ("donor", "-"): 0,
    ("acceptor", "+"): 0,
    ("acceptor", "-"): 1,
}
REACH = 3  # nt: other releases shift these by up to two


def fill_splice_types(table: Table) -> tuple[Table, list[dict[str, Any]]]:
    """Give a splice type to rows without one (enhanced tables: all FP and TN).

    The type is the larger of donor_score and acceptor_score. A TN without a type at a
    base that is anything else is the other channel's view of that base, and dropped.

    Args:
        table: With gene_id, position, pred_type and splice_type.

    Returns:
        ``(table, dropped)``: the entries for audit.json.
    """
    frame, dropped = table.frame, []
    if "splice_type" not in frame:
        frame = frame.assign(splice_type=None)
    is_untyped = frame["splice_type"].isna().to_numpy()
    if is_untyped.any() and {"donor_score", "acceptor_score"} <= set(frame):
        keys = ["gene_id", "position"]
        others = pd.MultiIndex.from_frame(frame.loc[frame["pred_type"].ne("TN"), keys])
        is_shadow = is_untyped & frame["pred_type"].eq("TN").to_numpy()
        is_shadow &= pd.MultiIndex.from_frame(frame[keys]).isin(others)
        donor = pd.to_numeric(frame["donor_score"], errors="coerce")
        acceptor = pd.to_numeric(frame["acceptor_score"], errors="coerce")
        guess = np.where(donor >= acceptor, "donor", "acceptor")
        frame = frame.assign(
            splice_type=frame["splice_type"].astype(object).mask(is_untyped, guess)
        )
        reason = "TN without splice_type at a base of another class"
        if is_shadow.any():
            dropped.append({"reason": reason, "rows": int(is_shadow.sum())})
        kept = ~is_shadow
        return Table(
            frame[kept].reset_index(drop=True), table.lines[kept], table.problems
        ), dropped
    return Table(frame, table.lines, table.problems), dropped


def place_on_genome(
    table: Table, annotation_path: str | Path, path: str | Path
) -> tuple[Table, list[dict[str, Any]]]:
    """Turn positions within genes into 1-based genome positions of the intronic base.

    Args:
        table: With gene_id, position, strand, pred_type, splice_type.
        annotation_path: GTF or GFF3 that the table was made with.
        path: The table's file, for messages.

    Returns:
        ``(table, dropped)``. Where overlapping genes give one site several pred_types,
        the first of TP, FN, FP, TN stays.

    Raises:
        InputError: Genes the annotation does not have.
    """
    genes = read_genes(annotation_path)
    if genes is None:
        raise InputError(f"{annotation_path}: needs genes, so a GTF or GFF3")
    genes = genes.drop_duplicates("gene_id").set_index("gene_id")
    frame = table.frame
    is_known = frame["gene_id"].isin(genes.index).to_numpy()
    if not is_known.all():
        problems = [
            (
                int(table.lines[row]),
                f"gene_id {frame['gene_id'].iloc[row]!r} is not in {annotation_path}",
            )
            for row in np.flatnonzero(~is_known)
        ]
        refuse(path, problems, advice="Give the annotation the table was made with.")
    own = genes.loc[frame["gene_id"]]
    position = pd.to_numeric(frame["position"], errors="coerce").to_numpy()
    is_plus = own["strand"].eq("+").to_numpy()
    placed = np.where(
        is_plus,
        own["start"].to_numpy() + position,  # own start is 0-based: start_1 - 1
        own["end"].to_numpy() - position,
    )
    frame = frame.assign(
        position=placed,
        strand=own["strand"].to_numpy(),
        chrom=own["chrom"].to_numpy(),
        gene_position=frame["position"],
    )
    keys = ["chrom", "position", "strand", "splice_type"]
    kept, dropped = settle_overlaps(frame, keys)
    return Table(
        frame[kept].reset_index(drop=True), table.lines[kept], table.problems
    ), dropped


def place_in_sequences(
    frame: pd.DataFrame, path: str | Path
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Find the junction in each row's own window.

    Args:
        frame: position, window_start, sequence, strand, splice_type, pred_type,
            gene_id; positions and starts are integers.
        path: The table's file, for messages.

    Returns:
        ``(rows, offsets)``: rows with chrom (the gene), junction (in the gene), strand
        '+', sequence_junction, source_chrom and source_strand; and the offset used per
        splice type and strand.

    Raises:
        InputError: At no place near the position do the TP have consensus.
    """
    rows = frame.copy()
    index = (frame["position"] - frame["window_start"]).to_numpy(np.int64)
    offset = np.zeros(len(frame), dtype=np.int64)
    used: dict[str, int] = {}
    for (splice_type, strand), expected in OFFSETS.items():
        group = (
            frame["splice_type"].eq(splice_type) & frame["strand"].eq(strand)
        ).to_numpy()
        checked = group & frame["pred_type"].eq("TP").to_numpy()
        if not checked.any():
            checked = group & frame["pred_type"].eq("FN").to_numpy()
        found = expected
        if checked.any():
            found = _find_offset(
                frame.loc[checked, "sequence"], index[checked], splice_type, expected
            )
        if found is None:
            raise InputError(
                f"{path}: {splice_type} '{strand}': within {REACH} nt of `position` no "
                "place has GT/GC or AG in 90 % of the TP windows: are window_start, "
                "position and sequence of the same run?"
            )
        if found != expected:
            logger.warning(
                "%s: %s '%s' junctions are %+d nt from where this release puts them",
                path,
                splice_type,
                strand,
                found - expected,
            )
        if group.any():
            used[f"{splice_type} {strand}"] = found
        offset[group] = found
    rows["sequence_junction"] = index + offset
    rows["junction"] = frame["position"].to_numpy(np.int64) + offset
    rows["source_chrom"] = frame.get("chrom")
    rows["source_strand"] = frame["strand"]
    rows["chrom"], rows["strand"] = frame["gene_id"], "+"
    return rows, used


def _find_offset(
    sequences: pd.Series, index: np.ndarray, splice_type: str, expected: int
) -> int | None:
    wanted = DONOR_CONSENSUS if splice_type == "donor" else ACCEPTOR_CONSENSUS
    step = 0 if splice_type == "donor" else -2
    for shift in sorted(range(-REACH, REACH + 1), key=abs):
        places = index + expected + shift + step
        found = [
            place >= 0 and text[place : place + 2].upper() in wanted
            for text, place in zip(sequences, places, strict=True)
        ]
        if np.mean(found) >= MINIMUM_SHARE:
            return expected + shift
    return None
