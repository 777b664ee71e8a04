from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest

from error_sequence_model.core import InputError, read_json
from error_sequence_model.simulation import SimulationSettings, read_truth, simulate
from error_sequence_model.simulation.files import ERROR_COLUMNS
from error_sequence_model.simulation.genes import (
    COMPOSITION,
    EXON,
    INTRON,
    sample_background,
)
from error_sequence_model.simulation.plan import KINDS, STRONG, make_plan
from error_sequence_model.simulation.truth import TRUTH_COLUMNS

PLAN = make_plan(SimulationSettings())
DECOYS = PLAN.decoys
SITE = ["chrom", "junction", "strand", "splice_type"]
HEADER = (
    "#chrom\tstart\tend\tcause\tbed_score\tstrand\tjunction\tsplice_type\tpred_type"
    "\trole\n"
)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
CLASSES = [
    (splice_type, pred_type)
    for splice_type in ("donor", "acceptor")
    for pred_type in ("TP", "FN", "FP", "TN")
]


def add_junction(errors):
    """The contract of design.md, written out independently of the simulation."""
    is_left = (errors.splice_type == "donor") == (errors.strand == "+")
    return errors.assign(
        junction=np.where(is_left, errors.position, errors.position - 1)
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def errors(demo):
    return add_junction(pd.read_csv(demo.errors, sep="\t"))


@pytest.fixture(scope="module")
def sites(errors):
    return errors.drop_duplicates(SITE).reset_index(drop=True)


@pytest.fixture(scope="module")
def truth(demo):
    return read_truth(demo.truth)


@pytest.fixture(scope="module")
def genome(demo):
    with pysam.FastaFile(str(demo.genome)) as fasta:
        yield {name: fasta.fetch(name) for name in fasta.references}


def get_sense(genome, chrom, start, end, strand):
    sequence = genome[chrom][start:end]
    return sequence if strand == "+" else sequence.translate(COMPLEMENT)[::-1]


def get_window(genome, site, size):
    return get_sense(
        genome, site.chrom, site.junction - size, site.junction + size, site.strand
    )


def get_offsets(element):
    """First and end offset of an element, in transcript sense from the junction."""
    if element.strand == "+":
        return element.start - element.junction, element.end - element.junction
    return element.junction - element.end, element.junction - element.start


def count_mismatches(sequence, motif):
    assert len(sequence) == len(motif)
    return sum(a != b for a, b in zip(sequence, motif, strict=True))


def read_annotated_sites(path):
    """Junctions of the GTF's introns, with the transcripts that use them."""
    exons = {}
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        pairs = (pair.split(" ", 1) for pair in fields[8].rstrip(";").split("; "))
        attributes = {key: value.strip('"') for key, value in pairs}
        if fields[2] == "exon":
            key = (attributes["transcript_id"], fields[0], fields[6])
            exons.setdefault(key, []).append((int(fields[3]) - 1, int(fields[4])))
    annotated = set()
    for (transcript, chrom, strand), blocks in exons.items():
        for (_, left), (right, _) in itertools.pairwise(sorted(blocks)):
            kinds = ("donor", "acceptor") if strand == "+" else ("acceptor", "donor")
            for junction, kind in zip((left, right), kinds, strict=True):
                annotated.add((chrom, junction, strand, kind, transcript))
    return annotated


def test_counts_are_those_of_the_demo(sites):
    expected = {"TP": (500, 700), "FN": (250, 350), "FP": (250, 350), "TN": (400, 500)}
    counts = sites.groupby(["splice_type", "pred_type"]).size()
    for splice_type, pred_type in CLASSES:
        low, high = expected[pred_type]
        assert low <= counts[splice_type, pred_type] <= high
    by_chrom = sites.groupby(["chrom", "splice_type", "pred_type"]).size()
    assert len(by_chrom) == 6 * 8
    assert by_chrom.min() >= 25
    assert sites.groupby("strand").size().min() > 0.4 * len(sites)


def test_genome_is_small_upper_case_and_indexed(demo, genome):
    assert demo.genome.with_name("genome.fa.fai").exists()
    assert sorted(genome) == [f"chr{i}" for i in range(1, 7)]
    assert set("".join(genome.values())) == set("ACGT")
    assert sum(map(len, genome.values())) < 3_000_000


def test_dinucleotides_stand_at_the_declared_positions(sites, genome):
    for site in sites.itertuples():
        window = get_window(genome, site, 2)
        if site.splice_type == "acceptor":
            assert window[:2] == "AG"
        else:
            is_annotated = site.pred_type in ("TP", "FN")
            assert window[2:] in (("GT", "GC") if is_annotated else ("GT",))


def test_gc_donors_are_rare_and_the_motifs_strong(sites, genome):
    true_donors = sites[(sites.splice_type == "donor") & sites.pred_type.eq("TP")]
    windows = [get_window(genome, site, 6) for site in true_donors.itertuples()]
    assert 0.003 < np.mean([window[7] == "C" for window in windows]) < 0.05
    assert np.mean([window[5] == "G" for window in windows]) > 0.7
    assert np.mean([window[10] == "G" for window in windows]) > 0.7


def test_no_two_sites_come_close(sites):
    for _, group in sites.groupby(["chrom", "strand"]):
        assert np.diff(np.sort(group.junction)).min() > 30


def test_windows_of_100_nt_stay_on_the_chromosome(sites, genome):
    for site in sites.itertuples():
        assert 200 <= site.junction <= len(genome[site.chrom]) - 200


def test_error_table_has_its_columns_and_scores_fit_the_calls(errors):
    assert list(errors.columns[:-1]) == ERROR_COLUMNS
    is_called = errors.pred_type.isin(["TP", "FP"])
    assert ((errors.score >= 0.5) == is_called).all()
    assert errors.score.between(0, 1).all()
    # Classes meet at the threshold instead of standing apart.
    assert (errors.score.between(0.4, 0.5) & errors.pred_type.eq("FN")).sum() > 20
    assert (errors.score.between(0.5, 0.6) & errors.pred_type.eq("TP")).sum() > 20


def test_table_and_annotation_agree(demo, errors):
    annotated = read_annotated_sites(demo.annotation)
    is_true = errors.pred_type.isin(["TP", "FN"])
    listed = errors[is_true][[*SITE, "transcript_id"]]
    assert set(listed.itertuples(index=False, name=None)) == annotated
    assert not listed.duplicated().any()
    unannotated = set(errors[~is_true][SITE].itertuples(index=False, name=None))
    assert not unannotated & {row[:4] for row in annotated}
    assert not errors[~is_true].duplicated(SITE).any()
    # Sites that several transcripts use give the merging step something to do.
    assert errors.duplicated(SITE).sum() > 50


def test_copies_of_a_site_agree(errors):
    for column in ("pred_type", "score", "gene_id"):
        assert errors.groupby(SITE)[column].nunique().max() == 1


def test_unannotated_sites_lie_in_their_gene(demo, errors):
    genes = pd.read_csv(demo.annotation, sep="\t", header=None)
    genes = genes[genes[2] == "gene"]
    genes.index = genes[8].str.extract('gene_id "([^"]+)"')[0]
    rows = genes.loc[errors.gene_id]
    assert (errors.chrom.to_numpy() == rows[0].to_numpy()).all()
    assert (errors.strand.to_numpy() == rows[6].to_numpy()).all()
    assert (errors.junction.to_numpy() > rows[3].to_numpy()).all()
    assert (errors.junction.to_numpy() < rows[4].to_numpy()).all()


def test_truth_intervals_hold_the_planted_motifs(truth, genome):
    planted = [*PLAN.causes.values(), *PLAN.decoys.values()]
    motifs = {one.name: one.word for one in planted}
    is_altered, shares_of_t = [], []
    for row in truth.itertuples():
        sequence = get_sense(genome, row.chrom, row.start, row.end, row.strand)
        if row.cause == "alu_antisense_tract":
            assert sequence.endswith("GA")
            shares_of_t.append(sequence[:-2].count("T") / (len(sequence) - 2))
            continue
        mismatches = count_mismatches(sequence, motifs[row.cause])
        assert mismatches <= (0 if row.role == "decoy" else 1)
        if row.role == "cause":
            is_altered.append(mismatches)
    assert 0.1 < np.mean(is_altered) < 0.3
    assert min(shares_of_t) > 0.5
    assert np.mean(shares_of_t) > 0.9


def test_truth_belongs_to_listed_sites_and_right_classes(truth, sites):
    assert list(truth.columns) == TRUTH_COLUMNS
    keys = [*SITE, "pred_type"]
    listed = set(sites[keys].itertuples(index=False, name=None))
    assert set(truth[keys].itertuples(index=False, name=None)) <= listed
    causes = truth[truth.role == "cause"]
    found = causes.groupby("cause")[["splice_type", "pred_type"]].agg(set)
    assert found.to_dict("index") == {
        "hnrnp_a1_silencer": {"splice_type": {"donor"}, "pred_type": {"FN"}},
        "ptbp1_tract": {"splice_type": {"acceptor"}, "pred_type": {"FN"}},
        "g_run_enhancer": {"splice_type": {"donor"}, "pred_type": {"FP"}},
        "alu_antisense_tract": {"splice_type": {"acceptor"}, "pred_type": {"FP"}},
    }


def test_elements_stand_in_their_zones_apart_from_each_other(truth):
    zones = {
        "hnrnp_a1_silencer": (-40, -5),
        "ptbp1_tract": (-20, -4),
        "g_run_enhancer": (10, 43),
        "alu_antisense_tract": (-40, -3),
    }
    for row in truth.itertuples():
        low, high = zones.get(row.cause) or DECOYS[row.splice_type].zone
        start, end = get_offsets(row)
        assert low <= start < end <= high
    for _, group in truth.sort_values(["chrom", "start"]).groupby("chrom"):
        assert (group.start.to_numpy()[1:] >= group.end.to_numpy()[:-1]).all()


def test_few_errors_have_no_cause(truth, sites):
    causes = truth[truth.role == "cause"].drop_duplicates(SITE)
    n_explained = causes.groupby(["splice_type", "pred_type"]).size()
    n_sites = sites.groupby(["splice_type", "pred_type"]).size()
    shares = (n_explained / n_sites).dropna()
    assert len(shares) == 4
    assert shares.between(0.9, 0.995).all()


def test_decoys_are_equally_frequent_and_placed_alike(truth, sites):
    decoys = truth[truth.role == "decoy"]
    n_decoys = decoys.groupby(["splice_type", "pred_type"]).size()
    n_sites = sites.groupby(["splice_type", "pred_type"]).size()
    assert len(n_decoys) == 8
    assert (n_decoys / n_sites).between(0.395, 0.405).all()
    offsets = decoys.assign(offset=[get_offsets(row)[0] for row in decoys.itertuples()])
    summary = offsets.groupby(["splice_type", "pred_type"]).offset.agg(["mean", "sem"])
    for splice_type, decoy in DECOYS.items():
        middle = (sum(decoy.zone) - len(decoy.word)) / 2
        part = summary.loc[splice_type]
        assert ((part["mean"] - middle).abs() < 4 * part["sem"]).all()


def test_background_is_poor_in_cpg_and_follows_its_region():
    rng = np.random.default_rng(0)
    introns = sample_background(rng, np.full(50_000, INTRON, dtype=np.uint8))
    exons = sample_background(rng, np.full(50_000, EXON, dtype=np.uint8))
    c, g = (introns == 1).mean(), (introns == 2).mean()
    is_cpg = (introns[:-1] == 1) & (introns[1:] == 2)
    assert 0.2 < is_cpg.mean() / (c * g) < 0.5
    assert (introns == 3).mean() > 0.32
    assert np.isin(exons, (1, 2)).mean() > np.isin(introns, (1, 2)).mean() + 0.05
    assert COMPOSITION.sum(axis=1) == pytest.approx(1)


def get_digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_same_seed_same_bytes(tmp_path):
    small = {"chromosomes": 2, "genes_per_chromosome": 3}
    digests = []
    for name, seed in (("first", 7), ("second", 7), ("other", 8)):
        simulate(tmp_path / name, seed=seed, **small)
        digests.append(get_digests(tmp_path / name))
    names = ["annotation.gtf", "errors.tsv", "genome.fa", "genome.fa.fai", "truth.bed"]
    assert list(digests[0]) == [*names, "truth.json"]
    assert digests[0] == digests[1]
    changed = [name for name in names if digests[0][name] != digests[2][name]]
    assert changed == names


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("chromosomes", 0),
        ("chromosomes", True),
        ("genes_per_chromosome", 0),
        ("exons", (1, 3)),
        ("exons", (6, 3)),
        ("exons", "3-6"),
        ("exon_length", (20, 250)),
        ("intron_length", (40, 400)),
        ("intron_length", (80, 120)),
        ("spacing", (0, 10)),
        ("false_negative_share", 1.2),
        ("decoy_rate", float("nan")),
        ("draw", 1),
        ("pseudo_exon", (0, 100)),
        ("apart", -1),
        ("true_negatives_per_gene", -1),
    ],
)
def test_nonsense_settings_are_refused(option, value):
    with pytest.raises(InputError, match=option):
        SimulationSettings(**{option: value})


def test_unknown_option_is_refused_and_lists_what_is_allowed(tmp_path):
    with pytest.raises(InputError, match="genes_per_chromosome"):
        simulate(tmp_path / "out", genes=3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"decoy_rate": 0.0, "unexplained_share": 1.0},
        {"exons": (2, 2), "exon_length": (60, 60), "intron_length": (80, 200)},
        {"two_transcripts_share": 1.0, "decoy_rate": 1.0, "two_copies_share": 1.0},
        {"true_negatives_per_gene": 0, "false_negative_share": 0.0},
    ],
)
def test_extreme_settings_still_give_consistent_sites(tmp_path, options):
    paths = simulate(tmp_path, chromosomes=1, genes_per_chromosome=20, **options)
    table = add_junction(pd.read_csv(paths.errors, sep="\t"))
    with pysam.FastaFile(str(paths.genome)) as fasta:
        genome = {"chr1": fasta.fetch("chr1")}
    for site in table.itertuples():
        window = get_window(genome, site, 2)
        if site.splice_type == "donor":
            assert window[2:] in ("GT", "GC")
        else:
            assert window[:2] == "AG"
    if options.get("unexplained_share") == 1.0:
        assert read_truth(paths.truth).empty


def test_what_is_drawn_differs_by_seed_and_lies_where_the_plan_says(tmp_path):
    options = {"draw": True, "intron_length": (200, 500), "chromosomes": 2}
    kinds, shares = set(), []
    for seed in range(1, 5):
        paths = simulate(tmp_path / str(seed), seed=seed, **options)
        described = read_json(paths.causes)
        truth = read_truth(paths.truth)
        with pysam.FastaFile(str(paths.genome)) as fasta:
            genome = {name: fasta.fetch(name) for name in fasta.references}
        for one in described["causes"] + described["decoys"]:
            kinds.add((one["pred_type"], one["splice_type"], one["kind"]))
            rows = truth[truth["cause"] == one["name"]]
            if not one["word"]:
                continue
            is_whole = []
            for row in rows.itertuples():
                start, end = get_offsets(row)
                assert one["zone"][0] <= start < end <= one["zone"][1]
                sense = get_sense(genome, row.chrom, row.start, row.end, row.strand)
                is_whole.append(sense == one["word"])
            assert np.mean(is_whole) > 0.7
            shares += [one["reached"] - one["share"]] if one["pred_type"] else []
    assert len(kinds) > 8 and abs(np.mean(shares)) < 0.08
    plans = [make_plan(SimulationSettings(seed=seed, draw=True)) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_every_kind_of_cause_is_drawn_and_said_in_other_words():
    drawn = {}
    for seed in range(40):
        plan = make_plan(SimulationSettings(seed=seed, draw=True))
        words = [one.word for one in plan.causes.values() if one.word]
        assert len(set(words)) == len(words)
        for key, one in plan.causes.items():
            drawn.setdefault(key, set()).add(one.kind)
            said = one.describe()
            assert said["letters"] or said["flags"]
    for key, kinds in KINDS.items():
        assert drawn[key] == {kind.replace("g_runs", "word") for kind in kinds}
    assert all(word[-9:].count("A") for word in STRONG.values())


@pytest.mark.parametrize(
    "content",
    ["", "chr1\t1\t2\n", HEADER + "chr1\tx" + "\t1" * 8 + "\n", HEADER + "chr1\n"],
)
def test_read_truth_refuses_other_files(tmp_path, content):
    path = tmp_path / "truth.bed"
    path.write_text(content)
    with pytest.raises(InputError, match=r"truth\.bed"):
        read_truth(path)
    with pytest.raises(InputError, match="no such file"):
        read_truth(tmp_path / "missing.bed")


def test_script_writes_the_files_and_reports_bad_options(tmp_path):
    script = Path(__file__).parents[3] / "workflow/scripts/simulate.py"
    command = [sys.executable, script, "--output-folder", tmp_path / "out"]
    size = ["--chromosomes", "1", "--genes-per-chromosome", "2"]
    subprocess.run([*command, *size], check=True, capture_output=True)
    assert (tmp_path / "out/errors.tsv").exists()
    bad = subprocess.run(
        [*command, "--options", '{"decoys": 1}'], capture_output=True, text=True
    )
    assert bad.returncode == 1
    assert "unknown option decoys" in bad.stderr
    assert "Traceback" not in bad.stderr
