# Classical features changed in held-out sequences: do both kinds of model answer?


use rule extract_attention as verify_features with:
    input:
        **EXPLAINED,
        script=script("verification.py"),
        elements=ELEMENTS,
        motifs=get_verified_motifs,
    output:
        f"{RUN}/verification.tsv",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/verification.log",
    params:
        library=library("verification.py"),
        settings=make_options(
            verification=as_json(config["verification"]),
            draws=config["evaluation"]["bootstrap_draws"],
        ),
        files=lambda wildcards, input: make_options(motifs=input.motifs[:1]),
