"""The study's folder: laid out once, gone on with, refused where there is no room."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest
import yaml

from error_sequence_model.core import InputError
from error_sequence_model.examples import prepare_study
from error_sequence_model.examples import study as module


def test_a_full_disk_is_told_before_anything_is_fetched(monkeypatch, tmp_path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9, 9, 12_000_000))
    monkeypatch.setattr(module, "fetch_package", lambda *_: pytest.fail("fetched"))
    with pytest.raises(
        InputError, match="12 MB are free; the study's data take 500 MB"
    ):
        prepare_study(tmp_path / "study")


def lay_out(monkeypatch, folder, **options) -> list[str]:
    """Prepare with packages, genes and tables that cost nothing; list what was made."""
    made: list[str] = []

    def extract(archive, member, target):
        if not target.exists():
            target.write_text(member)
            made.append(target.name)
        return target

    def write_genes(arrays, places, folder, *, most):
        chroms = ("chr1", "chr3", "unplaced")
        rows = [f"g{n}\t{chroms[n % 3]}\n" for n in range(most or module.GENES)]
        (folder / "genes.tsv").write_text(f"contig\tchrom\n{''.join(rows)}")
        made.append("genes.tsv")

    def write_table(path, table):
        path.write_text("x")
        made.append(path.name)

    seen = []
    monkeypatch.setattr(
        module, "fetch_package", lambda package, where: seen.append(where) or where
    )
    monkeypatch.setattr(module, "extract_member", extract)
    monkeypatch.setattr(module, "write_study_genes", write_genes)
    monkeypatch.setattr(module, "write_parquet", write_table)
    for name in ("read_exon_use", "gather_facts", "write_facts", "write_chr19"):
        monkeypatch.setattr(module, name, lambda *_, **__: None)
    prepare_study(folder, **options)
    assert len(set(seen)) == 1
    return [*made, str(seen[0])]


def test_what_is_there_is_kept(monkeypatch, tmp_path) -> None:
    first = lay_out(monkeypatch, tmp_path, genes=3, networks=2)
    assert {"spliceai1.h5", "spliceai2.h5", "genes.tsv", "exon_use.parquet"} <= set(
        first
    )
    assert first[-1] == str(tmp_path / "packages")
    assert lay_out(monkeypatch, tmp_path, genes=3, networks=2) == first[-1:]


def test_genes_of_chr3_and_unplaced_ones_are_not_trained_on(tmp_path) -> None:
    rows = [f"g{n}\tchr{1 + 2 * (n % 2)}\n" for n in range(40)] + ["u\tunplaced\n"]
    (tmp_path / "genes.tsv").write_text(f"contig\tchrom\n{''.join(rows)}")
    module.write_chromosome_split(tmp_path / "genes.tsv", tmp_path / "chr3.yaml")
    made = yaml.safe_load((tmp_path / "chr3.yaml").read_text())
    split = made["predictors"]["chr1_to_chr3"]["splits"]
    assert split["test"] == [f"g{n}" for n in range(1, 40, 2)]
    assert split["validation"] == ["g0", "g16", "g32", "u"]
    assert split["by"] == "chromosome" and split["folds"] is None


def test_an_interrupted_layout_goes_on(monkeypatch, tmp_path) -> None:
    lay_out(monkeypatch, tmp_path, genes=3, networks=1)
    (tmp_path / "exon_use.parquet").unlink()
    assert lay_out(monkeypatch, tmp_path, genes=3, networks=1)[:-1] == [
        "exon_use.parquet"
    ]


def test_other_sizes_replace_genes_and_networks(monkeypatch, tmp_path) -> None:
    lay_out(monkeypatch, tmp_path, genes=3, networks=2)
    made = lay_out(monkeypatch, tmp_path, genes=4, networks=1)
    assert made[:-1] == ["genes.tsv", "exon_use.parquet"]
    assert [path.name for path in (tmp_path / "spliceai").iterdir()] == ["spliceai1.h5"]


def test_packages_may_lie_elsewhere(monkeypatch, tmp_path) -> None:
    elsewhere = tmp_path / "mine"
    made = lay_out(monkeypatch, tmp_path / "study", genes=2, packages_folder=elsewhere)
    assert made[-1] == str(elsewhere)
