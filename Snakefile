# Why does a splice-site predictor get these sites wrong?
# Config: config/config.yaml, or your own with --configfile. Every key: config/README.md
from snakemake.utils import min_version

min_version("9.20")


if "predictors" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/sites.smk"
include: "workflow/rules/windows.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/classical.smk"
include: "workflow/rules/explanation.smk"
include: "workflow/rules/reports.smk"


rule all:
    default_target: True
    input:
        get_reports,


rule datasets:
    input:
        "results/checks.tsv",
        get_all_tokens,


rule train:
    input:
        get_all("model/model.safetensors"),


rule evaluate:
    input:
        get_all("metrics.json"),
        get_comparisons,


rule attention:
    input:
        get_all("attention.h5"),
        get_all("faithfulness.json"),
