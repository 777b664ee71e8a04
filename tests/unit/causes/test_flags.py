"""Flags of single sites: exact small cases for sequence, genes and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import read_bed
from error_sequence_model.causes.flags import flag_windows, learn_references
from error_sequence_model.causes.sequence import (
    BRANCH_U12,
    DONOR_U12,
    flag_sequences,
    learn_reference,
    measure_alternation,
    measure_dust,
)
from error_sequence_model.causes.structure import flag_neighbours, flag_structure
from error_sequence_model.causes.tracks import flag_tracks
from error_sequence_model.core import InputError
from error_sequence_model.features import (
    encode_bases,
    find_dinucleotides,
    learn_strength,
    scan_strength,
    score_matrix,
)
from error_sequence_model.genome import read_gene_models
from error_sequence_model.settings import (
    CauseSettings,
    Track,
    complete_config,
    get_thresholds,
    list_annotations,
    list_of_genomes,
    list_tracks,
)
from error_sequence_model.statistics import measure_odds_ratios
from error_sequence_model.windows import make_windows

UPSTREAM = DOWNSTREAM = 120
SITE = {"donor": (-3, "CAGGTAAGT"), "acceptor": (-20, "CTCTTTTTTCTTTTTTGCAGGCC")}


def make_window(splice_type: str, *pieces: tuple[int, str]) -> np.ndarray:
    """A window of As with the consensus and pieces written at offsets: int8 codes."""
    letters = np.full(UPSTREAM + DOWNSTREAM, "A")
    for offset, piece in (SITE[splice_type], *pieces):
        letters[UPSTREAM + offset : UPSTREAM + offset + len(piece)] = list(piece)
    return encode_bases(np.frombuffer("".join(letters).encode(), np.uint8))


def make_teachers(splice_type: str, n: int = 60) -> np.ndarray:
    """Random windows with the consensus, one base of it changed at every other site."""
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 4, (n, UPSTREAM + DOWNSTREAM)).astype(np.int8)
    offset, piece = SITE[splice_type]
    start = UPSTREAM + offset
    codes[:, start : start + len(piece)] = ["ACGT".index(base) for base in piece]
    codes[::2, start] = generator.integers(0, 4, len(codes[::2]))
    return codes


def flag(splice_type: str, *pieces: tuple[int, str]) -> dict[str, float]:
    other = "acceptor" if splice_type == "donor" else "donor"
    settings = CauseSettings()
    reference = learn_reference(
        make_teachers(splice_type),
        make_teachers(other),
        UPSTREAM,
        splice_type,
        settings,
    )
    window = make_window(splice_type, *pieces)[None, :]
    flags = flag_sequences(window, UPSTREAM, reference, settings)
    return {name: values[0] for name, values in flags.items()}


CASES = [
    ("noncanonical", "donor", (0, "GC"), (0, "GT")),
    ("noncanonical", "acceptor", (-2, "AC"), (-2, "AG")),
    ("u12_type", "donor", (0, "GTATCCTT"), (0, "GTAAGTAT")),
    ("u12_type", "acceptor", (-30, "TCCTTAAC"), (-30, "TCCTGGAC")),
    ("tandem", "donor", (4, "GT"), (5, "GT")),
    ("tandem", "acceptor", (1, "AG"), (2, "AG")),
    ("tandem", "acceptor", (-5, "AG"), (-6, "AG")),
    ("weak_site", "donor", (-1, "AGTTTTTT"), (-3, "CAGGTAAGT")),
    ("competitor", "donor", (-1, "AGTTTTTCAGGTAAGT"), (20, "TTTGTTTT")),
    ("no_branch_point", "acceptor", (-30, "GGGGGGG"), (-30, "TACTAAC")),
    ("alu_like_tract", "acceptor", (-40, "T" * 13 + "GA"), (-40, "T" * 13 + "CCCCCGA")),
    ("weak_tract", "acceptor", (-20, "G" * 15), (-20, "T" * 15)),
    ("ug_repeat", "donor", (60, "TG" * 6), (60, "TG" * 5)),
    ("window_edge", "donor", (100, "N"), (100, "C")),
    ("pseudo_exon", "donor", (-100, SITE["acceptor"][1]), (-60, SITE["acceptor"][1])),
    ("pseudo_exon", "acceptor", (67, "CAGGTAAGT"), (27, "CAGGTAAGT")),
    ("gc_rich", "donor", (10, "GC" * 55), (10, "AT" * 55)),
    ("gc_poor", "donor", (10, "AT" * 55), (10, "GC" * 55)),
]


@pytest.mark.parametrize(("name", "splice_type", "hit", "miss"), CASES)
def test_sequence_flags(name, splice_type, hit, miss):
    rich = [(-119, "GC" * 49)] if name.startswith("gc") else []
    assert flag(splice_type, *(rich if name == "gc_rich" else []), hit)[name] == 1
    assert flag(splice_type, *(rich if name == "gc_poor" else []), miss)[name] == 0


def test_scan_agrees_with_the_matrix_at_every_place():
    codes = np.random.default_rng(2).integers(0, 5, (4, 60)).astype(np.int8)
    for splice_type in ("donor", "acceptor"):
        weights = learn_strength(make_teachers(splice_type), UPSTREAM, splice_type)
        scores = scan_strength(codes, weights, splice_type)
        first = -3 if splice_type == "donor" else -20
        for place in range(60):
            part = codes[:, max(place + first, 0) : place + first + len(weights)]
            if place + first < 0 or part.shape[1] < len(weights):
                assert np.isneginf(scores[:, place]).all()
            else:
                expected = score_matrix(part, weights)
                np.testing.assert_allclose(scores[:, place], expected, rtol=1e-4)


def test_dinucleotides_are_those_beside_the_junction():
    codes = encode_bases(np.frombuffer(b"AGGTAG", np.uint8))[None, :]
    assert np.flatnonzero(find_dinucleotides(codes, "donor")[0]).tolist() == [2]
    # The AG at the end of the window has its junction beyond it.
    assert np.flatnonzero(find_dinucleotides(codes, "acceptor")[0]).tolist() == [2]


def test_dust_and_alternation_by_hand():
    same = np.zeros((1, 10), dtype=np.int8)
    assert measure_dust(same)[0] == pytest.approx(8 * 7 / 2 / 7)
    codes = encode_bases(np.frombuffer(b"AATGTGTAAGTA", np.uint8))[None, :]
    assert measure_alternation(codes, 2, 3)[0] == 5
    assert measure_alternation(same, 2, 3)[0] == 0


def test_short_windows_leave_flags_out():
    reference = learn_reference(
        make_teachers("acceptor")[:, 115:125],
        make_teachers("donor")[:, 115:125],
        5,
        "acceptor",
        CauseSettings(),
    )
    codes = make_teachers("acceptor")[:3, 115:125]
    flags = flag_sequences(codes, 5, reference, CauseSettings())
    assert {"noncanonical", "window_edge", "low_complexity"} <= set(flags)
    assert not {"weak_site", "pseudo_exon", "no_branch_point", "tandem"} & set(flags)


GENES = """\
c\tx\tgene\t101\t900\t.\t{s}\t.\tgene_id "g"; gene_biotype "lncRNA";
c\tx\texon\t101\t200\t.\t{s}\t.\tgene_id "g"; transcript_id "t1";
c\tx\texon\t301\t320\t.\t{s}\t.\tgene_id "g"; transcript_id "t1";
c\tx\texon\t601\t900\t.\t{s}\t.\tgene_id "g"; transcript_id "t1";
c\tx\texon\t101\t200\t.\t{s}\t.\tgene_id "g"; transcript_id "t2";
c\tx\texon\t601\t900\t.\t{s}\t.\tgene_id "g"; transcript_id "t2";
c\tx\texon\t101\t200\t.\t{s}\t.\tgene_id "g"; transcript_id "t3";
c\tx\texon\t601\t900\t.\t{s}\t.\tgene_id "g"; transcript_id "t3";
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def make_sites(*rows: tuple[int, str, str]) -> pd.DataFrame:
    """Sites of contig c from (junction, strand, splice type)."""
    frame = pd.DataFrame(rows, columns=["junction", "strand", "splice_type"])
    return frame.assign(chrom="c", pred_type="TP", gene_id="g", gene_biotype=None)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_structure_on_both_strands(tmp_path, strand):
    path = write(tmp_path / "a.gtf", GENES.format(s=strand))
    models = read_gene_models([("", path)])
    left, right = ("donor", "acceptor") if strand == "+" else ("acceptor", "donor")
    sites = make_sites(
        (200, strand, left),  # the gene's end exon, used by all
        (300, strand, right),  # into the microexon, one of three transcripts
        (320, strand, left),
        (600, strand, right),  # the other end exon: 300 nt
        (450, strand, left),  # not annotated
    )
    flags = flag_structure(sites, np.ones(5, dtype=bool), models, CauseSettings())
    unknown = np.nan
    expected = {
        "microexon": [0, 1, 1, 0, unknown],
        "long_exon": [0, 0, 0, 1, unknown],
        "minor_transcripts": [0, 1, 1, 0, unknown],
        "noncoding_gene": [1, 1, 1, 1, 1],
        "pseudogene": [0, 0, 0, 0, 0],
        "intergenic": [0, 0, 0, 0, 0],
        "antisense_gene": [0, 0, 0, 0, 0],
    }
    # Exon 101-200 is the first on '+' and the last on '-'; 601-900 the other way round.
    ends = {"donor": "first_exon", "acceptor": "last_exon"}
    expected[ends[left]] = [1, 0, 0, 0, unknown]
    expected[ends[right]] = [0, 0, 0, 1, unknown]
    for name, values in expected.items():
        np.testing.assert_array_equal(flags[name], values, err_msg=name)
    # Introns of 100 and 280 nt, and of 400 where the microexon is skipped.
    assert models.sites.set_index("junction")["shortest_intron"].to_dict() == {
        200: 100,
        300: 100,
        320: 280,
        600: 280,
    }


def test_genes_on_the_other_strand_and_none(tmp_path):
    path = write(tmp_path / "a.gtf", GENES.format(s="+"))
    models = read_gene_models([("pool", path)])
    sites = make_sites((250, "-", "donor"), (950, "+", "donor")).assign(chrom="pool:c")
    flags = flag_structure(sites, np.zeros(2, dtype=bool), models, CauseSettings())
    assert flags["antisense_gene"].tolist() == [1, 0]
    assert flags["intergenic"].tolist() == [1, 1]
    assert "long_intron" not in flags


@pytest.mark.parametrize("prefix", ["", "pool"])
def test_contigs_of_the_annotation_get_the_names_of_the_sites(tmp_path, prefix):
    text = GENES.format(s="+")
    path = write(tmp_path / "a.gtf", text)
    contig = f"{prefix}:chrc" if prefix else "chrc"
    models = read_gene_models([(prefix, path)], chroms=["other:x", contig])
    assert set(models.sites["chrom"]) == set(models.genes["chrom"]) == {contig}
    wrong = [f"{prefix}:chrZ" if prefix else "chrZ"]
    with pytest.raises(InputError, match=rf"{path}: none of its contigs \(.*chrZ"):
        read_gene_models([(prefix, path)], chroms=wrong)


def test_a_site_is_no_neighbour_of_itself():
    annotated = make_sites(
        (100, "+", "donor"), (150, "+", "donor"), (400, "+", "donor")
    )
    sites = make_sites(
        (100, "+", "donor"),
        (400, "+", "donor"),
        (449, "+", "donor"),
        (451, "+", "donor"),
        (100, "-", "donor"),
        (100, "+", "acceptor"),
    )
    flags = flag_neighbours(sites, annotated, CauseSettings(near=50))
    assert flags.tolist() == [1, 0, 1, 0, 0, 0]


def test_beds_cover_either_base_and_know_strands(tmp_path):
    sites = make_sites(*[(place, "+", "donor") for place in (99, 100, 110, 111)])
    bed = write(tmp_path / "r.bed", "track x\nc\t100\t110\tAluSx\t0\t-\n")
    flags = flag_tracks(sites, [Track("repeats", str(bed))], CauseSettings())
    assert flags["repeat"].tolist() == [0, 1, 1, 0]
    assert flags["alu_antisense"].tolist() == [0, 1, 1, 0]
    turned = sites.assign(strand="-")
    flags = flag_tracks(turned, [Track("repeats", str(bed))], CauseSettings())
    assert flags["repeat"].tolist() == [0, 1, 1, 0]
    assert flags["alu_antisense"].sum() == 0
    flags = flag_tracks(sites, [Track("bed", str(bed), "mine")], CauseSettings())
    assert flags["bed_mine"].sum() == 0
    plain = write(tmp_path / "p.bed", "c\t100\t110\n")
    flags = flag_tracks(sites, [Track("bed", str(plain), "mine")], CauseSettings())
    assert flags["bed_mine"].tolist() == [0, 1, 1, 0]


def test_support_counts_reads_within_two_bases(tmp_path):
    table = "chrom\tposition\tstrand\tsplice_type\treads\nc\t100\t+\tdonor\t5\n"
    table += "c\t200\t+\tdonor\t1\n"
    path = write(tmp_path / "s.tsv", table)
    sites = make_sites(*[(place, "+", "donor") for place in (98, 102, 103, 200)])
    flags = flag_tracks(sites, [Track("junctions", str(path))], CauseSettings())
    # 1-based exonic base 100 of a '+' donor: junction 100.
    assert flags["supported"].tolist() == [1, 1, 0, 0]


def test_an_annotation_as_support_obeys_the_genome(tmp_path):
    """Its smallest intron, and the other names of its contigs."""
    path = write(tmp_path / "a.gtf", GENES.format(s="+"))
    names = write(tmp_path / "names.txt", "NC_1\tc\nNC_2\td\n")
    places = [(200, "donor"), (300, "acceptor"), (320, "donor"), (600, "acceptor")]
    sites = make_sites(*[(place, "+", side) for place, side in places])
    options = {"aliases": str(names), "smallest_intron": 101}
    track = Track("junctions", str(path), **options)
    flags = flag_tracks(sites.assign(chrom="NC_1"), [track], CauseSettings())
    assert flags["supported"].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c\tten\t20\n", "row 1: start 'ten' and end '20' are no interval"),
        ("c\t30\t20\n", "row 1: start '30' and end '20' are no interval"),
        ("other\t10\t20\n", "none of its contigs"),
    ],
)
def test_bad_beds_are_refused(tmp_path, text, message):
    path = write(tmp_path / "x.bed", text)
    sites = make_sites((15, "+", "donor"))
    with pytest.raises(InputError, match=message):
        flag_tracks(sites, [Track("bed", str(path), "x")], CauseSettings())


def test_missing_and_empty_beds(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bed(tmp_path / "none.bed")
    assert len(read_bed(write(tmp_path / "e.bed", ""))) == 0


def test_files_are_found_by_genome_and_pool():
    own = {"smallest_intron": 15, "aliases": "a.txt"}
    genomes = {
        "a": {"fasta": "a.fa", "annotation": "a.gtf", **own},
        "b": {"fasta": "b.fa"},
    }
    config = complete_config(
        {
            "genomes": genomes,
            "predictors": {
                "one": {"genome": "a", "errors": "x.tsv", "support": "reads.tsv"},
                "two": {"genome": "b", "errors": "y.tsv", "site_base": "intron"},
                "both": {"pool": ["one", "two"]},
            },
            "causes": {"repeats": {"b": "b.bed"}, "beds": {"mine": "all.bed"}},
        }
    )
    assert list_annotations(config, "one") == [["", "a.gtf", 15, "a.txt"]]
    assert list_of_genomes(config, "both", "aliases") == {"a": "a.txt"}
    assert {key: list_tracks(config, "one")[0][key] for key in own} == own
    assert list_annotations(config, "both") == []
    found = [(t["cause"], t["path"], t["prefix"]) for t in list_tracks(config, "both")]
    assert found == [
        ("junctions", "reads.tsv", "a"),
        ("bed", "all.bed", "a"),
        ("repeats", "b.bed", "b"),
        ("bed", "all.bed", "b"),
    ]
    assert CauseSettings.from_mapping(get_thresholds(config)) == CauseSettings()


def test_a_file_for_an_unknown_genome_is_refused():
    config = {
        "genomes": {"a": {"fasta": "a.fa"}},
        "predictors": {"one": {"genome": "a", "errors": "x.tsv"}},
        "causes": {"beds": {"mine": {"b": "b.bed"}}},
    }
    with pytest.raises(InputError, match=r"causes\.beds\.mine: 'b' is not under"):
        complete_config(config)
    config["causes"] = {"weak": 0.1}
    with pytest.raises(InputError, match=r"unknown key 'weak'.*weak_share"):
        complete_config(config)


def draw_acceptors(n: int, rng: np.random.Generator) -> np.ndarray:
    """Windows of acceptors, int8 (n, 200), the junction before column 100."""
    codes = rng.integers(0, 4, (n, 200)).astype(np.int8)
    for offset in range(-20, -4):
        codes[:, 100 + offset] = rng.choice(4, n, p=[0.12, 0.30, 0.12, 0.46])
    codes[:, 98:100] = [0, 2]
    return codes


def test_a_site_does_not_teach_what_it_is_judged_by():
    """FP and TP of one kind, a matrix learnt from the TP: the level is kept."""
    settings, p_values, shares = CauseSettings(), [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        codes = draw_acceptors(240, rng)
        genes = [f"g{number}" for number in rng.integers(0, 80, 240)]
        sites = pd.DataFrame(
            {
                "site_id": np.arange(240),
                "gene_id": genes,
                "splice_type": "acceptor",
                "pred_type": np.repeat(["TP", "FP"], 120),
            }
        )
        labels = np.repeat([0, 1], 120)
        split = sites[["site_id"]].assign(label=labels, fold=0, part="train")
        letters = ["".join("ACGT"[base] for base in row) for row in codes]
        windows = make_windows(sites["site_id"].to_numpy(), letters, upstream=100)
        chosen = sites.merge(split, on="site_id")
        crossed = learn_references(chosen, sites, windows, split, settings)
        flags = pd.DataFrame(flag_windows(codes, 100, crossed, settings))
        found = measure_odds_ratios(flags, labels, np.array(genes))
        p_values.append(found.drop(index="noncanonical")["p"].dropna().to_numpy())
        weak = flags["weak_site"]
        shares.append(weak[labels == 1].mean() - weak[labels == 0].mean())
    rate = (np.concatenate(p_values) < 0.05).mean()
    assert 0.02 <= rate <= 0.07
    assert abs(np.mean(shares)) < 0.02


def test_u12_matrices_are_those_of_known_u12_introns():
    """Shares of 527 donors and 354 branch sites, GT-AG and AT-AC, of intronIC 3.0.0.

    Counted there in introns conserved between species; the branch sites in lariats.
    """
    donor = [
        *([0.28, 0, 0.72, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]),
        *([0, 0.96, 0, 0.03], [0.01, 0.01, 0, 0.98], [0.02, 0.06, 0.05, 0.87]),
        [0.06, 0.21, 0.09, 0.64],
    ]
    branch = [
        *([0.16, 0.16, 0.13, 0.55], [0.13, 0.10, 0.10, 0.68], [0.06, 0.72, 0.01, 0.21]),
        *([0.02, 0.90, 0, 0.07], [0.01, 0.16, 0, 0.83], [0, 0, 0, 1]),
        *([0.59, 0.03, 0.26, 0.12], [1, 0, 0, 0], [0.07, 0.65, 0.08, 0.20]),
    ]
    for ours, theirs in ((DONOR_U12, donor), (BRANCH_U12, branch)):
        assert np.abs(ours - theirs).max() <= 0.1501
        assert np.abs(ours - theirs).mean() <= 0.05
        assert (ours.argmax(axis=1) == np.argmax(theirs, axis=1)).all()
        assert ours.sum(axis=1) == pytest.approx(1)


def test_u12_types_are_told_from_shuffled_letters():
    """Hardly any U2-type donor is called U12; U12 donors are."""
    rng = np.random.default_rng(3)
    # Shares of A, C, G and T from +3 on, about those of human donors.
    usual = [(0.6, 0, 0.37, 0.03), (0.7, 0.08, 0.12, 0.1), (0.08, 0.06, 0.8, 0.06)]
    usual += [(0.17, 0.16, 0.2, 0.47), *[(0.25, 0.25, 0.25, 0.25)] * 2]

    def draw(n):
        codes = make_teachers("donor", n)
        codes[:, UPSTREAM : UPSTREAM + 2] = [2, 3]
        for offset, shares in enumerate(usual, start=2):
            codes[:, UPSTREAM + offset] = rng.choice(4, n, p=shares)
        return codes

    u2_type, others = draw(4000), draw(20_000)
    none = u2_type[:0]
    reference = learn_reference(u2_type, none, UPSTREAM, "donor", CauseSettings())
    found = flag_sequences(others, UPSTREAM, reference, CauseSettings())
    assert found["u12_type"].mean() <= 0.0006
    u12_type = others[:50].copy()
    u12_type[:, UPSTREAM : UPSTREAM + 8] = ["ACGT".index(b) for b in "ATATCCTT"]
    found = flag_sequences(u12_type, UPSTREAM, reference, CauseSettings())
    assert found["u12_type"].mean() == 1
