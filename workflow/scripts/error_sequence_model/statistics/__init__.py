"""Numbers with intervals: metrics, calibration, tests, odds ratios, joint models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .calibration import (
        balance_weights,
        calibrate_about_prior,
        check_calibration,
        compute_brier,
        compute_ece,
        compute_log_loss,
        cut_by_mass,
        fit_scaling,
        fit_temperature,
        restore_prior,
        scale_probabilities,
    )
    from .contingency import (
        FEWEST_SITES,
        adjust_p_values,
        measure_coverage,
        measure_odds_ratios,
    )
    from .high_regions import find_high_regions, find_threshold
    from .kappa import Agreement, measure_agreement
    from .metrics import (
        CONFIDENCE,
        FEWEST_GENES,
        choose_threshold,
        compute_auprc,
        compute_auroc,
        compute_macro,
        compute_macro_auprc,
        compute_sampled_auprc,
        count_genes,
        draw_gene_weights,
        get_interval,
        get_mean_interval,
        number_groups,
    )
    from .missing import fill_empty_columns
    from .odds_ratios import UNKNOWN, OddsRatio, estimate_joint, estimate_odds_ratio
    from .paired_tests import (
        adjust_holm,
        combine_p_values,
        compare_pairs,
        compute_p_value,
        score_models,
    )
    from .profiles import (
        Comparison,
        Profile,
        compare_classes,
        make_strata,
        measure_gc_content,
        permute_classes,
        scale_maps,
    )
    from .scoring import ClassCounts, compute_metrics, get_ranked_interval
    from .selection import select_explanations

__all__, __getattr__ = open_face(__name__, __file__)
