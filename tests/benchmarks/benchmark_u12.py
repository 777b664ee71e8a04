"""The flag `u12_type` beside intronIC's introns, on human chromosome 19.

Run with ``python tests/benchmarks/benchmark_u12.py WHEEL`` on the wheel of
``intronic==3.0.0`` (``pip download --no-deps intronic==3.0.0``). The introns are those
of its Ensembl 91 annotation of chr19; U12-type are those of its human reference set,
told by the bases around their donor. Flags are made as the workflow makes them. Prints
one line per splice type; ends with code 1 if more than 0.2 % of the GT-AG introns that
are not in that set are flagged.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from measured_steps import SCRIPTS

sys.path.insert(0, str(SCRIPTS))

from error_sequence_model.causes import name_causes
from error_sequence_model.examples import read_known_u12
from error_sequence_model.genome import Genome, extract_window
from error_sequence_model.settings import parse_contrast
from error_sequence_model.windows import make_windows

FILES = {
    "genome.fa": "test_data/Homo_sapiens.Chr19.Ensembl_91.fa.gz",
    "annotation.gff3": "test_data/Homo_sapiens.Chr19.Ensembl_91.gff3.gz",
    "u12.gz": "u12_reference_human.introns.iic.gz",
}
SIDE, FLANK, HEAD = 60, 20, 40
LIMIT = 0.002


def unpack(wheel: Path, folder: Path) -> None:
    """Lay the wheel's genome, annotation and U12 introns into a folder."""
    with zipfile.ZipFile(wheel) as archive:
        for name, member in FILES.items():
            data = archive.read(f"intronIC/data/{member}")
            is_text = member.endswith("gz") and not name.endswith("gz")
            (folder / name).write_bytes(gzip.decompress(data) if is_text else data)


def list_introns(path: Path) -> pd.DataFrame:
    """Introns of all transcripts, once each: chrom, strand, start, end, gene_id."""
    table = pd.read_csv(path, sep="\t", comment="#", header=None, dtype={0: str})
    table = table.rename(columns={0: "chrom", 6: "strand"})
    table["parent"] = table[8].str.extract(r"Parent=([^;]+)")[0]
    table["id"] = table[8].str.extract(r"ID=([^;]+)")[0]
    genes = table[table[2] != "exon"].dropna(subset=["id"])
    genes = genes.drop_duplicates("id").set_index("id")["parent"]
    exons = table[table[2] == "exon"].sort_values(["parent", 3])
    start = exons.groupby("parent")[4].shift()
    introns = exons.assign(start=start, end=exons[3] - 1).dropna(subset=["start"])
    introns = introns.assign(gene_id=introns["parent"].map(genes))
    introns = introns.astype({"start": int})[introns["end"] - introns["start"] >= 60]
    keys = ["chrom", "strand", "start", "end"]
    return introns.drop_duplicates(keys)[[*keys, "gene_id"]].reset_index(drop=True)


def make_sites(introns: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    """Both sites of every GT-AG intron, with their windows."""
    sites = []
    for splice_type in ("donor", "acceptor"):
        is_left = (splice_type == "donor") == introns["strand"].eq("+")
        junction = introns["start"].where(is_left, introns["end"])
        sites.append(introns.assign(splice_type=splice_type, junction=junction))
    for table in sites:
        table["sequence"] = [
            extract_window(
                *(genome, row.chrom, row.junction, row.strand),
                upstream=SIDE,
                downstream=SIDE,
            ).upper()
            for row in table.itertuples()
        ]
    donor, acceptor = (table["sequence"] for table in sites)
    is_usual = donor.str[SIDE : SIDE + 2].eq("GT") & acceptor.str[SIDE - 2 : SIDE].eq(
        "AG"
    )
    heads = donor.str[SIDE - FLANK : SIDE + HEAD]
    return pd.concat([table[is_usual].assign(head=heads[is_usual]) for table in sites])


def main() -> None:
    """Unpack, flag, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    given = parser.parse_args()
    is_bad = False
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        unpack(given.wheel, folder)
        known = read_known_u12(folder / "u12.gz")
        genome = Genome(folder / "genome.fa")
        sites = make_sites(list_introns(folder / "annotation.gff3"), genome)
    keys = ["chrom", "junction", "strand", "splice_type"]
    # A site of several introns is U12-type if one of them is.
    sites["is_u12"] = sites["head"].isin(known)
    sites["is_u12"] = sites.groupby(keys)["is_u12"].transform("max")
    sites = sites.drop_duplicates(keys).reset_index(drop=True)
    sites = sites.assign(
        site_id=np.arange(len(sites)), pred_type="TP", gene_biotype="protein_coding"
    )
    windows = make_windows(
        sites["site_id"].to_numpy(), sites["sequence"].tolist(), upstream=SIDE
    )
    for splice_type in ("donor", "acceptor"):
        here = sites[sites["splice_type"] == splice_type]
        split = here[["site_id"]].assign(label=0, fold=0, part="train")
        data = (sites, windows, split, parse_contrast("fn_vs_tp"), splice_type)
        flags = name_causes(*data, draws=2).sites.set_index("site_id")["u12_type"]
        is_u12 = here.set_index("site_id")["is_u12"]
        flagged = flags.reindex(is_u12.index).eq(True)
        false, found = flagged[~is_u12].mean(), flagged[is_u12].mean()
        is_bad |= false > LIMIT
        print(
            f"{splice_type}: {int((~is_u12).sum()):,} GT-AG sites of no known U12 "
            f"intron, {false:.3%} flagged ({int(flagged[~is_u12].sum())}); "
            f"{int(is_u12.sum())} of known ones, {found:.0%} flagged"
        )
    sys.exit(int(is_bad))


if __name__ == "__main__":
    main()
