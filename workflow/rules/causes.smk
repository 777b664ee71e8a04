# Named causes of the errors, the one list in which they and motifs compete, and what is
# held beside: other predictors of the genome, facts measured elsewhere.


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


rule explain_errors:
    input:
        script=script("explanations.py"),
        catalogue=str(SCRIPTS.parents[1] / "resources" / "elements.tsv"),
        elements=config["motifs"]["elements"] or [],
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        split=f"{GROUP}/split.parquet",
        causes=f"{GROUP}/causes.tsv",
        flags=f"{GROUP}/causes.parquet",
        motifs=get_group_motifs,
    output:
        table=report(
            f"{GROUP}/explanations.tsv",
            caption="../report/explanations.rst",
            category="{predictor}",
            labels={
                "what": "explanations (table)",
                "error type": "{contrast}",
                "splice type": "{splice_type}",
            },
        ),
        sites=f"{GROUP}/explanations.parquet",
        summary=f"{GROUP}/explanations.json",
        mutants=multiext(f"{GROUP}/mutants", ".tsv", ".fa", ".vcf"),
    log:
        "logs/{predictor}/{contrast}/{splice_type}/explanations.log",
    conda:
        ENV
    params:
        library=library("explanations.py"),
        contrast=lambda wildcards: as_json(CONTRASTS[wildcards.contrast]),
        settings=as_json(get_thresholds(config)),
        options=make_options(elements=config["motifs"]["elements"] or ""),
        draws=config["evaluation"]["bootstrap_draws"],
        output=subpath(output.table, parent=True),
    shell:
        "python {input.script} --sites {input.sites:q} --windows {input.windows:q}"
        " --split {input.split:q} --contrast-name {wildcards.contrast:q}"
        " --contrast {params.contrast:q} --splice-type {wildcards.splice_type}"
        " --causes {input.causes:q} --motifs {input.motifs:q} {params.options:q}"
        " --settings {params.settings:q} --draws {params.draws}"
        " --output {params.output:q} 2> {log:q}"


rule join_peers:
    input:
        script=script("peer_errors.py"),
        sites=lambda wildcards: [
            f"results/{name}/sites.parquet"
            for name in list_peers(config, wildcards.predictor)
        ],
    output:
        "results/{predictor}/peers.parquet",
    log:
        "logs/{predictor}/peer_errors.log",
    conda:
        ENV
    params:
        library=library("peer_errors.py"),
    shell:
        "python {input.script} --sites {input.sites:q} --output {output:q} 2> {log:q}"


rule compare_peers:
    input:
        script=script("peers.py"),
        peers="results/{predictor}/peers.parquet",
        causes=list_error_causes,
        records=lambda wildcards: [
            f"{SCORES}/provenance.json".format(predictor=name)
            for name in list_peers(config, wildcards.predictor)
            if name in SCORED_HERE
        ],
    output:
        pairs="results/{predictor}/peers.tsv",
        contrasts="results/{predictor}/peer_contrasts.tsv",
    log:
        "logs/{predictor}/peers.log",
    conda:
        ENV
    params:
        library=library("peers.py"),
        groups=lambda wildcards: as_json(list_error_groups(wildcards.predictor)),
        draws=config["evaluation"]["bootstrap_draws"],
    shell:
        "python {input.script} --peers {input.peers:q} --groups {params.groups:q}"
        " --records {input.records:q} --draws {params.draws}"
        " --pairs {output.pairs:q} --contrasts {output.contrasts:q} 2> {log:q}"


rule hold_against_facts:
    input:
        script=script("outside_truth.py"),
        sites="results/{predictor}/sites.parquet",
        facts=lambda wildcards: get_predictor(wildcards, "outside"),
        meanings=get_meanings,
        causes=list_error_causes,
    output:
        "results/{predictor}/outside_truth.tsv",
    log:
        "logs/{predictor}/outside_truth.log",
    conda:
        ENV
    params:
        library=library("outside_truth.py"),
        groups=lambda wildcards: as_json(list_error_groups(wildcards.predictor)),
    shell:
        "python {input.script} --sites {input.sites:q} --facts {input.facts:q}"
        " --groups {params.groups:q} --output {output:q} 2> {log:q}"
