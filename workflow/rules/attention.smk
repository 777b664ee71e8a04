# Attention of held-out sites on the base axis; and what all explaining rules share.


rule extract_attention:
    input:
        **EXPLAINED,
        script=script("attention.py"),
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
        # Settings that a rule adds, and files: what is made from files is no trigger.
        settings=[],
        files=[],
        output=lambda wildcards, output: output[0],
    shell:
        "{params.lease} python {input.script}"
        f"{RUN_ARGUMENTS}"
        " --windows {input.windows:q} --explanation {params.explanation:q}"
        " {params.settings:q} {params.files:q} --output {params.output:q} 2> {log:q}"
