# Published weights from the hub: the one rule that uses the network, and only when
# asked to: snakemake fetch_model --cores 1 --config fetch=DNABERT-2-117M


rule download_model:
    input:
        # `ancient`: an edit here is no reason to download anything again.
        script=ancient(script("fetch.py")),
    output:
        "models/{model}/checksums.json",
    log:
        "logs/models/{model}.log",
    localrule: True
    conda:
        ENV
    params:
        request=get_request,
        folder=subpath(output[0], parent=True),
    shell:
        "python {input.script} --model {params.request:q} --folder {params.folder:q}"
        " 2> {log:q}"
