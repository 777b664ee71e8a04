# Held-out predictions and metrics, models stacked, and the table of all models.


rule score:
    input:
        script=script("evaluation.py"),
        sites="results/{predictor}/sites.parquet",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        weights=f"{RUN}/model/model.safetensors",
    output:
        predictions=f"{RUN}/predictions.parquet",
        metrics=f"{RUN}/metrics.json",
        embeddings=f"{RUN}/embeddings.parquet",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/evaluation.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("evaluation.py"),
        lease=get_lease,
        run=subpath(output.metrics, parent=True),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        draws=config["evaluation"]["bootstrap_draws"],
    shell:
        "{params.lease} python {input.script}"
        f"{RUN_ARGUMENTS}"
        " --draws {params.draws} 2> {log:q}"


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
