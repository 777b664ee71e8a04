# What is held beside a predictor's errors: other predictors, facts measured elsewhere.


rule compare_peers:
    input:
        script=script("peers.py"),
        sites=lambda wildcards: [
            f"results/{name}/sites.parquet" for name in list_peers(wildcards.predictor)
        ],
        causes=list_error_causes,
        records=lambda wildcards: [
            f"{SCORES}/provenance.json".format(predictor=name)
            for name in list_peers(wildcards.predictor)
            if name in SCORED_HERE
        ],
    output:
        sites="results/{predictor}/peers.parquet",
        pairs="results/{predictor}/peers.tsv",
        contrasts="results/{predictor}/peer_contrasts.tsv",
    log:
        "logs/{predictor}/peers.log",
    conda:
        ENV
    params:
        library=library("peers.py"),
        groups=lambda wildcards: as_json(list_error_groups(wildcards.predictor)),
        draws=config["evaluation"]["bootstrap_draws"],
    shell:
        "python {input.script} --sites {input.sites:q} --groups {params.groups:q}"
        " --records {input.records:q} --draws {params.draws}"
        " --pairs {output.pairs:q} --contrasts {output.contrasts:q}"
        " --output {output.sites:q} 2> {log:q}"


rule hold_against_facts:
    input:
        script=script("outside_truth.py"),
        sites="results/{predictor}/sites.parquet",
        facts=lambda wildcards: get_predictor(wildcards, "outside"),
        causes=list_error_causes,
    output:
        "results/{predictor}/outside_truth.tsv",
    log:
        "logs/{predictor}/outside_truth.log",
    conda:
        ENV
    params:
        library=library("outside_truth.py"),
        groups=lambda wildcards: as_json(list_error_groups(wildcards.predictor)),
    shell:
        "python {input.script} --sites {input.sites:q} --facts {input.facts:q}"
        " --groups {params.groups:q} --output {output:q} 2> {log:q}"
