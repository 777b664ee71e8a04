"""What users set: the config with its schema, contrasts, settings of each stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .config import complete_config, read_config, refuse_repeated_keys
    from .contrasts import (
        COMPANY,
        KIND_OF,
        Contrast,
        expand_contrasts,
        find_company,
        label_sites,
        list_compared,
        parse_contrast,
        part_limits,
    )
    from .explanation import (
        ALIASES,
        CAPTUM_METHODS,
        CAPTUM_PREFIX,
        OWN_SETTINGS,
        PACKAGES,
        UNSIGNED,
        list_captum_methods,
        rank_methods,
        require_caller,
        resolve_method,
    )
    from .inputs import (
        CAUSAL,
        WINDOW_KEYS,
        Track,
        find_scope,
        get_network,
        get_settings,
        get_thresholds,
        is_made_here,
        is_pretrained,
        list_annotations,
        list_files,
        list_of_genomes,
        list_peers,
        list_sources,
        list_tracks,
    )
    from .pretraining import PretrainingSettings
    from .reference import write_reference
    from .schema import check_value, read_schema
    from .sections import (
        COUNT,
        SEED,
        TOP_K,
        BackboneSettings,
        CallSettings,
        CauseSettings,
        CnnSettings,
        ExplanationSettings,
        FeatureSettings,
        LoraSettings,
        MotifSettings,
        Settings,
        TrainingSettings,
        VerificationSettings,
        check_edges,
        compute_run_hash,
    )
    from .splits import NEAR, SplitSettings, parse_settings

__all__, __getattr__ = open_face(__name__, __file__)
