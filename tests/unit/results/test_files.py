"""Maps written and read back."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from error_sequence_model.attribution import write_map_file
from error_sequence_model.core import InputError
from error_sequence_model.results import read_maps


def test_maps_round_trip_and_nan_is_not_written(tmp_path) -> None:
    maps = np.arange(12, dtype=np.float32).reshape(3, 4)
    good = {"attributions": maps, "completeness_error": np.full(3, np.nan)}
    write_map_file(tmp_path / "a.h5", np.array([5, 6, 9]), good, {"upstream": 2})
    frame = read_maps(tmp_path / "a.h5")
    assert frame.index.tolist() == [5, 6, 9]
    assert np.array_equal(frame.to_numpy(), maps)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["upstream"] == 2
        assert "completeness_error" not in file
        assert file["attributions"].dtype == np.float32
    bad = {"attributions": np.full((3, 4), np.nan)}
    with pytest.raises(ValueError, match="NaN"):
        write_map_file(tmp_path / "b.h5", np.arange(3), bad, {})
    assert not (tmp_path / "b.h5").exists()
    with pytest.raises(InputError, match="no maps 'rollout'"):
        read_maps(tmp_path / "a.h5", "rollout")
    with pytest.raises(InputError, match="no such file"):
        read_maps(tmp_path / "c.h5")
