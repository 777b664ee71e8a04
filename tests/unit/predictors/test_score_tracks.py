"""The tracks that are written: whole, and of the scores that others published."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyBigWig
import pytest

from error_sequence_model.genome import Genome
from error_sequence_model.predictors import (
    load_predictor,
    read_stretches,
    score_genome,
    score_tracks,
)
from predictor_fixtures import PARITY, REPOSITORY, needs_parity

REAL = Path(
    os.environ.get(
        "SPLICE_ERRORS_REAL_DATA", str(REPOSITORY.parent / "shared" / "real")
    )
)
ROUNDED_TO = 1e-4  # the shared tracks
SMALLEST = 0.001
needs_real = pytest.mark.skipif(
    not (REAL / "human").is_dir(),
    reason=f"no real data in {REAL}; set SPLICE_ERRORS_REAL_DATA",
)


@pytest.mark.real
@needs_parity
@needs_real
def test_human_genes_have_the_scores_that_their_tracks_hold(tmp_path):
    folder = REAL / "human"
    rows = [line.split() for line in (folder / "scanned_regions.bed").open()]
    chosen = []
    for strand in "+-":
        of_strand = [row for row in rows if row[5] == strand]
        of_strand.sort(key=lambda row: int(row[2]) - int(row[1]))
        chosen += of_strand[:4]
    bed = tmp_path / "chosen.bed"
    bed.write_text("".join("\t".join(row) + "\n" for row in chosen))
    weights = PARITY / "openspliceai" / "weights" / "mane_10000nt_rs10.pt"
    predictor = load_predictor("openspliceai", weights, device="cpu")
    with Genome(folder / "genome.fa.gz") as genome:
        stretches = read_stretches(genome, regions=bed)
        score_genome(predictor, genome, stretches, tmp_path / "scores")
    n_compared = 0
    for name in ("donor.plus", "donor.minus", "acceptor.plus", "acceptor.minus"):
        with (
            pyBigWig.open(str(tmp_path / "scores" / f"{name}.bw")) as ours,
            pyBigWig.open(str(folder / f"osai10000.{name}.bw")) as theirs,
        ):
            for stretch in stretches:
                if ("+" if name.endswith("plus") else "-") != stretch.strand:
                    continue
                place = (stretch.chrom, stretch.start, stretch.end)
                found = np.nan_to_num(ours.values(*place, numpy=True))
                wanted = np.nan_to_num(theirs.values(*place, numpy=True))
                is_seen = np.maximum(found, wanted) > SMALLEST + ROUNDED_TO
                n_compared += int(is_seen.sum())
                np.testing.assert_allclose(
                    found[is_seen], wanted[is_seen], rtol=0, atol=0.51 * ROUNDED_TO
                )
    assert n_compared > 10


def test_a_bigwig_that_was_cut_short_is_seen(tmp_path):
    points = score_tracks.Points(
        np.zeros(9, np.int32), np.arange(9, dtype=np.int32), np.ones(9, np.float32)
    )
    key = ("donor", "+")
    parts = [{key: points}]
    nothing = score_tracks.Points(*(values[:0] for values in points))
    parts[0].update(
        {(t, s): nothing for t in ("donor", "acceptor") for s in "+-" if (t, s) != key}
    )
    score_tracks.write_bigwigs(tmp_path, {"one": 100}, ("donor", "acceptor"), parts)
    path = tmp_path / "donor.plus.bw"
    score_tracks._refuse_incomplete(path, path, 9)
    with pytest.raises(OSError, match="No space"):
        score_tracks._refuse_incomplete(path, path, 10)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(OSError, match="No space"):
        score_tracks._refuse_incomplete(path, path, 9)
