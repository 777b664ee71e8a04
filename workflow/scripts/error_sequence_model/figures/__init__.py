"""Style, curves, logos, profiles, pages: data and axes in, axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .curves import (
        Curve,
        get_areas,
        get_curves,
        get_reliability,
        plot_confusion,
        plot_curve,
        plot_forest,
        plot_history,
        plot_ratios,
        plot_reliability,
        plot_scores,
        plot_stacked_counts,
    )
    from .elements import Element, find_elements
    from .logos import BASES, get_contributions, get_logo_limit, plot_logo
    from .numbers import (
        count_words,
        format_estimate,
        format_estimates,
        format_interval,
        format_number,
        format_p,
        format_q,
        format_ratio,
        format_ratios,
        format_scores,
        format_share,
        format_signed,
        join_words,
    )
    from .page import (
        BODY_TOP,
        Block,
        Page,
        PageSpec,
        draw_blocks,
        make_note_page,
        measure_rest,
        split_blocks,
        write_pages,
    )
    from .profile_plots import (
        arrange_regions,
        get_limit,
        mark_junction,
        plot_difference,
        plot_heads,
        plot_profile,
        plot_region_effects,
        plot_region_lane,
    )
    from .sequence_rows import (
        ATTENTION_COLOUR,
        clear_axes,
        draw_attention,
        draw_attribution,
        draw_boxes,
        draw_letters,
        draw_ruler,
        draw_tokens,
        has_long_tokens,
        round_up,
    )
    from .sequence_view import SequenceView, draw_sequence_view
    from .style import (
        BAD,
        BASE_COLOURS,
        BODY_WIDTH,
        CLASS_COLOURS,
        CLASS_NAMES,
        GOOD,
        GRID,
        INK,
        LINK,
        MARGIN,
        MUTED,
        NEGATIVE,
        POSITIVE,
        RULE,
        SERIES_COLOURS,
        SHADE,
        SMALL_SIZE,
        SPLICE_COLOURS,
        get_class_colour,
        measure_text,
        say_nothing_to_draw,
        shorten_text,
        use_style,
        wrap_text,
    )
    from .table_block import Column, draw_table
    from .upset import count_combinations, plot_upset

__all__, __getattr__ = open_face(__name__, __file__)
