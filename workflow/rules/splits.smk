# Sites and windows -> splits, audited.


rule make_split:
    input:
        script=script("split.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        peers=get_split_peers,
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
        optional=lambda wildcards, input: make_options(peers=input.peers),
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --contrast-name {wildcards.contrast:q} --contrast {params.contrast:q}"
        " --splice-type {wildcards.splice_type} --splits {params.splits:q}"
        " {params.optional:q}"
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
