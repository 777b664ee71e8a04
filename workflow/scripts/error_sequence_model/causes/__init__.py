"""Why errors happen: flags, their tests, and the one list of explanations; mutants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .candidates import MotifRun, label_explanation, read_motif_runs
    from .explanations import Explanations, explain_errors, write_explanations
    from .mutants import measure_rescored
    from .name import NamedCauses, choose_sites, name_causes
    from .outside_facts import hold_facts, read_facts, read_named_causes
    from .peers import ComparedPeers, compare_peers
    from .registry import CAUSES
    from .tracks import read_bed

__all__, __getattr__ = open_face(__name__, __file__)
