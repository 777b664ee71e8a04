# Baselines on the same sites and folds, and models joined with features.


rule fit_baselines:
    input:
        script=script("baselines.py"),
        checks=ancient("results/checks.tsv"),
        sites="results/{predictor}/sites.parquet",
        split=f"{GROUP}/split.parquet",
        features=f"{GROUP}/classical/features.parquet",
    output:
        f"{GROUP}/classical/predictions.parquet",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/baselines.log",
    conda:
        ENV
    threads: config["training"]["threads"]
    params:
        library=library("baselines.py"),
        models=config["baselines"]["models"],
        aware="--score-aware" if config["features"]["score_aware"] else "",
        seed=config["splits"]["seed"],
    shell:
        "python {input.script} --sites {input.sites:q} --split {input.split:q}"
        " --features {input.features:q} --models {params.models} {params.aware}"
        " --seed {params.seed} --predictions {output:q} 2> {log:q}"


rule fit_cnn:
    input:
        script=script("cnn.py"),
        checks=ancient("results/checks.tsv"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
    output:
        f"{GROUP}/classical/cnn.parquet",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/cnn.log",
    conda:
        ENV
    threads: config["training"]["threads"]
    params:
        library=library("cnn.py"),
        settings=as_json(config["baselines"]["cnn"]),
        seed=config["splits"]["seed"],
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --split {input.split:q} --settings {params.settings:q} --seed {params.seed}"
        " --threads {threads} --predictions {output:q} 2> {log:q}"


rule fit_embeddings:
    input:
        script=script("embeddings.py"),
        checks=ancient("results/checks.tsv"),
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        checkpoint=get_checkpoint,
    output:
        f"{GROUP}/classical/embeddings/{{backbone}}.parquet",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_embeddings.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("embeddings.py"),
        lease=get_lease,
        backbone=lambda wildcards: as_json(config["backbones"][wildcards.backbone]),
        max_length=as_json(config["training"]["max_length"]),
        seed=config["splits"]["seed"],
    shell:
        "{params.lease} python {input.script} --split {input.split:q} --tokens {input.tokens:q}"
        " --name {wildcards.backbone:q} --backbone {params.backbone:q}"
        " --max-length {params.max_length:q} --seed {params.seed}"
        " --predictions {output:q} 2> {log:q}"


rule fit_hybrid:
    input:
        script=script("hybrid.py"),
        sites="results/{predictor}/sites.parquet",
        split=f"{GROUP}/split.parquet",
        features=f"{GROUP}/classical/features.parquet",
        predictions=f"{RUN}/predictions.parquet",
        embeddings=f"{RUN}/embeddings.parquet",
    output:
        predictions=f"{RUN}/hybrid.parquet",
        shap=f"{RUN}/shap.parquet",
        values=f"{RUN}/shap_values.parquet",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/hybrid.log",
    conda:
        ENV
    params:
        library=library("hybrid.py"),
        run=subpath(output.predictions, parent=True),
    shell:
        "python {input.script} --sites {input.sites:q} --split {input.split:q}"
        " --features {input.features:q} --run {params.run:q}"
        " --backbone {wildcards.backbone:q} --model-seed {wildcards.seed}"
        " --fold {wildcards.fold} --output {output.predictions:q}"
        " --shap {output.shap:q} --values {output.values:q} 2> {log:q}"
