"""MetaSpliceAI's tables, and tables that bring their sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import get_positions, reverse_complement
from error_sequence_model.sites import prepare_sites
from error_sequence_model.windows import read_windows, write_windows
from tiny_genome import TinyGenome, make_tiny_genome


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome()


def gene_bounds(genome: TinyGenome) -> pd.DataFrame:
    """1-based closed gene bounds, 90 bases around the outermost sites."""
    places = genome.sites.groupby(["gene_id", "chrom", "strand"])["junction"]
    bounds = places.agg(["min", "max"]).reset_index()
    return bounds.assign(start=bounds["min"] - 30, end=bounds["max"] + 30)


def write_gtf(genome: TinyGenome, path: Path) -> Path:
    lines = []
    for gene in gene_bounds(genome).itertuples():
        for feature in ("gene", "exon"):
            ids = f'gene_id "{gene.gene_id}"; transcript_id "{gene.gene_id}.t";'
            fields = [gene.chrom, "x", feature, gene.start, gene.end, ".", gene.strand]
            lines.append("\t".join(map(str, [*fields, ".", ids])))
    path.write_text("\n".join(lines) + "\n")
    return path


def positions_table(genome: TinyGenome) -> pd.DataFrame:
    """As upstream writes it: intronic base within the gene, one more on +."""
    table = genome.sites.merge(gene_bounds(genome), on=["gene_id", "chrom", "strand"])
    is_plus = table["strand"].eq("+").to_numpy()
    intronic = get_positions(
        table["junction"].to_numpy(),
        is_plus,
        table["splice_type"].eq("donor").to_numpy(),
        coordinate_base=1,
        site_base="intron",
    )
    position = np.where(is_plus, intronic - table["start"] + 1, table["end"] - intronic)
    table = table.assign(position=position, transcript_id="t", score=0.7)
    columns = ["gene_id", "transcript_id", "position", "pred_type", "score", "strand"]
    return table[[*columns, "splice_type", "chrom"]]


def sequences_table(genome: TinyGenome, window: int = 120) -> pd.DataFrame:
    table = positions_table(genome)
    bounds = gene_bounds(genome).set_index("gene_id")
    rows = []
    for row in table.itertuples(index=False):
        gene = bounds.loc[row.gene_id]
        text = genome.contigs[row.chrom][gene["start"] - 1 : gene["end"]]
        text = text if row.strand == "+" else reverse_complement(text)
        start = max(0, row.position - window)
        end = min(len(text), row.position + window)
        rows.append(
            {"window_start": start, "window_end": end, "sequence": text[start:end]}
        )
    return pd.concat([table, pd.DataFrame(rows)], axis=1)


def save(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, sep="\t", index=False)
    return path


def test_positions_with_their_annotation(genome: TinyGenome, tmp_path: Path) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    expected, _ = prepare_sites(genome.write_table(tmp_path / "native.tsv"), fasta)
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    path = save(positions_table(genome), tmp_path / "splice_positions.tsv")
    options = {"table_format": "metaspliceai", "annotation_path": gtf}
    sites, audit = prepare_sites(path, fasta, **options)
    columns = ["chrom", "junction", "strand", "splice_type", "pred_type", "gene_id"]
    pd.testing.assert_frame_equal(sites[columns], expected[columns])
    assert audit["consensus"]["donor"] == {"+": 1.0, "-": 1.0}
    with pytest.raises(InputError, match="format: metaspliceai"):
        prepare_sites(path, fasta)


def test_enhanced_positions_get_their_types(genome: TinyGenome, tmp_path: Path) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    table = positions_table(genome)
    is_donor = table["splice_type"].eq("donor")
    table["donor_score"] = np.where(is_donor, 0.9, 0.1)
    table["acceptor_score"] = np.where(is_donor, 0.1, 0.9)
    untyped = table["pred_type"].isin(["FP", "TN"])
    shadow = table[table["pred_type"].eq("TP")].assign(pred_type="TN", splice_type=None)
    table["splice_type"] = table["splice_type"].mask(untyped)
    path = save(pd.concat([table, shadow]), tmp_path / "splice_positions_enhanced.tsv")
    options = {"table_format": "metaspliceai", "annotation_path": gtf}
    sites, audit = prepare_sites(path, fasta, **options)
    assert len(sites) == len(genome.sites)
    assert audit["dropped"][0]["rows"] == len(shadow)
    assert audit["merged_rows"] == 0
    counts = audit["counts"]["pred_type_by_splice_type"]
    assert counts["FP"] == {"donor": 6}


def test_overlapping_genes_keep_the_better_class(
    genome: TinyGenome, tmp_path: Path
) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    gene = gene_bounds(genome).iloc[0]
    ids = 'gene_id "twin"; transcript_id "twin.t";'
    fields = [
        gene["chrom"],
        "x",
        "gene",
        gene["start"],
        gene["end"],
        ".",
        gene["strand"],
    ]
    with gtf.open("a") as file:
        file.write("\t".join(map(str, [*fields, ".", ids])) + "\n")
    table = positions_table(genome)
    twin = table[table["gene_id"].eq(gene["gene_id"])].assign(
        gene_id="twin", pred_type="FP"
    )
    path = save(pd.concat([table, twin]), tmp_path / "splice_positions.tsv")
    sites, audit = prepare_sites(
        path, fasta, table_format="metaspliceai", annotation_path=gtf
    )
    assert len(sites) == len(genome.sites)
    assert sum(entry["rows"] for entry in audit["dropped"]) == 4
    unknown = save(table.assign(gene_id="nobody"), tmp_path / "unknown.tsv")
    with pytest.raises(InputError, match="'nobody' is not in"):
        prepare_sites(unknown, fasta, table_format="metaspliceai", annotation_path=gtf)


def test_sequences_need_no_genome(genome: TinyGenome, tmp_path: Path) -> None:
    path = save(sequences_table(genome), tmp_path / "analysis_sequences.tsv")
    sites, audit = prepare_sites(path, table_format="metaspliceai")
    assert len(sites) == len(genome.sites)
    assert set(sites["dinucleotide"]) == {"GT", "AG"}
    assert audit["consensus"] == {
        "donor": {"+": 1.0, "-": None},
        "acceptor": {"+": 1.0, "-": None},
    }
    sites.to_parquet(tmp_path / "sites.parquet")
    write_windows(tmp_path / "sites.parquet", None, 20, 20, tmp_path / "own.arrow")
    own = read_windows(tmp_path / "own.arrow").get_sequences()
    # The same windows as from the genome.
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    native, _ = prepare_sites(genome.write_table(tmp_path / "native.tsv"), fasta)
    native.to_parquet(tmp_path / "native.parquet")
    write_windows(tmp_path / "native.parquet", fasta, 20, 20, tmp_path / "w.arrow")
    assert sorted(own) == sorted(read_windows(tmp_path / "w.arrow").get_sequences())


def test_a_release_with_other_offsets_is_recognised(
    genome: TinyGenome, tmp_path: Path
) -> None:
    table = sequences_table(genome)
    expected, _ = prepare_sites(
        save(table, tmp_path / "a.tsv"), table_format="metaspliceai"
    )
    is_plus_donor = table["strand"].eq("+") & table["splice_type"].eq("donor")
    table["position"] -= 2 * is_plus_donor
    sites, audit = prepare_sites(
        save(table, tmp_path / "b.tsv"), table_format="metaspliceai"
    )
    assert audit["input"]["offsets"]["donor +"] == 1
    pd.testing.assert_series_equal(sites["junction"], expected["junction"])
    table["sequence"] = "A" * 50
    with pytest.raises(InputError, match="of the same run"):
        prepare_sites(save(table, tmp_path / "c.tsv"), table_format="metaspliceai")


def test_plain_sequences(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"sequence": ["aaaGTccc", "CCAGGGA"], "label": [1, 0], "note": ["x", "y"]}
    )
    path = save(table, tmp_path / "plain.tsv")
    sites, _ = prepare_sites(path, table_format="sequences")
    assert sites["pred_type"].tolist() == ["FP", "TP"]
    assert sites["chrom"].nunique() == 2
    assert sites["sequence_junction"].tolist() == [4, 3]
    sites.to_parquet(tmp_path / "sites.parquet")
    write_windows(tmp_path / "sites.parquet", None, 3, 5, tmp_path / "w.arrow")
    assert read_windows(tmp_path / "w.arrow").get_sequences() == [
        "AAGTCCCN",
        "CCAGGGAN",
    ]
    bad = save(table.assign(label=[2, 0], sequence=["AC GT", "A"]), tmp_path / "b.tsv")
    with pytest.raises(InputError, match=r"row 2: label is '2'") as caught:
        prepare_sites(bad, table_format="sequences")
    assert "row 2: sequence is 'AC GT'" in str(caught.value)
    with pytest.raises(InputError, match="no column label"):
        prepare_sites(
            save(table[["sequence"]], tmp_path / "c.tsv"), table_format="sequences"
        )


def test_positions_within_genes_need_the_gene(
    genome: TinyGenome, tmp_path: Path
) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    table = positions_table(genome).drop(columns="gene_id")
    with pytest.raises(InputError, match="no column gene_id"):
        prepare_sites(
            save(table, tmp_path / "a.tsv"),
            fasta,
            table_format="metaspliceai",
            annotation_path=gtf,
        )


@pytest.mark.parametrize("start", [-300, 300])
def test_a_position_outside_its_sequence_is_refused(
    genome: TinyGenome, tmp_path: Path, start: int
) -> None:
    table = sequences_table(genome)
    row = table.index[table["pred_type"].eq("FP")][0]
    table.loc[row, ["position", "window_start"]] = [400, 400 + start]
    words = f"row {row + 2}: position is '400'; must be in the row's own sequence"
    with pytest.raises(InputError, match=words):
        prepare_sites(save(table, tmp_path / "a.tsv"), table_format="metaspliceai")
