# Classical features changed in held-out sequences: do both kinds of model answer?


rule verify_features:
    input:
        script=script("verification.py"),
        elements=str(SCRIPTS.parents[1] / "resources" / "elements.tsv"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        weights=f"{RUN}/model/model.safetensors",
        motifs=get_verified_motifs,
    output:
        f"{RUN}/verification.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/verification.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("verification.py"),
        lease=get_lease,
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation()),
        verification=as_json(config["verification"]),
        motifs=lambda wildcards, input: make_options(
            motifs=next(iter(input.motifs), "")
        ),
        draws=config["evaluation"]["bootstrap_draws"],
    shell:
        "{params.lease} python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --verification {params.verification:q} {params.motifs:q}"
        " --draws {params.draws} --output {output:q} 2> {log:q}"
