# Windows -> tokens, one store per tokenizer.


rule tokenize:
    input:
        script=script("tokens.py"),
        windows="results/{predictor}/windows.arrow",
        checkpoint=get_tokenizer_checkpoint,
    output:
        "results/{predictor}/tokens/{tokenizer}.arrow",
    log:
        "logs/{predictor}/tokens_{tokenizer}.log",
    conda:
        ENV
    params:
        library=library("tokens.py"),
        backbone=lambda wildcards: as_json(get_tokenizer_settings(wildcards)),
    shell:
        "python {input.script} --windows {input.windows:q}"
        " --backbone {params.backbone:q} --tokens {output:q} 2> {log:q}"
