# What sites and windows are made from: tables, scores, genomes, and their options.


def get_genome(wildcards, key="fasta"):
    """A file of a predictor's genome; none for tables that bring their sequences."""
    name = config["predictors"][wildcards.predictor].get("genome")
    return (config["genomes"][name][key] or []) if name else []


def get_aliases(wildcards):
    """Other names of its contigs."""
    return get_genome(wildcards, "aliases")


def get_annotation(wildcards):
    """What MetaSpliceAI counts its positions in; other tables need none."""
    if get_predictor(wildcards, "format") != "metaspliceai":
        return []
    return get_genome(wildcards, "annotation")


def get_errors(wildcards):
    """The error table of a predictor: given, or called from its scores."""
    if wildcards.predictor in CALLED:
        return f"results/{wildcards.predictor}/errors.tsv"
    return get_predictor(wildcards, "errors")


def get_convention(wildcards):
    """Coordinates of the error table; tables of our own calls have a fixed one."""
    called = wildcards.predictor in CALLED
    base = 1 if called else get_predictor(wildcards, "coordinate_base")
    site = "exon" if called else get_predictor(wildcards, "site_base")
    return f"--coordinate-base {base} --site-base {site}"


def get_error_columns(wildcards):
    """Names of an error table's columns; those of a called one are ours."""
    called = wildcards.predictor in CALLED
    return as_json({} if called else get_predictor(wildcards, "columns"))


def list_files_of(scores):
    """The files anywhere in a `scores` entry; its format and columns are none."""
    if not isinstance(scores, dict):
        return [str(scores)]
    parts = [v for k, v in scores.items() if k not in ("format", "columns")]
    return [file for part in parts for file in list_files_of(part)]


def get_annotated_sites(wildcards):
    """The truth that calls are held to: a table of sites, or the annotation."""
    sites = get_predictor(wildcards, "annotated_sites")
    return sites or get_genome(wildcards, "annotation")


def get_genes(wildcards):
    """The gene bodies to scan, where the truth is a table without any."""
    if not get_predictor(wildcards, "annotated_sites"):
        return []
    return get_genome(wildcards, "annotation")


def get_calling(wildcards):
    return {key: get_predictor(wildcards, key) for key in ("threshold", "tolerance")}


def get_call_options(wildcards):
    biotypes = get_predictor(wildcards, "biotypes")
    return make_options(
        genes=get_genes(wildcards),
        regions=get_judged_regions(wildcards),
        scored=get_scored_regions(wildcards),
        support=get_predictor(wildcards, "support"),
        margin=get_predictor(wildcards, "margin"),
        biotypes=as_json(biotypes) if biotypes else None,
        smallest_intron=config["genomes"][get_predictor(wildcards, "genome")][
            "smallest_intron"
        ],
        columns=as_json(get_predictor(wildcards, "columns")),
        aliases=get_aliases(wildcards),
    )


def get_site_options(wildcards):
    """Genome and annotation of an error table, where it needs them."""
    return make_options(
        genome=get_genome(wildcards),
        annotation=get_annotation(wildcards),
        aliases=get_aliases(wildcards),
    )


def get_window_options(wildcards):
    """Genome, and variants on it, of what windows are cut from."""
    keys = ("variants", "sample", "haplotype", "variant_conflicts")
    if not get_predictor(wildcards, "variants"):
        keys = ()
    return make_options(
        genome=get_genome(wildcards),
        aliases=get_aliases(wildcards),
        **{key: get_predictor(wildcards, key) for key in keys},
    )


def get_truth(wildcards):
    truth = get_predictor(wildcards, "truth")
    return [truth] if truth else []


def list_members(wildcards, name):
    return [f"results/{p}/{name}" for p in get_predictor(wildcards, "pool")]


def get_member_genomes(wildcards):
    members = get_predictor(wildcards, "pool")
    return [config["predictors"][m].get("genome", m) for m in members]
