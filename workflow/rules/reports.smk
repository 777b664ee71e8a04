# The PDFs: one per error type, and an overview.


rule write_error_report:
    input:
        script=script("report.py"),
        sites="results/{predictor}/sites.parquet",
        audit="results/{predictor}/audit.json",
        windows="results/{predictor}/windows.arrow",
        results=get_report_inputs,
        causes=get_causes,
        comparisons=lambda wildcards: list_group_files(
            "comparison.tsv", [wildcards.predictor]
        ),
    output:
        pdf=report(
            "results/reports/{predictor}/attention_{pred_type}.pdf",
            caption="../report/error_type.rst",
            category="{predictor}",
            labels={
                "what": "report (PDF)",
                "error type": "{pred_type}",
                "splice type": SPLICE_TYPES,
            },
        ),
    log:
        "logs/{predictor}/report_{pred_type}.log",
    wildcard_constraints:
        pred_type="|".join(PRED_TYPES),
    conda:
        ENV
    params:
        library=library("report.py"),
        runs=lambda wildcards: list_predictor_runs(wildcards.predictor),
        tables=subpath(output.pdf, parent=True),
        seed=config["explanation"]["seed"],
        colours=as_json(config["reports"]["colours"]),
    shell:
        "python {input.script} --predictor {wildcards.predictor:q}"
        " --error-type {wildcards.pred_type} --sites {input.sites:q}"
        " --audit {input.audit:q} --windows {input.windows:q} --runs {params.runs:q}"
        " --comparisons {input.comparisons:q} --seed {params.seed}"
        " --colours {params.colours:q} --output {output.pdf:q}"
        " --tables {params.tables:q}/tables 2> {log:q}"


rule write_overview:
    input:
        script=script("overview.py"),
        sites="results/{predictor}/sites.parquet",
        audit="results/{predictor}/audit.json",
        windows="results/{predictor}/windows.arrow",
        results=get_report_inputs,
        causes=get_causes,
        comparisons=lambda wildcards: list_group_files(
            "comparison.tsv", [wildcards.predictor]
        ),
    output:
        pdf=report(
            "results/reports/{predictor}/overview.pdf",
            caption="../report/overview.rst",
            category="{predictor}",
            labels={
                "what": "overview (PDF)",
                "error type": "all",
                "splice type": SPLICE_TYPES,
            },
        ),
    log:
        "logs/{predictor}/overview.log",
    conda:
        ENV
    params:
        library=library("overview.py"),
        runs=lambda wildcards: list_predictor_runs(wildcards.predictor),
        tables=subpath(output.pdf, parent=True),
        seed=config["explanation"]["seed"],
        colours=as_json(config["reports"]["colours"]),
    shell:
        "python {input.script} --predictor {wildcards.predictor:q}"
        " --sites {input.sites:q} --audit {input.audit:q} --windows {input.windows:q}"
        " --runs {params.runs:q} --comparisons {input.comparisons:q}"
        " --seed {params.seed} --colours {params.colours:q} --output {output.pdf:q}"
        " --tables {params.tables:q}/tables 2> {log:q}"


rule write_browser:
    input:
        script=script("browser.py"),
        template=script("error_sequence_model/reports/browser.html"),
        sites="results/{predictor}/sites.parquet",
        windows="results/{predictor}/windows.arrow",
        results=get_report_inputs,
        causes=get_causes,
    output:
        report(
            "results/reports/{predictor}/sites.html",
            caption="../report/sites.rst",
            category="{predictor}",
            labels={
                "what": "site browser (HTML)",
                "error type": "all",
                "splice type": SPLICE_TYPES,
            },
        ),
    log:
        "logs/{predictor}/browser.log",
    conda:
        ENV
    params:
        library=library("browser.py"),
        runs=lambda wildcards: list_predictor_runs(wildcards.predictor),
        colours=as_json(config["reports"]["colours"]),
    shell:
        "python {input.script} --predictor {wildcards.predictor:q}"
        " --sites {input.sites:q} --windows {input.windows:q}"
        " --runs {params.runs:q} --colours {params.colours:q}"
        " --output {output:q} 2> {log:q}"
