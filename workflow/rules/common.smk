# What all rules share: the config, names, paths, hardware. What depends on what: helpers/.
import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# Jobs inherit it: only `fetch_model` may use the network, and turns this off for itself.
os.environ.update(HF_HUB_OFFLINE="1")

ROOT = Path(str(workflow.current_basedir)).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
# Relative where the workflow is run from its own folder: Snakemake then compares
# scripts by content, and copies of the repository behave alike.
if Path.cwd().resolve() == ROOT:
    SCRIPTS = SCRIPTS.relative_to(ROOT)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from error_sequence_model.core import InputError, hash_sources
from error_sequence_model.settings import (
    complete_config,
    expand_contrasts,
    list_files,
    part_limits,
    refuse_repeated_keys,
    require_caller,
    resolve_method,
)

try:
    for path in workflow.configfiles:
        refuse_repeated_keys(path)
    config = complete_config(config)
    # Splice types that a contrast is limited to are the workflow's, not the library's.
    config["contrasts"], LIMITED = part_limits(config["contrasts"])
    CONTRASTS = expand_contrasts(config["contrasts"])
    # Steps with environments of their own have packages that are not here.
    if not workflow.deployment_settings.deployment_method:
        require_caller(config["motifs"]["caller"])
except InputError as error:
    raise WorkflowError(str(error)) from None

# Where a rule lacks a file of the user, Snakemake does not say which key names it.
for key, path in list_files(config):
    if not Path(path).exists():
        logger.warning(f"{key}: {path}: no such file")

RUN = "results/{predictor}/{contrast}/{splice_type}/{backbone}/seed{seed}/fold{fold}"
GROUP = "results/{predictor}/{contrast}/{splice_type}"
PRED_TYPES = ("FP", "FN", "TP", "TN")
METHODS = list(dict.fromkeys(map(resolve_method, config["explanation"]["methods"])))
# What every step of a run is told.
RUN_ARGUMENTS = (
    " --sites {input.sites:q} --split {input.split:q} --tokens {input.tokens:q}"
    " --contrast-name {wildcards.contrast:q} --contrast {params.contrast:q}"
    " --fold {wildcards.fold} --training {params.training:q} --run {params.run:q}"
)
# Predictors with an error table or scores of their own, those with scores, and pools.
SINGLE = [name for name, p in config["predictors"].items() if "pool" not in p]
CALLED = [name for name in SINGLE if "scores" in config["predictors"][name]]
POOLS = [name for name in config["predictors"] if name not in SINGLE]
# Predictors whose errors are explained; the others are only held beside them.
STUDIED = [n for n, p in config["predictors"].items() if p["role"] == "studied"]
ENV = str(ROOT / "envs" / "environment.yaml")
SPLICE_TYPES = " and ".join(config["splice_types"])
# Before a command that uses GPUs: no two jobs on one machine get the same card.
LEASE = f"python {shlex.quote(str(SCRIPTS / 'launch.py'))} --gpus {{resources.gpu}} --"
# Before a training, which may have several machines.
LEASES = LEASE.replace(
    " --gpus", " --machines {params.machines} --cpus {threads} --gpus"
)
ACCELERATE = shlex.quote(str(SCRIPTS.parents[1] / "config" / "accelerate.yaml"))
LAUNCH = (
    f"{LEASES} accelerate launch --config_file {ACCELERATE}"
    " --mixed_precision no --dynamo_backend no {params.launch} {input.script}"
)
# What SLURM is asked for beside GPUs and nodes. One launcher per job, however many GPUs:
# old executors ask for one per GPU where nothing is said. Several nodes: the job's first
# one starts a launcher on each, and `mpi` keeps the executor from doing it by itself.
SLURM_TASKS = {"tasks_per_gpu": 0, "tasks": 0}
if config["training"]["nodes"] > 1:
    SLURM_TASKS |= {"tasks": config["training"]["nodes"], "mpi": "srun"}
ELEMENTS = str(SCRIPTS.parents[1] / "resources" / "elements.tsv")


def any_of(names):
    # Nothing to match is a pattern that never matches, not one that always does.
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


def script(name):
    return str(SCRIPTS / name)


def library(name):
    """The content of the modules that define a script's result, as one short hash.

    A parameter, so that an edit reruns what it changes and a `touch` nothing; as input
    files they would be most of the files that Snakemake looks at.
    """
    return hash_sources(ROOT / "workflow" / "scripts" / name)


def as_json(value):
    return json.dumps(value, sort_keys=True)


def make_options(**values):
    """Words of command-line options, without those that are not set."""
    words = []
    for key, value in values.items():
        if value:
            given = value if isinstance(value, list) else [value]
            words += [f"--{key.replace('_', '-')}", *map(str, given)]
    return words


def get_predictor(wildcards, key):
    return config["predictors"][wildcards.predictor][key]


def get_launch_flags(wildcards, threads, resources):
    """What `accelerate launch` is told of the hardware; 0 GPUs is the CPU mode."""
    gpus = int(resources.gpu)
    processes = max(gpus, 1)
    machines = get_machines(wildcards, resources)
    kind = "--cpu" if gpus == 0 else "--multi_gpu" if gpus > 1 else ""
    threads_each = max(threads * machines // processes, 1)
    alone = "--num_machines 1 --main_process_port 0" if machines == 1 else ""
    return f"{kind} {alone} --num_processes {processes} --num_cpu_threads_per_process {threads_each}"


def get_machines(wildcards, resources):
    """Machines of a training; the CPU mode has one."""
    return config["training"]["nodes"] if int(resources.gpu) else 1


def get_lease(wildcards, resources):
    """What comes before a command that may use a GPU: a card of its own, or none."""
    gpus = int(resources.gpu)
    return LEASE.format(resources=resources) if gpus else "CUDA_VISIBLE_DEVICES="
