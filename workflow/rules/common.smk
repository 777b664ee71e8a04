# Helper functions of all rules: settings, paths, and what depends on what.
import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Jobs inherit it: only `fetch_model` may use the network, and turns this off for itself.
os.environ.update(HF_HUB_OFFLINE="1")

ROOT = Path(str(workflow.current_basedir)).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
# Relative where the workflow is run from its own folder: Snakemake then compares
# scripts by content, and copies of the repository behave alike.
if Path.cwd().resolve() == ROOT:
    SCRIPTS = SCRIPTS.relative_to(ROOT)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from error_sequence_model.backbones.local_copies import (
    list_checkpoint_files,
    name_requests,
)
from error_sequence_model.backbones.published import PUBLISHED
from error_sequence_model.taxonomy.files import (
    get_thresholds,
    list_annotations,
    list_tracks,
)
from error_sequence_model.configuration import complete_config
from error_sequence_model.contrasts import expand_contrasts
from error_sequence_model.errors import InputError
from error_sequence_model.maps.methods import OWN_SETTINGS, resolve_method
from error_sequence_model.domain_adaptation.plan import (
    WINDOW_KEYS,
    find_scope,
    get_network,
    get_settings,
    is_pretrained,
    list_sources,
)
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
METHODS = list(dict.fromkeys(map(resolve_method, config["explanation"]["methods"])))
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
SPLICE_TYPES = " and ".join(config["splice_types"])
# Before a command that uses GPUs: no two jobs on one machine get the same card.
LEASE = f"python {shlex.quote(str(SCRIPTS / 'launch.py'))} --gpus {{resources.gpu}} --"


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
    """Backbones from scratch share tokens, as do those of one checkpoint."""
    entry = config["backbones"][backbone]
    if "checkpoint" not in entry:
        return entry["architecture"]
    place = re.sub(r"[^\w.@-]", "_", entry["checkpoint"])
    return f"{entry['architecture']}_{place}"


def find_backbone(tokenizer):
    return next(
        config["backbones"][name]
        for name in config["backbones"]
        if get_tokenizer(name) == tokenizer
    )


def get_tokenizer_settings(wildcards):
    """What of a backbone's settings defines its tokens."""
    entry = find_backbone(wildcards.tokenizer)
    return {key: entry[key] for key in ("architecture", "checkpoint") if key in entry}


def list_checkpoint(entry):
    """The files of a backbone's checkpoint; not at hand is an error that says how."""
    if "checkpoint" not in entry:
        return []
    try:
        return list_checkpoint_files(entry["checkpoint"])
    except InputError as error:
        raise WorkflowError(str(error)) from None


def get_checkpoint(wildcards):
    return list_checkpoint(config["backbones"][wildcards.backbone])


def get_tokenizer_checkpoint(wildcards):
    return list_checkpoint(find_backbone(wildcards.tokenizer))


def find_requests():
    """The published models to fetch, by the name of their folder."""
    requests = config["fetch"]
    backbones = [config["backbones"][name] for name in config["models"]]
    try:
        return name_requests(
            [requests] if isinstance(requests, str) else requests,
            [entry["checkpoint"] for entry in backbones if "checkpoint" in entry],
        )
    except InputError as error:
        raise WorkflowError(str(error)) from None


def get_fetched_models(wildcards):
    """What `fetch_model` is to leave behind."""
    if not find_requests():
        raise WorkflowError(
            "nothing to fetch: `models` name no published checkpoint that is not at "
            f"hand; add one of {', '.join(PUBLISHED)}: --config fetch=NAME"
        )
    return expand("models/{model}/checksums.json", model=find_requests())


def get_request(wildcards):
    """The version of a model to fetch: the config's, else that of the table."""
    return find_requests().get(wildcards.model, wildcards.model)


def get_scope(wildcards):
    """Which runs share a run's pretrained backbone."""
    w = wildcards
    splits = get_splits(w.predictor)
    return find_scope(splits, w.predictor, w.contrast, w.splice_type, w.fold)


def get_pretrained(wildcards):
    """The weights that a run starts from, if they are made here."""
    if not is_pretrained(config, wildcards.backbone):
        return []
    folder = f"results/{get_scope(wildcards)}/pretrained/{wildcards.backbone}"
    return f"{folder}/model/model.safetensors"


def get_pretrained_option(wildcards, input):
    return make_options(pretrained=input.pretrained and Path(input.pretrained).parent)


def of_scope(name):
    """Input function: a file of the predictor that a pretrained backbone is for."""
    return lambda wildcards: f"results/{wildcards.scope.split('/')[0]}/{name}"


def get_scope_split(wildcards):
    """The split that says what is held out, unless the config names chromosomes."""
    group, _, fold = wildcards.scope.rpartition("/")
    return f"results/{group}/split.parquet" if group else []


def get_scope_options(wildcards, input):
    fold = wildcards.scope.rpartition("fold")[2]
    return ["--split", input.split, "--fold", fold] if input.split else []


def get_sources(wildcards):
    """The genomes to pretrain on."""
    return list_sources(config, wildcards.scope.split("/")[0])


def get_scope_splits(wildcards):
    return get_splits(wildcards.scope.split("/")[0])


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
    names = [f"attention_{pred_type}.pdf" for pred_type in PRED_TYPES]
    return expand(
        "results/reports/{predictor}/{name}",
        predictor=config["predictors"],
        name=[*names, "overview.pdf", "sites.html"],
    )


def get_launch_flags(wildcards, threads, resources):
    """What `accelerate launch` is told of the hardware; 0 GPUs is the CPU mode."""
    gpus = int(resources.gpu)
    processes = max(gpus, 1)
    kind = "--cpu" if gpus == 0 else "--multi_gpu" if gpus > 1 else ""
    threads_each = max(threads // processes, 1)
    return f"{kind} --num_processes {processes} --num_cpu_threads_per_process {threads_each}"


def get_lease(wildcards, resources):
    """What comes before a command that may use a GPU: a card of its own, or none."""
    gpus = int(resources.gpu)
    return LEASE.format(resources=resources) if gpus else "CUDA_VISIBLE_DEVICES="


def get_explanation(*methods):
    """Which sites are explained, and what these methods are told."""
    left_out = {"methods"} | {
        key for key, own in OWN_SETTINGS.items() if not set(own) & set(methods)
    }
    return {k: v for k, v in config["explanation"].items() if k not in left_out}


def get_motif_settings():
    return {k: v for k, v in config["motifs"].items() if k != "enabled"}


def get_verified_motifs(wildcards):
    """The motifs of a run, which become classical features; none if not searched."""
    names = ["motifs.tsv", "motifs.json"] if config["motifs"]["enabled"] else []
    return [f"{RUN}/{name}" for name in names]


def list_verifications(predictor):
    """Where classical features are tested on the models; never on shuffled labels."""
    if not config["verification"]["features"]:
        return []
    return [
        f"{run}/verification.tsv"
        for group in list_groups(predictor)
        if not (CONTRASTS[group[1]] or {}).get("shuffle_labels")
        for run in list_runs(*group)
    ]


def get_truth(wildcards):
    truth = get_predictor(wildcards, "truth")
    return [truth] if truth else []


def list_seed_runs(wildcards):
    """The runs that differ from each other in their seed only."""
    return expand(RUN, **wildcards, seed=config["seeds"])


def list_seed_maps(wildcards):
    names = ["attention.h5", *(f"attributions/{method}.h5" for method in METHODS)]
    return [f"{run}/{name}" for run in list_seed_runs(wildcards) for name in names]


def list_agreements(predictor):
    """Where several seeds are trained, how far their maps agree."""
    if len(config["seeds"]) < 2:
        return []
    names = [
        f"{backbone}/fold{fold}/agreement.json"
        for backbone in config["models"]
        for fold in get_folds(predictor)
    ]
    return [file for name in names for file in list_group_files(name, [predictor])]


def list_predictor_runs(predictor):
    return [run for group in list_groups(predictor) for run in list_runs(*group)]


def get_report_inputs(wildcards):
    """Everything of a predictor's runs that a report reads."""
    names = ["metrics.json", "history.tsv", "attention.h5", "faithfulness.json"]
    names += [f"attributions/{method}.h5" for method in METHODS]
    if config["motifs"]["enabled"]:
        names += ["motifs.tsv", "motifs.json", "elements.tsv"]
    if config["hybrid"]["enabled"]:
        names += ["shap.parquet", "shap_values.parquet"]
    extra = list_agreements(wildcards.predictor)
    extra += list_verifications(wildcards.predictor)
    return extra + [
        f"{run}/{name}"
        for run in list_predictor_runs(wildcards.predictor)
        for name in names
    ]


def get_hybrids(wildcards):
    """Predictions of the models joined with features, where the config has them."""
    if not config["hybrid"]["enabled"]:
        return []
    return [f"{run}/hybrid.parquet" for run in list_runs(*wildcards)]


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


def get_feature_annotations(wildcards):
    """``[prefix, path]`` of the annotations that features are computed from."""
    if not config["features"]["annotation"]:
        return []
    return list_annotations(config, wildcards.predictor)


def get_feature_files(wildcards):
    """What features are computed from beside the windows."""
    tracks = list_files_of(config["features"]["bigwigs"])
    return [path for _, path in get_feature_annotations(wildcards)] + tracks


def get_baselines(wildcards):
    """The predictions of all baselines of a group."""
    names = ["predictions"]
    if "cnn" in config["baselines"]["models"]:
        names.append("cnn")
    if "embeddings" in config["baselines"]["models"]:
        names += [f"embeddings/{backbone}" for backbone in config["models"]]
    return [f"{GROUP}/classical/{name}.parquet" for name in names]


def get_cause_files(wildcards):
    """What the named causes are read from beside the sites."""
    tracks = list_tracks(config, wildcards.predictor)
    annotations = list_annotations(config, wildcards.predictor)
    return [path for _, path in annotations] + [track["path"] for track in tracks]


def get_causes(wildcards):
    """The named causes of all of a predictor's contrasts."""
    names = ("causes.tsv", "causes.parquet", "causes.json")
    return [f for name in names for f in list_group_files(name, [wildcards.predictor])]


def list_members(wildcards, name):
    return [f"results/{p}/{name}" for p in get_predictor(wildcards, "pool")]


def get_member_genomes(wildcards):
    members = get_predictor(wildcards, "pool")
    return [config["predictors"][m].get("genome", m) for m in members]


def list_track_genomes(wildcards):
    """The genomes that a predictor's sites lie on, with what was put into them."""
    members = config["predictors"][wildcards.predictor].get("pool")
    found = []
    for name in members or [wildcards.predictor]:
        predictor = config["predictors"][name]
        if not predictor.get("genome"):
            continue
        entry = {"genome": predictor["genome"], "member": name if members else None}
        entry["fasta"] = config["genomes"][predictor["genome"]]["fasta"]
        if predictor["variants"]:
            keys = ("variants", "sample", "haplotype")
            entry.update({key: predictor[key] for key in keys})
        found.append(entry)
    return found


def list_track_files(wildcards):
    entries = list_track_genomes(wildcards)
    return [e[key] for e in entries for key in ("fasta", "variants") if e.get(key)]


def list_track_runs(wildcards):
    """The runs shown on a genome: not those of shuffled labels."""
    return [
        run
        for group in list_groups(wildcards.predictor)
        if not (CONTRASTS[group[1]] or {}).get("shuffle_labels")
        for run in list_runs(*group)
    ]


def get_track_inputs(wildcards):
    """What tracks show of a predictor's runs."""
    names = ["metrics.json", "faithfulness.json"]
    names += [f"attributions/{method}.h5" for method in METHODS]
    runs = list_track_runs(wildcards)
    return [f"{run}/{name}" for run in runs for name in names]


def get_tracks(wildcards):
    return expand("results/tracks/{predictor}", predictor=config["predictors"])
