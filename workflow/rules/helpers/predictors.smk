# Predictors that the workflow runs itself: their weights and the tracks they give.
from error_sequence_model.predictors import plan_scores

SCORES = "results/{predictor}/scores"


def plan_predictor(name):
    """The files of weights, and the tracks; what is missing is told before any job."""
    scores = config["predictors"][name]["scores"]
    try:
        return plan_scores(scores["model"], scores["weights"], scores["tissue"])
    except InputError as error:
        raise WorkflowError(f"predictors.{name}.scores: {error}") from None


SCORED_HERE = {
    name: plan_predictor(name)
    for name in CALLED
    if config["predictors"][name]["scores"]["format"] == "model"
}


def list_score_tracks(tracks):
    """The files of tracks, of both strands, in the order of their names."""
    return [f"{SCORES}/{t}.{s}.bw" for t in tracks for s in ("plus", "minus")]


def get_scored_bed(wildcards):
    """The BED of what is scored, if it is not the genes."""
    regions = get_predictor(wildcards, "scores")["regions"]
    return [] if regions == "genes" else regions


def get_scored_genes(wildcards):
    return [] if get_scored_bed(wildcards) else get_genome(wildcards, "annotation")


# What both rules read.
SCORING = {
    "script": script("score.py"),
    "weights": lambda wildcards: SCORED_HERE[wildcards.predictor].weights,
    "genome": ancient(get_genome),
    "aliases": get_aliases,
    "annotation": get_scored_genes,
    "regions": get_scored_bed,
}


def list_score_parts(wildcards):
    count = get_predictor(wildcards, "scores")["parts"]
    return [f"{SCORES}/part{n}of{count}.done" for n in range(1, count + 1)]


def get_scoring_options(wildcards, input):
    scores = get_predictor(wildcards, "scores")
    biotypes = get_predictor(wildcards, "biotypes")
    return make_options(
        model=scores["model"],
        tissue=scores["tissue"],
        annotation=input.annotation,
        regions=input.regions,
        biotypes=as_json(biotypes) if biotypes and input.annotation else None,
        flank=scores["flank"],
        aliases=input.aliases,
        precision=scores["precision"],
    )


def get_scores(wildcards):
    """The scores to call from: as given, or the tracks that are made here."""
    if wildcards.predictor not in SCORED_HERE:
        return get_predictor(wildcards, "scores")
    tracks = SCORED_HERE[wildcards.predictor].tracks
    folder = SCORES.format(predictor=wildcards.predictor)
    strands = {"+": "plus", "-": "minus"}
    files = {
        track: {s: f"{folder}/{track}.{name}.bw" for s, name in strands.items()}
        for track in tracks
    }
    return {"format": "bigwig", **files}


def get_scored_regions(wildcards):
    """What was scored: the rest is not judged."""
    is_here = wildcards.predictor in SCORED_HERE
    return f"{SCORES}/regions.bed".format(**wildcards) if is_here else []


def get_judged_regions(wildcards):
    """The BED of what is judged; none: gene bodies."""
    given = get_predictor(wildcards, "regions")
    is_here = wildcards.predictor in SCORED_HERE
    if given or not is_here or not get_scored_bed(wildcards):
        return given or []
    return get_scored_regions(wildcards)


def list_score_records(wildcards):
    """What says which weights the scores of a predictor, or of a pool's, come from."""
    name = wildcards.predictor
    members = config["predictors"][name].get("pool", [name])
    return [
        f"{SCORES}/provenance.json".format(predictor=member)
        for member in members
        if member in SCORED_HERE
    ]
