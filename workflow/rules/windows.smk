# Sites -> windows -> tokens; sites -> splits, audited.


rule extract_windows:
    input:
        script=script("windows.py"),
        sites="results/{predictor}/sites.parquet",
        genome=ancient(get_genome),
        variants=lambda wildcards: get_predictor(wildcards, "variants") or [],
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


rule tokenize:
    input:
        script=script("tokens.py"),
        windows="results/{predictor}/windows.arrow",
        checkpoint=get_tokenizer_checkpoint,
    output:
        "results/{predictor}/tokens/{tokenizer}.arrow",
    log:
        "logs/{predictor}/tokens_{tokenizer}.log",
    conda:
        ENV
    params:
        library=library("tokens.py"),
        backbone=lambda wildcards: as_json(get_tokenizer_settings(wildcards)),
    shell:
        "python {input.script} --windows {input.windows:q}"
        " --backbone {params.backbone:q} --tokens {output:q} 2> {log:q}"


rule make_split:
    input:
        script=script("split.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
    output:
        split=f"{GROUP}/split.parquet",
        leakage=f"{GROUP}/leakage.json",
    log:
        "logs/{predictor}/{contrast}_{splice_type}_split.log",
    conda:
        ENV
    params:
        library=library("split.py"),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        splits=lambda wildcards: as_json(get_splits(wildcards.predictor)),
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --contrast-name {wildcards.contrast:q} --contrast {params.contrast:q}"
        " --splice-type {wildcards.splice_type} --splits {params.splits:q}"
        " --split {output.split:q} --leakage {output.leakage:q} 2> {log:q}"


# Every split of every predictor must be sound before the first model is trained.
rule check_data:
    input:
        script=script("checks.py"),
        leakage=list_group_files("leakage.json"),
    output:
        "results/checks.tsv",
    log:
        "logs/checks.log",
    localrule: True
    conda:
        ENV
    params:
        library=library("checks.py"),
    shell:
        "python {input.script} --leakage {input.leakage:q} --checks {output:q} 2> {log:q}"
