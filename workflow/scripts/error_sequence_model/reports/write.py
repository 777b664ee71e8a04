"""PDF reports: one per error type, and one overview per predictor.

A report is a list of page specifications; a new page is one more entry in
``plan_error_report``. Reports are drawn from stored results only, and the numbers of
every figure are written as TSV into the tables folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
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
from error_sequence_model.reports.findings.statistics import collect_statistics
from error_sequence_model.reports.prose import read_template, tell
from error_sequence_model.reports.sections.assessment import make_assessment_pages
from error_sequence_model.reports.sections.attention import make_attention_pages
from error_sequence_model.reports.sections.causes import (
    make_cause_pages,
    make_definition_pages,
)
from error_sequence_model.reports.sections.data import make_data_page
from error_sequence_model.reports.sections.hybrid import make_hybrid_pages
from error_sequence_model.reports.sections.maps import make_map_pages
from error_sequence_model.reports.sections.methods import make_methods_pages
from error_sequence_model.reports.sections.motifs import make_motif_pages
from error_sequence_model.reports.sections.overview import plan_overview
from error_sequence_model.reports.sections.performance import make_performance_page
from error_sequence_model.reports.sections.sites import make_site_page
from error_sequence_model.reports.sections.subtypes import make_subtype_page
from error_sequence_model.reports.sections.summary import make_summary_pages
from error_sequence_model.reports.sections.trust import make_trust_pages
from error_sequence_model.reports.sections.verification import make_verification_pages
from error_sequence_model.results import ReportData, ReportInputs


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
    """The pages of an error type's report, in order."""
    if not data.units:
        return [_make_empty_page(data)]
    statistics = collect_statistics(data)
    pages: list[PageSpec] = []
    pages += make_summary_pages(data, statistics, pages)
    pages.append(make_data_page(data))
    for unit in data.units:
        pages.append(make_performance_page(data, unit))
        pages += make_assessment_pages(data, unit)
        own = [entry for entry in statistics if entry.unit is unit]
        for entry in own:
            pages += make_map_pages(data, entry)
            pages += make_attention_pages(data, entry)
        if not own:
            pages.append(_make_mapless_page(data, unit.name))
        pages += make_motif_pages(data, unit)
        pages += make_cause_pages(data, unit)
        pages += make_verification_pages(data, unit)
        pages += make_hybrid_pages(data, unit)
        for entry in own:
            pages += [make_subtype_page(data, entry), make_site_page(data, entry)]
    pages += make_trust_pages(data)
    pages += make_definition_pages(data)
    pages += make_methods_pages(data)
    return pages


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
