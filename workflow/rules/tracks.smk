# Attributions and predictions on the genome, for genome browsers.


rule write_tracks:
    input:
        script=script("tracks.py"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        genomes=ancient(list_track_files),
        results=get_track_inputs,
    output:
        directory("results/tracks/{predictor}"),
    log:
        "logs/{predictor}/tracks.log",
    conda:
        ENV
    params:
        library=library("tracks.py"),
        runs=list_track_runs,
        genomes=lambda wildcards: as_json(list_track_genomes(wildcards)),
    shell:
        "python {input.script} --predictor {wildcards.predictor:q}"
        " --sites {input.sites:q} --windows {input.windows:q} --runs {params.runs:q}"
        " --genomes {params.genomes:q} --output {output:q} 2> {log:q}"
