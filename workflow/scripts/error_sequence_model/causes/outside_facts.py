"""Facts of sites that were measured elsewhere, held against errors and causes.

A table of facts has chrom, junction, strand, splice_type (interbase, 0-based) and one
boolean column per fact, null where it is not known. A fact named ``found_in_…`` is a
list of places: at a site that the table does not have it is false, on the contigs where
it is known of any site. JSON beside the table (same name) says of each fact: label,
definition, source, joined, expected (the errors that it should be frequent in), causes
(those that it can bear out), caution.

`outside_truth.tsv`, one row per fact, error type and cause: fact, label, source,
joined, caution, cause ("" for the errors themselves), compared (in words), n_with,
n_without, share_with, share_without, known (share of the sites with a known value),
odds_ratio with low, high, p and q, verdict (supports, contradicts, open; too few; not
expected: the fact says nothing of this, and q is not over it). Of errors: the fact at
errors against correct calls, within splice types. Of a cause: the fact at errors that
have the cause against errors that do not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.causes.candidates import HIT, label_explanation
from error_sequence_model.core import InputError, read_json, read_saved_table
from error_sequence_model.genome import SITE
from error_sequence_model.statistics import (
    FEWEST_SITES,
    adjust_p_values,
    measure_odds_ratios,
    number_groups,
)

logger = logging.getLogger(__name__)

LISTED = "found_in_"
ALLOWED = {"strand": ("+", "-"), "splice_type": ("donor", "acceptor")}
FDR = 0.05
# An error, and the correct calls that it is held against: alike but for the call.
COMPARED = {"FN": "TP", "FP": "TN"}
FACT_COLUMNS = (
    *("fact", "label", "definition", "source", "joined", "caution", "error_type"),
    *("cause", "compared", "n_with", "n_without", "share_with", "share_without"),
    *("known", "odds_ratio", "low", "high", "p", "q", "verdict"),
)


def hold_facts(
    sites: pd.DataFrame,
    facts: pd.DataFrame,
    meanings: Mapping[str, Mapping[str, Any]],
    *,
    causes: Mapping[str, pd.DataFrame] | None = None,
    named: Mapping[str, Mapping[str, str]] | None = None,
) -> pd.DataFrame:
    """Hold facts against errors and against the causes that were named.

    Args:
        sites: ``sites.parquet``.
        facts: The table of facts.
        meanings: What each fact is, see the top.
        causes: By error type (FN, FP): site_id and a nullable boolean per cause.
        named: By error type: the causes to hold facts against, with their labels; all
            by default.

    Returns:
        ``outside_truth.tsv``, see the top.

    Raises:
        InputError: A table that is none of facts, or shares no site with the sites.
    """
    known = join_facts(sites, facts)
    rows = []
    for error, correct in COMPARED.items():
        for fact in known:
            meaning = meanings.get(fact, {})
            head = {"fact": fact, **_describe(fact, meaning), "error_type": error}
            here = sites["pred_type"].isin((error, correct)).to_numpy()
            is_error = sites["pred_type"].eq(error).to_numpy()
            is_expected = error in meaning.get("expected", COMPARED)
            rows.append(
                {**head, "cause": "", "compared": f"{error} against {correct}"}
                | _test(sites[here], known[fact][here], is_error[here])
                | {"expected": is_expected}
            )
            for name, label, has_cause in _list_causes(sites, error, causes, named):
                there = is_error & has_cause.notna().to_numpy()
                rows.append(
                    {**head, "cause": name}
                    | {"compared": f"{error} with and without: {label}"}
                    | _test(sites[there], known[fact][there], has_cause[there].eq(True))
                    | {
                        "expected": is_expected
                        and name in meaning.get("causes", [name])
                    }
                )
    table = pd.DataFrame(rows)
    is_asked = table["expected"].astype(bool)
    table["q"] = adjust_p_values(table["p"].where(is_asked).to_numpy())
    table["verdict"] = _judge(table)
    logger.info("%d facts, %d tests", len(known.columns), table["p"].notna().sum())
    return table[list(FACT_COLUMNS)]


def read_facts(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table of facts, and what they are if the JSON beside it is there.

    Raises:
        InputError: No such table, or not one of facts.
    """
    facts = read_saved_table(path)
    if missing := [name for name in SITE if name not in facts]:
        raise InputError(f"{path}: no facts of sites, column {missing[0]} is missing")
    for name, allowed in ALLOWED.items():
        if not (is_sound := facts[name].isin(allowed)).all():
            odd, what = facts.loc[~is_sound, name].iloc[0], " or ".join(allowed)
            raise InputError(f"{path}: {name} is {odd!r}; it must be {what}")
    if not pd.api.types.is_numeric_dtype(facts["junction"]):
        raise InputError(f"{path}: column junction holds no numbers")
    beside = Path(path).with_suffix(".json")
    names = [name for name in facts if name not in SITE]
    if odd := [name for name in names if not _is_boolean(facts[name])]:
        raise InputError(f"{path}: {odd} are no facts (true, false or null)")
    if not names:
        raise InputError(f"{path}: no column beside {', '.join(SITE)}")
    meanings = read_json(beside) if beside.exists() else {}
    if not isinstance(meanings, dict) or not all(map(_is_meaning, meanings.values())):
        raise InputError(
            f"{beside}: it must say of each fact what it is, such as "
            '{"low_use": {"label": "exon of low use", "expected": ["FN"]}}'
        )
    return facts, meanings


def _is_meaning(given: Any) -> bool:
    return isinstance(given, dict) and all(
        isinstance(given.get(key, []), list) for key in ("expected", "causes")
    )


def _is_boolean(column: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(column) or column.isin([True, False, None]).all()


def join_facts(sites: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Give each site its facts: nullable booleans, rows as the sites.

    Raises:
        InputError: A site stands twice among the facts, or no site is shared.
    """
    if (is_twice := facts.duplicated(SITE)).any():
        place = facts.loc[is_twice, SITE].iloc[0].tolist()
        raise InputError(f"facts: {place} stands there twice")
    if len(facts) and not sites["chrom"].isin(facts["chrom"].unique()).any():
        theirs, ours = facts["chrom"].iloc[0], sites["chrom"].iloc[0]
        raise InputError(f"facts: no contig is the sites' ({theirs!r}, not {ours!r})")
    names = [name for name in facts if name not in SITE]
    joined = sites[SITE].merge(
        facts, on=SITE, how="left", validate="m:1", indicator=True
    )
    if len(facts) and not joined["_merge"].eq("both").any():
        raise InputError(
            f"facts: no row is at a site (the first: {facts[SITE].iloc[0].tolist()}); "
            "junction is interbase, 0-based: where exon and intron meet"
        )
    joined = joined[names].astype("boolean").set_axis(sites.index)
    for name in names:
        if name.startswith(LISTED):
            listed = facts.loc[facts[name].notna(), "chrom"].unique()
            is_out = sites["chrom"].isin(listed) & joined[name].isna()
            joined.loc[is_out, name] = False
    return joined


def _describe(fact: str, meaning: Mapping[str, Any]) -> dict[str, str]:
    words = {key: meaning.get(key, "") for key in ("definition", "source", "joined")}
    label = meaning.get("label", fact.replace("_", " "))
    return {"label": label, **words, "caution": meaning.get("caution", "")}


def _list_causes(
    sites: pd.DataFrame,
    error: str,
    causes: Mapping[str, pd.DataFrame] | None,
    named: Mapping[str, Mapping[str, str]] | None,
) -> Iterator[tuple[str, str, pd.Series]]:
    """Causes of an error type with their labels, and whether each site has them."""
    table = (causes or {}).get(error)
    if table is None:
        return
    own = table.set_index("site_id").reindex(sites["site_id"]).set_axis(sites.index)
    chosen = (named or {}).get(error)
    chosen = {name: name for name in own} if chosen is None else chosen
    for name, label in chosen.items():
        if name in own:
            yield name, label, own[name].astype("boolean")


def _test(
    sites: pd.DataFrame, fact: pd.Series, is_first: np.ndarray | pd.Series
) -> dict[str, Any]:
    """Test a fact at the first class against the second."""
    first = np.asarray(is_first, dtype=bool)
    values = fact.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    is_known = np.isfinite(values)
    genes = number_groups(sites["gene_id"].to_numpy(), len(sites))
    types = sites["splice_type"].to_numpy()
    ratios = measure_odds_ratios(
        pd.DataFrame({"fact": values}), first.astype(int), genes, types
    ).loc["fact"]
    sizes = [int((is_known & side).sum()) for side in (first, ~first)]
    shares = [
        float(values[is_known & side].mean()) if size else np.nan
        for side, size in zip((first, ~first), sizes, strict=True)
    ]
    return {
        "n_with": sizes[0],
        "n_without": sizes[1],
        "share_with": shares[0],
        "share_without": shares[1],
        "known": float(is_known.mean()) if len(values) else np.nan,
        **ratios.to_dict(),
    }


def _judge(table: pd.DataFrame) -> pd.Series:
    """Whether a fact supports, contradicts, or decides nothing."""
    is_sure = table["q"] <= FDR
    is_small = table[["n_with", "n_without"]].min(axis=1) < FEWEST_SITES
    verdict = np.select(
        [
            ~table["expected"].astype(bool),
            is_small | table["p"].isna(),
            is_sure & (table["low"] > 1),
            is_sure & (table["high"] < 1),
        ],
        ["not expected", "too few", "supports", "contradicts"],
        default="open",
    )
    return pd.Series(verdict, table.index)


class ReadCauses(NamedTuple):
    """What ``read_named_causes`` reads, by error type.

    Attributes:
        causes: site_id with a nullable boolean per cause, one row per site.
        named: The causes that are enriched or named, with their labels.
        labels: Labels of all of ``causes``.
    """

    causes: dict[str, pd.DataFrame]
    named: dict[str, dict[str, str]]
    labels: dict[str, dict[str, str]]


def read_named_causes(groups: Sequence[Sequence[str]]) -> ReadCauses:
    """Read what was named as causes of each error type.

    Args:
        groups: ``(error type, folder)`` of contrasts, each folder with causes and
            explanations, .tsv and .parquet.
    """
    causes: dict[str, list[pd.DataFrame]] = {}
    named: dict[str, dict[str, str]] = {}
    known: dict[str, dict[str, str]] = {}
    for error, folder in groups:
        table = read_saved_table(Path(folder) / "causes.tsv")
        ranked = read_saved_table(Path(folder) / "explanations.tsv")
        labels = table.set_index("flag")["cause"]
        ranked = ranked[ranked["is_named"].astype(bool)]
        found = {
            row.explanation: labels.get(
                row.explanation, label_explanation(row.name, row.is_absence)
            )
            for row in ranked.itertuples(index=False)
        }
        found |= labels[table["is_enriched"].astype(bool).to_numpy()].to_dict()
        named.setdefault(error, {}).update(found)
        known.setdefault(error, {}).update(labels.to_dict() | found)
        own = read_saved_table(Path(folder) / "causes.parquet")
        levels = read_saved_table(Path(folder) / "explanations.parquet")
        words = [key for key in found if key not in own]
        hits = levels[["site_id", *words]].set_index("site_id").eq(HIT)
        own = own.drop(columns=["label", "part"]).join(
            hits.astype("boolean"), on="site_id"
        )
        causes.setdefault(error, []).append(own)
    joined = {
        error: pd.concat(tables, ignore_index=True).drop_duplicates("site_id")
        for error, tables in causes.items()
    }
    return ReadCauses(joined, named, known)
