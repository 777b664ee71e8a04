"""Features of every site for the classical models, streamed to one table.

`features.parquet`, one row per site of the split:
    site_id int64, then float32 columns named as in `features.tsv`. What is learnt from
    training genes differs per fold: those names end in ``@fold{k}`` (see
    ``load_features``).
`features.tsv`: name, group, unit, definition, and why a feature was left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from error_sequence_model.core import InputError, atomic_path
from error_sequence_model.features.annotation_features import (
    compute_annotation_features,
    may_use_annotation,
)
from error_sequence_model.features.element_features import make_element_family
from error_sequence_model.features.families import (
    Family,
    Feature,
    Layout,
    compute_families,
)
from error_sequence_model.features.files import describe_features
from error_sequence_model.features.kmer_features import make_kmer_families
from error_sequence_model.features.leakguard import LeakGuard, refuse_columns
from error_sequence_model.features.sequence_features import make_sequence_families
from error_sequence_model.features.strength import encode_bases, learn_fold_families
from error_sequence_model.features.track_features import compute_track_features
from error_sequence_model.genome import read_gene_models
from error_sequence_model.settings import FeatureSettings
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class _Extra:
    """Features that do not come from the window: matrix float32 (n, features)."""

    features: list[Feature]
    matrix: np.ndarray


def write_features(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    settings: FeatureSettings,
    path: str | Path,
    *,
    elements: Mapping[str, str] | None = None,
    annotations: Sequence[tuple[str, str | Path]] = (),
    aliases: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Compute the features of every site of a split and write them.

    Args:
        split: ``split.parquet``.
        sites: ``sites.parquet``.
        windows: Their windows.
        settings: What to compute.
        path: The Parquet file to write.
        elements: Known elements, name -> IUPAC consensus.
        annotations: ``(prefix, path)`` of the gene annotations, see
            ``read_gene_models``.
        aliases: Of the bigWigs' contigs, see ``compute_track_features``.

    Returns:
        One row per feature: name, group, unit, definition, left_out (why, or empty).

    Raises:
        InputError: A feature that holds the label, a missing file or column.
    """
    site_ids = np.unique(split["site_id"].to_numpy())
    here = sites.set_index("site_id", drop=False).loc[site_ids]
    layout = Layout(windows.upstream, windows.downstream)
    families = [
        *make_families(layout, sorted(here["splice_type"].unique()), elements or {}),
        *learn_fold_families(split, sites, windows),
    ]
    extra, left_out = _collect_extra(here, settings, annotations, layout, aliases)
    features = [f for family in families for f in family.features]
    features += [f for part in extra for f in part.features]
    names = [feature.name for feature in features]
    guard = LeakGuard(
        split, names, bound=settings.leak_bound, score_aware=settings.score_aware
    )
    schema = pa.schema(
        [("site_id", pa.int64()), *((name, pa.float32()) for name in names)]
    )
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as file,
    ):
        for rows, values in _stream(here, windows, families, extra):
            guard.add(site_ids[rows], values)
            columns = [pa.array(values[:, i]) for i in range(values.shape[1])]
            file.write_batch(
                pa.record_batch([pa.array(site_ids[rows]), *columns], schema=schema)
            )
        guard.check()
    logger.info("%d features of %d sites", len(features), len(site_ids))
    return describe_features(features, left_out)


def make_families(
    layout: Layout, splice_types: Sequence[str], elements: Mapping[str, str]
) -> list[Family]:
    """Families that need no fold: k-mers, composition, tract, branch, elements."""
    return [
        *make_sequence_families(layout, splice_types),
        make_element_family(layout, elements),
        *make_kmer_families(layout),
    ]


def _collect_extra(
    here: pd.DataFrame,
    settings: FeatureSettings,
    annotations: Sequence[tuple[str, str | Path]],
    layout: Layout,
    aliases: Mapping[str, str] | None,
) -> tuple[list[_Extra], dict[Feature, str]]:
    """Features from annotation, tracks and columns; and those left out, with why."""
    extra, left_out = [], {}
    if settings.annotation:
        if not annotations:
            raise InputError(
                "features.annotation is set, but the genome has no annotation; give "
                "`genomes.<name>.annotation` or leave it out"
            )
        features, values = compute_annotation_features(
            here, read_gene_models(annotations, chroms=here["chrom"].unique())
        )
        if settings.score_aware or may_use_annotation(here["pred_type"]):
            extra.append(_Extra(features, values))
        else:
            reason = "tells annotated from unannotated sites, which is the label here"
            left_out = dict.fromkeys(features, reason)
            logger.warning("no annotation features: each %s", reason)
    if settings.bigwigs:
        reach = max(layout.upstream, layout.downstream)
        options = {"reach": reach, "aliases": aliases}
        extra.append(_Extra(*compute_track_features(here, settings.bigwigs, **options)))
    if settings.columns or settings.score_aware:
        extra.append(_read_columns(here, settings))
    return extra, left_out


def _read_columns(here: pd.DataFrame, settings: FeatureSettings) -> _Extra:
    """Numeric columns that the user names, and the score if that is asked for."""
    if not settings.score_aware:
        refuse_columns(settings.columns)
    columns = list(settings.columns)
    if settings.score_aware and "score" not in columns and here["score"].notna().any():
        columns.append("score")
    values = []
    for name in columns:
        if name not in here:
            raise InputError(
                f"features.columns: {name!r} is not in the sites table; it has "
                f"{', '.join(here.columns)}"
            )
        numbers = pd.to_numeric(here[name], errors="coerce")
        if numbers.isna().all():
            raise InputError(f"features.columns: {name!r} holds no number")
        values.append(numbers.to_numpy(dtype=np.float32))
    features = [
        Feature(f"column:{name}", "as given", f"column {name} of the error table")
        for name in columns
    ]
    return _Extra(features, np.stack(values, axis=1))


def _stream(
    here: pd.DataFrame,
    windows: Windows,
    families: Sequence[Family],
    extra: Sequence[_Extra],
) -> Iterator[tuple[slice, np.ndarray]]:
    is_donor = here["splice_type"].eq("donor").to_numpy()
    site_ids = here["site_id"].to_numpy()
    for start in range(0, len(here), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        codes = encode_bases(windows.get_matrix(site_ids[rows]))
        values = compute_families(families, codes, is_donor[rows])
        parts = [values, *(part.matrix[rows] for part in extra)]
        yield rows, np.concatenate(parts, axis=1) if extra else values
