# Maps of held-out sites, and the checks on every map.


rule attribute:
    input:
        script=script("attributions.py"),
        library=library("attributions.py"),
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
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation()),
    shell:
        "python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --method {wildcards.method} --output {output:q} 2> {log:q}"


rule extract_attention:
    input:
        script=script("attention.py"),
        library=library("attention.py"),
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
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation()),
    shell:
        "python {input.script}" f"{EXPLAIN_ARGUMENTS}" " --output {output:q} 2> {log:q}"


rule check_faithfulness:
    input:
        script=script("faithfulness.py"),
        library=library("faithfulness.py"),
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
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation()),
        truth=lambda wildcards: make_options(truth=get_predictor(wildcards, "truth")),
    shell:
        "python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --maps {input.maps:q} --attention {input.attention:q}"
        " {params.truth:q} --output {output:q} 2> {log:q}"
