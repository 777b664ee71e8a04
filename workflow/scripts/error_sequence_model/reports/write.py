"""PDF reports: one per error type, and one overview per predictor.

A report is a list of page specifications; a new page is one more entry in
``plan_error_report``. Reports are drawn from stored results only, and the numbers of
every figure are written as TSV into the tables folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

from error_sequence_model.core import InputError, atomic_path, parse_json
from error_sequence_model.figures import (
    CLASS_NAMES,
    Block,
    PageSpec,
    make_note_page,
    use_style,
    write_pages,
)
from error_sequence_model.reports.findings.statistics import (
    MapStatistics,
    collect_statistics,
    write_statistics,
)
from error_sequence_model.reports.prose import read_template, tell
from error_sequence_model.reports.sections.assessment import make_assessment_pages
from error_sequence_model.reports.sections.attention import make_attention_pages
from error_sequence_model.reports.sections.causes import (
    make_cause_pages,
    make_definition_pages,
    make_front_cause_page,
)
from error_sequence_model.reports.sections.data import make_data_page
from error_sequence_model.reports.sections.evidence import make_evidence_pages
from error_sequence_model.reports.sections.hybrid import make_hybrid_pages
from error_sequence_model.reports.sections.maps import make_map_page, make_region_page
from error_sequence_model.reports.sections.methods import make_methods_pages
from error_sequence_model.reports.sections.motifs import make_motif_pages
from error_sequence_model.reports.sections.overview import plan_overview
from error_sequence_model.reports.sections.performance import (
    make_performance_pages,
    make_score_page,
)
from error_sequence_model.reports.sections.site_rows import make_single_page
from error_sequence_model.reports.sections.sites import make_site_page
from error_sequence_model.reports.sections.subtypes import make_subtype_page
from error_sequence_model.reports.sections.summary import (
    make_correct_page,
    make_summary_pages,
)
from error_sequence_model.reports.sections.trust import make_trust_pages
from error_sequence_model.reports.sections.verification import make_verification_pages
from error_sequence_model.reports.sections.why import make_why_page
from error_sequence_model.results import ReportData, ReportInputs, Unit

APPENDIX = "Appendix"


def make_report_parser(description: str | None) -> argparse.ArgumentParser:
    """Make the parser of both kinds of report: what is read, where it is written."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--predictor", required=True, help="name of the predictor")
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--audit", type=Path, help="audit.json")
    add("--scored-by", type=Path, nargs="*", default=[], help="provenance.json files")
    add("--beside", type=Path, nargs="*", default=[], help="peers and outside truth")
    add("--windows", type=Path, help="windows.arrow; default: beside --sites")
    add("--runs", type=Path, nargs="*", default=[], help="run folders")
    add("--comparisons", type=Path, nargs="*", default=[], help="comparison.tsv files")
    add("--draws", type=int, default=500, help="bootstrap draws and permutations")
    add("--seed", type=int, default=0, help="their seed")
    add("--colours", type=parse_json, default={}, help="{pred_type: #rrggbb}, JSON")
    add("--output", type=Path, required=True, help="the PDF")
    add("--tables", type=Path, required=True, help="folder for the figures' numbers")
    return parser


def get_report_inputs(arguments: argparse.Namespace) -> ReportInputs:
    """Take what a report is drawn from out of the arguments."""
    names = [field.name for field in fields(ReportInputs)]
    return ReportInputs(**{name: getattr(arguments, name) for name in names})


def write_error_report(pred_type: str, inputs: ReportInputs, output: Path) -> Path:
    """Write the report of one error type, ``attention_{pred_type}.pdf``.

    Args:
        pred_type: TP, FP, FN or TN.
        inputs: What it is drawn from.
        output: The PDF.

    Returns:
        The path of the PDF.

    Raises:
        InputError: An unknown pred_type, or a sites table or run path that is not one.
    """
    if pred_type not in CLASS_NAMES:
        raise InputError(
            f"error type {pred_type!r}: give one of {', '.join(CLASS_NAMES)}"
        )
    return _write(plan_error_report, inputs.load(pred_type), output)


def write_overview(inputs: ReportInputs, output: Path) -> Path:
    """Write ``overview.pdf``: all contrasts, splice types and models side by side.

    Arguments, returns and errors are those of ``write_error_report``.
    """
    return _write(plan_overview, inputs.load(None), output)


def _write(
    plan: Callable[[ReportData], list[PageSpec]], data: ReportData, output: Path
) -> Path:
    title = f"{data.predictor} · {f'{data.focus} report' if data.focus else 'overview'}"
    with use_style(data.inputs.colours):
        pages = plan(data)
        with atomic_path(data.inputs.tables / "README.md") as temporary:
            text = read_template("tables.md").render()
            temporary.write_text(text, encoding="utf-8")
        write_pages(pages, output, title)
    return output


def plan_error_report(data: ReportData) -> list[PageSpec]:
    """The pages of an error type's report, in order: what matters, then the appendix.

    Of several contrasts the first one is told in full; the others have their first
    page and stand in the appendix. A type that is nowhere an error has two pages.
    """
    if not data.units:
        return [_make_empty_page(data)]
    statistics = collect_statistics(data)
    if all(unit.focus_label != unit.positive_label for unit in data.units):
        pages = [make_correct_page(data)]
        return pages + [make_single_page(data, statistics)][: len(statistics)]
    for entry in statistics:
        write_statistics(entry)
    contrast = data.units[0].contrast
    units = [unit for unit in data.units if unit.contrast == contrast]
    fronts: list[str] = []
    front = _plan_front(data, units, statistics, fronts)
    fronts += [spec.title for spec in front]
    pages = list(front)
    appendix = _plan_appendix(data, units, statistics, fronts, pages)
    pages += [replace(spec, group=APPENDIX) for spec in appendix]
    return pages


def _plan_front(
    data: ReportData,
    units: Sequence[Unit],
    statistics: Sequence[MapStatistics],
    fronts: list[str],
) -> list[PageSpec]:
    """What matters of the first contrast, all splice types on a page where they fit."""
    keys = {unit.key for unit in units}
    own = [entry for entry in statistics if entry.unit.key in keys]
    # A map that failed its checks is not shown here; its failure is told on page one.
    believed = [e for e in own if e.unit.lead.has_passed(e.method) is not False]
    pages = [make_why_page(data, unit, fronts) for unit in units]
    pages += [make_map_page(data, entry) for entry in believed]
    pages += make_evidence_pages(data, units)
    pages.append(make_front_cause_page(data, units))
    if believed:
        pages.append(make_subtype_page(data, believed))
    if own:
        pages.append(make_single_page(data, own))
    trust, *_ = make_trust_pages(data)
    return [*pages, trust, *make_performance_pages(data, units)]


def _plan_appendix(
    data: ReportData,
    units: Sequence[Unit],
    statistics: Sequence[MapStatistics],
    fronts: list[str],
    pages: list[PageSpec],
) -> list[PageSpec]:
    """All the rest: ``pages`` are those before, and then all, for the contents."""
    others = data.units[len(units) :]
    appendix = make_summary_pages(data, statistics, pages)
    appendix += [make_why_page(data, unit, fronts) for unit in others]
    appendix.append(make_data_page(data))
    appendix += make_performance_pages(data, others)
    for unit in data.units:
        assessed = make_assessment_pages(data, unit)
        appendix += assessed or [make_score_page(data, unit)]
        own = [entry for entry in statistics if entry.unit is unit]
        for entry in own:
            has_failed = entry.unit.lead.has_passed(entry.method) is False
            if has_failed or unit.contrast != data.units[0].contrast:
                appendix.append(make_map_page(data, entry))
            appendix.append(make_region_page(data, entry))
            if unit.lead.has_passed("attention") is not False:
                appendix += make_attention_pages(data, entry)
            appendix.append(make_site_page(data, entry))
        if not own:
            appendix.append(_make_mapless_page(data, unit.name))
        appendix += make_motif_pages(data, unit)
        appendix += make_cause_pages(data, unit)
        appendix += make_verification_pages(data, unit)
        appendix += make_hybrid_pages(data, unit)
    _, *curves = make_trust_pages(data)
    return [*appendix, *curves, *make_definition_pages(data), *make_methods_pages(data)]


def _make_empty_page(data: ReportData) -> PageSpec:
    name, words = data.focus, CLASS_NAMES[data.focus]
    partner = {"FP": "fp_vs_tp", "FN": "fn_vs_tp", "TP": "fp_vs_tp", "TN": "fn_vs_tn"}
    n = int((data.sites["pred_type"] == name).sum())
    known = {"predictor": data.predictor, "pred_type": name, "words": words, "n": n}
    return make_note_page(
        f"{words.capitalize()}s of {data.predictor}",
        data.footer("no contrast"),
        Block("heading", "Nothing was trained on this error type"),
        *tell("no_contrast", **known, partner=partner[name]),
    )


def _make_mapless_page(data: ReportData, name: str) -> PageSpec:
    return make_note_page(
        f"Where the model looks: {name}",
        f"predictor {data.predictor} · {name}",
        f"There are no attribution maps of held-out {data.focus} sites for {name}. "
        "Either the explanation step has not run, or the test part has no such sites. "
        "The summary lists what is missing.",
    )
