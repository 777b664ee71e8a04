"""A genome of a few kb with perfect splice sites on both strands, made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.genome import get_positions


@dataclass(frozen=True)
class TinyGenome:
    """Contigs and the sites planted in them.

    Attributes:
        contigs: Name -> forward-strand sequence.
        sites: chrom, junction, strand, splice_type, pred_type, gene_id.
    """

    contigs: dict[str, str]
    sites: pd.DataFrame

    def write_fasta(self, path: Path, width: int = 60) -> Path:
        """Write the contigs; ``width=0`` puts each on one line."""
        with path.open("w") as file:
            for name, sequence in self.contigs.items():
                step = width or len(sequence)
                lines = [sequence[i : i + step] for i in range(0, len(sequence), step)]
                file.write(f">{name}\n" + "\n".join(lines) + "\n")
        return path

    def table(self, coordinate_base: int = 1, site_base: str = "exon") -> pd.DataFrame:
        """Return the sites as an error table in some convention."""
        table = self.sites.drop(columns="junction")
        table.insert(
            1,
            "position",
            get_positions(
                self.sites["junction"].to_numpy(),
                self.sites["strand"].eq("+").to_numpy(),
                self.sites["splice_type"].eq("donor").to_numpy(),
                coordinate_base=coordinate_base,
                site_base=site_base,
            ),
        )
        return table

    def write_table(self, path: Path, **convention: object) -> Path:
        """Write the error table as TSV."""
        self.table(**convention).to_csv(path, sep="\t", index=False)
        return path


def make_tiny_genome(
    *, chroms: tuple[str, ...] = ("chr1", "chr2", "chr3"), genes: int = 6, seed: int = 1
) -> TinyGenome:
    """Plant genes of one intron each, every other one on '-'.

    A gene takes 300 bases: exon 100, intron 100 (GT…AG), exon 100, between spacers of
    100. Every gene has a TP donor and acceptor or, each third gene, an FP donor and an
    FN acceptor, and a TN decoy of each type in its exons.
    """
    generator = np.random.default_rng(seed)
    contigs, rows = {}, []
    for chrom in chroms:
        bases = generator.choice(list("ACGT"), size=400 * genes + 100)
        for gene in range(genes):
            start, strand = 100 + 400 * gene, "+-"[gene % 2]
            if strand == "-":
                places = {"donor": start + 200, "acceptor": start + 100}
            else:
                places = {"donor": start + 100, "acceptor": start + 200}
            decoys = {"donor": start + 40, "acceptor": start + 260}
            name = f"{chrom}.g{gene}"
            for splice_type in ("donor", "acceptor"):
                error = {"donor": "FP", "acceptor": "FN"}[splice_type]
                kind = error if gene % 3 == 2 else "TP"
                for junction, label in ((places, kind), (decoys, "TN")):
                    at = junction[splice_type]
                    _plant(bases, at, strand, splice_type)
                    rows.append((chrom, at, strand, splice_type, label, name))
        contigs[chrom] = "".join(bases)
    columns = ["chrom", "junction", "strand", "splice_type", "pred_type", "gene_id"]
    return TinyGenome(contigs, pd.DataFrame(rows, columns=columns))


def _plant(bases: np.ndarray, junction: int, strand: str, splice_type: str) -> None:
    pair = {"donor": {"+": "GT", "-": "AC"}, "acceptor": {"+": "AG", "-": "CT"}}
    is_right = (splice_type == "donor") == (strand == "+")
    start = junction if is_right else junction - 2
    bases[start : start + 2] = list(pair[splice_type][strand])
