"""The last page: a Methods paragraph, provenance and how the training went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from error_sequence_model.core import InputError, read_json
from error_sequence_model.figures import (
    BODY_WIDTH,
    MARGIN,
    Block,
    Page,
    PageSpec,
    count_words,
    draw_blocks,
    join_words,
    plot_history,
    shorten_text,
    split_blocks,
)
from error_sequence_model.reports.findings.causes import read_unit_causes
from error_sequence_model.reports.findings.motifs import read_unit_motifs
from error_sequence_model.reports.prose import write_paragraph
from error_sequence_model.results import (
    ReportData,
    ReportInputs,
    Unit,
    find_setting,
    name_cluster,
)

HISTORY_ROOM = 2.2
MOST_HISTORIES = 4
# Of run.json: settings are shown by themselves; times differ between equal runs, whose
# reports are equal.
NOT_SHOWN = ("settings", "finished", "seconds")
# Of the settings: what the Methods paragraph names.
NAMED = (
    *("architecture", "checkpoint", "upstream", "downstream"),
    *("tuning", "epochs", "learning_rate", "batch_size"),
)
POOLED = {
    "junction": "the states beside the junction",
    "mean": "their mean",
    "max": "their maximum",
    "peak": "a soft maximum over the window",
    "first": "the first state",
    "last": "the last state",
}
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


def make_methods_pages(data: ReportData) -> list[PageSpec]:
    """Provenance of every leading model, and a paragraph for a Methods section."""
    blocks = [Block("heading", "Methods, ready to adapt")]
    blocks += [Block("paragraph", text) for text in describe_scores(data)]
    blocks += [Block("paragraph", text) for text in describe_methods(data)]
    blocks += [Block("paragraph", text) for text in describe_computation(data)]
    blocks.append(Block("heading", "Provenance"))
    for unit in data.units:
        blocks.append(Block("bullet", describe_provenance(unit)))
    source = data.audit.get("input") or {}
    facts = [f"{key} {_flatten(value)}" for key, value in source.items() if value]
    if facts:
        blocks.append(Block("bullet", f"Input: {'; '.join(facts)}."))
    blocks.append(
        Block(
            "bullet",
            "The numbers of every figure lie as TSV in the folder "
            f"{data.inputs.tables.name}/ beside this report.",
        )
    )
    pages, rest, title = [], blocks, "Provenance and methods"
    while rest:
        part, rest = split_blocks(rest, BODY_WIDTH)
        draw = partial(_draw_methods, blocks=part, data=data, is_last=not rest)
        footer = f"predictor {data.predictor} · {data.report}"
        pages.append(PageSpec(title, draw, footer, "From each run's run.json."))
        title = "Provenance and methods (continued)"
    return pages


def _draw_methods(
    page: Page, *, blocks: Sequence[Block], data: ReportData, is_last: bool
) -> None:
    draw_blocks(page, blocks=blocks, width=BODY_WIDTH)
    known = [u for u in data.units if u.lead.history is not None][:MOST_HISTORIES]
    if not is_last or not known or page.room < HISTORY_ROOM:
        return
    page.heading("Training")
    step = BODY_WIDTH / max(len(known), 3)
    height = min(page.room - 0.85, 1.6)
    for place, unit in enumerate(known):
        ax = page.axes(
            MARGIN + 0.45 + place * step, page.top + 0.4, step - 0.65, height - 0.2
        )
        # One for all, beside the first: it is wider than a panel.
        plot_history(unit.lead.history, ax, has_legend=place == 0)
        title = f"{unit.contrast} {unit.splice_type}"
        ax.set_title(shorten_text(title, step - 0.65, 8, "bold"), size=8, pad=17)
    page.top += height + 0.65
    page.caption(
        "Cross-entropy of the leading models on the training and the validation part; "
        "the dot marks the weights that were kept. From history.tsv."
    )


def _flatten(value: Any) -> str:
    if isinstance(value, dict):
        known = {k: v for k, v in value.items() if v not in (None, {}, [], "")}
        return ", ".join(f"{k} {_flatten(v)}" for k, v in known.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flatten(v) for v in value)
    text = str(value)
    is_hash = len(text) >= 40 and set(text) <= set("0123456789abcdef")
    return text[:12] if is_hash else text


def describe_provenance(unit: Unit) -> str:
    """Settings, versions, hashes and hardware of a unit's leading run on one line."""
    run = unit.lead.settings
    if not run:
        return f"{unit.name}: run.json is missing."
    names = [name for name in run if name not in NOT_SHOWN]
    parts = [f"{name} {_flatten(run[name])}" for name in names if run[name]]
    return (
        f"{unit.name}, {unit.lead.name} ({unit.lead.model_hash}). {'; '.join(parts)}."
    )


def describe_scores(data: ReportData) -> list[str]:
    """One paragraph per predictor whose scores were computed here, with its licence."""
    texts = []
    for path in data.inputs.scored_by:
        record = read_json(path)
        files = {file["file"]: file["sha256"] for file in record["weights"]}
        texts.append(write_paragraph("scores", record=record, files=_flatten(files)))
    return list(dict.fromkeys(texts))


def describe_methods(data: ReportData) -> list[str]:
    """A Methods paragraph per setting that differs; one per document as a rule."""
    texts: dict[str, list[str]] = {}
    for unit in data.units:
        text = _describe_unit(unit, data.inputs)
        texts.setdefault(text, []).append(unit.name)
    if len(texts) <= 1:
        return list(texts)
    return [f"({'; '.join(names)}) {text}" for text, names in texts.items()]


def _describe_unit(unit: Unit, inputs: ReportInputs) -> str:
    found = {name: find_setting(unit.lead.settings, name) for name in NAMED}
    checks = (unit.lead.faithfulness.get("methods") or {}).values()
    motifs = read_unit_motifs(unit)
    return write_paragraph(
        "methods",
        predictor=inputs.predictor,
        draws=inputs.draws,
        drawn=name_cluster(unit.sites["gene_id"]),
        lead=unit.lead,
        states=_name_states(unit),
        settings={
            name: value
            for name, value in found.items()
            if value is not None and not isinstance(value, (dict, list))
        },
        checks={
            name: [check[name] for check in checks if check.get(name)]
            for name in ("completeness", "own", "randomisation")
        },
        about=motifs and motifs.about,
        causes=read_unit_causes(unit) is not None,
    )


def _name_states(unit: Unit) -> list[str]:
    """What of the backbone's states the head reads."""
    try:
        pooling = read_json(unit.lead.path / "model" / "config.json").get("pooling")
    except InputError:
        return []
    return [POOLED.get(name, name) for name in str(pooling or "").split("+") if name]


def describe_computation(data: ReportData) -> list[str]:
    """One paragraph on code, versions, seeds and hardware of all runs.

    Nothing is said where no run has a record.
    """
    runs = [run for unit in (*data.units, *data.controls) for run in unit.runs]
    records = [run.settings for run in runs if run.settings]
    if not records:
        return []
    digest = (data.audit.get("input") or {}).get("sha256")
    text = write_paragraph(
        "computation",
        count=len(records),
        seeds=_unique(str(record["seed"]) for record in records if "seed" in record),
        code=_unique(map(_name_code, records)),
        versions=_unique(map(_name_versions, records)),
        hardware=_unique(map(_name_hardware, records)),
        digest=digest[:COMMIT_DIGITS] if isinstance(digest, str) else "",
    )
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
