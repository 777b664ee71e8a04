# Pretraining on gene bodies of the user's genome, held-out sequence left out. `scope`
# is a predictor, or one fold of one of its contrasts where that decides what is held out.


wildcard_constraints:
    scope=rf"({any_of(config['predictors'])})(/({any_of(CONTRASTS)})/({any_of(config['splice_types'])})/fold\d+)?",


rule draw_gene_windows:
    input:
        script=script("pretraining_windows.py"),
        sites=of_scope("sites.parquet"),
        windows=of_scope("windows.arrow"),
        split=get_scope_split,
        genomes=ancient(
            lambda wildcards: [source["fasta"] for source in get_sources(wildcards)]
        ),
        annotations=lambda wildcards: [
            source[key]
            for source in get_sources(wildcards)
            for key in ("annotation", "aliases")
            if source[key]
        ],
    output:
        windows="results/{scope}/pretrained/windows.arrow",
        leakage="results/{scope}/pretrained/leakage.json",
    log:
        "logs/{scope}/pretraining_windows.log",
    conda:
        ENV
    params:
        library=library("pretraining_windows.py"),
        genomes=lambda wildcards: as_json(get_sources(wildcards)),
        splits=lambda wildcards: as_json(get_scope_splits(wildcards)),
        split=get_scope_options,
        pretraining=as_json({k: config["pretraining"][k] for k in WINDOW_KEYS}),
    shell:
        "python {input.script} --genomes {params.genomes:q} --sites {input.sites:q}"
        " --windows {input.windows:q} --splits {params.splits:q} {params.split:q}"
        " --pretraining {params.pretraining:q} --output {output.windows:q}"
        " --leakage {output.leakage:q} 2> {log:q}"


rule pretrain:
    input:
        script=script("pretrain.py"),
        # Only to wait for: `ancient` keeps a new contrast from pretraining again.
        checks=ancient("results/checks.tsv"),
        windows="results/{scope}/pretrained/windows.arrow",
        leakage="results/{scope}/pretrained/leakage.json",
        checkpoint=get_checkpoint,
    output:
        weights="results/{scope}/pretrained/{backbone}/model/model.safetensors",
        config="results/{scope}/pretrained/{backbone}/model/config.json",
        history="results/{scope}/pretrained/{backbone}/history.tsv",
        record="results/{scope}/pretrained/{backbone}/pretraining.json",
    log:
        "logs/{scope}/{backbone}_pretrain.log",
    conda:
        ENV
    threads: config["training"]["threads"]
    resources:
        **SLURM_TASKS,
        gpu=config["training"]["gpus"],
        nodes=config["training"]["nodes"],
    params:
        library=library("pretrain.py"),
        launch=get_launch_flags,
        machines=get_machines,
        output=subpath(output.record, parent=True),
        backbone=lambda wildcards: as_json(get_network(config, wildcards.backbone)),
        pretraining=as_json(get_settings(config)),
        draws=config["evaluation"]["bootstrap_draws"],
    shell:
        f"{LAUNCH}"
        " --windows {input.windows:q}"
        " --leakage {input.leakage:q} --backbone {params.backbone:q}"
        " --pretraining {params.pretraining:q} --draws {params.draws}"
        " --output {params.output:q}"
        " --checkpoints results/.checkpoints 2> {log:q}"
