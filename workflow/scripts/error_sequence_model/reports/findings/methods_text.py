"""A Methods paragraph from what was stored: model, maps, motifs, causes, runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from error_sequence_model.core import InputError, read_json
from error_sequence_model.figures import count_words, join_words
from error_sequence_model.reports.findings.causes import read_unit_causes
from error_sequence_model.reports.findings.motifs import read_unit_motifs
from error_sequence_model.results import ReportData, Unit, find_setting

TRAINED = {
    "frozen": "Its weights were kept and a head on them was trained",
    "lora": "Low-rank adapters and a head were trained",
}
POOLED = {
    "junction": "the states beside the junction",
    "mean": "their mean",
    "max": "their maximum",
    "peak": "a soft maximum over the window",
    "first": "the first state",
    "last": "the last state",
}


def describe_methods(data: ReportData) -> list[str]:
    """A Methods paragraph per setting that differs; one per document as a rule."""
    texts: dict[str, list[str]] = {}
    for unit in data.units:
        texts.setdefault(_describe_unit_methods(unit, data), []).append(unit.name)
    if len(texts) <= 1:
        return list(texts)
    return [f"({'; '.join(names)}) {text}" for text, names in texts.items()]


def _describe_unit_methods(unit: Unit, data: ReportData) -> str:
    run = unit.lead.settings

    def get(key: str, text: str) -> str:
        value = find_setting(run, key)
        plain = value is not None and not isinstance(value, (dict, list))
        return text.format(value) if plain else ""

    methods = ", ".join(unit.lead.methods).replace("_", " ") or "none"
    up, down = find_setting(run, "upstream"), find_setting(run, "downstream")
    window = (
        f" in windows of {up} + {down} nt around the junction" if up and down else ""
    )
    by = unit.lead.leakage.get("by")
    pretrained = (
        ", first pretrained on gene bodies without held-out sequence"
        if run.get("pretrained")
        else ""
    )
    text = (
        f"Errors of {data.predictor} were told from correct calls with "
        f"{unit.lead.backbone}{get('architecture', ' ({})')}"
        f"{get('checkpoint', ' from the weights {}')}{pretrained} on transcript-strand "
        f"sequence{window}, without the predictor's score{_describe_head(unit)}. "
        f"{TRAINED.get(find_setting(run, 'tuning'), 'The model was trained')}"
        f"{get('epochs', ' for up to {} epochs')}"
        f"{get('learning_rate', ' at a learning rate of {}')}"
        f"{get('batch_size', ' with batches of {} sites')} and chosen on validation "
        f"sites. Sites were split{f' by {by}' if by else ''} before anything was "
        "learnt; scores are from the held-out test part, with 95 % intervals from a "
        f"bootstrap over genes. Attributions ({methods}) "
        "explain the logit difference between the classes, were scaled per site by the "
        "95th percentile of their absolute value and averaged on the base axis aligned "
        f"on the junction; bands are 95 % intervals from {data.draws} bootstrap draws "
        "over genes, and differences were tested by label permutation with a "
        "gene-clustered statistic and max-T correction."
    )
    parts = [_describe_checks(unit), _describe_motifs(unit), _describe_causes(unit)]
    return " ".join([text, *filter(None, parts)])


def _describe_head(unit: Unit) -> str:
    """What of the backbone's states the head reads."""
    try:
        pooling = read_json(unit.lead.path / "model" / "config.json").get("pooling")
    except InputError:
        return ""
    names = [POOLED.get(name, name) for name in str(pooling or "").split("+") if name]
    return f"; a head of one hidden layer read {' and '.join(names)}" if names else ""


def _describe_checks(unit: Unit) -> str:
    checks = unit.lead.faithfulness.get("methods") or {}
    drawn = [c["randomisation"] for c in checks.values() if c.get("randomisation")]
    parts = []
    if any(check.get("completeness") for check in checks.values()):
        parts.append("for completeness")
    if any(check.get("own") for check in checks.values()):
        parts.append(
            "at their own sites against the map of another site of the class, the mean "
            "map of the class and the distance to the junction, by deletion and "
            "insertion"
        )
    if drawn:
        count = drawn[0].get("n_networks") or 1
        networks = f" (median over {count} such networks)" if count > 1 else ""
        parts.append(
            "by their correlation, and their highest bases, with maps of the model "
            f"with all weights drawn anew{networks}"
        )
    return f"Maps were checked {', '.join(parts)}." if parts else ""


def _describe_motifs(unit: Unit) -> str:
    motifs = read_unit_motifs(unit)
    if motifs is None:
        return ""
    about = motifs.about
    rate = f"{about['fdr']:.0%}"
    if about.get("caller") == "modisco":
        found = (
            f"by modisco-lite (seqlets at a false discovery rate of {rate}; its "
            "patterns taken apart by strand)"
        )
    else:
        found = (
            "as clusters of stretches that score higher than the maps in random order "
            f"(false discovery rate {rate}), kept where stronger than any of 19 times "
            "that each site's sequence was turned in a circle under its map"
        )
    return (
        f"Motifs were found in the maps ({about['method'].replace('_', ' ')}) of "
        f"held-out sites without their labels, on one strand, {found}, and counted in "
        "all held-out sites, in the shortest stretch that holds four fifths of their "
        "occurrences in the maps. Odds ratios of an error are from logistic "
        "regression on having a hit, adjusted for the composition of the rest of the "
        "window and for neighbouring sites, with intervals clustered by gene; q values "
        "are Benjamini and Hochberg's. Known elements were counted by region in the "
        "same way, in sites of all parts of the split."
    )


def _describe_causes(unit: Unit) -> str:
    if read_unit_causes(unit) is None:
        return ""
    return (
        "Named causes were flagged at each site by rules, with "
        "thresholds learnt from annotated training sites; odds ratios are clustered "
        "by gene, q values are Benjamini and Hochberg's, and what a cause adds beside "
        "the others is from one ridge logistic regression."
    )


# As papers call them; the rest stands under Provenance.
NAMED_PACKAGES = {
    "python": "Python",
    "torch": "PyTorch",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "scikit-learn": "scikit-learn",
    "snakemake": "Snakemake",
}
COMMIT_DIGITS = 12


def describe_computation(data: ReportData) -> list[str]:
    """One paragraph on code, versions, seeds and hardware of all runs.

    Nothing is said where no run has a record.
    """
    runs = [run for unit in (*data.units, *data.controls) for run in unit.runs]
    records = [run.settings for run in runs if run.settings]
    if not records:
        return []
    seeds = _unique(str(record["seed"]) for record in records if "seed" in record)
    words = [f"For this report, {count_words(len(records), 'model')}"]
    if seeds:
        words.append(f" (seed{'s' if len(seeds) > 1 else ''} {join_words(seeds)})")
    were = "was" if len(records) == 1 else "were"
    words.append(
        f" {were} trained with {join_words(_unique(map(_name_code, records)))}"
    )
    versions = _unique(map(_name_versions, records))
    words.append(f", {'; '.join(versions)}" if versions else "")
    hardware = _unique(map(_name_hardware, records))
    words.append(f", on {join_words(hardware)}" if hardware else "")
    # Times differ between equal runs, and equal runs have equal reports.
    text = "".join(words) + "; how long each took is in its run.json."
    digest = (data.audit.get("input") or {}).get("sha256")
    if isinstance(digest, str):
        text += f" The error table has the SHA-256 {digest[:COMMIT_DIGITS]}…"
    return [text]


def _unique(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name]


def _name_code(record: dict[str, Any]) -> str:
    version = (record.get("versions") or {}).get("splice-error-analysis")
    name = "splice-error-analysis" + (f" {version}" if version else "")
    commit = record.get("git_commit")
    if not commit:
        return name
    digits, _, changed = commit.partition("-")
    note = ", with local changes" if changed else ""
    return f"{name} (commit {digits[:COMMIT_DIGITS]}{note})"


def _name_versions(record: dict[str, Any]) -> str:
    versions = record.get("versions") or {}
    named = [f"{w} {versions[p]}" for p, w in NAMED_PACKAGES.items() if p in versions]
    return join_words(named) if named else ""


def _name_hardware(record: dict[str, Any]) -> str:
    """The GPUs that a run used, else the processor and threads; and the precision."""
    hardware, execution = record.get("hardware") or {}, record.get("execution") or {}
    gpus = hardware.get("gpus") or []
    precision = f" in {execution['precision']}" if "precision" in execution else ""
    if gpus and execution.get("device", "cuda") != "cpu":
        count = execution.get("processes", len(gpus))
        return f"{count} × {join_words(_unique(gpus))}{precision}"
    if "processor" not in hardware:
        return ""
    threads = hardware.get("threads")
    used = f" ({count_words(threads, 'thread')}, no GPU)" if threads else ""
    return f"{hardware['processor']}{used}{precision}"
