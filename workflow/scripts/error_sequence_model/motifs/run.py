"""Find the motifs of a run: what its maps point at, and whether errors have more of it.

From the best checked maps of held-out sites: seqlets, stranded clusters of them, a name
(`known_elements`), enrichment at errors (`enrichment`, `search`) and effect on the
model (`marginalisation`). Known elements are tested beside them, whether or not the
maps show them (`element_tests`).

The seqlet caller is our own: tangermeme's takes the sum over sequences of one sign
against a control that would have to be attributed as well, and compiles itself for many
seconds in every new environment; ours takes both signs, variable lengths, tokens of
several bases, and its null from the maps themselves. modisco-lite is an option.

`motifs.tsv`: one row per motif, columns in ``search.MOTIF_COLUMNS``.
`elements.tsv`: one row per known element and region, ``element_tests.ELEMENT_COLUMNS``.
`motifs.meme`: the motifs' matrices in MEME format (minimal, version 5), one strand.
`motifs.json`: what both were made with, and per motif its matrix, contributions, the
offsets of its seqlets, and the offsets of its hits in held-out sites.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import (
    InputError,
    atomic_path,
    read_json,
    write_json,
    write_tsv,
)
from error_sequence_model.features import (
    KnownElement,
    encode_bases,
    find_neighbours,
    learn_splice_sites,
    read_elements,
)
from error_sequence_model.motifs.clusters import Motif
from error_sequence_model.motifs.element_tests import measure_elements
from error_sequence_model.motifs.enrichment import SearchedSites
from error_sequence_model.motifs.scanning import get_background
from error_sequence_model.motifs.search import FoundMotifs, search_motifs
from error_sequence_model.results import Maps, read_attributions
from error_sequence_model.settings import (
    MotifSettings,
    rank_methods,
    require_caller,
    resolve_method,
)
from error_sequence_model.statistics import number_groups, scale_maps
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)


def find_run_motifs(
    maps: dict[str, Path],
    checks: Path,
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    *,
    splice_type: str,
    error_labels: Sequence[int],
    predict: Callable[[list[str]], np.ndarray] | None,
    settings: MotifSettings,
    output: Path,
) -> None:
    """Find the motifs of a run and write its four files; see above.

    Args:
        maps: HDF5 file of each attribution method, of held-out sites.
        checks: ``faithfulness.json``.
        split: Rows of ``split.parquet`` of the run's fold.
        sites: ``sites.parquet``, indexed by site_id.
        windows: Their windows.
        splice_type: donor, acceptor or any.
        error_labels: Labels that mean an error.
        predict: Sequences -> log-odds of an error; None: no insertions.
        settings: How.
        output: The run folder.

    Raises:
        InputError: The maps are not of this run's test part, or modisco-lite is asked
            for and not installed.
    """
    require_caller(settings.caller)
    method, passed = choose_method(maps, read_json(checks), settings.method)
    found_maps = read_attributions(maps[method])
    explained = found_maps.site_id
    test = split[split["part"] == "test"]
    if not np.isin(explained, test["site_id"]).all():
        raise InputError(
            f"{maps[method]}: holds maps of sites outside the test part; remove it and "
            "make it again"
        )
    elements = [
        *read_elements(),
        *(read_elements(settings.elements) if settings.elements else []),
        *learn_elements(split, sites, windows),
    ]
    options = {"error_labels": error_labels, "explained": explained}
    held_out = gather_sites(test, sites, windows, **options)
    rows = np.searchsorted(held_out.site_ids, explained)
    how = {"splice_type": splice_type, "fdr": settings.fdr, "seed": settings.seed}
    found = search_motifs(
        found_maps.scores,
        rows,
        held_out,
        elements=elements,
        predict=predict,
        is_signed=bool(found_maps.attributes.get("signed", True)),
        caller=settings.caller,
        **how,
    )
    everything = gather_sites(
        split[split["part"].isin(["train", "validation", "test"])],
        sites,
        windows,
        most=settings.sites,
        seed=settings.seed,
        **options,
    )
    table = measure_elements(
        elements,
        everything,
        explained=held_out.select(rows),
        scaled=scale_maps(found_maps.scores),
        **how,
    )
    about = _describe(method, passed, found_maps, held_out, everything, settings)
    about["n_seqlets"] = {"error": found.n_seqlets[1], "correct": found.n_seqlets[-1]}
    write_motifs(
        output,
        found,
        table,
        get_background(held_out.codes),
        upstream=windows.upstream,
        site_ids=explained,
        about=about,
    )
    logger.info(
        "%s: %d seqlets, %d motifs, %d of them enriched or depleted; %d of %d tests of "
        "known elements significant",
        method,
        sum(found.n_seqlets.values()),
        len(found.table),
        int(found.table["significant"].sum()),
        int(table["significant"].sum()),
        int(table["p"].notna().sum()),
    )


def choose_method(
    maps: dict[str, Path], checks: dict[str, Any], method: str
) -> tuple[str, bool | None]:
    """Choose the maps to search: those that passed their checks first.

    Args:
        maps: File of each method.
        checks: Content of ``faithfulness.json``.
        method: A method's name, or "auto".

    Returns:
        The method, and whether it passed (None: not checked).

    Raises:
        InputError: The method has no maps.
    """
    method = resolve_method(method)
    if method not in ("auto", *maps):
        raise InputError(
            f"motifs.method is {method!r}, but explanation.methods makes maps of "
            f"{', '.join(maps)} only; set one of them, or auto"
        )
    verdicts = {name: checks["methods"].get(name, {}).get("passed") for name in maps}
    chosen = rank_methods(verdicts)[0] if method == "auto" else method
    return chosen, verdicts[chosen]


def _describe(
    method: str,
    passed: bool | None,
    maps: Maps,
    held_out: SearchedSites,
    everything: SearchedSites,
    settings: MotifSettings,
) -> dict[str, Any]:
    return {
        "method": method,
        "caller": settings.caller,
        "passed": passed,
        "signed": bool(maps.attributes.get("signed", True)),
        "fdr": settings.fdr,
        "seed": settings.seed,
        "upstream": held_out.upstream,
        "downstream": held_out.codes.shape[1] - held_out.upstream,
        "n_explained": len(maps.site_id),
        "held_out": _count(held_out),
        "all_sites": _count(everything),
    }


def _count(sites: SearchedSites) -> dict[str, int]:
    return {
        "errors": int(sites.is_error.sum()),
        "correct": int((~sites.is_error).sum()),
        "genes": len(np.unique(sites.genes)),
    }


def write_meme(
    path: str | Path,
    motifs: Sequence[Motif],
    names: Sequence[str],
    background: np.ndarray,
) -> None:
    """Write matrices in MEME format.

    Args:
        path: The file.
        motifs: The motifs.
        names: Their names.
        background: Share of each base, float (4,).
    """
    shares = " ".join(
        f"{base} {share:.4f}" for base, share in zip("ACGT", background, strict=True)
    )
    lines = ["MEME version 5", "", "ALPHABET= ACGT", "", "strands: +", ""]
    lines += ["Background letter frequencies", shares, ""]
    for motif, name in zip(motifs, names, strict=True):
        lines += [
            f"MOTIF {name} {motif.consensus}",
            f"letter-probability matrix: alength= 4 w= {motif.width} "
            f"nsites= {len(motif.rows)}",
            *(" ".join(f"{share:.6f}" for share in row) for row in motif.matrix),
            "",
        ]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def write_motifs(
    folder: str | Path,
    found: FoundMotifs,
    elements: pd.DataFrame,
    background: np.ndarray,
    *,
    upstream: int,
    site_ids: np.ndarray,
    about: dict[str, Any],
) -> None:
    """Write the four files of a run.

    Args:
        folder: The run folder.
        found: The motifs.
        elements: From ``measure_elements``.
        background: Share of each base in the windows, float (4,).
        upstream: Bases of the window before the junction.
        site_ids: Of the explained sites, int64 (m,).
        about: What it was made with; plain values.
    """
    folder = Path(folder)
    names = found.table["motif"].tolist()
    details = [
        {
            "motif": name,
            "matrix": motif.matrix.round(4).tolist(),
            "contributions": motif.contributions.round(4).tolist(),
            "seqlet_offsets": (motif.starts - upstream).tolist(),
            "seqlet_sites": site_ids[motif.rows].tolist(),
            "hit_offsets": hits,
        }
        for name, motif, hits in zip(names, found.motifs, found.hits, strict=True)
    ]
    write_meme(folder / "motifs.meme", found.motifs, names, background)
    write_json(folder / "motifs.json", {**about, "motifs": details})
    write_tsv(folder / "elements.tsv", elements)
    write_tsv(folder / "motifs.tsv", found.table)


ANNOTATED = ("TP", "FN")


def gather_sites(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    *,
    error_labels: Sequence[int],
    explained: np.ndarray,
    most: int | None = None,
    seed: int = 1,
) -> SearchedSites:
    """Put sites with their windows, classes and covariates together, by site_id.

    Args:
        split: site_id and label of the sites.
        sites: All of ``sites.parquet``, indexed by site_id.
        windows: Their windows.
        error_labels: Labels that mean an error.
        explained: site_id of the sites with maps.
        most: Sites per class, drawn at random where there are more; None: all.
        seed: Of that draw.
    """
    split = split.sort_values("site_id")
    site_ids = split["site_id"].to_numpy()
    is_error = np.isin(split["label"], error_labels)
    if most is not None:
        rng = np.random.default_rng(seed)
        chosen = [
            rng.permutation(np.flatnonzero(is_error == kind))[:most]
            for kind in (False, True)
        ]
        rows = np.sort(np.concatenate(chosen))
        site_ids, is_error = site_ids[rows], is_error[rows]
    here = sites.loc[site_ids]
    is_donor = (here["splice_type"] == "donor").to_numpy()
    strata = [np.isin(site_ids, explained), is_donor]
    return SearchedSites(
        site_ids,
        encode_bases(windows.get_matrix(site_ids)),
        is_error,
        number_groups(here["gene_id"].to_numpy(dtype=object), len(here)),
        windows.upstream,
        np.column_stack(strata).astype(np.float64),
        find_neighbours(
            sites, here, upstream=windows.upstream, downstream=windows.downstream
        ),
    )


def learn_elements(
    split: pd.DataFrame, sites: pd.DataFrame, windows: Windows
) -> list[KnownElement]:
    """Learn the splice sites of both types from annotated sites of training genes.

    Args:
        split: site_id and part of the contrast's sites.
        sites: All of ``sites.parquet``, indexed by site_id.
        windows: Their windows.

    Returns:
        See ``learn_splice_sites``. A gene with a site outside the training part
        teaches nothing; a site without a gene does only if it is in that part.
    """
    is_train = split["part"] == "train"
    trained = sites.loc[split.loc[is_train, "site_id"]]
    held_out = sites.loc[split.loc[~is_train, "site_id"]]
    genes = set(trained["gene_id"].dropna()) - set(held_out["gene_id"].dropna())
    is_alone = sites["gene_id"].isna() & sites.index.isin(trained.index)
    is_known = sites["gene_id"].isin(genes) | is_alone
    teachers = sites[is_known & sites["pred_type"].isin(ANNOTATED)]
    codes = encode_bases(windows.get_matrix(teachers.index.to_numpy()))
    types = teachers["splice_type"].to_numpy()
    return learn_splice_sites(codes, types, windows.upstream)
