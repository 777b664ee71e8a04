"""PDF reports: one per error type, and one overview per predictor.

A report is a list of page specifications; a new page is one more entry in
``plan_error_report``. Reports are drawn from stored results only, and the numbers of
every figure are written as TSV into the tables folder.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from error_sequence_model.core import InputError, atomic_path, read_json
from error_sequence_model.figures import (
    BODY_WIDTH,
    CLASS_NAMES,
    Block,
    Page,
    PageSpec,
    draw_blocks,
    open_pdf,
    use_style,
)
from error_sequence_model.reports.findings.statistics import (
    MapStatistics,
    get_map_statistics,
    write_map_tables,
)
from error_sequence_model.reports.sections import causes as cause_pages
from error_sequence_model.reports.sections.assessment import make_assessment_pages
from error_sequence_model.reports.sections.attention import make_attention_pages
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
from error_sequence_model.reports.tables_readme import write_readme
from error_sequence_model.results import (
    ReportData,
    RunResults,
    build_units,
    read_comparisons,
    read_sites,
)

logger = logging.getLogger(__name__)


def write_error_report(
    pred_type: str,
    runs: Sequence[str | Path],
    output: str | Path,
    *,
    predictor: str,
    sites: str | Path,
    tables: str | Path,
    audit: str | Path | None = None,
    comparisons: Sequence[str | Path] = (),
    windows: str | Path | None = None,
    draws: int = 500,
    seed: int = 0,
    colours: Mapping[str, str] | None = None,
) -> Path:
    """Write the report of one error type, ``attention_{pred_type}.pdf``.

    Args:
        pred_type: TP, FP, FN or TN.
        runs: Run folders of the predictor; those of other contrasts are left out.
        output: The PDF.
        predictor: Name of the predictor.
        sites: ``sites.parquet``.
        tables: Folder for the figures' numbers.
        audit: ``audit.json``; its part of the report says so if it is missing.
        comparisons: ``comparison.tsv`` files.
        windows: ``windows.arrow``; taken from beside ``sites`` if not given. Token
            stores are looked for in ``tokens/`` beside it.
        draws: Bootstrap draws and permutations.
        seed: Their seed.
        colours: Colours of pred_types ("#rrggbb") that differ from the usual ones.

    Returns:
        The path of the PDF.

    Raises:
        InputError: An unknown pred_type, or a sites table or run path that is not one.
    """
    if pred_type not in CLASS_NAMES:
        raise InputError(
            f"error type {pred_type!r}: give one of {', '.join(CLASS_NAMES)}"
        )
    data = load_report_data(
        runs,
        pred_type,
        predictor=predictor,
        sites=sites,
        tables=tables,
        audit=audit,
        comparisons=comparisons,
        windows=windows,
        draws=draws,
        seed=seed,
    )
    with use_style(colours):
        pages = plan_error_report(data, pred_type)
        write_readme(data.tables)
        write_pages(pages, Path(output), f"{predictor} · {pred_type} report")
    return Path(output)


def write_overview(
    runs: Sequence[str | Path],
    output: str | Path,
    *,
    predictor: str,
    sites: str | Path,
    tables: str | Path,
    audit: str | Path | None = None,
    comparisons: Sequence[str | Path] = (),
    windows: str | Path | None = None,
    draws: int = 500,
    seed: int = 0,
    colours: Mapping[str, str] | None = None,
) -> Path:
    """Write ``overview.pdf``: all contrasts, splice types and models side by side.

    Arguments, returns and errors are those of ``write_error_report``.
    """
    data = load_report_data(
        runs,
        None,
        predictor=predictor,
        sites=sites,
        tables=tables,
        audit=audit,
        comparisons=comparisons,
        windows=windows,
        draws=draws,
        seed=seed,
    )
    with use_style(colours):
        statistics = collect_statistics(data, "overview")
        pages = plan_overview(data, statistics)
        write_readme(data.tables)
        write_pages(pages, Path(output), f"{predictor} · overview")
    return Path(output)


def load_report_data(
    runs: Sequence[str | Path],
    focus: str | None,
    *,
    predictor: str,
    sites: str | Path,
    tables: str | Path,
    audit: str | Path | None,
    comparisons: Sequence[str | Path],
    windows: str | Path | None,
    draws: int,
    seed: int,
) -> ReportData:
    """Read what a report is drawn from; see ``write_error_report`` for arguments."""
    folder = Path(sites).parent
    table = read_sites(sites)
    notes = []
    content = {}
    if audit is not None and Path(audit).is_file():
        content = read_json(audit)
    else:
        notes.append("audit.json is missing: what the reader dropped is not known.")
    found = build_units(
        [RunResults.load(run) for run in runs],
        table,
        read_comparisons(comparisons),
        focus,
    )
    logger.info(
        "%s: %d runs in %d contrasts", focus or "overview", len(runs), len(found)
    )
    return ReportData(
        predictor=predictor,
        sites=table,
        audit=content,
        units=tuple(unit for unit in found if not unit.lead.is_control),
        controls=tuple(unit for unit in found if unit.lead.is_control),
        tables=Path(tables),
        windows=Path(windows) if windows else folder / "windows.arrow",
        token_folder=folder / "tokens",
        draws=draws,
        seed=seed,
        notes=notes,
    )


def collect_statistics(data: ReportData, prefix: str) -> list[MapStatistics]:
    """Map statistics of every unit, their tables written under ``prefix``."""
    found = []
    for unit in data.units:
        for splice_type in unit.splice_types:
            statistics = get_map_statistics(unit, splice_type, data)
            if statistics is not None:
                write_map_tables(statistics, data.tables, prefix)
                found.append(statistics)
    return found


def plan_error_report(data: ReportData, pred_type: str) -> list[PageSpec]:
    """The pages of an error type's report, in order."""
    data.tables.mkdir(parents=True, exist_ok=True)
    if not data.units:
        return [_make_empty_page(data, pred_type)]
    statistics = collect_statistics(data, pred_type)
    pages: list[PageSpec] = []
    pages += make_summary_pages(data, pred_type, statistics, pages)
    pages.append(make_data_page(data, pred_type))
    for unit in data.units:
        pages.append(make_performance_page(data, unit, pred_type))
        pages += make_assessment_pages(data, unit, pred_type)
        own = [entry for entry in statistics if entry.unit is unit]
        for entry in own:
            pages += make_map_pages(data, entry, pred_type)
            pages += make_attention_pages(data, entry, pred_type)
        if not own:
            pages.append(_make_mapless_page(data, unit.name, pred_type))
        pages += make_motif_pages(data, unit, pred_type)
        pages += cause_pages.make_cause_pages(data, unit, pred_type)
        pages += make_verification_pages(data, unit, pred_type)
        pages += make_hybrid_pages(data, unit, pred_type)
        for entry in own:
            pages.append(make_subtype_page(data, entry, pred_type))
            pages.append(make_site_page(data, entry, pred_type))
    pages += make_trust_pages(data, pred_type)
    pages += cause_pages.make_definition_pages(data)
    pages += make_methods_pages(data, pred_type)
    return pages


def _make_empty_page(data: ReportData, pred_type: str) -> PageSpec:
    partner = {"FP": "fp_vs_tp", "FN": "fn_vs_tp", "TP": "fp_vs_tp", "TN": "fn_vs_tn"}
    n = int((data.sites["pred_type"] == pred_type).sum())
    contrast = partner[pred_type]
    blocks = [
        Block("heading", "Nothing was trained on this error type"),
        Block(
            "paragraph",
            f"The sites table of {data.predictor} has {n:,} {pred_type} sites "
            f"({CLASS_NAMES[pred_type]}s), but no contrast of this analysis has them "
            "in one of its classes, or none of them is left after the split.",
        ),
    ]
    if n == 0:
        advice = (
            f"There are no {pred_type} sites to study: check the input table's "
            "pred_type column before adding a contrast."
        )
    else:
        advice = (
            f"Add {contrast} to the list under contrasts: in the config (or define one "
            f"with {pred_type} in its positive or negative class) and run the workflow "
            "again."
        )
    blocks.append(Block("paragraph", advice))
    return PageSpec(
        f"{CLASS_NAMES[pred_type].capitalize()}s of {data.predictor}",
        lambda page: draw_blocks(page, blocks=blocks, width=BODY_WIDTH * 0.8),
        f"predictor {data.predictor} · {pred_type} · no contrast",
    )


def _make_mapless_page(data: ReportData, name: str, pred_type: str) -> PageSpec:
    block = Block(
        "paragraph",
        f"There are no attribution maps of held-out {pred_type} sites for {name}. "
        "Either the explanation step has not run, or the test part has no such sites. "
        "The summary lists what is missing.",
    )
    return PageSpec(
        f"Where the model looks: {name}",
        lambda page: draw_blocks(page, blocks=[block], width=BODY_WIDTH * 0.8),
        f"predictor {data.predictor} · {name}",
    )


def write_pages(pages: Sequence[PageSpec], output: Path, header: str) -> None:
    """Draw pages into a PDF, atomically, with page numbers.

    Args:
        pages: What to draw.
        output: The file.
        header: Short name of the document, on every page.
    """
    with atomic_path(output) as temporary, open_pdf(temporary, header) as pdf:
        for number, spec in enumerate(pages, start=1):
            page = Page(spec, header=header, number=number, total=len(pages))
            spec.draw(page)
            pdf.savefig(page.figure)
    logger.info("%s: %d pages", output, len(pages))
