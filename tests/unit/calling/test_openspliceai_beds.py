"""The BED files of OpenSpliceAI's releases, each of one genome's sites."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from error_sequence_model.calling import read_scores
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, Genome
from tiny_calls import scored, write_beds
from tiny_genome import TinyGenome, make_tiny_genome

CHROMS = ("scaffold_1", "ctg|2:b")


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome(chroms=CHROMS)


@pytest.fixture
def fasta(genome: TinyGenome, tmp_path: Path) -> Path:
    return genome.write_fasta(tmp_path / "genome.fa")


def read(tracks: dict, fasta: Path) -> pd.DataFrame:
    with Genome(fasta) as opened:
        found = read_scores(tracks, opened).to_frame()
    return found.sort_values(SITE, ignore_index=True)


def expect(genome: TinyGenome) -> pd.DataFrame:
    found = scored(genome)[[*SITE, "score"]].sort_values(SITE, ignore_index=True)
    return found.astype({"score": "float32"})


def write_stretches(genome: TinyGenome, folder: Path, layout: str) -> dict:
    """By gene: positions from 0 in transcript direction; a donor's is exonic."""
    tracks = {"format": "openspliceai"}
    starts = genome.sites.groupby("gene_id")["junction"].min() - 60
    ends = genome.sites.groupby("gene_id")["junction"].max() + 60  # 0-based half-open
    for kind, rows in scored(genome).groupby("splice_type"):
        lines = []
        for row in rows.itertuples():
            start, end = starts[row.gene_id] + 1, ends[row.gene_id]
            # The base left of the junction in transcript direction, 1-based.
            base = row.junction if row.strand == "+" else row.junction + 1
            place = base - start if row.strand == "+" else end - base
            said = row.strand if layout == "own" else "+"
            name = f"gene-{row.gene_id} {row.chrom}:{start}-{end}({row.strand}):{said}"
            for at, score in ((place, row.score), (-7, 0.9), (end - start + 1, 0.9)):
                if at == place or layout == "padded":
                    fields = (name, at, at + 1, f"{name}_{kind}", score, said)
                    lines.append("\t".join(map(str, (*fields, "absolute_coordinates"))))
        (folder / f"{kind}.bed").write_text("\n".join(lines) + "\n")
        tracks[kind] = str(folder / f"{kind}.bed")
    return tracks


@pytest.mark.parametrize("layout", ["own", "always +", "padded"])
def test_stretches_of_genes_are_read(genome, fasta, tmp_path, layout) -> None:
    found = read(write_stretches(genome, tmp_path, layout), fasta)
    pd.testing.assert_frame_equal(found, expect(genome))


def test_whole_contigs_of_the_plus_strand(genome, fasta, tmp_path, caplog) -> None:
    tracks = write_beds(genome, tmp_path, "two")
    for kind in ("donor", "acceptor"):
        rows = pd.read_csv(tracks[kind], sep="\t", header=None)
        rows = rows[rows[5].eq("+")]
        rows[0] += ":+"
        rows.to_csv(tracks[kind], sep="\t", header=False, index=False)
    expected = expect(genome)
    expected = expected[expected["strand"].eq("+")].reset_index(drop=True)
    pd.testing.assert_frame_equal(read(tracks, fasta), expected)
    assert "predicted without an annotation" in caplog.text


def test_starts_after_ends_are_exchanged(genome, fasta, tmp_path, caplog) -> None:
    tracks = write_beds(genome, tmp_path, "two")
    rows = pd.read_csv(tracks["donor"], sep="\t", header=None)
    turned = rows[[0, 2, 1, 3, 4, 5]]
    turned.to_csv(tracks["donor"], sep="\t", header=False, index=False)
    pd.testing.assert_frame_equal(read(tracks, fasta), expect(genome))
    assert "as release 0.0.4 writes" in caplog.text
    # One such row is a mistake of another kind.
    rows.loc[3, [1, 2]] = rows.loc[3, [2, 1]].to_numpy()
    rows.to_csv(tracks["donor"], sep="\t", header=False, index=False)
    with pytest.raises(InputError, match="row 4"):
        read(tracks, fasta)
