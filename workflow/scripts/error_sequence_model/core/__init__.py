"""What every stage stands on: errors, files, devices, steps, leases, rerun hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faces import open_face

if TYPE_CHECKING:
    from .commands import EXPLAINED_RUN, RUN, make_parser, parse_json, run_step
    from .devices import (
        autocast,
        choose_precision,
        describe_float32,
        evaluating,
        get_device,
        has_amx,
        has_fast_bf16,
        multiplying,
    )
    from .errors import InputError, StoppedError, list_few, list_problems
    from .files import (
        DAMAGE,
        atomic_path,
        open_hdf5,
        read_arrow,
        read_json,
        read_metadata,
        read_saved_table,
        refuse_damage,
        write_json,
        write_parquet,
        write_tsv,
    )
    from .leases import run_leased
    from .logs import get_progress
    from .provenance import (
        get_git_commit,
        get_hardware,
        get_time,
        get_versions,
        hash_file,
    )
    from .shipped import find_shipped
    from .sources import PACKAGE, find_sources, hash_sources
    from .stopping import StopRequest

__all__, __getattr__ = open_face(__name__, __file__)
