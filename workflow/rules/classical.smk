# Features, baselines on the same sites and folds, and the table of all models.


rule compute_features:
    input:
        script=script("features.py"),
        elements=str(SCRIPTS.parents[1] / "resources" / "elements.tsv"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        files=ancient(get_feature_files),
    output:
        features=f"{GROUP}/classical/features.parquet",
        definitions=f"{GROUP}/classical/features.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/features.log",
    conda:
        ENV
    params:
        library=library("features.py"),
        settings=as_json(config["features"]),
        annotations=lambda wildcards: as_json(get_feature_annotations(wildcards)),
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --split {input.split:q} --settings {params.settings:q}"
        " --annotations {params.annotations:q} --features {output.features:q}"
        " --definitions {output.definitions:q} 2> {log:q}"


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


rule fit_ensemble:
    input:
        script=script("ensemble.py"),
        baselines=get_baselines,
        hybrids=get_hybrids,
        predictions=lambda wildcards: [
            f"{run}/predictions.parquet" for run in list_runs(*wildcards)
        ],
    output:
        predictions=f"{GROUP}/ensemble/predictions.parquet",
        weights=f"{GROUP}/ensemble/weights.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/ensemble.log",
    conda:
        ENV
    params:
        library=library("ensemble.py"),
        runs=lambda wildcards: list_runs(*wildcards),
    shell:
        "python {input.script} --predictions {input.baselines:q} {input.hybrids:q}"
        " --runs {params.runs:q} --ensemble {output.predictions:q} --weights {output.weights:q} 2> {log:q}"


rule compare:
    input:
        script=script("comparison.py"),
        sites="results/{predictor}/sites.parquet",
        split=f"{GROUP}/split.parquet",
        features=f"{GROUP}/classical/features.parquet",
        baselines=get_baselines,
        hybrids=get_hybrids,
        ensemble=f"{GROUP}/ensemble/predictions.parquet",
        predictions=lambda wildcards: [
            f"{run}/predictions.parquet" for run in list_runs(*wildcards)
        ],
    output:
        f"{GROUP}/assessment/models.tsv",
        f"{GROUP}/assessment/pairs.tsv",
        f"{GROUP}/assessment/strata.tsv",
        f"{GROUP}/assessment/reranking.tsv",
        comparison=f"{GROUP}/comparison.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/comparison.log",
    conda:
        ENV
    params:
        library=library("comparison.py"),
        runs=lambda wildcards: list_runs(*wildcards),
        assessment=subpath(output[0], parent=True),
        counts=lambda wildcards: as_json(get_predictor(wildcards, "natural_counts")),
        draws=config["evaluation"]["bootstrap_draws"],
    shell:
        "python {input.script} --sites {input.sites:q} --split {input.split:q}"
        " --features {input.features:q}"
        " --predictions {input.baselines:q} {input.hybrids:q} {input.ensemble:q}"
        " --runs {params.runs:q} --natural-counts {params.counts:q}"
        " --draws {params.draws}"
        " --comparison {output.comparison:q} --assessment {params.assessment:q}"
        " 2> {log:q}"
