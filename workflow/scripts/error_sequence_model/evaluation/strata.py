"""Scores by kind of site: where a model is good, and where it only looks good.

Every site of a test part gets a value of each stratum; a stratum that cannot be known
(no scores, no biotypes) is left out. Numbers are cut at fixed edges or at quintiles of
the test sites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from error_sequence_model.statistics import compute_metrics, number_groups

FEWEST = 50  # errors below which a stratum's score is shown in grey
SMALLEST = 10  # sites below which a stratum is not scored
SCORE_EDGES = tuple(round(0.1 * step, 1) for step in range(11))
SIMILARITY_EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 1.0)
EXON_EDGES = (0, 30, 50, 250, np.inf)
CANONICAL = {"donor": {"GT"}, "acceptor": {"AG"}}
# Feature -> name of the stratum; cut at quintiles unless edges are given.
FEATURES: Mapping[str, tuple[str, tuple[float, ...] | None]] = {
    "strength:matrix": ("strength", None),
    "annotation:shortest_exon": ("exon length", EXON_EDGES),
    "annotation:shortest_intron": ("intron length", None),
}
COLUMNS = (
    *("stratum", "value", "model", "n_sites", "n_genes", "n_errors", "prevalence"),
    *("auprc", "auprc_low", "auprc_high", "auroc", "auroc_low", "auroc_high", "few"),
)


def choose_features(
    names: Iterable[str],
) -> dict[str, tuple[str, tuple[float, ...] | None]]:
    """Choose the features that strata are made of, as in `FEATURES`.

    Of the GC contents it is that of the largest scale, which is the window's.
    """
    names = list(names)
    chosen = {name: FEATURES[name] for name in FEATURES if name in names}
    scales = [name.removeprefix("gc:") for name in names if name.startswith("gc:")]
    widest = max((int(scale) for scale in scales if scale.isdigit()), default=None)
    if widest is not None:
        chosen[f"gc:{widest}"] = (f"GC within {widest} nt", None)
    return chosen


def make_strata(
    sites: pd.DataFrame,
    similarity: pd.Series,
    features: pd.DataFrame,
    relative: pd.Series | None = None,
) -> pd.DataFrame:
    """Place test sites in strata.

    Args:
        sites: splice_type, dinucleotide, score, gene_biotype, chrom of the test sites,
            indexed by site_id.
        similarity: Greatest similarity to a training window, 0 to 1, by site_id.
        features: Features of the test sites by site_id; see `choose_features`.
        relative: Whether a training window is a relative, nullable, by site_id.

    Returns:
        One text column per stratum, index site_id; None where not known. The order of
        a stratum's values is that of its first letters ("1 …", "2 …") or of the text.
    """
    strata = pd.DataFrame(index=sites.index)
    if len(sites["splice_type"].unique()) > 1:
        strata["splice type"] = sites["splice_type"]
    strata["dinucleotide"] = [
        name_dinucleotide(*pair)
        for pair in zip(sites["splice_type"], sites["dinucleotide"], strict=True)
    ]
    if sites["score"].notna().any():
        strata["predictor's score"] = cut_values(sites["score"], SCORE_EDGES)
    if sites["gene_biotype"].notna().any():
        strata["biotype"] = sites["gene_biotype"].astype(object)
    for name, (title, edges) in choose_features(features).items():
        if features[name].notna().any():
            values = features[name].reindex(sites.index)
            strata[title] = cut_values(values, edges)
    if similarity.notna().any():
        values = similarity.reindex(sites.index)
        strata["similarity to training"] = cut_values(values, SIMILARITY_EDGES)
    if relative is not None and relative.any():
        names = {False: "1 none", True: "2 at least one"}
        strata["relatives in training"] = relative.reindex(sites.index).map(names)
    strata["chromosome"] = sites["chrom"].astype(str)
    return strata


def name_dinucleotide(splice_type: str, dinucleotide: str | None) -> str | None:
    """Class of a site by its two intronic bases."""
    if not isinstance(dinucleotide, str):
        return None
    if dinucleotide in CANONICAL.get(splice_type, set()):
        return "GT or AG"
    return "GC" if (splice_type, dinucleotide) == ("donor", "GC") else "other"


def cut_values(values: pd.Series, edges: tuple[float, ...] | None) -> pd.Series:
    """Cut numbers into named bins, at quintiles where no edges are given."""
    numbers = values.to_numpy(dtype=float)
    known = np.isfinite(numbers)
    if edges is None:
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, 6)))
    if len(edges) < 2:
        return pd.Series([None] * len(values), index=values.index, dtype=object)
    places = np.clip(np.searchsorted(edges, numbers, "right") - 1, 0, len(edges) - 2)
    names = [
        f"{low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}"
        for low, high in zip(
            np.round(edges[:-1], 3), np.round(edges[1:], 3), strict=True
        )
    ]
    digits = len(str(len(names)))
    labels = [
        f"{place + 1:0{digits}d}: {names[place]}" if is_known else None
        for place, is_known in zip(places, known, strict=True)
    ]
    return pd.Series(labels, index=values.index, dtype=object)


def score_strata(
    strata: pd.DataFrame,
    labels: pd.Series,
    probabilities: Mapping[str, pd.DataFrame],
    genes: pd.Series,
    *,
    draws: int = 500,
    seed: int = 1,
) -> pd.DataFrame:
    """Score models within each stratum.

    Args:
        strata: From `make_strata`.
        labels: Class index by site_id.
        probabilities: Model -> class probabilities by site_id.
        genes: Gene by site_id.
        draws: Bootstrap samples of genes.
        seed: Of the bootstrap.

    Returns:
        `COLUMNS`. Scores are missing where a stratum has one class or fewer than
        `SMALLEST` sites; ``few`` marks fewer than `FEWEST` errors.
    """
    rows = []
    for stratum in strata.columns:
        for value, members in strata.groupby(stratum, sort=True).groups.items():
            truth = labels.loc[members].to_numpy(dtype=np.int64)
            groups = genes.reindex(members).to_numpy(dtype=object)
            row = {
                **{"stratum": stratum, "value": str(value), "n_sites": len(members)},
                "n_genes": len(np.unique(number_groups(groups, len(members)))),
                "n_errors": int((truth == 1).sum()),
                "prevalence": float((truth == 1).mean()),
                "few": bool((truth == 1).sum() < FEWEST),
            }
            is_scored = len(members) >= SMALLEST and len(np.unique(truth)) > 1
            for model, table in probabilities.items():
                found = {}
                if is_scored:
                    metrics = compute_metrics(
                        truth,
                        table.loc[members].to_numpy(),
                        threshold=0.5,
                        groups=groups,
                        draws=draws,
                        seed=seed,
                    )
                    for name in ("auprc", "auroc"):
                        low, high = metrics["intervals"][name] or (None, None)
                        found[name] = metrics[name]
                        found |= {f"{name}_low": low, f"{name}_high": high}
                rows.append({**row, "model": model, **found})
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))
