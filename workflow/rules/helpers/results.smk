# What is made of runs: comparisons, causes, reports, tracks.
from error_sequence_model.settings import (
    get_thresholds,
    list_annotations,
    list_of_genomes,
    list_peers,
    list_tracks,
    parse_contrast,
)


def get_comparisons(wildcards):
    return list_group_files("comparison.tsv")


def get_feature_annotations(wildcards):
    """The annotations that features are computed from, see ``list_annotations``."""
    if not config["features"]["annotation"]:
        return []
    return list_annotations(config, wildcards.predictor)


def get_feature_files(wildcards):
    """What features are computed from beside the windows."""
    tracks = list_files_of(config["features"]["bigwigs"])
    annotations = [path for _, path, *_ in get_feature_annotations(wildcards)]
    aliases = list_of_genomes(config, wildcards.predictor, "aliases") if tracks else {}
    return [*annotations, *tracks, *aliases.values()]


def get_baselines(wildcards):
    """The predictions of all baselines of a group."""
    names = ["predictions"]
    if "cnn" in config["baselines"]["models"]:
        names.append("cnn")
    if "embeddings" in config["baselines"]["models"]:
        names += [f"embeddings/{backbone}" for backbone in config["models"]]
    return [f"{GROUP}/classical/{name}.parquet" for name in names]


def get_hybrids(wildcards):
    """Predictions of the models joined with features, where the config has them."""
    if not config["hybrid"]["enabled"]:
        return []
    return [f"{run}/hybrid.parquet" for run in list_runs(*wildcards)]


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


def get_cause_files(wildcards):
    """What the named causes are read from beside the sites."""
    tracks = list_tracks(config, wildcards.predictor)
    annotations = list_annotations(config, wildcards.predictor)
    aliases = list_of_genomes(config, wildcards.predictor, "aliases").values()
    paths = [path for _, path, *_ in annotations] + [track["path"] for track in tracks]
    return [*paths, *(aliases if paths else ())]


def get_group_motifs(wildcards):
    """The motifs of a contrast's runs; none if not searched."""
    if not config["motifs"]["enabled"]:
        return []
    return [f"{run}/motifs.tsv" for run in list_runs(*wildcards)]


def get_causes(wildcards):
    """What explains the errors of all of a predictor's contrasts."""
    steps, kinds = ("causes", "explanations"), ("tsv", "parquet", "json")
    names = [f"{step}.{kind}" for step in steps for kind in kinds]
    return [f for name in names for f in list_group_files(name, [wildcards.predictor])]


def get_reports(wildcards):
    """All reports; on TN only where a contrast has them."""
    studied = {
        pred_type
        for name, definition in CONTRASTS.items()
        for _, pred_types in parse_contrast(name, definition).classes
        for pred_type in pred_types
    }
    names = [
        f"attention_{pred_type}.pdf"
        for pred_type in PRED_TYPES
        if pred_type != "TN" or pred_type in studied
    ]
    return expand(
        "results/reports/{predictor}/{name}",
        predictor=STUDIED,
        name=[*names, "overview.pdf", "sites.html"],
    )


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


# What the browser and the PDFs read, and what the PDFs read beside it.
REPORTED = {
    "sites": "results/{predictor}/sites.parquet",
    "windows": "results/{predictor}/windows.arrow",
    "results": get_report_inputs,
}
COMPARED = {
    "texts": expand(
        script("error_sequence_model/reports/templates/{name}.j2"),
        name=[
            *("advice", "captions", "computation", "findings", "methods", "scores"),
            "tables.md",
        ],
    ),
    "audit": "results/{predictor}/audit.json",
    "scored_by": list_score_records,
    "comparisons": lambda wildcards: list_group_files(
        "comparison.tsv", [wildcards.predictor]
    ),
}


def list_peer_sites(wildcards):
    """Which other predictors err at a site, where there are any."""
    name = wildcards.predictor
    return [f"results/{name}/peers.parquet"] if list_peers(config, name) else []


def get_split_peers(wildcards):
    """Who else errs, for a contrast of errors private or shared."""
    contrast = parse_contrast(wildcards.contrast, CONTRASTS[wildcards.contrast])
    return [] if contrast.peers is None else list_peer_sites(wildcards)


def list_beside(wildcards):
    """What the overview shows of peers, and of facts measured elsewhere."""
    name = wildcards.predictor
    found = []
    if list_peers(config, name):
        tables = ("peers.parquet", "peers.tsv", "peer_contrasts.tsv")
        found += [f"results/{name}/{table}" for table in tables]
    # Those of the genome's other annotations are shown there as well.
    with_facts = [n for n in SINGLE if config["predictors"][n]["outside"]]
    shown = [n for n in with_facts if n == name or n not in STUDIED]
    return found + [f"results/{n}/outside_truth.tsv" for n in shown]


def get_meanings(wildcards):
    """What facts measured elsewhere are, where that is told beside them."""
    path = Path(get_predictor(wildcards, "outside")).with_suffix(".json")
    return [str(path)] if path.exists() else []


def list_error_groups(predictor):
    """Groups of a predictor by the error they are about: FN or FP against TP."""
    pairs = {"FN": "fn_vs_tp", "FP": "fp_vs_tp"}
    if predictor not in STUDIED:
        return []
    return [
        (error, f"results/{predictor}/{contrast}/{splice_type}")
        for error, name in pairs.items()
        for _, contrast, splice_type in list_groups(predictor)
        if contrast == name
    ]


def list_error_causes(wildcards):
    """The named causes of a predictor's errors, site by site and as a list."""
    names = ("causes.parquet", "causes.tsv", "explanations.parquet", "explanations.tsv")
    folders = [folder for _, folder in list_error_groups(wildcards.predictor)]
    return [f"{folder}/{name}" for folder in folders for name in names]


def get_report_files(wildcards, input, output):
    """The files that a PDF is told of beside those of the browser."""
    return make_options(
        beside=input.get("beside", []),
        audit=input.audit,
        scored_by=input.scored_by,
        comparisons=input.comparisons,
        tables=Path(output[0]).parent / "tables",
    )


def name_report(what, error_type="all"):
    """Labels in Snakemake's report."""
    return {"what": what, "error type": error_type, "splice type": SPLICE_TYPES}


def list_track_genomes(wildcards):
    """The genomes that a predictor's sites lie on, with what was put into them."""
    members = config["predictors"][wildcards.predictor].get("pool")
    found = []
    for name in members or [wildcards.predictor]:
        predictor = config["predictors"][name]
        if not predictor.get("genome"):
            continue
        entry = {"genome": predictor["genome"], "member": name if members else None}
        genome = config["genomes"][predictor["genome"]]
        entry |= {key: genome[key] for key in ("fasta", "aliases", "assembly")}
        if predictor["variants"]:
            keys = ("variants", "sample", "haplotype", "variant_conflicts")
            entry.update({key: predictor[key] for key in keys})
        found.append(entry)
    return found


def list_track_files(wildcards):
    entries = list_track_genomes(wildcards)
    keys = ("fasta", "aliases", "variants")
    return [e[key] for e in entries for key in keys if e.get(key)]


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
    if config["motifs"]["enabled"]:
        names += ["motifs.tsv", "motifs.json", "elements.tsv"]
    runs = list_track_runs(wildcards)
    found = [f"{run}/{name}" for run in runs for name in names]
    groups = dict.fromkeys(str(Path(run).parents[2]) for run in runs)
    ends = ("tsv", "parquet")
    return found + [f"{group}/explanations.{end}" for group in groups for end in ends]


def get_tracks(wildcards):
    return expand("results/tracks/{predictor}", predictor=STUDIED)
