# Named causes of the errors: flags per site, odds ratios, coverage, the rest.


rule name_causes:
    input:
        script=script("causes.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        files=ancient(get_cause_files),
    output:
        table=report(
            f"{GROUP}/causes.tsv",
            caption="../report/causes.rst",
            category="{predictor}",
            labels={
                "what": "named causes (table)",
                "error type": "{contrast}",
                "splice type": "{splice_type}",
            },
        ),
        sites=f"{GROUP}/causes.parquet",
        summary=f"{GROUP}/causes.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/causes.log",
    conda:
        ENV
    params:
        library=library("causes.py"),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        annotations=lambda wildcards: as_json(
            list_annotations(config, wildcards.predictor)
        ),
        tracks=lambda wildcards: as_json(list_tracks(config, wildcards.predictor)),
        settings=as_json(get_thresholds(config)),
        draws=config["evaluation"]["bootstrap_draws"],
        output=subpath(output.table, parent=True),
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --split {input.split:q} --contrast-name {wildcards.contrast:q}"
        " --contrast {params.contrast:q} --splice-type {wildcards.splice_type}"
        " --annotations {params.annotations:q} --tracks {params.tracks:q}"
        " --settings {params.settings:q} --draws {params.draws}"
        " --output {params.output:q} 2> {log:q}"
