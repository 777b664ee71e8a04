"""The PDF reports, their words, the site browser, the summary on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .arguments import get_report_options, make_report_parser
    from .browser import fill_template, write_browser
    from .contents import list_pages
    from .findings.answers import (
        answer_causes,
        answer_gain,
        answer_motifs,
        answer_trust,
    )
    from .findings.assessment import (
        describe_ensemble,
        describe_pairs,
        read_unit_assessment,
    )
    from .findings.causes import (
        ADVICE,
        describe_coverage,
        describe_left_out,
        measure_rest,
        read_unit_causes,
    )
    from .findings.checks import describe_labels, describe_seeds, describe_view
    from .findings.in_short import describe_in_short, name_units
    from .findings.methods_text import describe_computation, describe_methods
    from .findings.motifs import (
        describe_motif_control,
        describe_motifs,
        format_q,
        format_ratio,
        read_unit_motifs,
    )
    from .findings.statistics import MapStatistics
    from .findings.subtypes import group_maps, measure_silhouette
    from .findings.words import describe_gain, get_best_row, measure_gain
    from .result_figure import draw_result, write_figure
    from .screen import describe_results
    from .sections.assessment import make_assessment_pages
    from .sections.causes import arrange_rows, make_cause_pages
    from .sections.data import split_prefix
    from .sections.hybrid import (
        describe_hybrid,
        make_hybrid_pages,
        read_unit_shap,
        say_feature,
    )
    from .sections.methods import describe_provenance
    from .sections.motifs import make_motif_pages
    from .sections.overview import collect_answers
    from .sections.sites import choose_exemplars
    from .sections.subtypes import find_stretch, make_subtype_page
    from .sections.trust import collect_checks, make_trust_pages
    from .sections.verification import describe_verdicts, make_verification_pages
    from .write import (
        collect_statistics,
        load_report_data,
        plan_error_report,
        write_error_report,
        write_overview,
        write_pages,
    )

__all__ = [
    "ADVICE",
    "MapStatistics",
    "answer_causes",
    "answer_gain",
    "answer_motifs",
    "answer_trust",
    "arrange_rows",
    "choose_exemplars",
    "collect_answers",
    "collect_checks",
    "collect_statistics",
    "describe_computation",
    "describe_coverage",
    "describe_ensemble",
    "describe_gain",
    "describe_hybrid",
    "describe_in_short",
    "describe_labels",
    "describe_left_out",
    "describe_methods",
    "describe_motif_control",
    "describe_motifs",
    "describe_pairs",
    "describe_provenance",
    "describe_results",
    "describe_seeds",
    "describe_verdicts",
    "describe_view",
    "draw_result",
    "fill_template",
    "find_stretch",
    "format_q",
    "format_ratio",
    "get_best_row",
    "get_report_options",
    "group_maps",
    "list_pages",
    "load_report_data",
    "make_assessment_pages",
    "make_cause_pages",
    "make_hybrid_pages",
    "make_motif_pages",
    "make_report_parser",
    "make_subtype_page",
    "make_trust_pages",
    "make_verification_pages",
    "measure_gain",
    "measure_rest",
    "measure_silhouette",
    "name_units",
    "plan_error_report",
    "read_unit_assessment",
    "read_unit_causes",
    "read_unit_motifs",
    "read_unit_shap",
    "say_feature",
    "split_prefix",
    "write_browser",
    "write_error_report",
    "write_figure",
    "write_overview",
    "write_pages",
]

__getattr__ = open_face(__name__, __file__)
