# Which runs there are, and what they are told.
from error_sequence_model.settings import OWN_SETTINGS

# What every explaining rule reads, and its maps.
EXPLAINED = {
    "sites": "results/{predictor}/sites.parquet",
    "windows": "results/{predictor}/windows.arrow",
    "split": f"{GROUP}/split.parquet",
    "tokens": get_tokens,
    "weights": f"{RUN}/model/model.safetensors",
}
RUN_MAPS = expand(
    f"{RUN}/attributions/{{method}}.h5", method=METHODS, allow_missing=True
)


def get_splits(predictor):
    """The split settings of a predictor: its own keys over the general ones."""
    splits = {**config["splits"], **config["predictors"][predictor]["splits"]}
    return {key: value for key, value in splits.items() if value not in (None, [])}


def get_folds(predictor):
    return range(get_splits(predictor).get("folds", 1))


def list_groups(predictor):
    return [
        (predictor, contrast, splice_type)
        for contrast in CONTRASTS
        for splice_type in config["splice_types"]
        if splice_type in LIMITED.get(contrast, [splice_type])
        # A predictor is no peer of its own.
        and predictor not in (CONTRASTS[contrast] or {}).get("peers", [])
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


def list_predictor_runs(predictor):
    return [run for group in list_groups(predictor) for run in list_runs(*group)]


def get_all(name):
    """Input function: one file of every run."""

    def list_files(wildcards):
        return [
            f"{run}/{name}"
            for predictor in STUDIED
            for group in list_groups(predictor)
            for run in list_runs(*group)
        ]

    return list_files


def get_first(name):
    """Input function: one file of every backbone's first run in a group."""
    return lambda wildcards: [
        file
        for file in get_all(name)(wildcards)
        if f"/seed{config['seeds'][0]}/fold0/" in file
    ]


def list_group_files(name, predictors=None):
    return [
        f"results/{predictor}/{contrast}/{splice_type}/{name}"
        for predictor in predictors or STUDIED
        for _, contrast, splice_type in list_groups(predictor)
    ]


def get_training(wildcards):
    """The settings that define the weights; where they are computed is left out."""
    left_out = ("gpus", "nodes", "threads")
    return {k: v for k, v in config["training"].items() if k not in left_out}


def get_explanation(*methods):
    """Which sites are explained, and what these methods are told."""
    left_out = {"methods"} | {
        key for key, own in OWN_SETTINGS.items() if not set(own) & set(methods)
    }
    return {k: v for k, v in config["explanation"].items() if k not in left_out}


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
