# Baselines on the same sites and folds, and the table that compares all models.


rule fit_baselines:
    input:
        script=script("baselines.py"),
        library=library("baselines.py"),
        checks=ancient("results/checks.tsv"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
    output:
        f"{GROUP}/classical/predictions.parquet",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/baselines.log",
    conda:
        ENV
    params:
        seed=config["splits"]["seed"],
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --split {input.split:q} --seed {params.seed} --predictions {output:q} 2> {log:q}"


rule compare:
    input:
        script=script("comparison.py"),
        library=library("comparison.py"),
        sites="results/{predictor}/sites.parquet",
        baselines=f"{GROUP}/classical/predictions.parquet",
        predictions=lambda wildcards: [
            f"{run}/predictions.parquet" for run in list_runs(*wildcards)
        ],
    output:
        f"{GROUP}/comparison.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/comparison.log",
    conda:
        ENV
    params:
        runs=lambda wildcards: list_runs(*wildcards),
        draws=config["evaluation"]["bootstrap_draws"],
        level=config["evaluation"]["level"],
    shell:
        "python {input.script} --sites {input.sites:q} --baselines {input.baselines:q}"
        " --runs {params.runs:q} --draws {params.draws} --level {params.level}"
        " --comparison {output:q} 2> {log:q}"
