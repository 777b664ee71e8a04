# Held-out predictions and metrics with gene-bootstrap intervals.


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
