"""The PDF reports, their words, the site browser, the summary on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .arguments import get_report_options, make_report_parser
    from .browser import write_browser
    from .findings.words import get_best_row, measure_gain
    from .result_figure import draw_result, write_figure
    from .screen import describe_results
    from .sections.data import split_prefix
    from .write import (
        collect_statistics,
        load_report_data,
        plan_error_report,
        write_error_report,
        write_overview,
        write_pages,
    )

__all__ = [
    "collect_statistics",
    "describe_results",
    "draw_result",
    "get_best_row",
    "get_report_options",
    "load_report_data",
    "make_report_parser",
    "measure_gain",
    "plan_error_report",
    "split_prefix",
    "write_browser",
    "write_error_report",
    "write_figure",
    "write_overview",
    "write_pages",
]

__getattr__ = open_face(__name__, __file__)
