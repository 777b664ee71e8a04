# The checks on every map, and whether maps of different seeds agree.


use rule extract_attention as check_faithfulness with:
    input:
        **EXPLAINED,
        script=script("faithfulness.py"),
        maps=RUN_MAPS,
        attention=f"{RUN}/attention.h5",
        truth=get_truth,
    output:
        f"{RUN}/faithfulness.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/faithfulness.log",
    threads: config["training"]["threads"]
    params:
        library=library("faithfulness.py"),
        explanation=as_json(get_explanation(*METHODS)),
        files=lambda wildcards, input: make_options(
            maps=input.maps, attention=input.attention, truth=input.truth
        ),


rule compare_maps:
    input:
        script=script("agreement.py"),
        maps=list_seed_maps,
    output:
        f"{GROUP}/{{backbone}}/fold{{fold}}/agreement.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_fold{fold}/agreement.log",
    conda:
        ENV
    params:
        library=library("agreement.py"),
        runs=list_seed_runs,
        seed=config["explanation"]["seed"],
    shell:
        "python {input.script} --runs {params.runs:q} --seed {params.seed}"
        " --output {output:q} 2> {log:q}"
