from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pysam
import pytest

from error_sequence_model.core import InputError, write_json
from error_sequence_model.genome import (
    Genome,
    Variants,
    clean_bases,
    reverse_complement,
)
from error_sequence_model.statistics import find_high_regions, find_threshold
from error_sequence_model.tracks import Source, write_tracks
from error_sequence_model.tracks.files import (
    average_places,
    make_prediction_rows,
    write_bigwig,
)
from error_sequence_model.tracks.places import place_sites, place_windows
from error_sequence_model.windows import read_windows, write_windows

UPSTREAM, DOWNSTREAM = 4, 6


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    """Two contigs of random bases: no stretch of ten is there twice."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    texts = {name: "".join(rng.choice(list("ACGT"), 300)) for name in ("b", "a")}
    path.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    pysam.faidx(str(path))
    return path


def make_sites(rows: list[tuple]) -> pd.DataFrame:
    columns = ["chrom", "junction", "strand", "splice_type", "pred_type", "gene_name"]
    sites = pd.DataFrame(rows, columns=columns)
    sites.insert(0, "site_id", np.arange(len(sites)))
    return sites.assign(score=0.5, gene_id="ENSG1")


SITES = [
    ("a", 100, "+", "donor", "FN", "gene one"),
    ("a", 103, "-", "donor", "FN", None),
    ("a", 2, "+", "donor", "TP", "x"),
    ("a", 299, "-", "donor", "TP", "x"),
    ("b", 50, "-", "donor", "FN", "y"),
    ("b", 60, "+", "donor", "TP", "z"),
]


def write_run(folder: Path, sites: pd.DataFrame, maps: np.ndarray, **checks) -> Path:
    run = folder / "results/p/fn_vs_tp/donor/encoder/seed1/fold0"
    (run / "attributions").mkdir(parents=True)
    labels = (sites["pred_type"] == "FN").astype("int8")
    split = pd.DataFrame({"site_id": sites["site_id"], "label": labels, "fold": 0})
    split.assign(part="test").to_parquet(run.parents[2] / "split.parquet")
    predictions = split[["site_id", "label"]].assign(part="test")
    predictions["probability_error"] = np.linspace(0.05, 0.95, len(sites))
    predictions["probability_correct"] = 1 - predictions["probability_error"]
    predictions.to_parquet(run / "predictions.parquet")
    metrics = {"classes": ["correct", "error"], "validation": {"auprc": 0.7}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    methods = {"saliency": checks or {"passed": True}}
    (run / "faithfulness.json").write_text(json.dumps({"methods": methods}))
    with h5py.File(run / "attributions" / "saliency.h5", "w") as file:
        file["site_id"], file["attributions"] = sites["site_id"].to_numpy(), maps
        file.attrs["upstream"] = UPSTREAM
    sites.to_parquet(folder / "sites.parquet")
    return run


def read_bases(path: Path) -> dict[tuple[str, int], float]:
    with pyBigWig.open(str(path)) as file:
        return {
            (chrom, place): value
            for chrom in file.chroms()
            for start, end, value in file.intervals(chrom) or ()
            for place in range(start, end)
        }


def read_bed(path: Path) -> pd.DataFrame:
    names = ["chrom", "start", "end", "name", "score", "strand", "a", "b", "rgb"]
    return pd.read_csv(path, sep="\t", skiprows=1, names=names)


def test_windows_lie_where_they_were_cut(genome, tmp_path) -> None:
    sites = make_sites(SITES)
    sites.to_parquet(tmp_path / "sites.parquet")
    out = tmp_path / "windows.arrow"
    write_windows(tmp_path / "sites.parquet", genome, UPSTREAM, DOWNSTREAM, out)
    windows = read_windows(out).get_sequences()
    with Genome(genome) as opened:
        sides = {"upstream": UPSTREAM, "downstream": DOWNSTREAM}
        placed = place_sites(sites, opened, **sides)
        for site, window, places in zip(
            sites.itertuples(), windows, placed, strict=True
        ):
            bases = "".join(
                opened.fetch(site.chrom, p, p + 1) if p >= 0 else "N" for p in places
            )
            if site.strand == "-":
                bases = reverse_complement(bases)[::-1]
            assert bases == window
    assert placed[0].tolist() == [96, 97, 98, 99, 100, 101, 102, 103, 104, 105]
    assert placed[1].tolist() == [106, 105, 104, 103, 102, 101, 100, 99, 98, 97]
    assert placed[2].tolist() == [-1, -1, *range(8)]
    assert placed[3].tolist() == [-1, -1, -1, 299, 298, 297, 296, 295, 294, 293]


def test_a_hand_made_case_on_both_strands(genome, tmp_path) -> None:
    sites = make_sites(SITES)
    maps = np.zeros((6, 10), dtype=np.float32)
    maps[0, 4] = 1.0  # + : offset 0 is base 100
    maps[1, 4] = 5.0  # - : offset 0 is base 102
    maps[1, 3] = 3.0  # - : offset -1 is base 103
    maps[0, 6] = -1.0  # + : offset 2 is base 102 as well: the mean is 2
    maps[2, 0] = 9.0  # before the contig's start
    maps[2, 2] = 7.0  # its first base
    maps[3, 3] = 6.0  # its last base
    run = write_run(tmp_path, sites, maps)
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome)],
    )
    plus, minus, right, last = (
        read_bases(output / f"fn_vs_tp.donor.saliency.{name}.bw")
        for name in ("FN.plus", "FN.minus", "TP.plus", "TP.minus")
    )
    # Sites of both strands overlap, and do not mix.
    assert {p: v for p, v in plus.items() if v} == {("a", 100): 1.0, ("a", 102): -1.0}
    assert {p: v for p, v in minus.items() if v} == {("a", 102): 5.0, ("a", 103): 3.0}
    assert set(plus) == {("a", i) for i in range(96, 106)}
    assert {p for p in minus if p[0] == "b"} == {("b", i) for i in range(44, 54)}
    assert {p: v for p, v in right.items() if v} == {("a", 0): 7.0}
    assert {p: v for p, v in last.items() if v} == {("a", 299): 6.0}
    assert min(place for chrom, place in right if chrom == "a") == 0
    with pyBigWig.open(str(output / "fn_vs_tp.donor.saliency.FN.plus.bw")) as file:
        assert file.chroms() == {"a": 300, "b": 300}
        assert not np.isnan(file.values("a", 96, 106)).any()
    predictions = read_bed(output / "fn_vs_tp.donor.predictions.bed")
    assert predictions["chrom"].tolist() == ["a"] * 4 + ["b"] * 2
    assert predictions["start"].tolist() == [1, 99, 102, 298, 49, 59]
    assert (predictions["end"] - predictions["start"] == 2).all()
    named = dict(zip(predictions["name"], predictions["score"], strict=True))
    assert named["gene_one|FN|P=0.050"] == 50
    assert named["ENSG1|FN|P=0.230"] == 230
    listed = pd.read_csv(output / "tracks.tsv", sep="\t")
    assert set(listed["file"]) == {
        path.name for path in output.iterdir() if path.suffix in (".bw", ".bed")
    }
    assert set(listed["faithfulness"].dropna()) == {"passed"}


def test_bases_that_a_method_was_not_asked_for_have_no_value(genome, tmp_path) -> None:
    sites = make_sites(SITES)
    run = write_run(tmp_path, sites, np.ones((6, 10), dtype=np.float32))
    with h5py.File(run / "attributions" / "saliency.h5", "r+") as file:
        file.attrs["first"], file.attrs["last"] = 3, 5
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome)],
    )
    found = [
        place
        for strand in ("plus", "minus")
        for chrom, place in read_bases(
            output / f"fn_vs_tp.donor.saliency.FN.{strand}.bw"
        )
        if chrom == "a"
    ]
    assert sorted(found) == [99, 100, 101, 101, 102, 103]


def test_regions_are_named_scored_and_sorted(genome, tmp_path) -> None:
    sites = make_sites(SITES)
    maps = np.full((6, 10), 0.01, dtype=np.float32)
    maps[0, 3:6] = 1.0  # bases 99 to 101
    maps[1, 0:3] = -0.8  # bases 106 to 104, from its 5' end
    run = write_run(tmp_path, sites, maps, passed=False)
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome)],
    )
    path = output / "fn_vs_tp.donor.saliency.regions.bed"
    assert "(faithfulness FAILED)" in path.read_text().splitlines()[0]
    bed = read_bed(path)
    # 60 bases: the 95th percentile lies between the third and the fourth.
    assert bed["start"].tolist() == [99]
    assert bed["end"].tolist() == [102]
    assert bed["name"].tolist() == ["gene_one|FN|donor|-1..+1"]
    assert bed["strand"].tolist() == ["+"]
    assert bed["score"].between(900, 1000).all()
    rows = pd.read_csv(output / "tracks.tsv", sep="\t")
    assert set(rows["faithfulness"].dropna()) == {"FAILED"}


def test_a_hub_names_every_bigwig_by_a_path_beside_it(genome, tmp_path) -> None:
    run = write_run(tmp_path, make_sites(SITES), np.ones((6, 10), dtype=np.float32))
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome, assembly="hg38")],
    )
    hub = read_stanzas(output / "hub.txt")[0]
    (entry,) = read_stanzas(output / hub["genomesFile"])
    assert entry["genome"] == "hg38"
    tracks = read_stanzas(output / entry["trackDb"])
    assert {track["bigDataUrl"] for track in tracks} == {
        path.name for path in output.glob("*.bw")
    }
    assert len({track["track"] for track in tracks}) == len(tracks) == 4
    assert all(track["type"] == "bigWig" for track in tracks)


def read_stanzas(path: Path) -> list[dict[str, str]]:
    return [
        dict(line.split(" ", 1) for line in stanza.splitlines())
        for stanza in path.read_text().strip().split("\n\n")
    ]


def test_words_lie_on_their_bases_on_both_strands(genome, tmp_path) -> None:
    sites = make_sites(SITES)
    run = write_run(tmp_path, sites, np.ones((6, 10), dtype=np.float32))
    windows = tmp_path / "windows.arrow"
    write_windows(tmp_path / "sites.parquet", genome, UPSTREAM, DOWNSTREAM, windows)
    words = dict(zip(range(6), read_windows(windows).get_sequences(), strict=True))
    # The word of sites 0 (on +) and 4 (on -) at offsets 1 to 4, by its own letters.
    group, letters = run.parents[2], words[0][5:9]
    table = {"kind": ["motif"], "explanation": ["error_1"], "name": ["my word"]}
    table |= {"is_named": [True], "is_absence": [False]}
    pd.DataFrame(table).to_csv(group / "explanations.tsv", sep="\t", index=False)
    levels = {"site_id": range(6), "label": 1, "error_1": [2, 0, 0, 0, 2, 0]}
    pd.DataFrame(levels).to_parquet(group / "explanations.parquet")
    # Where it explains errors, not where the maps had it.
    write_json(group / "explanations.json", {"stretches": {"error_1": [1, 5]}})
    motif = {"motif": ["error_1"], "start": [-4], "end": [0]}
    pd.DataFrame(motif).to_csv(run / "motifs.tsv", sep="\t", index=False)
    empty = pd.DataFrame(columns=["element", "region", "consensus"])
    empty.to_csv(run / "elements.tsv", sep="\t", index=False)
    matrix = [[float(base == letter) for base in "ACGT"] for letter in letters]
    entry = {"motif": "error_1", "matrix": matrix, "contributions": matrix}
    (run / "motifs.json").write_text(json.dumps({"motifs": [entry]}))
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome)],
        windows=windows,
    )
    bed = read_bed(output / "fn_vs_tp.donor.words.bed")
    assert bed[["chrom", "start", "end", "strand"]].to_numpy().tolist() == [
        *(["a", 101, 105, "+"], ["b", 45, 49, "-"])
    ]
    assert bed["name"].tolist() == ["my_word|gene_one|FN", "my_word|y|FN"]
    with Genome(genome) as opened:
        assert opened.fetch("a", 101, 105) == letters


def test_high_regions_do_not_mix_signs() -> None:
    values = np.zeros(30)
    values[2:6], values[8] = 2.0, 2.0  # a gap of two is bridged
    values[12:14] = 3.0  # too short
    values[17:20], values[20:24] = 2.0, -4.0  # neighbours of both signs
    values[26:29] = [2.0, -4.0, 2.0]  # the gap is high itself
    found = find_high_regions(values, 1.0)
    assert [tuple(region) for region in found] == [
        *((2, 9, 2.0), (17, 20, 2.0), (20, 24, -4.0))
    ]
    assert find_high_regions(np.zeros(5), 0.0) == []
    assert find_threshold(np.arange(-50, 51)) == pytest.approx(48, abs=1)


def test_overlapping_windows_are_averaged_and_nan_is_left_out() -> None:
    places = np.array([[3, 2, 1], [1, -1, 2]])
    found, values = average_places(places, np.array([[1.0, np.nan, 3.0], [5, 7, 8]]))
    assert found.tolist() == [1, 2, 3]
    assert values.tolist() == [4.0, 8.0, 1.0]


def test_a_bigwig_keeps_gaps_and_contig_order(tmp_path) -> None:
    lengths = {"z": 50, "a": 40, "m": 10}
    tracks = {
        "a": (np.array([0, 1, 39]), np.array([1.5, -2.0, 3.0])),
        "z": (np.array([7]), np.array([4.0])),
    }
    assert write_bigwig(tmp_path / "x.bw", lengths, tracks) == 4
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert file.chroms() == lengths
        assert [tuple(i) for i in file.intervals("a")] == [
            *((0, 1, 1.5), (1, 2, -2.0), (39, 40, 3.0))
        ]
        assert file.intervals("m") is None
    assert write_bigwig(tmp_path / "y.bw", lengths, {}) == 0
    assert not (tmp_path / "y.bw").exists()


def test_bases_of_a_personal_genome_find_their_way_back(genome, tmp_path) -> None:
    with Genome(genome) as opened:
        text = opened.fetch("a", 0, 300)
        head = "##fileformat=VCFv4.2\n##contig=<ID=a,length=300>\n"
        head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        changes = [
            (50, text[49], "ACGT".replace(text[49], "")[0]),  # substitution
            (96, text[95], text[95] + "TTT"),  # insertion
            (102, text[101:104], text[101]),  # deletion
            (120, text[119:121], "GGGGG"),  # both
        ]
        rows = "".join(f"a\t{p}\t.\t{r}\t{alt}\t.\tPASS\t.\n" for p, r, alt in changes)
        (tmp_path / "a.vcf").write_text(head + rows)
        variants = Variants(tmp_path / "a.vcf", opened.lengths)
        contig = clean_bases(text)
        found = variants.apply("a", contig, np.arange(301), np.ones(301, dtype=bool))
        personal = found.contig
        back = found.trace(np.arange(len(personal)))
        assert (back >= 0).sum() >= 300 - 2 - 2
        kept = back[(back >= 0)]
        assert (np.diff(kept) > 0).all()
        replaced = {49, 101, 119, 120}
        for place, reference in enumerate(back):
            if reference >= 0 and reference not in replaced:
                assert personal[place] == contig[reference], place
        assert set(range(300)) - set(kept.tolist()) == {102, 103}
        sites = make_sites([("a", 100, "+", "donor", "FN", "x")])
        placed = place_sites(
            sites, opened, upstream=10, downstream=6, variants=variants
        )
        assert placed[0].tolist() == [
            *(93, 94, 95, -1, -1, -1, 96, 97, 98, 99),
            *(100, 101, 104, 105, 106, 107),
        ]
        mirrored = sites.assign(strand="-")
        sides = {"upstream": 6, "downstream": 10}
        other = place_sites(mirrored, opened, variants=variants, **sides)
        assert other[0].tolist() == placed[0].tolist()[::-1]


def test_a_pool_has_one_set_per_genome(genome, tmp_path) -> None:
    sites = make_sites(SITES)
    members = ["first", "first", "first", "second", "second", "second"]
    genomes = ["g1", "g1", "g1", "g2", "g2", "g2"]
    pooled = sites.assign(member=members, genome=genomes)
    pooled["chrom"] = pooled["genome"] + ":" + pooled["chrom"]
    maps = np.ones((6, 10), dtype=np.float32)
    run = write_run(tmp_path, pooled, maps)
    options = {"predictor": "p", "sites": tmp_path / "sites.parquet"}
    sources = [Source("g1", genome, "first"), Source("g2", genome, "second")]
    output = write_tracks([run], tmp_path / "tracks", sources=sources, **options)
    first = read_bases(output / "g1" / "fn_vs_tp.donor.saliency.FN.plus.bw")
    assert set(first) == {("a", place) for place in range(96, 106)}
    second = read_bases(output / "g2" / "fn_vs_tp.donor.saliency.FN.minus.bw")
    assert set(second) == {("b", place) for place in range(44, 54)}
    listed = pd.read_csv(output / "tracks.tsv", sep="\t")["file"]
    assert all((output / file).is_file() for file in listed)
    single = Source("g1", genome, "first")
    (tmp_path / "x").mkdir()
    sites.to_parquet(tmp_path / "x" / "sites.parquet")
    with pytest.raises(InputError, match="member"):
        write_tracks(
            [run],
            tmp_path / "other",
            predictor="p",
            sites=tmp_path / "x" / "sites.parquet",
            sources=[single],
        )


@pytest.mark.parametrize("has_sequences", [True, False])
def test_without_a_place_on_a_genome_a_note_says_so(
    genome, tmp_path, has_sequences
) -> None:
    sites = make_sites(SITES)
    if has_sequences:
        sites = sites.assign(sequence="ACGT", sequence_junction=2)
    run = write_run(tmp_path, sites, np.ones((6, 10), dtype=np.float32))
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome)] if has_sequences else [],
    )
    assert [path.name for path in output.iterdir()] == ["README.txt"]
    assert "There are no tracks" in (output / "README.txt").read_text()


def test_sites_of_unknown_contigs_are_counted(genome, tmp_path) -> None:
    rows = [*SITES, ("elsewhere", 5, "+", "donor", "FN", "x")]
    sites = make_sites(rows)
    run = write_run(tmp_path, sites, np.ones((7, 10), dtype=np.float32))
    output = write_tracks(
        [run],
        tmp_path / "tracks",
        predictor="p",
        sites=tmp_path / "sites.parquet",
        sources=[Source("g", genome)],
    )
    assert "1 sites lie on contigs" in (output / "README.txt").read_text()


def test_places_of_a_window_by_hand() -> None:
    placed = place_windows(
        np.array([5, 5]), np.array([True, False]), upstream=2, downstream=3, length=7
    )
    assert placed.tolist() == [[3, 4, 5, 6, -1], [6, 5, 4, 3, 2]]


def test_predictions_are_of_the_second_of_two_classes() -> None:
    sites = make_sites(SITES[:2]).set_index("site_id")
    table = pd.DataFrame({"site_id": [0, 1], "part": "test"})
    table = table.assign(probability_shared=[0.9, 0.2], probability_private=[0.1, 0.8])
    run = SimpleNamespace(classes=["shared", "private"], predictions=table)
    rows = make_prediction_rows(sites, run, {"a": 300, "b": 300})
    assert rows["score"].tolist() == [100, 800]
