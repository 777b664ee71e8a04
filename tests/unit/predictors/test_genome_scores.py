"""A genome is scored part by part, each base once, and a killed job goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_sequence_model.core import InputError
from error_sequence_model.genome import Genome, open_bigwig, reverse_complement
from error_sequence_model.predictors import (
    Stretch,
    genome_scores,
    join_stretches,
    load_predictor,
    read_stretches,
    score_genome,
    score_tracks,
)
from error_sequence_model.predictors.genome_scores import get_part_size
from error_sequence_model.predictors.tiles import score_stretches
from made_predictors import make_sequence, write_openspliceai, write_pangolin

SCRIPT = Path(__file__).resolve().parents[3] / "workflow" / "scripts" / "score.py"
# Small parts; the process is killed after the part of the given number.
KILLED = """
import os, runpy, sys
from error_sequence_model.predictors import genome_scores
genome_scores.PART_BASES = 1000
do_part = genome_scores._do_part
last = int(sys.argv[1])
def do(plan, number, *rest):
    do_part(plan, number, *rest)
    if number == last:
        os.kill(os.getpid(), 9)
genome_scores._do_part = do
sys.argv[:] = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
CONTIGS = {
    "one": make_sequence(5000, 1),
    "gap": make_sequence(900, 2) + "N" * 3000 + make_sequence(700, 3),
    "tiny": "ACGTAGGTAAGT",
    "empty": "N" * 500,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scoring")
    text = "".join(f">{name}\n{bases}\n" for name, bases in CONTIGS.items())
    (folder / "genome.fa").write_text(text)
    write_openspliceai(folder / "a.pt", n_units=8)
    return folder


@pytest.fixture(scope="module")
def genome(folder):
    with Genome(folder / "genome.fa") as genome:
        yield genome


@pytest.fixture(scope="module")
def predictor(folder):
    return load_predictor("openspliceai", folder / "a.pt", device="cpu")


def score_plainly(predictor, chrom: str, strand: str) -> np.ndarray:
    """All scores of a contig, (length, channels), in genome order; N scores 0."""
    sequence = CONTIGS[chrom]
    if strand == "-":
        sequence = reverse_complement(sequence)
    flank = "N" * predictor.context
    scores = predictor.predict(flank + sequence + flank)
    scores[np.array(list(sequence)) == "N"] = 0
    return scores if strand == "+" else scores[::-1]


def read_track(path: Path, chrom: str) -> np.ndarray:
    with pyBigWig.open(str(path)) as track:
        values = track.values(chrom, 0, len(CONTIGS[chrom]), numpy=True)
    return np.nan_to_num(values)


def test_bigwigs_hold_the_scores_of_both_strands(predictor, genome, tmp_path):
    stretches = read_stretches(genome)
    said = score_genome(predictor, genome, stretches, tmp_path / "scores")
    for column, track in enumerate(predictor.channels):
        if track == "neither":
            continue
        for strand, name in (("+", "plus"), ("-", "minus")):
            path = tmp_path / "scores" / f"{track}.{name}.bw"
            for chrom in CONTIGS:
                wanted = score_plainly(predictor, chrom, strand)[:, column]
                wanted = np.where(wanted >= 0.001, wanted, 0)
                got = read_track(path, chrom)
                np.testing.assert_allclose(got, wanted, atol=2e-6)
    assert sorted(p.name for p in (tmp_path / "scores").iterdir()) == [
        "acceptor.minus.bw",
        "acceptor.plus.bw",
        "donor.minus.bw",
        "donor.plus.bw",
        "provenance.json",
        "regions.bed",
    ]
    assert json.loads((tmp_path / "scores" / "provenance.json").read_text()) == said
    assert said["weights"][0]["file"] == "a.pt"
    assert said["bases"] == 2 * sum(map(len, CONTIGS.values()))
    assert "GPL-3" in said["licence"]


def test_the_table_is_what_the_calling_reads(predictor, genome, tmp_path):
    from error_sequence_model.calling import read_scores

    stretches = read_stretches(genome)
    score_genome(predictor, genome, stretches, tmp_path / "scores")
    score_genome(predictor, genome, stretches, tmp_path / "scores.tsv.gz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scores", "scores.tsv.gz"]
    files = {
        track: {
            strand: tmp_path / "scores" / f"{track}.{name}.bw"
            for strand, name in (("+", "plus"), ("-", "minus"))
        }
        for track in ("donor", "acceptor")
    }
    table = {"format": "table", "path": tmp_path / "scores.tsv.gz"}
    options = {"minimum": 0.001}
    by_table = read_scores(table, genome, **options).to_frame()
    tracks = {"format": "bigwig", **files}
    by_bigwig = read_scores(tracks, genome, **options).to_frame()
    pd.testing.assert_frame_equal(by_table, by_bigwig, rtol=1e-5)
    # Junctions: the score lies on the exonic base.
    plus = by_bigwig[by_bigwig["chrom"].eq("one") & by_bigwig["strand"].eq("+")]
    donors = plus[plus["splice_type"].eq("donor")]
    scores = score_plainly(predictor, "one", "+")[:, 2]
    np.testing.assert_allclose(scores[donors["junction"] - 1], donors["score"], 1e-4)


@settings(max_examples=30)
@given(data=st.data())
def test_no_base_is_scored_twice(folder, data):
    rows = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["one", "gap"]),
                st.integers(0, 4000),
                st.integers(1, 900),
                st.sampled_from("+-"),
            ),
            min_size=1,
            max_size=12,
        )
    )
    flank = data.draw(st.integers(0, 100))
    frame = pd.DataFrame(
        [(chrom, start, start + size, strand) for chrom, start, size, strand in rows],
        columns=["chrom", "start", "end", "strand"],
    )
    with Genome(folder / "genome.fa") as genome:
        found = join_stretches(frame, genome, flank=flank)
    counts = {(c, s): np.zeros(len(CONTIGS[c]), int) for c in CONTIGS for s in "+-"}
    wanted = {key: np.zeros_like(value) for key, value in counts.items()}
    for stretch in found:
        counts[stretch.chrom, stretch.strand][stretch.start : stretch.end] += 1
    for row in frame.itertuples():
        wanted[row.chrom, row.strand][max(0, row.start - flank) : row.end + flank] = 1
    for key, value in counts.items():
        np.testing.assert_array_equal(value, wanted[key])


def test_stretches_beyond_their_contig_are_said(folder, tmp_path, caplog):
    name, bases = next(iter(CONTIGS.items()))
    bed = tmp_path / "regions.bed"
    bed.write_text(f"{name}\t10\t{len(bases) + 5}\tx\t0\t+\n{name}\t1\t5\ty\t0\t-\n")
    with Genome(folder / "genome.fa") as genome:
        found = read_stretches(genome, regions=bed, flank=20)
    assert {(s.start, s.end) for s in found} == {(0, len(bases)), (0, 25)}
    (told,) = [text for text in caplog.messages if "beyond their contig" in text]
    assert f"1 stretches end beyond their contig, such as {name}:10-" in told
    assert str(bed) in told


@settings(max_examples=10)
@given(edges=st.lists(st.integers(0, 5000), min_size=2, max_size=8, unique=True))
def test_stretches_have_their_real_flanks(folder, predictor, edges):
    edges = sorted(edges)
    pairs = zip(edges[:-1:2], edges[1::2], strict=False)
    stretches = [
        Stretch("one", start, end, strand) for start, end in pairs for strand in "+-"
    ]
    whole = {strand: score_plainly(predictor, "one", strand) for strand in "+-"}
    with Genome(folder / "genome.fa") as genome:
        scored = list(score_stretches(predictor, genome, stretches))
    assert [s.stretch for s in scored] == stretches
    for part in scored:
        found = whole[part.stretch.strand][part.stretch.start : part.stretch.end]
        np.testing.assert_allclose(part.scores["donor"], found[:, 2], atol=2e-6)
        np.testing.assert_allclose(part.scores["acceptor"], found[:, 1], atol=2e-6)


def test_long_stretches_are_cut_into_tiles(folder, predictor, genome, monkeypatch):
    whole = [*score_stretches(predictor, genome, [Stretch("one", 0, 5000, "-")])]
    monkeypatch.setattr(type(predictor), "tile", 700)
    cut = [*score_stretches(predictor, genome, [Stretch("one", 0, 5000, "-")])]
    assert len(whole) == 1
    assert len(cut) == 8
    joined = np.concatenate([part.scores["donor"] for part in cut])
    np.testing.assert_allclose(joined, whole[0].scores["donor"], atol=2e-6)


def test_little_is_computed_for_context(tmp_path):
    write_openspliceai(tmp_path / "a.pt", n_units=16, width=2)
    predictor = load_predictor("openspliceai", tmp_path / "a.pt", device="cpu")
    share = 2 * predictor.context / predictor.tile
    assert share < 0.03


def test_what_lies_near_shares_its_context(predictor, genome, monkeypatch):
    """Three genes 300 bases apart, with contexts of 200, and one far away."""
    places = ((1000, 1100), (1400, 1500), (1800, 1900), (4000, 4100))
    computed = []
    score = predictor.score_codes
    monkeypatch.setattr(
        predictor, "score_codes", lambda c: computed.append(len(c)) or score(c)
    )
    for strand in "+-":
        stretches = [Stretch("one", *place, strand) for place in places]
        scored = list(score_stretches(predictor, genome, stretches))
        assert [part.stretch for part in scored] == stretches
        whole = score_plainly(predictor, "one", strand)
        for part in scored:
            wanted = whole[part.stretch.start : part.stretch.end]
            np.testing.assert_allclose(part.scores["donor"], wanted[:, 2], atol=2e-6)
    near, far = 900 + 2 * predictor.context, 100 + 2 * predictor.context
    flanked = 5000 + 2 * predictor.context
    assert [n for n in computed if n != flanked] == [near + far] * 2


def test_n_alone_is_not_computed(predictor, genome, monkeypatch):
    def refuse(codes):
        raise AssertionError("N was computed")

    monkeypatch.setattr(predictor, "score_codes", refuse)
    (scored,) = score_stretches(predictor, genome, [Stretch("empty", 0, 500, "+")])
    assert not scored.scores["donor"].any()


def test_tracks_without_a_score_are_sound_files(predictor, genome, tmp_path):
    stretches = read_stretches(genome)
    out = tmp_path / "scores"
    said = score_genome(predictor, genome, stretches, out, minimum=0.999999)
    assert set(said["scored"].values()) == {0}
    for path in out.glob("*.bw"):
        with open_bigwig(path, what="scores") as track:
            assert track.intervals("one") == ((0, 1, 0.0),)
            assert track.intervals("empty") is None


def test_nothing_but_n_is_refused(predictor, genome, tmp_path):
    stretches = [Stretch("empty", 0, 500, "+"), Stretch("gap", 900, 3900, "-")]
    with pytest.raises(InputError, match=r"all 3,500 bases to score are N"):
        score_genome(predictor, genome, stretches, tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_a_part_is_smaller_where_little_is_scored():
    sizes = {
        total: get_part_size([Stretch("one", 0, total, "+")])
        for total in (10, 10**7, 10**9)
    }
    assert sizes == {10: 500_000, 10**7: 625_000, 10**9: 4_000_000}


def test_shares_of_the_work_are_put_together(predictor, genome, tmp_path, monkeypatch):
    monkeypatch.setattr(genome_scores, "PART_BASES", 1000)
    stretches = read_stretches(genome)
    score_genome(predictor, genome, stretches, tmp_path / "alone")
    for part in ("1/3", "3/3"):
        assert (
            score_genome(predictor, genome, stretches, tmp_path / "shared", part=part)
            is None
        )
    assert [p.name for p in (tmp_path / "shared").iterdir()] == ["parts"]
    done = list((tmp_path / "shared").glob("parts/*/*.npz"))
    before = {path: path.stat().st_mtime_ns for path in done}
    score_genome(predictor, genome, stretches, tmp_path / "shared", part="2/3")
    assert {path: path.stat().st_mtime_ns for path in done} == before
    monkeypatch.setattr(predictor, "score_codes", None)
    score_genome(predictor, genome, stretches, tmp_path / "shared")
    for path in (tmp_path / "alone").glob("*.bw"):
        for chrom in CONTIGS:
            np.testing.assert_allclose(
                read_track(tmp_path / "shared" / path.name, chrom),
                read_track(path, chrom),
                atol=2e-6,
            )


def test_parts_of_other_weights_are_not_taken(predictor, genome, tmp_path, monkeypatch):
    monkeypatch.setattr(genome_scores, "PART_BASES", 1000)
    stretches = read_stretches(genome)
    out = tmp_path / "scores"
    score_genome(predictor, genome, stretches, out, part="1/2")
    write_openspliceai(tmp_path / "b.pt", n_units=8, seed=9)
    other = load_predictor("openspliceai", tmp_path / "b.pt", device="cpu")
    score_genome(other, genome, stretches, out)
    wanted = score_plainly(other, "one", "+")[:, 2]
    np.testing.assert_allclose(
        read_track(out / "donor.plus.bw", "one"),
        np.where(wanted >= 0.001, wanted, 0),
        atol=2e-6,
    )


def test_a_killed_job_goes_on(folder, tmp_path):
    """Killed after its first part, it does the others only, and ends the same."""
    command = [sys.executable, SCRIPT, "--model", "openspliceai", "--weights"]
    command += [folder / "a.pt", "--genome", folder / "genome.fa", "--device", "cpu"]
    words = [sys.executable, "-c", KILLED]
    options = [*command[1:], "--output", tmp_path / "scores"]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    killed = subprocess.run(
        [*words, "2", *options], env=environment, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list((tmp_path / "scores").glob("parts/*/*.npz"))) == 3
    again = subprocess.run(
        [*words, "-1", *options], env=environment, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    assert "3 of" in again.stderr
    assert "bases/s" in again.stderr
    assert not (tmp_path / "scores" / "parts").exists()
    assert (tmp_path / "scores" / "donor.plus.bw").is_file()


def test_the_script_scores_genes_of_an_annotation(folder, tmp_path):
    gtf = tmp_path / "genes.gtf"
    gtf.write_text(
        'one\tx\tgene\t101\t600\t.\t-\t.\tgene_id "a"; gene_biotype "protein_coding";\n'
        'one\tx\texon\t101\t600\t.\t-\t.\tgene_id "a"; transcript_id "t";\n'
        'gone\tx\tgene\t1\t9\t.\t+\t.\tgene_id "b"; gene_biotype "protein_coding";\n'
    )
    words = ["--model", "openspliceai", "--weights", folder / "a.pt"]
    words += ["--genome", folder / "genome.fa", "--annotation", gtf, "--flank", "50"]
    words += ["--precision", "fp32", "--output", tmp_path / "scores"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *words],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    bed = (tmp_path / "scores" / "regions.bed").read_text()
    assert bed == "one\t50\t650\t.\t0\t-\n"


def test_too_little_room_is_said_before_scoring(
    predictor, genome, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        score_tracks.shutil, "disk_usage", lambda path: type("U", (), {"free": 1000})
    )
    monkeypatch.setattr(predictor, "score_codes", None)
    with pytest.raises(InputError, match="make room"):
        score_genome(predictor, genome, read_stretches(genome), tmp_path / "scores")


def test_a_full_disk_leaves_no_half_written_file(
    predictor, genome, tmp_path, monkeypatch
):
    stretches = read_stretches(genome)
    out = tmp_path / "scores"

    def cut_short(place, path, count):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(score_tracks, "_refuse_incomplete", cut_short)
        with pytest.raises(OSError, match="No space"):
            score_genome(predictor, genome, stretches, out)
    assert [p.name for p in out.iterdir()] == ["parts"]
    # The parts are there: with room, the files are written without scoring again.
    monkeypatch.setattr(predictor, "score_codes", None)
    score_genome(predictor, genome, stretches, out)
    assert (out / "donor.plus.bw").is_file()


def test_pangolins_scores_get_types_and_usage_a_track(tmp_path):
    sequence = make_sequence(3000, 5, letters="ACGT")
    (tmp_path / "genome.fa").write_text(f">one\n{sequence}\n")
    write_pangolin(tmp_path / "final.1.0.3.v2", width=4)
    write_pangolin(tmp_path / "final.1.1.3", width=4, seed=2)
    predictor = load_predictor("pangolin", tmp_path, tissue="heart", device="cpu")
    with Genome(tmp_path / "genome.fa") as genome:
        stretches = read_stretches(genome)
        said = score_genome(predictor, genome, stretches, tmp_path / "scores")
    assert said["untyped_scores_of_half_or_more"] >= 0
    flank = "N" * predictor.context
    scores = predictor.predict(flank + sequence + flank)
    with pyBigWig.open(str(tmp_path / "scores" / "donor.plus.bw")) as track:
        donors = track.intervals("one")
    assert donors
    for start, _, value in donors:
        assert sequence[start + 1 : start + 3] in ("GT", "GC")
        assert value == pytest.approx(scores[start, 0], abs=2e-6)
    with pyBigWig.open(str(tmp_path / "scores" / "usage.minus.bw")) as track:
        assert track.intervals("one")


def test_bf16_is_compared_with_fp32(folder, genome, tmp_path):
    predictor = load_predictor("openspliceai", folder / "a.pt", precision="bf16")
    stretches = [Stretch("one", 0, 2000, "+")]
    said = score_genome(predictor, genome, stretches, tmp_path / "scores")
    assert 0 < said["largest_difference_to_fp32"] < 0.2
    assert said["precision"] == ["bf16"]
