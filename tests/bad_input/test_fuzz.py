"""Every reader on spoilt files: only the declared error ever leaves them.

A sound file is mutated: bits turned, pieces cut or repeated, and bytes spliced in
that mean something to a parser. What comes out is sound or refused with `InputError`;
anything else, a crash of a C library too, fails the test. The same on every run.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from error_sequence_model import load_model
from error_sequence_model.backbones import read_safetensors
from error_sequence_model.calling import read_regions, read_scores
from error_sequence_model.causes import read_bed
from error_sequence_model.classifier import save_model
from error_sequence_model.core import (
    InputError,
    read_json,
    read_saved_table,
    write_json,
    write_parquet,
)
from error_sequence_model.features import CATALOGUE, read_elements
from error_sequence_model.genome import Genome, Variants, read_annotation
from error_sequence_model.results import read_maps
from error_sequence_model.settings import complete_config, expand_contrasts
from error_sequence_model.sites import prepare_sites
from error_sequence_model.tokenizers import (
    NucleotideTokenizer,
    TokenStore,
    load_tokenizer,
    write_tokens,
)
from error_sequence_model.windows import read_windows
from tiny_calls import write_beds, write_gtf, write_tracks
from tiny_genome import make_tiny_genome
from tiny_models import make_tiny_classifier, write_windows

# What means something to one parser or another.
PIECES = [
    *(b"\t", b"\n", b"\r\n", b",", b";", b" ", b'"', b"'", b"\0", b"#", b">", b"="),
    *(b"nan", b"inf", b"-1", b"1e309", b"1.5", b"9" * 25, b"0x1F", b"NA", b"."),
    *(b"chr1", b"+", b"-", b"donor", b"TP", b"\xff\xfe", b"\xc3\xa9", b"\xf0\x9f\x92"),
    *(b"\x1f\x8b", b"[", b"{", b"]", b"}", b"null", b"true", b"&a", b"*a", b"!!x"),
    *(b"\xff\xff\xff\xff", b"\0\0\0\0\0\0\0\x80", b"MOTIF", b"ID=a;Parent=a"),
]
PLACE = st.floats(0, 1, exclude_max=True)
CHANGE = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(0, 7)),
    st.tuples(st.just("cut"), PLACE, st.just(0)),
    st.tuples(st.just("remove"), PLACE, st.integers(1, 60)),
    st.tuples(st.just("repeat"), PLACE, st.integers(1, 60)),
    st.tuples(st.just("splice"), PLACE, st.sampled_from(PIECES)),
    st.tuples(st.just("replace"), PLACE, st.sampled_from(PIECES)),
    st.tuples(st.just("bytes"), PLACE, st.binary(min_size=1, max_size=12)),
)
CHANGES = st.lists(CHANGE, min_size=1, max_size=4)


def mutate(content: bytes, changes: list[tuple]) -> bytes:
    """Apply changes to a file, one after the other."""
    for kind, where, what in changes:
        place = int(where * len(content))
        head, tail = content[:place], content[place:]
        if kind == "flip" and tail:
            content = head + bytes([tail[0] ^ (1 << what)]) + tail[1:]
        elif kind == "cut":
            content = head
        elif kind == "remove":
            content = head + tail[what:]
        elif kind == "repeat":
            content = head + tail[:what] + tail
        elif kind in ("splice", "bytes"):
            content = head + what + tail
        elif kind == "replace":
            content = head + what + tail[len(what) :]
    return content


class Spoilt:
    """A sound file, and how a reader takes it."""

    def __init__(self, path: Path, read: Callable[[Path], object]) -> None:
        self.path, self.read = path, read
        self.sound = path.read_bytes()
        read(path)

    def check(self, changes: list[tuple]) -> None:
        content = mutate(self.sound, changes)
        if self.path.name.endswith(".plain.gz"):
            # The text is spoilt, not its packing.
            content = gzip.compress(mutate(gzip.decompress(self.sound), changes), 1)
        self.path.unlink()
        self.path.write_bytes(content)
        try:
            self.read(self.path)
        except InputError:
            pass
        finally:
            self.path.write_bytes(self.sound)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Sound files of all kinds."""
    folder = tmp_path_factory.mktemp("sound")
    genome = make_tiny_genome(chroms=("chr1", "chr2"), genes=3)
    genome.write_fasta(folder / "genome.fa")
    pysam.tabix_compress(str(folder / "genome.fa"), str(folder / "genome.fa.gz"))
    pysam.faidx(str(folder / "genome.fa"))
    table = genome.table().assign(score=0.5)
    table.to_csv(folder / "errors.tsv", sep="\t", index=False)
    table.to_csv(folder / "errors.csv", index=False)
    table.to_csv(folder / "errors.tsv.gz", sep="\t", index=False)
    table.to_csv(folder / "errors.tsv.plain.gz", sep="\t", index=False)
    table.to_parquet(folder / "errors.parquet")
    write_gtf(genome, folder / "genes.gtf")
    table.to_csv(folder / "sites.tsv", sep="\t", index=False)
    tracks = {
        "bigwig": write_tracks(genome, folder, "bigwig"),
        "bedgraph": write_tracks(genome, folder, "bedgraph"),
        "openspliceai": write_beds(genome, folder, "exact"),
    }
    write_json(folder / "tracks.json", tracks)
    write_others(folder)
    return folder


GFF3 = """##gff-version 3
chr1\tx\tgene\t100\t400\t.\t+\t.\tID=g1;Name=one;gene_biotype=coding
chr1\tx\tmRNA\t100\t400\t.\t+\t.\tID=t1;Parent=g1
chr1\tx\tmRNA\t100\t400\t.\t+\t.\tID=t2;Parent=g1
chr1\tx\texon\t100\t200\t.\t+\t.\tID=e1;Parent=t1,t2
chr1\tx\texon\t301\t400\t.\t+\t.\tID=e2;Parent=t1,t2
"""
MEME = """MEME version 4

ALPHABET= ACGT

MOTIF one factor
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0
 0.25 0.25 0.25 0.25
 0.70 0.10 0.10 0.10

MOTIF two
letter-probability matrix: alength= 4 w= 1
1 0 0 0
"""
BED = "track name=x\nchr1\t5\t70\tAluY\t0.5\t+\nchr2\t100\t200\tL1\t1\t-\n"
SHEET = (
    "name\tgenome\terrors\tcoordinate_base\tbiotypes\n"
    "net\ttoy\terrors 1.tsv\t1\t\nother\ttoy\tx.tsv\t0\t[coding, lncRNA]\n"
)
VCF = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1300>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tme\n"
    "{rows}"
)
CONFIG = {
    "genomes": {"toy": {"fasta": "toy.fa", "annotation": "toy.gtf"}},
    "predictors": {
        "net": {"genome": "toy", "errors": "errors.tsv", "splits": {"folds": 4}},
        "own": {"genome": "toy", "scores": {"format": "table", "path": "s.tsv"}},
        "both": {"pool": ["net", "own"]},
    },
    "contrasts": {"mine": {"positive": ["FP"], "negative": ["TP"], "match": ["gc"]}},
    "backbones": {"b": {"architecture": "nucleotide_encoder", "tuning": "lora"}},
    "models": ["b"],
    "training": {"epochs": 3, "learning_rate": 0.001, "bucket_boundaries": [64, 128]},
    "windows": {"upstream": 100, "downstream": 100},
    "seeds": [1, 2],
}


def write_others(folder: Path) -> None:
    """Files that need no genome, and those that steps leave for later ones."""
    texts = {"genes.gff3": GFF3, "own.meme": MEME, "own.bed": BED}
    texts["predictors.tsv"] = SHEET
    texts |= {"config.yaml": yaml.safe_dump(CONFIG), "own.tsv": CATALOGUE.read_text()}
    with Genome(folder / "genome.fa") as genome:
        base = genome.fetch("chr1", 9, 10)
    other = "A" if base != "A" else "C"
    texts["own.vcf"] = VCF.format(
        rows=f"chr1\t10\t.\t{base}\t{other}\t.\t.\t.\tGT\t0|1\n"
    )
    for name, text in texts.items():
        (folder / name).write_text(text)
    write_windows(folder / "windows.arrow", list(range(20)), ["ACGT" * 5] * 20)
    write_tokens(
        folder / "windows.arrow", NucleotideTokenizer(), folder / "tokens.arrow"
    )
    with h5py.File(folder / "maps.h5", "w") as file:
        maps = np.random.default_rng(1).random((6, 20), np.float32)
        file.create_dataset("attributions", data=maps, compression="gzip")
        file["site_id"] = np.arange(6)
    frame = pd.DataFrame({"site_id": np.arange(6), "part": ["test"] * 6, "p": 0.5})
    write_parquet(folder / "predictions.parquet", frame)
    write_json(folder / "metrics.json", {"auroc": 0.5, "rows": [1, None, "a"]})
    save_model(make_tiny_classifier(), folder / "model")


def read_all(path: Path) -> None:
    with Genome(path) as genome:
        for name, length in genome.lengths.items():
            genome.load_contig(name)
            genome.fetch(name, -5, length + 5)


def read_index(path: Path) -> None:
    read_all(path.with_suffix(""))


def read_errors(path: Path) -> None:
    prepare_sites(path, path.parent / "genome.fa")


def read_track(kind: str) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        tracks = read_json(path.parent / "tracks.json")[kind]
        with Genome(path.parent / "genome.fa") as genome:
            read_scores(tracks, genome)

    return read


def read_config(path: Path) -> None:
    try:
        config = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return  # Snakemake reads the file, and says so
    expand_contrasts(complete_config(config)["contrasts"])


def read_predictors(path: Path) -> None:
    complete_config({**CONFIG, "predictors": str(path)})


def read_variants(path: Path) -> None:
    with Genome(path.parent / "genome.fa") as genome:
        variants = Variants(path, genome.lengths)
        contig, junctions = genome.load_contig("chr1"), np.array([50])
        variants.apply("chr1", contig, junctions, np.array([True]))


def read_tokens(path: Path) -> None:
    store = TokenStore.open(path)
    for row in range(len(store)):
        store.get_row(row)


def read_all_windows(path: Path) -> None:
    windows = read_windows(path)
    windows.get_sequences()
    windows.get_matrix()


# A minute for all readers together.
TIMES = 3
# File, reader, and how many mutations are tried, so many times.
READERS: dict[str, tuple[str, Callable[[Path], object], int]] = {
    "errors.tsv": ("errors.tsv", read_errors, 120),
    "errors.csv": ("errors.csv", read_errors, 60),
    "errors.tsv.gz": ("errors.tsv.gz", read_errors, 60),
    "text in gzip": ("errors.tsv.plain.gz", read_errors, 40),
    "errors.parquet": ("errors.parquet", read_errors, 150),
    "genome.fa": ("genome.fa", read_all, 80),
    "genome.fa.gz": ("genome.fa.gz", read_all, 80),
    "genome.fa.fai": ("genome.fa.fai", read_index, 80),
    "genes.gtf": ("genes.gtf", read_annotation, 120),
    "genes.gff3": ("genes.gff3", read_annotation, 120),
    "sites.tsv": ("sites.tsv", read_annotation, 80),
    "own.bed": ("own.bed", read_bed, 80),
    "regions": ("own.bed", read_regions, 60),
    "own.vcf": ("own.vcf", read_variants, 80),
    "bigWig": ("donor+.bigwig", read_track("bigwig"), 150),
    "bedGraph": ("donor+.bedgraph", read_track("bedgraph"), 60),
    "OpenSpliceAI": ("donor.bed", read_track("openspliceai"), 60),
    "own.meme": ("own.meme", read_elements, 120),
    "own.tsv": ("own.tsv", read_elements, 80),
    "config.yaml": ("config.yaml", read_config, 120),
    "predictors.tsv": ("predictors.tsv", read_predictors, 120),
    "metrics.json": ("metrics.json", read_json, 80),
    "predictions.parquet": ("predictions.parquet", read_saved_table, 120),
    "maps.h5": ("maps.h5", read_maps, 150),
    "windows.arrow": ("windows.arrow", read_all_windows, 150),
    "tokens.arrow": ("tokens.arrow", read_tokens, 150),
    "weights": ("model/model.safetensors", read_safetensors, 150),
    "config.json": ("model/config.json", lambda p: load_model(p.parent), 100),
    "vocab.txt": ("model/vocab.txt", lambda p: load_tokenizer(p.parent), 40),
}


@pytest.mark.parametrize("case", READERS)
def test_only_the_declared_error_leaves(folder, case):
    name, read, count = READERS[case]
    spoilt = Spoilt(folder / name, read)
    settings(
        max_examples=TIMES * count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )(given(CHANGES)(spoilt.check))()
