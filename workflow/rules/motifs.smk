# Motifs of a run's maps, and known elements, at errors against correct calls.


rule find_motifs:
    input:
        script=script("motifs.py"),
        catalogue=str(SCRIPTS.parents[1] / "resources" / "elements.tsv"),
        elements=config["motifs"]["elements"] or [],
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        weights=f"{RUN}/model/model.safetensors",
        maps=expand(
            f"{RUN}/attributions/{{method}}.h5", method=METHODS, allow_missing=True
        ),
        checks=f"{RUN}/faithfulness.json",
    output:
        motifs=report(
            f"{RUN}/motifs.tsv",
            caption="../report/motifs.rst",
            category="{predictor}",
            labels={
                "what": "motifs (table)",
                "error type": "{contrast}",
                "splice type": "{splice_type}",
            },
        ),
        elements=f"{RUN}/elements.tsv",
        matrices=f"{RUN}/motifs.meme",
        details=f"{RUN}/motifs.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/motifs.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("motifs.py"),
        lease=get_lease,
        run=subpath(input.weights, ancestor=2),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        explanation=as_json(get_explanation()),
        motifs=as_json(get_motif_settings()),
    shell:
        "{params.lease} python {input.script}"
        f"{EXPLAIN_ARGUMENTS}"
        " --splice-type {wildcards.splice_type} --maps {input.maps:q}"
        " --checks {input.checks:q} --motifs {params.motifs:q}"
        " --output {output.motifs:q} 2> {log:q}"
