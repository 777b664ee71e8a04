# A genome scored by the predictor itself: in parts, each a job that goes on where it was
# killed, then joined. What is done of a part lies in scores/parts, which no rule owns.


rule score_genome:
    input:
        **SCORING,
    output:
        temp(touch(f"{SCORES}/part{{part}}of{{parts}}.done")),
    log:
        "logs/{predictor}/score_part{part}of{parts}.log",
    wildcard_constraints:
        predictor=any_of(SCORED_HERE),
        part=r"\d+",
        parts=r"\d+",
    conda:
        ENV
    threads: config["training"]["threads"]
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("score.py"),
        lease=get_lease,
        options=get_scoring_options,
        scores=subpath(output[0], parent=True),
    shell:
        "{params.lease} python {input.script} --weights {input.weights:q}"
        " --genome {input.genome:q} {params.options:q}"
        " --part {wildcards.part}/{wildcards.parts} --output {params.scores:q}"
        " 2> {log:q}"


rule join_scores:
    input:
        **SCORING,
        parts=list_score_parts,
    output:
        list_score_tracks(["donor", "acceptor"]),
        regions=f"{SCORES}/regions.bed",
        record=f"{SCORES}/provenance.json",
    log:
        "logs/{predictor}/score.log",
    wildcard_constraints:
        predictor=any_of(n for n, p in SCORED_HERE.items() if "usage" not in p.tracks),
    conda:
        ENV
    params:
        library=library("score.py"),
        options=get_scoring_options,
        scores=subpath(output.regions, parent=True),
    shell:
        "CUDA_VISIBLE_DEVICES= python {input.script} --weights {input.weights:q}"
        " --genome {input.genome:q} {params.options:q} --output {params.scores:q}"
        " 2> {log:q}"


use rule join_scores as join_scores_and_usage with:
    output:
        list_score_tracks(["donor", "acceptor", "usage"]),
        regions=f"{SCORES}/regions.bed",
        record=f"{SCORES}/provenance.json",
    log:
        "logs/{predictor}/score.log",
    wildcard_constraints:
        predictor=any_of(n for n, p in SCORED_HERE.items() if "usage" in p.tracks),
