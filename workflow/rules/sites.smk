# Error tables -> checked sites, one row each.


wildcard_constraints:
    predictor=any_of(config["predictors"]),
    contrast=any_of(CONTRASTS),
    splice_type=any_of(config["splice_types"]),
    backbone=any_of(config["backbones"]),
    seed=r"\d+",
    fold=r"\d+",
    method=any_of(METHODS),


rule call_sites:
    input:
        script=script("call.py"),
        scores=lambda wildcards: list_files_of(get_scores(wildcards)),
        genome=ancient(get_genome),
        annotation=get_annotated_sites,
        genes=get_genes,
        regions=get_judged_regions,
        scored=get_scored_regions,
        support=lambda wildcards: get_predictor(wildcards, "support") or [],
        aliases=get_aliases,
    output:
        errors="results/{predictor}/errors.tsv",
        audit="results/{predictor}/calls.json",
    log:
        "logs/{predictor}/call.log",
    wildcard_constraints:
        predictor=any_of(CALLED),
    conda:
        ENV
    params:
        library=library("call.py"),
        scores=lambda wildcards: as_json(get_scores(wildcards)),
        calling=lambda wildcards: as_json(get_calling(wildcards)),
        optional=get_call_options,
        coordinate_base=lambda wildcards: get_predictor(wildcards, "coordinate_base"),
        site_base=lambda wildcards: get_predictor(wildcards, "site_base"),
    shell:
        "python {input.script} --scores {params.scores:q} --genome {input.genome:q}"
        " --annotation {input.annotation:q} --calling {params.calling:q}"
        " --coordinate-base {params.coordinate_base} --site-base {params.site_base}"
        " {params.optional:q} --errors {output.errors:q} --audit {output.audit:q}"
        " 2> {log:q}"


rule prepare_sites:
    input:
        script=script("sites.py"),
        errors=get_errors,
        genome=ancient(get_genome),
        annotation=get_annotation,
        aliases=get_aliases,
    output:
        sites="results/{predictor}/sites.parquet",
        audit="results/{predictor}/audit.json",
    log:
        "logs/{predictor}/sites.log",
    wildcard_constraints:
        predictor=any_of(SINGLE),
    conda:
        ENV
    params:
        library=library("sites.py"),
        convention=get_convention,
        genome=get_site_options,
        format=lambda wildcards: get_predictor(wildcards, "format"),
        columns=get_error_columns,
    shell:
        "python {input.script} --errors {input.errors:q} {params.genome:q}"
        " {params.convention} --format {params.format}"
        " --columns {params.columns:q} --sites {output.sites:q}"
        " --audit {output.audit:q} 2> {log:q}"


rule pool_sites:
    input:
        script=script("pool.py"),
        sites=lambda wildcards: list_members(wildcards, "sites.parquet"),
        windows=lambda wildcards: list_members(wildcards, "windows.arrow"),
    output:
        sites="results/{predictor}/sites.parquet",
        audit="results/{predictor}/audit.json",
        windows="results/{predictor}/windows.arrow",
    log:
        "logs/{predictor}/pool.log",
    wildcard_constraints:
        predictor=any_of(POOLS),
    conda:
        ENV
    params:
        library=library("pool.py"),
        members=lambda wildcards: get_predictor(wildcards, "pool"),
        genomes=get_member_genomes,
    shell:
        "python {input.script} --members {params.members:q}"
        " --genomes {params.genomes:q} --member-sites {input.sites:q}"
        " --member-windows {input.windows:q} --sites {output.sites:q}"
        " --audit {output.audit:q} --windows {output.windows:q} 2> {log:q}"
