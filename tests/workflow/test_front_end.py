"""From tables and score tracks of every kind to audited splits."""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.genome import Genome
from error_sequence_model.windows import read_windows
from planned_runs import run_planned
from workflow_runs import ROOT, make_config

pytestmark = pytest.mark.workflow

REAL = Path(os.environ.get("SPLICE_ERRORS_REAL_DATA", ROOT.parent / "shared" / "real"))
PLACE = ["chrom", "position", "strand", "splice_type", "pred_type"]


def test_matched_and_unmatched_contrasts_both_run(small_input, snakemake):
    contrasts = {"fn_vs_tp": {"match": ["dinucleotide", "gc"]}, "fp_vs_tp": None}
    config = make_config(small_input, contrasts=contrasts)
    result = snakemake(config, "--dry-run", "--printshellcmds")
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout + result.stderr
    for name, is_matched in (
        ("fn_vs_tp", False),
        ("fn_vs_tp_matched", True),
        ("fp_vs_tp", False),
    ):
        folder = f"results/sim/{name}/donor"
        for file in ("split.parquet", "comparison.tsv"):
            assert f"{folder}/{file}" in text
        assert f"{folder}/encoder/seed1/fold0/metrics.json" in text
        command = next(
            line for line in text.splitlines() if f"--split {folder}/split" in line
        )
        assert ("match" in command.split("--contrast ")[1]) == is_matched
    assert "fp_vs_tp_matched" not in text


def test_a_missing_package_is_told_before_any_step(small_input, snakemake):
    if find_spec("modiscolite"):
        pytest.skip("modisco-lite is installed")
    config = make_config(small_input, motifs={"caller": "modisco"})
    result = snakemake(config, "--dry-run")
    assert result.returncode != 0
    assert "pip install modisco-lite==" in result.stdout + result.stderr
    # Where each step has an environment of its own, this one says nothing.
    result = snakemake(config, "--dry-run", "--software-deployment-method", "conda")
    assert "pip install modisco-lite==" not in result.stdout + result.stderr


def test_a_matched_split_is_smaller(small_input, snakemake):
    contrasts = {"fn_vs_tp": {"match": ["dinucleotide"]}}
    config = make_config(small_input, contrasts=contrasts)
    result = snakemake(config, "results/checks.tsv")
    assert result.returncode == 0, result.stdout + result.stderr
    folder = snakemake.folder / "results" / "sim"
    plain = pd.read_parquet(folder / "fn_vs_tp" / "donor" / "split.parquet")
    matched = pd.read_parquet(folder / "fn_vs_tp_matched" / "donor" / "split.parquet")
    assert plain["site_id"].tolist() == matched["site_id"].tolist()
    for part in ("train", "validation", "test"):
        before, after = (x[x["part"].eq(part)]["label"] for x in (plain, matched))
        assert len(after) < len(before)
        assert (after == 1).sum() == (after == 0).sum()


def test_a_table_with_its_sequences_needs_no_genome(snakemake):
    generator = np.random.default_rng(1)
    texts = generator.choice(list("ACGT"), (90, 130))
    texts[:, 65:67] = list("GT")  # without `junction` it is the middle
    table = pd.DataFrame({"sequence": ["".join(text) for text in texts]})
    table["label"] = np.resize([0, 0, 1], len(table))
    path = snakemake.folder / "sequences.tsv"
    table.to_csv(path, sep="\t", index=False)
    config = make_config(snakemake.folder, contrasts=["fp_vs_tp"])
    config["splits"] = {"by": "gene"}
    del config["genomes"]
    config["predictors"] = {"own": {"errors": str(path), "format": "sequences"}}
    result = snakemake(config, "datasets")
    assert result.returncode == 0, result.stdout + result.stderr
    windows = read_windows(snakemake.folder / "results" / "own" / "windows.arrow")
    assert sorted(windows.get_sequences()) == sorted(
        text[65 - 60 : 65 + 60] for text in table["sequence"]
    )
    # A table of positions is refused without a genome, before anything runs.
    config["predictors"]["own"]["format"] = "native"
    refused = snakemake(config, "datasets")
    assert refused.returncode != 0
    told = refused.stdout + refused.stderr
    assert "predictors.own: its positions need a `genome`" in told


def test_other_names_of_contigs_are_found_in_every_step(
    small_input, tmp_path, monkeypatch
):
    """Errors, annotation and VCF in RefSeq's names, a genome in UCSC's."""
    names = tmp_path / "names.txt"
    names.write_text("".join(f"NC_{n}\tchr{n}\n" for n in (1, 2, 3)))
    for name in ("errors.tsv", "annotation.gtf"):
        text = (small_input / name).read_text()
        renamed = re.sub("^chr", "NC_", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(renamed.replace("NC_om", "chrom"))
    with Genome(small_input / "genome.fa") as genome:
        base = genome.fetch("chr1", 4, 5)
    (tmp_path / "v.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=NC_1>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"NC_1\t5\t.\t{base}\t{'A' if base != 'A' else 'C'}\t.\tPASS\t.\n"
    )
    config = make_config(small_input, motifs={"enabled": False})
    config["genomes"]["small"] |= {
        "annotation": str(tmp_path / "annotation.gtf"),
        "aliases": str(names),
    }
    config["predictors"] = {
        "sim": {
            "genome": "small",
            "errors": str(tmp_path / "errors.tsv"),
            "support": str(tmp_path / "annotation.gtf"),
            "variants": str(tmp_path / "v.vcf"),
        }
    }
    config["features"] = {"annotation": True}
    group = "results/sim/fn_vs_tp/donor"
    targets = [f"{group}/causes.tsv", f"{group}/classical/features.parquet"]
    targets.append("results/sim/tokens/nucleotide_encoder.arrow")
    assert run_planned(config, tmp_path, monkeypatch, "--", *targets) == {}
    sites = pd.read_parquet(tmp_path / "results/sim/sites.parquet")
    assert set(sites["chrom"]) == {"chr1", "chr2", "chr3"}
    flags = pd.read_csv(tmp_path / group / "causes.tsv", sep="\t").set_index("flag")
    assert {"supported", "microexon"} <= set(flags.index)


def test_metaspliceai_positions_are_placed_by_the_annotation(small_input, snakemake):
    expected = pd.read_csv(small_input / "errors.tsv", sep="\t")
    genes = pd.read_csv(small_input / "annotation.gtf", sep="\t", header=None)
    genes = genes[genes[2].eq("gene")]
    genes["gene_id"] = genes[8].str.extract('gene_id "([^"]*)"')
    table = expected.merge(genes[["gene_id", 3, 4]], on="gene_id")
    is_plus = table["strand"].eq("+")
    exon_is_left = is_plus == table["splice_type"].eq("donor")
    intronic = table["position"] + np.where(exon_is_left, 1, -1)
    table["position"] = np.where(is_plus, intronic - table[3] + 1, table[4] - intronic)
    columns = ["gene_id", "position", "strand", "splice_type", "pred_type"]
    path = snakemake.folder / "splice_positions.tsv"
    table[columns].to_csv(path, sep="\t", index=False)
    config = make_config(small_input)
    config["genomes"]["small"]["annotation"] = str(small_input / "annotation.gtf")
    native = config["predictors"]["sim"]
    native.pop("truth")
    config["predictors"]["meta"] = {
        **native,
        "errors": str(path),
        "format": "metaspliceai",
    }
    names = ("sim", "meta")
    targets = [f"results/{name}/sites.parquet" for name in names]
    result = snakemake(config, *targets)
    assert result.returncode == 0, result.stdout + result.stderr
    sim, meta = (pd.read_parquet(snakemake.folder / target) for target in targets)
    keys = ["chrom", "junction", "strand", "splice_type", "pred_type"]
    pd.testing.assert_frame_equal(sim[keys], meta[keys])


def test_scores_without_a_truth_are_refused(small_input, snakemake):
    config = make_config(small_input)
    track = {"+": "a.bw", "-": "b.bw"}
    scores = {"format": "bigwig", "donor": track, "acceptor": track}
    config["predictors"] = {"net": {"genome": "small", "scores": scores}}
    result = snakemake(config, "datasets")
    assert result.returncode != 0
    assert "nothing to hold the calls to; set genomes.small.annotation" in (
        result.stdout + result.stderr
    )


@pytest.mark.real
@pytest.mark.skipif(
    not REAL.is_dir(), reason=f"no real data at {REAL}; set SPLICE_ERRORS_REAL_DATA"
)
def test_real_tracks_are_called_and_split(small_input, snakemake):
    data = (REAL / "celegans").resolve()
    scores = {"format": "bigwig"}
    for kind in ("donor", "acceptor"):
        scores[kind] = {
            strand: str(data / f"osai80.{kind}.{word}.bw")
            for strand, word in (("+", "plus"), ("-", "minus"))
        }
    config = make_config(
        small_input,
        contrasts=["fp_vs_tp", "fn_vs_tn"],
        splits={"test": ["V"], "validation": ["IV"]},
    )
    config["genomes"] = {
        "celegans": {
            "fasta": str(data / "genome.fa.gz"),
            "annotation": str(data / "annotation.gtf.gz"),
        }
    }
    config["predictors"] = {
        "osai80": {
            "genome": "celegans",
            "scores": scores,
            "annotated_sites": str(data / "annotated_sites.tsv.gz"),
            "support": str(data / "rnaseq_site_support.tsv.gz"),
            "threshold": "topk",
            "tolerance": 0,
            "biotypes": ["protein_coding"],
            "margin": 1000,
        }
    }
    result = snakemake(config, "datasets")
    assert result.returncode == 0, result.stdout + result.stderr
    folder = snakemake.folder / "results"
    assert pd.read_csv(folder / "checks.tsv", sep="\t")["passed"].all()
    published = pd.read_csv(data / "errors.osai80.topk.tsv.gz", sep="\t")
    audit = json.loads((folder / "osai80" / "calls.json").read_text())
    assert round(audit["threshold"], 4) == published["threshold"].iloc[0]
    errors = pd.read_csv(folder / "osai80" / "errors.tsv", sep="\t")
    both = pd.concat([errors[[*PLACE, "score"]], published[[*PLACE, "score"]]])
    differ = both[both["pred_type"].ne("TN")].drop_duplicates(PLACE, keep=False)
    # Tracks hold four digits: one site may lie at the rounded threshold itself.
    assert len(differ) <= 1
    assert (differ["score"].round(4) == round(audit["threshold"], 4)).all()
    assert {"exact", "missed", "supported"} <= set(errors["call_class"])


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_training_on_several_machines_is_one_job_of_the_executor(
    snakemake, small_input, nodes
) -> None:
    """It starts no step of its own there: the job's own launcher does, on each."""
    config = make_config(small_input)
    config["training"] = {**config["training"], "gpus": 2, "nodes": nodes}
    result = snakemake(config, "--dry-run", "--resources", "gpu=2", "--", "train")
    told = re.search(
        r"^rule fine_tune:.*?resources: ([^\n]*)", result.stdout, re.S | re.M
    )
    asked = dict(pair.split("=") for pair in told.group(1).split(", ") if "=" in pair)
    several = {"mpi": "srun", "tasks": "2"} if nodes == 2 else {"tasks": "0"}
    assert asked | several | {"nodes": str(nodes), "tasks_per_gpu": "0"} == asked
    assert ("mpi" in asked) == (nodes == 2)
