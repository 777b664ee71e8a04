# Sites -> the sequence around each junction.


rule extract_windows:
    input:
        script=script("windows.py"),
        sites="results/{predictor}/sites.parquet",
        genome=ancient(get_genome),
        variants=lambda wildcards: get_predictor(wildcards, "variants") or [],
        aliases=get_aliases,
    output:
        "results/{predictor}/windows.arrow",
    log:
        "logs/{predictor}/windows.log",
    wildcard_constraints:
        predictor=any_of(SINGLE),
    conda:
        ENV
    params:
        **config["windows"],
        library=library("windows.py"),
        genome=get_window_options,
    shell:
        "python {input.script} --sites {input.sites:q} {params.genome:q}"
        " --upstream {params.upstream} --downstream {params.downstream}"
        " --windows {output:q} 2> {log:q}"
