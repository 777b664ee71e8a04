# The site browser, and the PDFs: one per error type, and an overview.


rule write_browser:
    input:
        **REPORTED,
        script=script("browser.py"),
        template=script("error_sequence_model/reports/browser.html"),
        causes=get_causes,
        peers=list_peer_sites,
    output:
        report(
            "results/reports/{predictor}/sites.html",
            caption="../report/sites.rst",
            category="{predictor}",
            labels=name_report("site browser (HTML)"),
        ),
    log:
        "logs/{predictor}/browser.log",
    conda:
        ENV
    params:
        library=library("browser.py"),
        runs=lambda wildcards: list_predictor_runs(wildcards.predictor),
        colours=as_json(config["reports"]["colours"]),
        settings=lambda wildcards, input: make_options(
            assemblies=as_json(
                list_of_genomes(config, wildcards.predictor, "assembly")
            ),
            peers=input.peers,
        ),
        files=[],
    shell:
        "python {input.script} --predictor {wildcards.predictor:q}"
        " --sites {input.sites:q} --windows {input.windows:q}"
        " --runs {params.runs:q} --colours {params.colours:q}"
        " {params.settings:q} {params.files:q} --output {output:q} 2> {log:q}"


use rule write_browser as write_overview with:
    input:
        **REPORTED,
        **COMPARED,
        beside=list_beside,
        script=script("overview.py"),
        causes=get_causes,
    output:
        report(
            "results/reports/{predictor}/overview.pdf",
            caption="../report/overview.rst",
            category="{predictor}",
            labels=name_report("overview (PDF)"),
        ),
    log:
        "logs/{predictor}/overview.log",
    params:
        library=library("overview.py"),
        settings=make_options(seed=config["explanation"]["seed"]),
        files=get_report_files,


use rule write_browser as write_error_report with:
    input:
        **REPORTED,
        **COMPARED,
        script=script("report.py"),
        causes=get_causes,
    output:
        report(
            "results/reports/{predictor}/attention_{pred_type}.pdf",
            caption="../report/error_type.rst",
            category="{predictor}",
            labels=name_report("report (PDF)", error_type="{pred_type}"),
        ),
    log:
        "logs/{predictor}/report_{pred_type}.log",
    wildcard_constraints:
        pred_type="|".join(PRED_TYPES),
    params:
        library=library("report.py"),
        settings=lambda wildcards: make_options(
            error_type=wildcards.pred_type, seed=config["explanation"]["seed"]
        ),
        files=get_report_files,
