# Motifs of a run's maps, and known elements, at errors against correct calls.


use rule extract_attention as find_motifs with:
    input:
        **EXPLAINED,
        script=script("motifs.py"),
        catalogue=ELEMENTS,
        elements=config["motifs"]["elements"] or [],
        maps=RUN_MAPS,
        checks=f"{RUN}/faithfulness.json",
    output:
        motifs=report(
            f"{RUN}/motifs.tsv",
            caption="../report/motifs.rst",
            category="{predictor}",
            labels={
                "what": "motifs (table)",
                "error type": "{contrast}",
                "splice type": "{splice_type}",
            },
        ),
        elements=f"{RUN}/elements.tsv",
        matrices=f"{RUN}/motifs.meme",
        details=f"{RUN}/motifs.json",
    log:
        "logs/{predictor}/{contrast}/{splice_type}/{backbone}_seed{seed}_fold{fold}/motifs.log",
    params:
        library=library("motifs.py"),
        settings=lambda wildcards: make_options(
            splice_type=wildcards.splice_type, motifs=as_json(get_motif_settings())
        ),
        files=lambda wildcards, input: make_options(
            maps=input.maps, checks=input.checks
        ),
