"""The PDF reports, their words, the site browser, the summary on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .beside_figure import draw_beside
    from .browser import write_browser
    from .result_figure import draw_result, write_figure
    from .screen import describe_results
    from .write import (
        get_report_inputs,
        make_report_parser,
        write_error_report,
        write_overview,
    )

__all__, __getattr__ = open_face(__name__, __file__)
