# The learning-rate range test, and fine-tuning, by accelerate launch on 0 to N GPUs that are leased to the job. Stopped by
# SIGTERM it saves a checkpoint and ends with code 75; the next try goes on from there.


rule fine_tune:
    input:
        script=script("train.py"),
        # Only to wait for: `ancient` keeps a new contrast from retraining the others.
        checks=ancient("results/checks.tsv"),
        sites="results/{predictor}/sites.parquet",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        checkpoint=get_checkpoint,
        pretrained=get_pretrained,
    output:
        weights=f"{RUN}/model/model.safetensors",
        config=f"{RUN}/model/config.json",
        history=f"{RUN}/history.tsv",
        record=f"{RUN}/run.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/train.log",
    conda:
        ENV
    threads: config["training"]["threads"]
    resources:
        **SLURM_TASKS,
        gpu=config["training"]["gpus"],
        nodes=config["training"]["nodes"],
    params:
        library=library("train.py"),
        launch=get_launch_flags,
        machines=get_machines,
        run=subpath(output.record, parent=True),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        backbone=lambda wildcards: as_json(config["backbones"][wildcards.backbone]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        pretrained=get_pretrained_option,
    shell:
        f"{LAUNCH}{RUN_ARGUMENTS}"
        " --seed {wildcards.seed} --backbone {params.backbone:q}"
        " {params.pretrained:q} --checkpoints results/.checkpoints 2> {log:q}"


rule find_learning_rate:
    input:
        script=script("find_rate.py"),
        sites="results/{predictor}/sites.parquet",
        split=f"{GROUP}/split.parquet",
        tokens=get_tokens,
        checkpoint=get_checkpoint,
        pretrained=get_pretrained,
    output:
        table=f"{RUN}/rates.tsv",
        figure=f"{RUN}/rates.pdf",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/rates.log",
    conda:
        ENV
    resources:
        gpu=min(config["training"]["gpus"], 1),
    params:
        library=library("find_rate.py"),
        lease=get_lease,
        run=subpath(output.table, parent=True),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        backbone=lambda wildcards: as_json(config["backbones"][wildcards.backbone]),
        training=lambda wildcards: as_json(get_training(wildcards)),
        pretrained=get_pretrained_option,
    shell:
        "{params.lease} python {input.script}"
        f"{RUN_ARGUMENTS}"
        " --seed {wildcards.seed} --backbone {params.backbone:q} {params.pretrained:q}"
        " 2> {log:q}"
