"""Means of bigWig tracks around the junction, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.features.track_features import compute_track_features


@pytest.fixture
def track(tmp_path):
    """Value i at base i of chr1:100-160, and nothing elsewhere."""
    path = str(tmp_path / "track.bw")
    with pyBigWig.open(path, "w") as file:
        file.addHeader([("chr1", 1000), ("chr2", 50)])
        values = [float(base) for base in range(100, 160)]
        file.addEntries("chr1", 100, values=values, span=1, step=1)
    return path


def make_sites(*places: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(places, columns=["chrom", "junction"])


def test_means_at_three_scales(track, tmp_path) -> None:
    sites = make_sites(("chr1", 130), ("chr1", 105), ("chr1", 0))
    features, values = compute_track_features(sites, {"phylop": track}, reach=200)
    assert [f.name for f in features] == [f"track:phylop:{s}" for s in (10, 50, 200)]
    bases = np.arange(100, 160)
    for row, junction in enumerate((130, 105)):
        for column, scale in enumerate((10, 50, 200)):
            inside = bases[(bases >= junction - scale) & (bases < junction + scale)]
            assert values[row, column] == pytest.approx(inside.mean())
    assert np.isnan(values[2, :2]).all()
    assert values[2, 2] == pytest.approx(bases[bases < 200].mean())
    _, short = compute_track_features(
        make_sites(("1", 130)), {"phylop": track}, reach=200
    )
    assert short[0].tolist() == values[0].tolist(), "1 is chr1"
    (tmp_path / "names.txt").write_text("NC_1\tchr1\n")
    _, named = compute_track_features(
        make_sites(("NC_1", 130)),
        {"phylop": track},
        reach=200,
        aliases={"": tmp_path / "names.txt"},
    )
    assert named[0].tolist() == values[0].tolist()


def test_pools_name_a_file_per_genome(track) -> None:
    sites = make_sites(("a:chr1", 130), ("b:chr1", 130)).assign(genome=["a", "b"])
    _, values = compute_track_features(sites, {"x": {"a": track}}, reach=10)
    assert values[0, 0] == pytest.approx(np.arange(120, 140).mean())
    assert np.isnan(values[1, 0])
    with pytest.raises(InputError, match="several genomes"):
        compute_track_features(sites, {"x": track}, reach=10)
    with pytest.raises(InputError, match="one path"):
        compute_track_features(
            sites.drop(columns="genome"), {"x": {"a": track}}, reach=10
        )


def test_wrong_files_are_refused(track, tmp_path) -> None:
    sites = make_sites(("scaffold", 10))
    with pytest.raises(InputError, match="none of the sites' contigs"):
        compute_track_features(sites, {"x": track}, reach=10)
    with pytest.raises(InputError, match="no such file"):
        compute_track_features(sites, {"x": str(tmp_path / "no.bw")}, reach=10)
    (tmp_path / "text.bw").write_text("chr1 1 2 3\n")
    with pytest.raises(InputError, match="not a bigWig"):
        compute_track_features(sites, {"x": str(tmp_path / "text.bw")}, reach=10)
