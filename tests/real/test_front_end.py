"""Sites, windows, splits and calls on the real data; skipped where it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from error_sequence_model.calling import call_files
from error_sequence_model.core import InputError
from error_sequence_model.genome import Genome
from error_sequence_model.settings import CallSettings, label_sites, parse_contrast
from error_sequence_model.sites import prepare_sites
from error_sequence_model.splits import make_split
from error_sequence_model.windows import read_windows, write_windows

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SPLICE_ERRORS_REAL_DATA", ROOT.parent / "shared" / "real"))
GENOMES = ("arabidopsis", "human", "celegans", "drosophila")
PLACE = ["chrom", "position", "strand", "splice_type"]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not DATA.is_dir(), reason=f"no real data at {DATA}; set SPLICE_ERRORS_REAL_DATA"
    ),
]


def errors_of(name: str, threshold: str = "topk") -> Path:
    return DATA / name / f"errors.osai80.{threshold}.tsv.gz"


def prepare(name: str, folder: Path, up: int = 200, down: int = 150) -> pd.DataFrame:
    genome = DATA / name / "genome.fa.gz"
    sites, _ = prepare_sites(errors_of(name), genome)
    sites.to_parquet(folder / "sites.parquet")
    write_windows(folder / "sites.parquet", genome, up, down, folder / "windows.arrow")
    return sites


@pytest.mark.parametrize("name", [*GENOMES, "arabidopsis_introns"])
def test_windows_equal_bedtools(name: str, tmp_path: Path) -> None:
    if shutil.which("bedtools") is None:
        pytest.skip("bedtools is not installed")
    up, down = 200, 150
    sites = prepare(name, tmp_path, up, down)
    windows = read_windows(tmp_path / "windows.arrow").get_sequences()
    # bedtools reads no bgzip, and drops what reaches over a contig's end: clip, pad.
    with Genome(DATA / name / "genome.fa.gz") as genome:
        lengths = genome.lengths
        with (tmp_path / "genome.fa").open("w") as file:
            for chrom in lengths:
                file.write(f">{chrom}\n{genome.fetch(chrom, 0, lengths[chrom])}\n")
    is_plus = sites["strand"].eq("+")
    start = sites["junction"] - is_plus.map({True: up, False: down})
    end = start + up + down
    left = (-start).clip(lower=0)
    right = (end - sites["chrom"].map(lengths)).clip(lower=0)
    bed = pd.DataFrame(
        {0: sites["chrom"], 1: start + left, 2: end - right, 3: ".", 4: 0}
    )
    bed[5] = sites["strand"]
    bed.to_csv(tmp_path / "windows.bed", sep="\t", header=False, index=False)
    command = "bedtools getfasta -s -tab -fi genome.fa -bed windows.bed -fo out.tsv"
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    found = pd.read_csv(tmp_path / "out.tsv", sep="\t", header=None)[1].str.upper()
    before, after = left.where(is_plus, right), right.where(is_plus, left)
    expected = [
        "N" * a + text.translate(str.maketrans("RYSWKMBDHV", "N" * 10)) + "N" * b
        for text, a, b in zip(found, before, after, strict=True)
    ]
    assert len(windows) == len(expected) > 1000
    assert windows == expected


def call(name: str, threshold: float | str) -> tuple[pd.DataFrame, dict]:
    strands = {"+": "plus", "-": "minus"}
    tracks = {"format": "bigwig"}
    for kind in ("donor", "acceptor"):
        tracks[kind] = {
            strand: DATA / name / f"osai80.{kind}.{word}.bw"
            for strand, word in strands.items()
        }
    # scanned_regions.bed lacks the X chromosome's '-' genes of celegans, so the gene
    # bodies it was made from are used.
    return call_files(
        tracks,
        DATA / name / "genome.fa.gz",
        DATA / name / "annotated_sites.tsv.gz",
        settings=CallSettings(threshold=threshold),
        genes=DATA / name / "annotation.gtf.gz",
        biotypes=["protein_coding", "unknown"],
        margin=1000,
    )


@pytest.mark.parametrize("name", GENOMES)
@pytest.mark.parametrize("threshold", ["topk", "t50"])
def test_calls_reproduce_the_error_tables(name: str, threshold: str) -> None:
    table = pd.read_csv(errors_of(name, threshold), sep="\t", keep_default_na=False)
    value = float(table["threshold"].iloc[0])
    found, _ = call(name, value)
    differ = pd.concat([found.assign(of="found"), table.assign(of="table")])
    differ = differ[differ["pred_type"].ne("TN")]
    differ = differ.drop_duplicates([*PLACE, "pred_type"], keep=False)
    # Tracks and thresholds are rounded to four digits, so a track cannot tell 0.12839
    # from a threshold of 0.1284. Nothing else may differ.
    assert (differ["score"].astype(float).round(4) == value).all()
    assert len(differ) <= 1
    if threshold == "t50":
        assert differ.empty


@pytest.mark.parametrize("name", ["celegans", "drosophila"])
def test_topk_finds_the_published_threshold(name: str) -> None:
    # One value per species, and of A. thaliana and human the tables were made with more
    # than is here (no chromosome 5; no 1, 21 and 22): there 0.3326 and 0.2620 take the
    # place of 0.3221 and 0.2489, whatever is counted (other biotypes, no margin, each
    # type on its own, gene by gene).
    _, audit = call(name, "topk")
    expected = pd.read_csv(errors_of(name), sep="\t")["threshold"].iloc[0]
    assert round(audit["threshold"], 4) == expected


@pytest.mark.parametrize(
    ("base", "site_base", "advice"),
    [
        (0, "exon", "with coordinate_base: 1. Set"),
        (1, "intron", "with site_base: exon. Set"),
        (0, "intron", "with coordinate_base: 1, site_base: exon. Set"),
    ],
)
def test_the_self_check_names_the_settings(
    base: int, site_base: str, advice: str
) -> None:
    genome = DATA / "human" / "genome.fa.gz"
    with pytest.raises(InputError, match=advice):
        prepare_sites(
            errors_of("human"), genome, coordinate_base=base, site_base=site_base
        )


@pytest.mark.parametrize("name", GENOMES)
def test_missed_sites_cannot_be_told_from_decoys_by_the_dinucleotide(name: str) -> None:
    sites, _ = prepare_sites(errors_of(name), DATA / name / "genome.fa.gz")
    for kind, rows in label_sites(sites, parse_contrast("fn_vs_tn")).groupby(
        "splice_type"
    ):
        for pair in rows["dinucleotide"].unique():
            told = roc_auc_score(rows["label"], rows["dinucleotide"].eq(pair))
            assert told == 0.5, kind


@pytest.mark.parametrize("by", ["chromosome", "gene", "homology"])
def test_splits_share_nothing(by: str, tmp_path: Path) -> None:
    sites = prepare("arabidopsis", tmp_path)
    windows = read_windows(tmp_path / "windows.arrow")
    settings = {"by": by, "folds": 3}
    contrast = parse_contrast("fn_vs_tp")
    split, leakage = make_split(sites, windows, contrast, "any", settings)
    assert leakage["passed"]
    for fold in leakage["folds"].values():
        assert fold["shared_sequences"] == fold["overlapping_intervals"] == 0
        assert fold["shared_reverse_complements"] == fold["near_duplicates"] == 0
    assert (split["training_similarity"].dropna() < leakage["similarity"]).all()
