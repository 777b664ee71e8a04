"""Maps per base of what a model used, by each method; and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .files import write_map_file
    from .integration import make_baselines, run_embedded
    from .methods import (
        METHODS,
        Attribution,
        MapPlan,
        attribute,
        find_method,
        plan_maps,
    )
    from .requests import MapRequest, measure_completeness
    from .run import attribute_run, attribute_sites
    from .shuffling import draw_alternatives
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

__all__, __getattr__ = open_face(__name__, __file__)
