"""Several predictors studied as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import SplitSettings
from error_sequence_model.sites import Member, pool_sites, pool_windows, prepare_sites
from error_sequence_model.splits import group_sites
from error_sequence_model.windows import read_windows, write_windows
from tiny_genome import make_tiny_genome


def make_member(folder: Path, name: str, seed: int, length: int = 20) -> Member:
    folder = folder / name
    folder.mkdir()
    genome = make_tiny_genome(seed=seed)
    fasta = genome.write_fasta(folder / "genome.fa")
    sites, _ = prepare_sites(genome.write_table(folder / "errors.tsv"), fasta)
    member = Member(name, f"g{seed}", folder / "sites.parquet", folder / "w.arrow")
    sites.to_parquet(member.sites)
    write_windows(member.sites, fasta, length, length, member.windows)
    return member


def test_a_pool_is_its_members(tmp_path: Path) -> None:
    members = [make_member(tmp_path, "b", 2), make_member(tmp_path, "a", 1)]
    sites, audit = pool_sites(members)
    assert pool_windows(members, tmp_path / "pool.arrow") == len(sites)
    assert sites["site_id"].tolist() == list(range(len(sites)))
    assert sites["chrom"].iloc[0] == "g1:chr1"
    assert sites["gene_id"].iloc[-1].startswith("g2:")
    assert sites["member"].value_counts().to_dict() == {"a": 72, "b": 72}
    assert audit["sites"] == 144
    windows = read_windows(tmp_path / "pool.arrow")
    assert windows.site_ids.tolist() == sites["site_id"].tolist()
    own = pd.read_parquet(members[0].sites)
    row = sites[sites["member"].eq("b")].iloc[5]
    assert (row["junction"], row["strand"]) == tuple(own.loc[5, ["junction", "strand"]])
    expected = read_windows(members[0].windows).get_sequences([5])
    assert windows.get_sequences([row["site_id"]]) == expected


def test_sites_of_one_gene_stay_together_whatever_the_other_member_has(
    tmp_path: Path,
) -> None:
    members = [make_member(tmp_path, "a", 1), make_member(tmp_path, "b", 2)]
    own = pd.read_parquet(members[0].sites)
    # Merged copies of overlapping genes; the other member has no such column.
    own["gene_ids"] = own["gene_id"]
    own.loc[0, "gene_ids"] = f"{own.loc[0, 'gene_id']},other"
    own.loc[1, "gene_id"] = own.loc[1, "gene_ids"] = "one,two"
    own.to_parquet(members[0].sites)
    sites, _ = pool_sites(members)
    assert sites.loc[0, "gene_ids"] == f"g1:{own.loc[0, 'gene_id']},g1:other"
    assert sites.loc[1, "gene_id"] == "g1:one,g1:two"
    of_b = sites[sites["member"].eq("b")]
    assert (of_b["gene_ids"] == of_b["gene_id"]).all()
    placed = sites.assign(start=sites["junction"] - 1, end=sites["junction"] + 1)
    matrix = np.zeros((len(sites), 2), np.uint8)
    groups = pd.Series(group_sites(placed, matrix, SplitSettings(by="gene")))
    assert groups.groupby(of_b["gene_id"]).nunique().eq(1).all()


def test_a_column_of_text_here_and_numbers_there(tmp_path: Path) -> None:
    members = [make_member(tmp_path, "a", 1), make_member(tmp_path, "b", 2)]
    for member, value in zip(members, (3, "three"), strict=True):
        sites = pd.read_parquet(member.sites)
        sites.assign(exon=value, depth=1.5).to_parquet(member.sites)
    sites, _ = pool_sites(members)
    sites.to_parquet(tmp_path / "pool.parquet")
    assert sites["exon"].unique().tolist() == ["3", "three"]
    assert sites["depth"].dtype == float


def test_what_cannot_be_pooled(tmp_path: Path) -> None:
    members = [make_member(tmp_path, "a", 1), make_member(tmp_path, "c", 1)]
    with pytest.raises(InputError, match="two members"):
        pool_sites(members)
    other = make_member(tmp_path, "d", 3, length=30)
    with pytest.raises(InputError, match="different sides"):
        pool_windows([members[0], other], tmp_path / "pool.arrow")
