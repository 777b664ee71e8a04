# Why does a splice-site predictor get these sites wrong?
# Config: config/config.yaml, or your own with --configfile. Every key: config/README.md
from snakemake.utils import min_version

min_version("9.20")


if "predictors" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/helpers/sites.smk"
include: "workflow/rules/helpers/predictors.smk"
include: "workflow/rules/helpers/models.smk"
include: "workflow/rules/helpers/runs.smk"
include: "workflow/rules/helpers/results.smk"
include: "workflow/rules/backbones.smk"
include: "workflow/rules/predictors.smk"
include: "workflow/rules/sites.smk"
include: "workflow/rules/windows.smk"
include: "workflow/rules/tokenizers.smk"
include: "workflow/rules/splits.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/pretraining.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/classical.smk"
include: "workflow/rules/causes.smk"
include: "workflow/rules/attention.smk"
include: "workflow/rules/attribution.smk"
include: "workflow/rules/faithfulness.smk"
include: "workflow/rules/motifs.smk"
include: "workflow/rules/verification.smk"
include: "workflow/rules/reports.smk"
include: "workflow/rules/tracks.smk"


rule all:
    default_target: True
    input:
        get_reports,
        get_tracks,


rule datasets:
    input:
        "results/checks.tsv",
        get_all_tokens,


rule train:
    input:
        get_all("model/model.safetensors"),


rule learning_rates:
    input:
        get_first("rates.pdf"),


rule evaluate:
    input:
        get_all("metrics.json"),
        get_comparisons,


rule attention:
    input:
        get_all("attention.h5"),
        get_all("faithfulness.json"),


rule motifs:
    input:
        get_all("motifs.tsv"),


rule fetch_model:
    input:
        get_fetched_models,


rule tracks:
    input:
        get_tracks,
