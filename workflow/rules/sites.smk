# Error tables -> checked sites, one row each.


wildcard_constraints:
    predictor=any_of(config["predictors"]),
    contrast=any_of(CONTRASTS),
    splice_type=any_of(config["splice_types"]),
    backbone=any_of(config["backbones"]),
    seed=r"\d+",
    fold=r"\d+",
    method=any_of(METHODS),


rule prepare_sites:
    input:
        script=script("sites.py"),
        library=library("sites.py"),
        errors=lambda wildcards: get_predictor(wildcards, "errors"),
        genome=ancient(get_genome),
    output:
        sites="results/{predictor}/sites.parquet",
        audit="results/{predictor}/audit.json",
    log:
        "logs/{predictor}/sites.log",
    conda:
        ENV
    params:
        coordinate_base=lambda wildcards: get_predictor(wildcards, "coordinate_base"),
        site_base=lambda wildcards: get_predictor(wildcards, "site_base"),
        columns=lambda wildcards: as_json(get_predictor(wildcards, "columns")),
    shell:
        "python {input.script} --errors {input.errors:q} --genome {input.genome:q}"
        " --coordinate-base {params.coordinate_base} --site-base {params.site_base}"
        " --columns {params.columns:q} --sites {output.sites:q}"
        " --audit {output.audit:q} 2> {log:q}"
