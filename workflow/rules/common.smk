# Helper functions of all rules: settings, paths, and what depends on what.
import json
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(str(workflow.current_basedir)).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
# Relative where the workflow is run from its own folder: Snakemake then compares
# scripts by content, and copies of the repository behave alike.
if Path.cwd().resolve() == ROOT:
    SCRIPTS = SCRIPTS.relative_to(ROOT)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from error_sequence_model.configuration import complete_config
from error_sequence_model.contrasts import expand_contrasts
from error_sequence_model.errors import InputError
from error_sequence_model.sources import find_sources

try:
    config = complete_config(config)
    # Splice types that a contrast is limited to are the workflow's, not the library's.
    LIMITED = {
        name: definition.pop("splice_types")
        for name, definition in (
            config["contrasts"].items() if isinstance(config["contrasts"], dict) else ()
        )
        if definition and "splice_types" in definition
    }
    CONTRASTS = expand_contrasts(config["contrasts"])
except InputError as error:
    raise WorkflowError(str(error)) from None

RUN = "results/{predictor}/{contrast}/{splice_type}/{backbone}/seed{seed}/fold{fold}"
GROUP = "results/{predictor}/{contrast}/{splice_type}"
PRED_TYPES = ("FP", "FN", "TP", "TN")
METHODS = list(
    dict.fromkeys(
        "substitution" if name == "occlusion" else name
        for name in config["explanation"]["methods"]
    )
)
# What every step of a run is told, and what every explaining step is.
RUN_ARGUMENTS = (
    " --sites {input.sites:q} --split {input.split:q} --tokens {input.tokens:q}"
    " --contrast-name {wildcards.contrast:q} --contrast {params.contrast:q}"
    " --fold {wildcards.fold} --training {params.training:q} --run {params.run:q}"
)
EXPLAIN_ARGUMENTS = (
    f"{RUN_ARGUMENTS} --windows {{input.windows:q}}"
    " --explanation {params.explanation:q}"
)
# Predictors with an error table or scores of their own, those with scores, and pools.
SINGLE = [name for name, p in config["predictors"].items() if "pool" not in p]
CALLED = [name for name in SINGLE if "scores" in config["predictors"][name]]
POOLS = [name for name in config["predictors"] if name not in SINGLE]
ENV = str(ROOT / "envs" / "environment.yaml")


def any_of(names):
    # Nothing to match is a pattern that never matches, not one that always does.
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


def script(name):
    return str(SCRIPTS / name)


def library(name):
    """The modules that define the result of a script."""
    folder = ROOT / "workflow" / "scripts"
    found = [path.resolve().relative_to(folder) for path in find_sources(folder / name)]
    return [str(SCRIPTS / path) for path in found]


def get_genome(wildcards, key="fasta"):
    """A file of a predictor's genome; none for tables that bring their sequences."""
    name = config["predictors"][wildcards.predictor].get("genome")
    return (config["genomes"][name][key] or []) if name else []


def get_annotation(wildcards):
    """What MetaSpliceAI counts its positions in; other tables need none."""
    if get_predictor(wildcards, "format") != "metaspliceai":
        return []
    return get_genome(wildcards, "annotation")


def get_predictor(wildcards, key):
    return config["predictors"][wildcards.predictor][key]


def get_splits(predictor):
    """The split settings of a predictor: its own keys over the general ones."""
    splits = {**config["splits"], **config["predictors"][predictor]["splits"]}
    return {key: value for key, value in splits.items() if value not in (None, [])}


def get_folds(predictor):
    return range(get_splits(predictor).get("folds", 1))


def get_tokenizer(backbone):
    """Backbones from scratch share tokens; a checkpoint has its own tokenizer."""
    entry = config["backbones"][backbone]
    return backbone if "checkpoint" in entry else entry["architecture"]


def find_backbone(tokenizer):
    return next(
        config["backbones"][name]
        for name in config["backbones"]
        if get_tokenizer(name) == tokenizer
    )


def get_tokens(wildcards):
    tokenizer = get_tokenizer(wildcards.backbone)
    return f"results/{wildcards.predictor}/tokens/{tokenizer}.arrow"


def get_training(wildcards):
    """The settings that define the weights; where they are computed is left out."""
    left_out = ("gpus", "threads")
    return {k: v for k, v in config["training"].items() if k not in left_out}


def as_json(value):
    return json.dumps(value, sort_keys=True)


def list_groups(predictor):
    return [
        (predictor, contrast, splice_type)
        for contrast in CONTRASTS
        for splice_type in config["splice_types"]
        if splice_type in LIMITED.get(contrast.removesuffix("_matched"), [splice_type])
    ]


def list_runs(predictor, contrast, splice_type):
    return expand(
        RUN,
        predictor=predictor,
        contrast=contrast,
        splice_type=splice_type,
        backbone=config["models"],
        seed=config["seeds"],
        fold=get_folds(predictor),
    )


def get_all(name):
    """Input function: one file of every run."""

    def list_files(wildcards):
        return [
            f"{run}/{name}"
            for predictor in config["predictors"]
            for group in list_groups(predictor)
            for run in list_runs(*group)
        ]

    return list_files


def list_group_files(name, predictors=None):
    return [
        f"results/{predictor}/{contrast}/{splice_type}/{name}"
        for predictor in predictors or config["predictors"]
        for _, contrast, splice_type in list_groups(predictor)
    ]


def get_all_tokens(wildcards):
    return [
        f"results/{predictor}/tokens/{get_tokenizer(backbone)}.arrow"
        for predictor in config["predictors"]
        for backbone in config["models"]
    ]


def get_comparisons(wildcards):
    return list_group_files("comparison.tsv")


def get_reports(wildcards):
    names = [f"attention_{pred_type}" for pred_type in PRED_TYPES]
    return expand(
        "results/reports/{predictor}/{name}.pdf",
        predictor=config["predictors"],
        name=[*names, "overview"],
    )


def get_launch_flags(wildcards, threads, resources):
    """What `accelerate launch` is told of the hardware; 0 GPUs is the CPU mode."""
    gpus = int(resources.gpu)
    processes = max(gpus, 1)
    kind = "--cpu" if gpus == 0 else "--multi_gpu" if gpus > 1 else ""
    threads_each = max(threads // processes, 1)
    return f"{kind} --num_processes {processes} --num_cpu_threads_per_process {threads_each}"


def get_explanation():
    left_out = ("methods",)
    return {k: v for k, v in config["explanation"].items() if k not in left_out}


def get_truth(wildcards):
    truth = get_predictor(wildcards, "truth")
    return [truth] if truth else []


def list_predictor_runs(predictor):
    return [run for group in list_groups(predictor) for run in list_runs(*group)]


def get_report_inputs(wildcards):
    """Everything of a predictor's runs that a report reads."""
    names = ["metrics.json", "history.tsv", "attention.h5", "faithfulness.json"]
    names += [f"attributions/{method}.h5" for method in METHODS]
    return [
        f"{run}/{name}"
        for run in list_predictor_runs(wildcards.predictor)
        for name in names
    ]


def get_errors(wildcards):
    """The error table of a predictor: given, or called from its scores."""
    if wildcards.predictor in CALLED:
        return f"results/{wildcards.predictor}/errors.tsv"
    return get_predictor(wildcards, "errors")


def get_convention(wildcards):
    """Coordinates of the error table; tables of our own calls have a fixed one."""
    called = wildcards.predictor in CALLED
    base = 1 if called else get_predictor(wildcards, "coordinate_base")
    site = "exon" if called else get_predictor(wildcards, "site_base")
    return f"--coordinate-base {base} --site-base {site}"


def list_files_of(scores):
    """The files anywhere in a `scores` entry; its format and columns are none."""
    if not isinstance(scores, dict):
        return [str(scores)]
    parts = [v for k, v in scores.items() if k not in ("format", "columns")]
    return [file for part in parts for file in list_files_of(part)]


def get_annotated_sites(wildcards):
    """The truth that calls are held to: a table of sites, or the annotation."""
    sites = get_predictor(wildcards, "annotated_sites")
    return sites or get_genome(wildcards, "annotation")


def get_genes(wildcards):
    """The gene bodies to scan, where the truth is a table without any."""
    if not get_predictor(wildcards, "annotated_sites"):
        return []
    return get_genome(wildcards, "annotation")


def get_calling(wildcards):
    return {key: get_predictor(wildcards, key) for key in ("threshold", "tolerance")}


def make_options(**values):
    """Command-line options, without those that are not set."""
    pairs = [(f"--{key}", str(value)) for key, value in values.items() if value]
    return [word for pair in pairs for word in pair]


def get_call_options(wildcards):
    biotypes = get_predictor(wildcards, "biotypes")
    return make_options(
        genes=get_genes(wildcards),
        regions=get_predictor(wildcards, "regions"),
        support=get_predictor(wildcards, "support"),
        margin=get_predictor(wildcards, "margin"),
        biotypes=as_json(biotypes) if biotypes else None,
    )


def get_site_options(wildcards):
    """Genome and annotation of an error table, where it needs them."""
    return make_options(
        genome=get_genome(wildcards), annotation=get_annotation(wildcards)
    )


def get_window_options(wildcards):
    """Genome, and variants on it, of what windows are cut from."""
    keys = ("variants", "sample", "haplotype")
    if not get_predictor(wildcards, "variants"):
        keys = ()
    return make_options(
        genome=get_genome(wildcards),
        **{key: get_predictor(wildcards, key) for key in keys},
    )


def list_members(wildcards, name):
    return [f"results/{p}/{name}" for p in get_predictor(wildcards, "pool")]


def get_member_genomes(wildcards):
    members = get_predictor(wildcards, "pool")
    return [config["predictors"][m].get("genome", m) for m in members]
