"""All flags of a contrast's sites: from windows, genes and the user's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd

from error_sequence_model.causes.registry import (
    ANNOTATED,
    CAUSES,
    Cause,
    make_bed_cause,
)
from error_sequence_model.causes.sequence import (
    Reference,
    describe_partner_reach,
    flag_sequences,
    learn_reference,
)
from error_sequence_model.causes.structure import flag_neighbours, flag_structure
from error_sequence_model.causes.tracks import flag_tracks
from error_sequence_model.features import encode_bases
from error_sequence_model.genome import SITE, GeneModels
from error_sequence_model.settings import CauseSettings, Track
from error_sequence_model.windows import Windows

PARTS = 5  # of the genes, each judged by what the others teach
MISSING = {
    "annotation": "no annotation (`genomes.<name>.annotation`)",
    "repeats": "no repeats (`causes.repeats`)",
    "junctions": "no junction reads or second annotation (`causes.junctions`)",
}


def flag_sites(
    chosen: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    split: pd.DataFrame,
    splice_type: str,
    models: GeneModels | None,
    tracks: Sequence[Track],
    settings: CauseSettings,
) -> tuple[pd.DataFrame, list[Cause], list[str]]:
    """Flag sites with every cause that can be told from what is there.

    Args:
        chosen: The sites, with label, part and fold.
        sites: All sites of the predictor.
        windows: Windows of all sites.
        split: The split, for what is a training site.
        splice_type: donor, acceptor or any.
        models: The annotation's genes, or None.
        tracks: The user's files.
        settings: Thresholds.

    Returns:
        ``(flags, causes, missing)``: float (n, flags) in the order of the causes; the
        causes with their thresholds filled in; and what was missing, in words.
    """
    references = learn_references(chosen, sites, windows, split, settings)
    codes = encode_windows(windows, chosen)
    columns = flag_windows(codes, windows.upstream, references, settings)
    is_annotated = sites["pred_type"].isin(ANNOTATED)
    annotated = sites.loc[is_annotated, SITE]
    if models is not None:
        annotated = pd.concat([annotated, models.sites[SITE]], ignore_index=True)
    columns["near_annotated"] = flag_neighbours(chosen, annotated, settings)
    columns |= _flag_structure(chosen, split, models, settings)
    columns |= flag_tracks(chosen, tracks, settings)
    own = [make_bed_cause(track.name) for track in tracks if track.cause == "bed"]
    known = [*CAUSES, *dict.fromkeys(own)]
    reach = describe_partner_reach(windows.upstream, windows.downstream, splice_type)
    causes = [
        cause.describe(settings, pseudo_exon=reach)
        for cause in known
        if cause.name in columns
        and (splice_type == "any" or splice_type in cause.splice_types)
    ]
    flags = pd.DataFrame({cause.name: columns[cause.name] for cause in causes})
    types = chosen["splice_type"]
    for cause in causes:
        is_out = ~chosen["pred_type"].isin(cause.defined).to_numpy()
        is_out |= ~types.isin(cause.splice_types).to_numpy()
        flags[cause.name] = flags[cause.name].mask(is_out)
    return flags, causes, _list_missing(columns, causes, known, splice_type)


class Crossed(NamedTuple):
    """Sites, and what sites of other genes taught of their splice type.

    Attributes:
        rows: Their rows, int (m,).
        reference: Learnt without their genes.
    """

    rows: np.ndarray
    reference: Reference


def learn_references(
    chosen: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    split: pd.DataFrame,
    settings: CauseSettings,
) -> list[Crossed]:
    """Learn what annotated sites look like, for each site without its own gene.

    What is learnt comes from the training part of the fold. Its sites are flagged too,
    so that genes are dealt into ``PARTS`` parts, each judged by the others: a site that
    had taught its own matrix would look stronger than an unannotated one like it.
    """
    crossed = []
    groups = _deal(chosen)
    for fold in chosen["fold"].unique():
        parts = split[split["fold"].eq(fold)].set_index("site_id")["part"]
        teachers = _find_teachers(sites, parts)
        dealt = _deal(teachers)
        is_donor = teachers["splice_type"].eq("donor").to_numpy()
        codes = encode_windows(windows, teachers)
        for splice_type in ("donor", "acceptor"):
            here = chosen["fold"].eq(fold) & chosen["splice_type"].eq(splice_type)
            mine = is_donor == (splice_type == "donor")
            for group in np.unique(groups[here]):
                rows = np.flatnonzero(here & (groups == group))
                others = dealt != group
                reference = learn_reference(
                    codes[mine & others],
                    codes[~mine & others],
                    windows.upstream,
                    splice_type,
                    settings,
                )
                crossed.append(Crossed(rows, reference))
    return crossed


def flag_windows(
    codes: np.ndarray,
    upstream: int,
    references: Sequence[Crossed],
    settings: CauseSettings,
    **options: bool,
) -> dict[str, np.ndarray]:
    """Flag sites by their windows, int8 (n, length), each with its own reference."""
    columns: dict[str, np.ndarray] = {}
    for rows, reference in references:
        found = flag_sequences(codes[rows], upstream, reference, settings, **options)
        for name, flag in found.items():
            columns.setdefault(name, np.full(len(codes), np.nan))[rows] = flag
    return columns


def _deal(sites: pd.DataFrame) -> np.ndarray:
    """Part of each site by its gene, the same in every table, int (n,)."""
    names = (
        sites["gene_id"]
        .astype("object")
        .where(sites["gene_id"].notna(), sites["site_id"])
    )
    return np.array([crc32(str(name).encode()) % PARTS for name in names], dtype=int)


def _flag_structure(
    chosen: pd.DataFrame,
    split: pd.DataFrame,
    models: GeneModels | None,
    settings: CauseSettings,
) -> dict[str, np.ndarray]:
    """Flags from genes; what is usual is read off the training part of the fold."""
    columns: dict[str, np.ndarray] = {}
    is_annotated = chosen["pred_type"].isin(ANNOTATED).to_numpy()
    for fold in chosen["fold"].unique():
        is_train = split["fold"].eq(fold) & split["part"].eq("train")
        is_trained = chosen["site_id"].isin(split.loc[is_train, "site_id"]).to_numpy()
        found = flag_structure(chosen, is_annotated & is_trained, models, settings)
        rows = np.flatnonzero(chosen["fold"].eq(fold))
        for name, flag in found.items():
            columns.setdefault(name, np.full(len(chosen), np.nan))[rows] = flag[rows]
    return columns


def _find_teachers(sites: pd.DataFrame, parts: pd.Series) -> pd.DataFrame:
    """Annotated sites to learn from: training sites, and those of genes not held out.

    The other splice type's sites are in no part of this split, but their genes are.
    """
    part = sites["site_id"].map(parts)
    held_out = sites.loc[part.isin(["test", "validation"]), "gene_id"].dropna().unique()
    is_free = part.isna() & sites["gene_id"].notna() & ~sites["gene_id"].isin(held_out)
    return sites[sites["pred_type"].isin(ANNOTATED) & (part.eq("train") | is_free)]


def encode_windows(windows: Windows, rows: pd.DataFrame) -> np.ndarray:
    """Base codes of the sites' windows, int8 (n, length)."""
    return encode_bases(windows.get_matrix(rows["site_id"].to_numpy()))


def _list_missing(
    columns: dict[str, np.ndarray],
    causes: Sequence[Cause],
    known: Sequence[Cause],
    splice_type: str,
) -> list[str]:
    """What could not be flagged and why, one line per missing input."""
    there = {cause.name for cause in causes}
    gone: dict[str, list[str]] = {}
    for cause in known:
        applies = splice_type == "any" or splice_type in cause.splice_types
        if applies and cause.name not in there:
            gone.setdefault(cause.needs, []).append(cause.label)
    lines = []
    for need, labels in gone.items():
        if need in MISSING and not (need == "annotation" and "intergenic" in columns):
            reason = MISSING[need]
        elif need == "sequence":
            reason = "windows too short, or biotypes or training sites too few"
        else:
            reason = f"nothing to learn it from in the {need}"
        lines.append(f"{reason}: {', '.join(labels)}")
    return lines
