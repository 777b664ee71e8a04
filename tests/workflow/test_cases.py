"""Inputs that users have and that went wrong once: each right, or told why not.

The folder of cases is no part of the project; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from error_sequence_model.genome import read_annotation
from planned_runs import run_planned
from workflow_runs import ROOT, make_config, run_snakemake

FOLDER = os.environ.get("SPLICE_ERRORS_CASES", ROOT.parent / "shared" / "cases")
CASES = Path(FOLDER)

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(
        not CASES.is_dir(), reason=f"no cases at {CASES}; set SPLICE_ERRORS_CASES"
    ),
]

# All have the same genes and scores: TP, FP and FN, of 192 annotated sites.
COUNTS = (131, 111, 61)
READ = {
    "bed12_annotation": COUNTS,
    "braker_gtf": COUNTS,
    "ensembl_gff3_ncrna_gene": COUNTS,
    "first_row_ends_with_a_tab": COUNTS,
    "gencode_gff3": COUNTS,
    "openspliceai_004_start_after_end": COUNTS,
    "openspliceai_not_chr": COUNTS,
    # Four bases fit both types, and are called as both.
    "pangolin_untyped": (131, 115, 61),
    "scaffolds_not_in_fasta": COUNTS,
    "score_table_columns": COUNTS,
    "support_star_sj": COUNTS,
}
REFUSED = {
    "biotypes_without_any": ("call", "the annotation gives no biotypes"),
    "fasta_blank_line": ("sites", "line 51 (chr1) is blank", "seqkit seq -w 60"),
    "scores_0_to_1000": ("call", "a score of 990; scores lie between 0 and 1"),
    "spliceai_vcf": ("call", "a VCF of variants, no table", "every base"),
}


def read_case(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Its genome, its predictor with all paths absolute, and the whole config."""
    config = yaml.safe_load((CASES / name / "my.yaml").read_text())

    def place(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: place(entry) for key, entry in value.items()}
        path = CASES / name / str(value)
        return str(path) if path.is_file() else value

    (genome,), (predictor,) = config["genomes"].values(), config["predictors"].values()
    return place(genome), place(predictor), config


def test_every_case_is_read_or_told(small_input, tmp_path, monkeypatch):
    """Calls, sites, windows, splits and tokens of all cases in one workflow."""
    config = make_config(small_input, genomes={}, predictors={}, splice_types=["any"])
    for name in (*READ, *REFUSED):
        genome, predictor, own = read_case(name)
        # FASTA files are indexed beside themselves, and this folder is read-only.
        config["genomes"][name] = genome
        config["predictors"][name] = {
            **predictor,
            "genome": name,
            "splits": {"test": [], "validation": [], **own["splits"]},
        }
    failed = run_planned(config, tmp_path, monkeypatch, "--", "datasets")
    for name, (step, *words) in REFUSED.items():
        told = failed.pop(name)
        assert told.startswith(f"{step}: InputError") and all(w in told for w in words)
    assert {key: told for key, told in failed.items() if "checks" not in told} == {}
    for name, expected in READ.items():
        audit = json.loads((tmp_path / f"results/{name}/calls.json").read_text())
        counts = {key: sum(kinds.values()) for key, kinds in audit["counts"].items()}
        assert audit["annotated_sites"] == 192
        assert (counts["TP"], counts["FP"], counts["FN"]) == expected, name
        assert (tmp_path / f"results/{name}/tokens/nucleotide_encoder.arrow").is_file()


def test_windows_beyond_a_model_are_told_before_any_job(tmp_path):
    """SpliceBERT has 1,024 positions: neither `datasets` nor the training says so."""
    genome, predictor, config = read_case("splicebert_long_window")
    checkpoint = CASES.parent / "parity" / "splicebert-tiny"
    if not checkpoint.is_dir():
        pytest.skip(f"no checkpoint at {checkpoint}")
    config["backbones"]["sb"]["checkpoint"] = str(checkpoint)
    config |= {"genomes": {"g": genome}, "predictors": {"mine": predictor}}
    told = run_snakemake(config, tmp_path, "--dry-run", "--", "datasets")
    assert told.returncode
    assert "1400 bases are too long for backbones.sb" in told.stdout + told.stderr


def test_cases_of_annotations_alone():
    gffread = CASES / "gff3_gffread_geneid"
    ids, named = (
        read_annotation(gffread / name) for name in ("iso.gffread.gff3", "iso.gtf")
    )
    assert ids.sites.equals(named.sites) and set(ids.sites["gene_id"]) == {"G1"}
    assert ids.genes["gene_name"].tolist() == ["AB"]
    tiny = read_annotation(CASES / "tiny_introns" / "tiny.gtf")
    assert tiny.joined_gaps == 7
    # 30 nt; and both introns beside an exon of one base.
    assert sorted(tiny.sites["junction"]) == [8200, 8230, 10200, 10300, 10301, 10400]
    split = read_annotation(CASES / "trans_spliced_both_strands" / "trans.gtf").sites
    assert split[["junction", "strand", "splice_type"]].to_numpy().tolist() == [
        [300, "+", "donor"],
        [400, "+", "acceptor"],
        [1300, "-", "acceptor"],
        [2000, "-", "donor"],
    ]
