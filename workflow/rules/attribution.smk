# Maps of held-out sites, by each method.


use rule extract_attention as attribute with:
    input:
        **EXPLAINED,
        script=script("attributions.py"),
    output:
        f"{RUN}/attributions/{{method}}.h5",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/{method}.log",
    params:
        library=library("attributions.py"),
        explanation=lambda wildcards: as_json(get_explanation(wildcards.method)),
        settings=lambda wildcards: make_options(method=wildcards.method),
