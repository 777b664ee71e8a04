# Maps of held-out sites, and the checks on every map.


rule attribute:
    input:
        script=script("attributions.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        weights=f"{RUN}/model/model.safetensors",
    output:
        f"{RUN}/attributions/{{method}}.h5",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/{method}.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("attributions.py"),
        lease=get_lease,
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=lambda wildcards: as_json(get_explanation(wildcards.method)),
    shell:
        "{params.lease} python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --method {wildcards.method} --output {output:q} 2> {log:q}"


rule extract_attention:
    input:
        script=script("attention.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        weights=f"{RUN}/model/model.safetensors",
    output:
        f"{RUN}/attention.h5",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/attention.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("attention.py"),
        lease=get_lease,
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation()),
    shell:
        "{params.lease} python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --output {output:q} 2> {log:q}"


rule check_faithfulness:
    input:
        script=script("faithfulness.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        weights=f"{RUN}/model/model.safetensors",
        maps=expand(
            f"{RUN}/attributions/{{method}}.h5", method=METHODS, allow_missing=True
        ),
        attention=f"{RUN}/attention.h5",
        truth=get_truth,
    output:
        f"{RUN}/faithfulness.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/faithfulness.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("faithfulness.py"),
        lease=get_lease,
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation(*METHODS)),
        truth=lambda wildcards: make_options(truth=get_predictor(wildcards, "truth")),
    shell:
        "{params.lease} python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --maps {input.maps:q} --attention {input.attention:q}"
        " {params.truth:q} --output {output:q} 2> {log:q}"


rule compare_maps:
    input:
        script=script("agreement.py"),
        maps=list_seed_maps,
    output:
        f"{GROUP}/{{backbone}}/fold{{fold}}/agreement.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_fold{fold}/agreement.log",
    conda:
        ENV
    params:
        library=library("agreement.py"),
        runs=list_seed_runs,
        seed=config["explanation"]["seed"],
    shell:
        "python {input.script} --runs {params.runs:q} --seed {params.seed}"
        " --output {output:q} 2> {log:q}"
