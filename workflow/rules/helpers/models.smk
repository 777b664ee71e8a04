# Backbones: their tokens, checkpoints and pretrained weights.
from error_sequence_model.backbones import (
    PUBLISHED,
    list_checkpoint_files,
    name_requests,
)
from error_sequence_model.settings import (
    WINDOW_KEYS,
    find_scope,
    get_network,
    get_settings,
    is_pretrained,
    list_sources,
)


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


def get_tokens(wildcards):
    tokenizer = get_tokenizer(wildcards.backbone)
    return f"results/{wildcards.predictor}/tokens/{tokenizer}.arrow"


def get_all_tokens(wildcards):
    return [
        f"results/{predictor}/tokens/{get_tokenizer(backbone)}.arrow"
        for predictor in STUDIED
        for backbone in config["models"]
    ]


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
