"""Maps per base of what a model used, by each method; and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .captum_methods import RULES
    from .deep_lift import HookedClassifier
    from .files import DATASETS, hash_plan, stream_maps, write_map_file
    from .integration import choose_baseline, make_baselines, run_embedded
    from .methods import (
        METHODS,
        Attribution,
        MapPlan,
        attribute,
        evaluate,
        find_method,
        plan_maps,
    )
    from .mutagenesis import LETTERS, find_core, list_substitutions, mutate_batch
    from .paths import PathIntegral, choose_panels
    from .requests import MapRequest, measure_completeness
    from .run import attribute_run, attribute_sites
    from .shuffling import draw_alternatives, shuffle_dinucleotides
    from .substitution import (
        DRAWS,
        STRIDE,
        WIDTH,
        attribute_by_substitution,
        place_windows,
        predict_targets,
        replace_windows,
    )
    from .targets import ERROR_CLASSES, compute_target, find_errors

__all__ = [
    "DATASETS",
    "DRAWS",
    "ERROR_CLASSES",
    "LETTERS",
    "METHODS",
    "RULES",
    "STRIDE",
    "WIDTH",
    "Attribution",
    "HookedClassifier",
    "MapPlan",
    "MapRequest",
    "PathIntegral",
    "attribute",
    "attribute_by_substitution",
    "attribute_run",
    "attribute_sites",
    "choose_baseline",
    "choose_panels",
    "compute_target",
    "draw_alternatives",
    "evaluate",
    "find_core",
    "find_errors",
    "find_method",
    "hash_plan",
    "list_substitutions",
    "make_baselines",
    "measure_completeness",
    "mutate_batch",
    "place_windows",
    "plan_maps",
    "predict_targets",
    "replace_windows",
    "run_embedded",
    "shuffle_dinucleotides",
    "stream_maps",
    "write_map_file",
]

__getattr__ = open_face(__name__, __file__)
