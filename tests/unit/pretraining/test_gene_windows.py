"""Windows to pretrain on: cut right, labelled right, and none of held-out sequence."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import reverse_complement
from error_sequence_model.pretraining import GenomeSource, draw_gene_windows
from error_sequence_model.pretraining.gene_bodies import ACCEPTOR, DONOR, EXON
from error_sequence_model.pretraining.gene_windows import (
    PLAN,
    plan_windows,
    read_gene_windows,
    write_gene_windows,
)
from error_sequence_model.pretraining.held_out import (
    HeldOut,
    NearDuplicates,
    cut_pieces,
    find_held_out,
    find_overlaps,
)
from error_sequence_model.pretraining.window_run import audit_gene_windows
from error_sequence_model.settings import PretrainingSettings, SplitSettings
from tiny_genes import TinyGenes, write_tiny_genes

BY_CHROM = SplitSettings(test=("chr3",), validation=("chr2",))
BY_GENE = SplitSettings(by="gene")
SMALL = PretrainingSettings(windows=400, length=48, site_share=0.5)


@pytest.fixture(scope="module")
def genes(tmp_path_factory: pytest.TempPathFactory) -> TinyGenes:
    return write_tiny_genes(tmp_path_factory.mktemp("tiny"))


def draw(genes: TinyGenes, splits: SplitSettings = BY_CHROM, **changes: object) -> dict:
    options = {"split_path": None, "fold": 0, "sources": [genes.source], **changes}
    draw_gene_windows(
        options["sources"],
        genes.folder / "sites.parquet",
        genes.folder / "windows.arrow",
        splits,
        options.get("settings", SMALL),
        split_path=options["split_path"],
        fold=options["fold"],
        output=genes.folder / "gene_windows.arrow",
        leakage=genes.folder / "leakage.json",
    )
    return json.loads((genes.folder / "leakage.json").read_text())


def write_split(genes: TinyGenes, test: list[str], validation: list[str]):
    parts = np.where(
        genes.sites["gene_id"].isin(test),
        "test",
        np.where(genes.sites["gene_id"].isin(validation), "validation", "train"),
    )
    split = pd.DataFrame({"site_id": genes.sites["site_id"], "fold": 0, "part": parts})
    split.to_parquet(genes.folder / "split.parquet")
    return genes.folder / "split.parquet"


def test_windows_are_the_genome_s_sequence_on_the_gene_s_strand(genes) -> None:
    draw(genes)
    train = read_gene_windows(genes.folder / "gene_windows.arrow", "train")
    assert set(train.table["strand"]) == {"+", "-"}
    for index, row in train.table.iterrows():
        contig = genes.tiny.contigs[row["chrom"]]
        start, end = row["start"], row["end"]
        expected = "N" * max(0, -start) + contig[max(0, start) : end]
        expected += "N" * (48 - len(expected))
        if row["strand"] == "-":
            expected = reverse_complement(expected)
        assert train.get(index)[0] == expected


def test_labels_stand_on_the_bases_of_the_sites(genes) -> None:
    draw(genes)
    train = read_gene_windows(genes.folder / "gene_windows.arrow", "train")
    found = {DONOR: 0, ACCEPTOR: 0}
    for index in range(len(train)):
        sequence, labels = train.get(index)
        for place in range(2, 46):
            if labels[place] == DONOR:
                assert sequence[place : place + 2] == "GT"
                assert labels[place - 1] == EXON and labels[place + 1] == 0
            if labels[place] == ACCEPTOR:
                assert sequence[place - 1 : place + 1] == "AG"
                assert labels[place + 1] == EXON and labels[place - 1] == 0
            if labels[place] in found:
                found[labels[place]] += 1
    assert min(found.values()) > 50


def test_half_of_the_windows_lie_over_an_annotated_site(genes) -> None:
    none = PretrainingSettings(windows=400, length=48, site_share=0.0)
    shares = []
    for settings in (SMALL, none):
        draw(genes, settings=settings)
        train = read_gene_windows(genes.folder / "gene_windows.arrow", "train")
        has_site = [train.get(i)[1].max() >= DONOR for i in range(len(train))]
        shares.append(np.mean(has_site))
    # In gene bodies 2 x 48 of 300 places have a site in view.
    assert shares[1] == pytest.approx(0.32, abs=0.08)
    assert shares[0] == pytest.approx(0.5 + 0.16, abs=0.08)


def test_held_out_chromosomes_are_left_out_and_measured_on(genes) -> None:
    report = draw(genes)
    path = genes.folder / "gene_windows.arrow"
    assert set(read_gene_windows(path, "train").table["chrom"]) == {"chr1"}
    measured = set(read_gene_windows(path, "held_out").table["chrom"])
    # chr3_alt has no site: its name alone says that it is a part of chr3.
    assert measured == {"chr2", "chr3", "chr3_alt"}
    assert report["contigs"] == ["chr2", "chr3", "chr3_alt"]
    assert report["windows_on_held_out_contigs"] == 0 and report["passed"]


def test_contigs_of_unknown_chromosome_are_left_out(genes, tmp_path) -> None:
    sites = genes.sites.assign(source=genes.sites["chrom"].map(str.upper))
    splits = SplitSettings(column="source", test=("CHR1",), validation=("CHR2",))
    held = find_held_out(sites, genes.windows, [genes.bodies], splits)
    assert held.contigs == {"chr1", "chr2"}
    assert held.allowed == {"chr3"}  # of chr3_alt nobody knows


def test_a_further_genome_is_allowed_whole(genes) -> None:
    other = GenomeSource(
        "other", genes.source.fasta, genes.source.annotation, "other:", False
    )
    splits = SplitSettings(test=("chr3",), validation=("chr2",), near_duplicates="keep")
    draw(genes, splits, sources=[genes.source, other])
    train = read_gene_windows(genes.folder / "gene_windows.arrow", "train")
    assert set(train.table["chrom"]) >= {"chr1", "other:chr2", "other:chr3"}


def test_a_copy_of_held_out_sequence_elsewhere_is_removed(genes) -> None:
    # The same genome under another name: what lies near held-out sites must go.
    other = GenomeSource(
        "other", genes.source.fasta, genes.source.annotation, "other:", False
    )
    report = draw(genes, sources=[genes.source, other])
    assert report["removed"]["near_duplicate"] > 50
    train = read_gene_windows(genes.folder / "gene_windows.arrow", "train")
    copies = train.table["chrom"].isin(["other:chr2", "other:chr3"])
    held = genes.sites[genes.sites["chrom"].isin(["chr2", "chr3"])]
    junctions = "other:" + held["chrom"], held["junction"].to_numpy()
    places = pd.DataFrame(
        {"chrom": junctions[0], "start": junctions[1] - 6, "end": junctions[1] + 6}
    )
    whole = train.table[copies]
    inner = whole.assign(start=whole["start"] + 12, end=whole["end"] - 12)
    assert len(inner) > 0 and not find_overlaps(inner, places).any()


def test_held_out_genes_are_left_out_on_both_strands(genes) -> None:
    held = ["chr1.g1", "chr2.g0", "chr3.g4"]
    split = write_split(genes, held[:2], held[2:])
    report = draw(genes, BY_GENE, split_path=split)
    path = genes.folder / "gene_windows.arrow"
    train = read_gene_windows(path, "train").table
    for chrom, start in (("chr1", 500), ("chr2", 100), ("chr3", 1700)):
        near = train[train["chrom"].eq(chrom)]
        assert not ((near["start"] < start + 300) & (near["end"] > start)).any()
    assert set(read_gene_windows(path, "held_out").table["gene_id"]) == set(held)
    assert report["held_out_genes"] == 3 and report["contigs"] == []
    assert len(train) > 200


def test_long_windows_do_not_reach_into_held_out_genes(genes) -> None:
    split = write_split(genes, ["chr1.g1"], ["chr2.g0"])
    settings = PretrainingSettings(windows=200, length=300)
    report = draw(genes, BY_GENE, split_path=split, settings=settings)
    assert report["removed"]["over_held_out_sequence"] > 0
    train = read_gene_windows(genes.folder / "gene_windows.arrow", "train").table
    near = train[train["chrom"].eq("chr1") & (train["start"] < 1200)]
    assert len(near) and not ((near["start"] < 800) & (near["end"] > 500)).any()


def test_the_fold_decides_what_is_held_out(genes) -> None:
    path = write_split(genes, ["chr1.g0"], ["chr1.g1"])
    split = pd.read_parquet(path)
    other = split.assign(fold=1, part="train")
    other.loc[genes.sites["gene_id"].eq("chr2.g5"), "part"] = "test"
    pd.concat([split, other]).to_parquet(path)
    draw(genes, BY_GENE, split_path=path, fold=1)
    measured = read_gene_windows(genes.folder / "gene_windows.arrow", "held_out")
    assert set(measured.table["gene_id"]) == {"chr2.g5"}


def plan_leak(genes: TinyGenes, chrom: str, start: int) -> tuple[HeldOut, pd.DataFrame]:
    """A sound plan with one window too many."""
    held = find_held_out(genes.sites, genes.windows, [genes.bodies], BY_CHROM)
    plan, _ = plan_windows([genes.bodies], held, SMALL)
    leak = dict.fromkeys(PLAN, "+") | {"chrom": chrom, "gene_id": "x", "part": "train"}
    leak |= {"start": start, "end": start + 48, "centre": start + 24}
    return held, pd.concat([plan, pd.DataFrame([leak])], ignore_index=True)


@pytest.mark.parametrize(
    ("chrom", "start", "words"),
    [
        ("chr2", 380, ["windows_on_held_out_contigs 1"]),
        ("chr3", 199 - 47, ["on_held_out_contigs 1", "overlaps_with_held_out_sites"]),
    ],
)
def test_the_audit_finds_a_leak(genes, tmp_path, chrom, start, words) -> None:
    held, plan = plan_leak(genes, chrom, start)
    path = tmp_path / "leaky.arrow"
    write_gene_windows(plan, [genes.bodies], 48, None, path)
    with pytest.raises(InputError) as caught:
        audit_gene_windows(path, held, genes.windows)
    for word in words:
        assert word in str(caught.value)


def test_the_audit_counts_shared_cores(genes, tmp_path) -> None:
    held = find_held_out(genes.sites, genes.windows, [genes.bodies], BY_CHROM)
    plan, _ = plan_windows([genes.bodies], held, SMALL)
    path = tmp_path / "sound.arrow"
    write_gene_windows(plan, [genes.bodies], 48, None, path)
    assert audit_gene_windows(path, held, genes.windows)["shared_cores"] == 0
    mine = HeldOut(
        held.contigs,
        held.allowed,
        genes.sites[genes.sites["chrom"].eq("chr1")].assign(start=-9, end=-8),
        held.genes,
    )
    assert audit_gene_windows(path, mine, genes.windows)["shared_cores"] > 10


def test_a_split_that_leaves_nothing_is_refused(genes) -> None:
    with pytest.raises(InputError, match="no contig to pretrain on"):
        splits = SplitSettings(
            column="chrom", test=("chr3", "chr1"), validation=("chr2",)
        )
        find_held_out(genes.sites, genes.windows, [genes.bodies], splits)
    with pytest.raises(InputError, match="holds out no site"):
        splits = SplitSettings(test=("chr9",), validation=("chr8",))
        find_held_out(genes.sites, genes.windows, [genes.bodies], splits)


def test_the_same_seed_draws_the_same_windows(genes) -> None:
    path = genes.folder / "gene_windows.arrow"
    draw(genes)
    first = path.read_bytes()
    draw(genes)
    assert path.read_bytes() == first
    draw(genes, settings=PretrainingSettings(windows=400, length=48, seed=2))
    assert path.read_bytes() != first


def test_pieces_cover_the_window_and_overlap_by_half() -> None:
    windows = np.arange(20, dtype=np.uint8)[None].repeat(2, axis=0)
    pieces, owner = cut_pieces(windows, 8)
    assert [piece[0] for piece in pieces[::2]] == [0, 4, 8, 12]
    assert owner.tolist() == [0, 1] * 4
    assert cut_pieces(windows, 20)[0].shape == (2, 20)


@pytest.mark.parametrize("shift", [0, 37, -90])
@pytest.mark.parametrize("is_turned", [False, True])
def test_near_duplicates_are_found_shifted_and_turned(shift, is_turned) -> None:
    rng = np.random.default_rng(5)
    text = rng.choice(np.frombuffer(b"ACGT", np.uint8), size=1000)
    held = text[None, 300:700]
    copy = text[300 + shift - 50 : 700 + shift + 50].copy()
    copy[::40] = ord("A")
    if is_turned:
        copy = np.frombuffer(
            reverse_complement(copy.tobytes().decode()).encode(), np.uint8
        )
    other = rng.choice(np.frombuffer(b"ACGT", np.uint8), size=(3, 500))
    windows = np.concatenate([other, copy[None]])
    found = NearDuplicates(held, 500, 0.2).find(windows)
    assert found.tolist() == [False, False, False, True]
