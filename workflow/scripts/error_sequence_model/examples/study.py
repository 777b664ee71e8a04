"""The study's input: everything fetched, verified and laid out in one folder.

    packages/           the four packages, as the index serves them (or a folder given)
    genome.fa, annotation.gtf, genes.tsv    see `study_genes`
    spliceai/spliceai{1..5}.h5   SpliceAI's networks
    outside.parquet, outside.json   what others measured of the sites, see `facts`
    known_u12.introns.iic.gz   U12 introns of the package intronic
    chr3.yaml           part of a config: train on genes of chr1, test on those of chr3
    chr19.*             human chr19 with Ensembl 91, see `chr19`
    exon_use.parquet    see `outside_truth`; written last

What is there is kept, so a call that was interrupted goes on.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pandas as pd

from error_sequence_model.core import InputError, atomic_path, write_parquet
from error_sequence_model.examples.chr19 import write_chr19
from error_sequence_model.examples.facts import gather_facts, write_facts
from error_sequence_model.examples.outside_truth import read_exon_use
from error_sequence_model.examples.packages import (
    PACKAGES,
    extract_member,
    fetch_package,
)
from error_sequence_model.examples.study_genes import write_study_genes

logger = logging.getLogger(__name__)

NETWORKS = 5
GENES = 610
CHR19_GENES = 500  # enough for shares within some per cent
CHR19 = "test_data/Homo_sapiens.Chr19.Ensembl_91"
VALIDATED = 8  # one gene of chr1 in so many chooses the epoch
ROOM = 500_000_000  # bytes: packages and what is taken out of them


def prepare_study(
    folder: str | Path,
    *,
    genes: int | None = None,
    networks: int = NETWORKS,
    packages_folder: str | Path | None = None,
) -> None:
    """Fetch the study's data and lay them out.

    Args:
        folder: Where everything goes.
        genes: Only so many genes, spread evenly; all by default.
        networks: How many of SpliceAI's five networks.
        packages_folder: Where the packages lie, or are put; ``folder/packages`` by
            default.

    Raises:
        InputError: A package cannot be had; the message says how to supply it. Or there
            is no room.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "exon_use.parquet").exists():
        _require_room(folder)
    where = packages_folder or folder / "packages"
    packages = {
        name: fetch_package(package, where) for name, package in PACKAGES.items()
    }
    (folder / "packages").mkdir(exist_ok=True)
    genes_of = packages["frame-alignment-checks"]
    arrays = extract_member(
        genes_of, "relevant_validation_genes.npz", folder / "packages/genes.npz"
    )
    places = extract_member(
        genes_of,
        "relevant_validation_genes_transcript_coords.json",
        folder / "packages/places.json",
    )
    weights = folder / "spliceai"
    weights.mkdir(exist_ok=True)
    for file in weights.glob("*.h5"):
        # The mean is taken of what lies there.
        if file.stem not in {f"spliceai{n}" for n in range(1, networks + 1)}:
            file.unlink()
    for number in range(1, networks + 1):
        name = f"spliceai{number}.h5"
        extract_member(packages["spliceai"], f"models/{name}", weights / name)
    intronic, taken = packages["intronic"], folder / "packages"
    u12 = folder / "known_u12.introns.iic.gz"
    extract_member(intronic, "data/u12_reference_human.introns.iic.gz", u12)
    chr19 = [
        extract_member(intronic, f"{CHR19}.{kind}.gz", taken / f"chr19.{kind}.gz")
        for kind in ("fa", "gff3")
    ]
    use = extract_member(
        packages["mmsplice"], "gtex_psi_map_ranges.csv.gz", taken / "exon_use.csv.gz"
    )
    last = folder / "exon_use.parquet"
    if _count_genes(folder) != (genes or GENES):
        last.unlink(missing_ok=True)
        write_study_genes(arrays, places, folder, most=genes)
    write_chromosome_split(folder / "genes.tsv", folder / "chr3.yaml")
    if not last.exists():
        table = read_exon_use(use, pd.read_csv(folder / "genes.tsv", sep="\t"))
        facts = gather_facts(
            table, folder / "annotation.gtf", folder / "genome.fa", u12
        )
        write_facts(folder / "outside.parquet", facts)
        most = min(genes or CHR19_GENES, CHR19_GENES)
        write_chr19(folder, *chr19, use, genes=most)
        write_parquet(last, table)
    logger.info("the study's data are in %s", folder)


def write_chromosome_split(genes: Path, output: Path) -> None:
    """Write the split of ``config/study_chr3.yaml``: chr1 to learn from, chr3 to test.

    Every gene is a contig, so the config has to name them. Genes without a known
    chromosome may lie on chr3: they are not trained on.

    Args:
        genes: ``genes.tsv``.
        output: The YAML; kept where it says the same.
    """
    import yaml

    contigs = pd.read_csv(genes, sep="\t").groupby("chrom")["contig"].agg(list)
    split = {
        **{"by": "chromosome", "folds": None},
        "test": contigs.get("chr3", []),
        "validation": contigs.get("chr1", [])[::VALIDATED]
        + contigs.get("unplaced", []),
    }
    text = yaml.safe_dump({"predictors": {"chr1_to_chr3": {"splits": split}}})
    if not output.exists() or output.read_text(encoding="utf-8") != text:
        with atomic_path(output) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _require_room(folder: Path) -> None:
    """Refuse a full disk before anything is fetched."""
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise InputError(
            f"{folder.resolve()}: {free / 1e6:,.0f} MB are free; the study's data take "
            f"{ROOM / 1e6:,.0f} MB there. Make room, or make this folder a link to one "
            "on another disk"
        )


def _count_genes(folder: Path) -> int:
    """Count the genes that are laid out; genes.tsv is written last."""
    table = folder / "genes.tsv"
    return len(table.read_text().splitlines()) - 1 if table.exists() else 0
