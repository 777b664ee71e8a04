"""The results of a predictor in a few lines for the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from error_sequence_model.causes import label_explanation
from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.figures import format_share
from error_sequence_model.results import describe_clusters


def describe_results(results: Path, predictor: str) -> Iterator[str]:
    """Describe what was found: held-out scores, and the reports to open.

    Args:
        results: The results folder.
        predictor: Name of the predictor.

    Yields:
        Lines of text.

    Raises:
        InputError: There are no results.
    """
    tables = sorted((results / predictor).glob("*/*/comparison.tsv"))
    if not tables:
        raise InputError(f"{results / predictor}: no comparison.tsv; run the workflow")
    yield ""
    sites = read_saved_table(results / predictor / "sites.parquet", ["gene_id"])
    over = describe_clusters(sites["gene_id"])
    yield f"Held-out scores (95 % intervals by bootstrap over {over}):"
    for path in tables:
        contrast, splice_type = path.parts[-3:-1]
        for row in read_saved_table(path).itertuples():
            if row.kind == "backbone":
                yield (
                    f"  {contrast:12} {splice_type:9} {row.model:12} "
                    f"AUROC {_show(row.auroc, row.auroc_low, row.auroc_high)}  "
                    f"AUPRC {_show(row.auprc, row.auprc_low, row.auprc_high)} "
                    f"(prevalence {row.prevalence:.2f}), best baseline "
                    f"{row.against}: {row.delta_auprc:+.2f} AUPRC"
                )
    yield ""
    yield "What explains the errors:"
    for path in sorted((results / predictor).glob("*/*/explanations.tsv")):
        contrast, splice_type = path.parts[-3:-1]
        yield f"  {contrast:12} {splice_type:9} {_say_explanations(path)}"
    yield ""
    yield "Reports to open:"
    folder = results / "reports" / predictor
    for path in [*sorted(folder.glob("*.pdf")), *sorted(folder.glob("*.html"))]:
        yield f"  {path}"


def _say_explanations(path: Path) -> str:
    table = read_saved_table(path)
    named = table[table["is_named"].astype(bool)].head(3)
    # Of errors private or shared, the audit says who the peers are.
    is_private = "peers" in read_json(path.with_name("leakage.json"))
    first, second = (
        ("private", "shared errors") if is_private else ("errors", "correct calls")
    )
    parts = [
        f"{label_explanation(row.name, row.is_absence)}: "
        f"{format_share(row.share_error)} of {first}, "
        f"{format_share(row.share_correct)} of {second}"
        for row in named.itertuples()
    ]
    return "; ".join(parts) or "nothing that was tried"


def _show(value: float, low: float, high: float) -> str:
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
