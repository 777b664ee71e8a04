# Classical features of the sites of a split.


rule compute_features:
    input:
        script=script("features.py"),
        elements=ELEMENTS,
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        files=ancient(get_feature_files),
    output:
        features=f"{GROUP}/classical/features.parquet",
        definitions=f"{GROUP}/classical/features.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/features.log",
    conda:
        ENV
    params:
        library=library("features.py"),
        settings=as_json(config["features"]),
        annotations=lambda wildcards: as_json(get_feature_annotations(wildcards)),
        aliases=lambda wildcards: as_json(
            list_of_genomes(config, wildcards.predictor, "aliases")
        ),
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --split {input.split:q} --settings {params.settings:q}"
        " --annotations {params.annotations:q} --aliases {params.aliases:q}"
        " --features {output.features:q} --definitions {output.definitions:q}"
        " 2> {log:q}"
