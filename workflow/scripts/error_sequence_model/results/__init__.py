"""What a run left on disk, read once, for reports and tracks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .files import (
        Maps,
        find_setting,
        parse_run_path,
        read_attention,
        read_attributions,
        read_maps,
        read_object,
    )
    from .folds import merge_checks
    from .inputs import ReportData, ReportInputs, read_rows, read_sites
    from .run import RunResults
    from .units import (
        Explained,
        Unit,
        build_units,
        describe_clusters,
        get_predicted,
        load_units,
        name_cluster,
    )

__all__, __getattr__ = open_face(__name__, __file__)
