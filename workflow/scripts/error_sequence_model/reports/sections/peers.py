"""The overview's pages on other predictors of the genome: which errors they share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.core import read_saved_table
from error_sequence_model.figures import (
    BODY_WIDTH,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    Column,
    Page,
    PageSpec,
    count_combinations,
    draw_table,
    format_interval,
    format_q,
    format_ratios,
    format_share,
    get_class_colour,
    plot_upset,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.ratio_table import draw_ratio_table
from error_sequence_model.results import ReportData
from error_sequence_model.settings import KIND_OF, list_compared
from error_sequence_model.statistics import get_mean_interval

FOREST = 2.6  # inches
FDR, MOST_ROWS = 0.05, 24


def make_peer_pages(data: ReportData) -> list[PageSpec]:
    """Pages on the predictors beside this one; none where there is no other."""
    paths = {path.name: path for path in data.inputs.beside}
    if "peers.parquet" not in paths:
        return []
    sites = read_saved_table(paths["peers.parquet"])
    pairs = read_saved_table(paths["peers.tsv"])
    contrasts = read_saved_table(paths["peer_contrasts.tsv"])
    data.write("peers", pairs)
    data.write("peer_contrasts", contrasts)
    names = list_compared(sites)
    footer = data.footer("peers.parquet, peers.tsv, peer_contrasts.tsv")
    draw = partial(_draw_sets, data=data, sites=sites, names=names, pairs=pairs)
    subtitle = "All sites that each of them judged; annotation is taken as the truth."
    title = "Errors shared with other predictors"
    pages = [PageSpec(title, draw, footer, subtitle)]
    chosen = choose_rows(contrasts)
    if not chosen.empty:
        draw = partial(_draw_contrasts, rows=chosen, total=len(contrasts))
        title = "What tells private errors from shared ones"
        subtitle = (
            "Errors of this predictor only: with and without the company of others."
        )
        pages.append(PageSpec(title, draw, footer, subtitle))
    return pages


def _draw_sets(
    page: Page,
    *,
    data: ReportData,
    sites: pd.DataFrame,
    names: list[str],
    pairs: pd.DataFrame,
) -> None:
    half, top = (BODY_WIDTH - 0.3) / 2, page.top
    tables = []
    for place, (error, kind) in enumerate(KIND_OF.items()):
        own = sites[sites["kind"] == kind].dropna(subset=names)
        counts = count_combinations(own[names].astype(bool))
        tables.append(counts.assign(kind=kind))
        left, page.top = MARGIN + place * (half + 0.3), top
        page.heading(f"{kind.capitalize()} ({error})", left=left, width=half)
        if counts.empty:
            page.paragraph("No error that all of them judged.", left=left, width=half)
            continue
        room = 1.75
        bars = page.axes(left + room, page.top + 0.1, half - room, 1.35)
        height = 0.2 * len(names)
        dots = page.axes(left + room, page.top + 1.5, half - room, height)
        plot_upset(counts, bars, dots, color=get_class_colour(error))
        page.top += 1.6 + height
    data.write("peer_combinations", pd.concat(tables, ignore_index=True))
    page.caption(explain("peer_sets"))
    for line in describe_context(sites, pairs):
        page.bullet(line)
    _draw_pairs(page, pairs[pairs["first"] == names[0]], len(pairs))


def _draw_pairs(page: Page, pairs: pd.DataFrame, total: int) -> None:
    """Draw the pairs of the predictor in question with each other one."""
    most = max(int((page.room - 0.9) / 0.195), 3)
    kappa = [
        "–"
        if np.isnan(row.kappa)
        else f"{row.kappa:.2f}{format_interval((row.low, row.high))}"
        for row in pairs.itertuples()
    ]
    columns = [
        Column("error", pairs["kind"].tolist()),
        Column("splice type", pairs["splice_type"].tolist()),
        Column("A", pairs["first"].tolist()),
        Column("B", pairs["second"].tolist()),
        Column("both err", [f"{n:,}" for n in pairs["both"]], "right"),
        Column("A only", [f"{n:,}" for n in pairs["only_first"]], "right"),
        Column("B only", [f"{n:,}" for n in pairs["only_second"]], "right"),
        Column("neither", [f"{n:,}" for n in pairs["neither"]], "right"),
        Column("kappa [95 %]", kappa),
        Column(
            "shared",
            ["–" if np.isnan(v) else f"{v:.0%}" for v in pairs["shared"]],
            "right",
        ),
    ]
    draw_table(page, columns, most_rows=most, rest=" in peers.tsv")
    page.caption(explain("peer_pairs", more=max(total - len(pairs), 0)))


def describe_context(sites: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[str]:
    """Say how many of the sites missed with little context are found with more."""
    contexts = {}
    for name in ("first", "second"):
        known = pairs.dropna(subset=[f"context_{name}"])
        contexts |= dict(zip(known[name], known[f"context_{name}"], strict=True))
    if not contexts:
        return
    widest = max(contexts, key=contexts.get)
    missed = sites[sites["kind"] == "missed"]
    for name in sorted(contexts, key=contexts.get):
        if contexts[name] >= contexts[widest]:
            continue
        rivals = [
            n for n, v in contexts.items() if v == contexts[widest] and _is_kin(n, name)
        ]
        other = rivals[0] if rivals else widest
        both = missed.dropna(subset=[name, other])
        own = both[both[name].astype(bool)]
        if own.empty:
            continue
        found = 1 - own[other].astype(float)
        low, high = get_mean_interval(
            found.to_numpy(), own["gene_id"].to_numpy(), draws=500, seed=0
        )
        interval = f" [{low:.0%}, {high:.0%}]" if np.isfinite(low) else ""
        yield (
            f"Context as a cause: of {len(own):,} sites that {name} misses with "
            f"{contexts[name]:,.0f} nt in view, {found.mean():.0%}{interval} are found "
            f"by {other} with {contexts[other]:,.0f} nt. The rest needs another "
            "explanation than distance."
        )


def _is_kin(first: str, second: str) -> bool:
    """Whether two predictors are named alike but for a number."""
    return first.rstrip("0123456789nt") == second.rstrip("0123456789nt")


def choose_rows(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Tested flags, of each contrast the most certain ones, with their colours."""
    if contrasts.empty:
        return contrasts
    tested = contrasts.dropna(subset=["odds_ratio"]).sort_values("p", kind="stable")
    groups = tested.groupby(["kind", "contrast"], sort=False)
    most = max(MOST_ROWS // max(groups.ngroups, 1), 2)
    # Missed before invented, and in the order of the contrasts.
    rows = groups.head(most).assign(place=lambda table: table["kind"].ne("missed"))
    order = {name: n for n, name in enumerate(contrasts["contrast"].unique())}
    rows["rank"] = rows["contrast"].map(order)
    rows = rows.sort_values(["place", "rank", "p"], kind="stable")
    color = np.where(rows["odds_ratio"] > 1, POSITIVE, NEGATIVE)
    return rows.assign(color=np.where(rows["q"] <= FDR, color, MUTED))


def _draw_contrasts(page: Page, *, rows: pd.DataFrame, total: int) -> None:
    rows = rows.head(MOST_ROWS)
    columns = [
        Column("error", rows["kind"].tolist()),
        Column("contrast", rows["contrast"].tolist()),
        Column("named cause", rows["cause"].tolist()),
        Column("private/found", _say_shares(rows, "positive"), "right"),
        Column("shared", _say_shares(rows, "negative"), "right"),
        Column("odds ratio [95 %]", [format_ratios(r, "–") for r in rows.itertuples()]),
        Column("q", [format_q(q) for q in rows["q"]], "right"),
    ]
    label = ", private against shared"
    draw_ratio_table(page, columns, rows, forest=FOREST, label=label, size=7.5)
    page.caption(explain("peer_contrasts", more=total - len(rows)))


def _say_shares(rows: pd.DataFrame, side: str) -> list[str]:
    pairs = zip(rows[f"share_{side}"], rows[f"n_{side}"], strict=True)
    return [f"{format_share(share)} of {n:,}" for share, n in pairs]
