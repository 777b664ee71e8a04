"""The negative control in words, judged over its training seeds.

A healthy control has an AUROC of 0.5 and no region, give or take chance; a single
interval of 95 % misses 0.5 in every twentieth healthy run. What counts as a leak is
an AUROC above 0.5 in the mean over the seeds, or a region in most of them; both
together, and over all controls of a report, are found in 5 % of healthy ones at most.
"""

from __future__ import annotations

import pandas as pd

from error_sequence_model.figures import format_interval
from error_sequence_model.results import Unit
from error_sequence_model.statistics import combine_p_values, score_models

LEVEL = 0.05
DRAWS = 1000


def describe_control(unit: Unit, *, among: int = 1) -> tuple[str, str]:
    """Whether the scores of a shuffled-label control are chance, as they should be.

    Args:
        unit: The control; every seed of its leading backbone counts.
        among: Controls that the report judges.
    """
    start = f"Control {unit.name} (shuffled labels)"
    runs = [run for run in unit.runs if run.backbone == unit.lead.backbone]
    frames = [
        run.predictions.assign(
            model=run.backbone, kind="model", seed=run.seed, fold=run.folds[0]
        )
        for run in runs
        if run.predictions is not None
    ]
    if not frames or unit.sites.empty:
        return f"{start}: no predictions stored.", "open"
    scores = score_models(
        pd.concat(frames), unit.sites["gene_id"], draws=DRAWS, seed=unit.lead.seed
    )
    auroc = next(iter(scores.values()))["auroc"]
    interval = auroc.get_interval(1 - LEVEL / among)
    if interval[0] is None:
        return f"{start}: too few test sites to say.", "open"
    leaks = interval[0] > 0.5
    verdict = "lies above 0.5: something leaks" if leaks else "is not above 0.5"
    return (
        f"{start}: AUROC {auroc.value:.2f}{format_interval(interval)}"
        f"{_say_seeds(len(auroc.seeds))}, which {verdict}.",
        "bad" if leaks else "good",
    )


def describe_labels(unit: Unit, *, among: int = 1) -> tuple[str, str]:
    """Whether a control's maps show a region in most of its seeds."""
    start = f"Control {unit.name} (shuffled labels), maps: "
    models = [run for run in unit.models if run.backbone == unit.lead.backbone]
    stored = [run.faithfulness.get("control") for run in models]
    known = [found for found in stored if found and found.get("passed") is not None]
    if not known:
        return f"{start}regions were not tested.", "open"
    # A seed's p-value among all its methods and splice types, as `level` shares them.
    smallest = [
        min(
            (min(1.0, found["p_value"] * LEVEL / control["level"]), method, found)
            for method, found in control["methods"].items()
        )
        for control in known
    ]
    p_value = combine_p_values([entry[0] for entry in smallest])
    leaks = p_value < LEVEL / 2 / among
    _, method, found = min(smallest, key=lambda entry: entry[0])
    verdict = "a region BEYOND chance" if leaks else "no region beyond chance"
    return (
        f"{start}{verdict}: p {p_value:.2g}{_say_seeds(len(known))}; smallest by "
        f"{method.replace('_', ' ')}, {found['region'].replace('_', ' ')}.",
        "bad" if leaks else "good",
    )


def _say_seeds(count: int) -> str:
    return f" over {count} seeds" if count > 1 else " (one seed)"
