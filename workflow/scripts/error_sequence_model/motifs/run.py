"""Find the motifs of a run: what its maps point at, and whether errors have more of it.

From the best checked maps of held-out sites: seqlets, stranded clusters of them, a name
(`known_elements`), enrichment at errors (`enrichment`, `search`) and effect on the
model (`marginalisation`). Known elements are tested beside them, whether or not the
maps show them (`element_tests`).

The seqlet caller is our own: tangermeme's takes the sum over sequences of one sign
against a control that would have to be attributed as well, and compiles itself for many
seconds in every new environment; ours takes both signs, variable lengths, tokens of
several bases, and its null from the maps themselves. modisco-lite is an option.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_json
from error_sequence_model.features import read_elements
from error_sequence_model.motifs.element_tests import measure_elements
from error_sequence_model.motifs.enrichment import SearchedSites
from error_sequence_model.motifs.files import write_motifs
from error_sequence_model.motifs.scanning import get_background
from error_sequence_model.motifs.search import search_motifs
from error_sequence_model.motifs.sites import gather_sites, learn_elements
from error_sequence_model.results import Maps, read_attributions
from error_sequence_model.settings import (
    MotifSettings,
    rank_methods,
    require_caller,
    resolve_method,
)
from error_sequence_model.statistics import scale_maps
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
    """Find the motifs of a run and write its four files; see ``motifs.files``.

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
