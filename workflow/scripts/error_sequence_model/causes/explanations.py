"""One ranked list of explanations: flags, known elements and motifs in one model.

`explanations.tsv`, one row per explanation that errors have more of, columns in
``COLUMNS``: first those that hold beside each other (``is_named``), by the share of
errors they explain; then those that are shadows of one of these.
`explanations.parquet`, one row per site: site_id, label, part, is_unexplained, then
int8 per named explanation (2 a hit, 1 near one, 0 none).

What enters: everything whose own test is significant, over all tests of all kinds
(Benjamini and Hochberg). Flags and elements are tested on all sites, motifs on held-out
ones: a word that a model memorised of its training sites does not get in. For the same
reason all that is counted beside motifs (shares, odds, what is explained) is counted on
held-out sites; where a motif lies is learnt from the others. Of several folds the first
counts: its test sites have taught the models of all others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.causes.candidates import (
    HIT,
    MOST_PLACED,
    NEAR,
    Candidate,
    MotifRun,
    list_elements,
    list_flags,
    list_motifs,
)
from error_sequence_model.causes.combinations import describe_combinations
from error_sequence_model.causes.coverage import describe_coverage
from error_sequence_model.causes.flags import (
    encode_windows,
    flag_windows,
    learn_references,
)
from error_sequence_model.causes.mutants import make_mutants, write_mutants
from error_sequence_model.causes.name import choose_sites
from error_sequence_model.causes.sequence import cover_signal
from error_sequence_model.core import write_json, write_parquet, write_tsv
from error_sequence_model.features import KnownElement
from error_sequence_model.settings import CauseSettings, Contrast
from error_sequence_model.statistics import (
    CONFIDENCE,
    adjust_p_values,
    measure_odds_ratios,
    number_groups,
    select_explanations,
)
from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)

MOST_SITES = 20_000  # of a class, drawn at random where there are more
OTHER = 4
# Columns of explanations.tsv.
COLUMNS = {
    "rank": "1 for the explanation of most errors",
    "kind": "flag, element or motif",
    "explanation": "key: the flag, element@region, or motif",
    "name": "in words, or letters",
    "is_absence": "whether errors lack it",
    "place": "where it lies",
    "share_error": "share of errors that have it (lack it)",
    "share_correct": "share of correct calls",
    "n_errors": "errors at which it is defined",
    "n_correct": "correct calls at which it is defined",
    "odds_ratio": "odds of an error with it, alone",
    "low": "lower end of its 95 % interval, clustered by gene",
    "high": "upper end of it",
    "q": "Benjamini-Hochberg q of its own test over all tests of all kinds",
    "joint_odds_ratio": "beside the named ones (of a shadow: their bases hidden)",
    "joint_low": "lower end of its 95 % interval, clustered by gene",
    "joint_high": "upper end of it",
    "delta_logit": "change of the model's log-odds when it is put into windows",
    "delta_low": "lower end of its 95 % interval, bootstrap over genes",
    "delta_high": "upper end of it",
    "knockout_logit": "change when it is taken out of held-out errors",
    "knockout_low": "lower end of its 95 % interval, bootstrap over genes",
    "knockout_high": "upper end of it",
    "explained_share": "share of errors beyond what correct calls let expect",
    "beyond_composition": "whether it is more than the letters of its place",
    "is_named": "whether it holds beside all others",
    "why_not": "why it is not named",
}


class Explanations(NamedTuple):
    """What ``explain_errors`` finds; see the top for the tables."""

    table: pd.DataFrame
    sites: pd.DataFrame
    summary: dict[str, Any]
    mutants: pd.DataFrame


def explain_errors(
    sites: pd.DataFrame,
    windows: Windows,
    split: pd.DataFrame,
    contrast: Contrast,
    splice_type: str,
    *,
    causes: pd.DataFrame,
    flags: pd.DataFrame,
    runs: Sequence[MotifRun] = (),
    elements: Sequence[KnownElement] = (),
    settings: CauseSettings | None = None,
    draws: int = 500,
    seed: int = 1,
) -> Explanations:
    """Rank what explains a contrast's errors.

    Args:
        sites: ``sites.parquet``.
        windows: Their windows.
        split: ``split.parquet`` of the contrast and splice type.
        contrast: The classes; two of them, or nothing is explained.
        splice_type: donor, acceptor or any.
        causes: ``causes.tsv``.
        flags: ``causes.parquet``.
        runs: Motifs and elements of explained runs; the first one's elements count.
        elements: The known elements that were tested.
        settings: Thresholds.
        draws: Bootstrap draws over genes, of coverage.
        seed: Of the draws.
    """
    settings = settings or CauseSettings()
    chosen = _draw(choose_sites(sites, split), seed)
    view = _Sites.make(chosen, sites, windows, split, flags, settings)
    tried = list_flags(causes, contrast, windows.upstream) if contrast.is_binary else []
    for run in runs[:1] if contrast.is_binary else ():
        is_donor = chosen["splice_type"].eq("donor").to_numpy()
        tried += list_elements(run, elements, windows.upstream, is_donor)
    labels = chosen["label"].to_numpy(dtype=np.int64)
    runs = [run for run in runs if run.fold == runs[0].fold]
    is_test = chosen["part"].eq("test").to_numpy()
    if runs:
        is_test = is_test & chosen["fold"].eq(runs[0].fold).to_numpy()
    teachers = np.random.default_rng(seed).permutation(np.flatnonzero(~is_test))
    teachers = teachers[:MOST_PLACED]
    for run in runs if contrast.is_binary else ():
        others = (view.codes[teachers], windows.upstream, labels[teachers])
        told = {"contrast": contrast, "splice_types": {*view.types}}
        tried += list_motifs(run, *others, **told)
    counted = is_test if any(one.kind == "motif" for one in tried) else is_test | True
    table = _rank(tried, view, labels, counted, settings)
    named = table["is_named"].astype(bool).to_numpy()
    keys = table["explanation"][named].tolist()
    levels = view.find_levels([one for one in tried if one.key in keys])[keys]
    has_name = _is_explained(levels, labels)
    rest = chosen["label"].eq(1).to_numpy() & ~has_name & contrast.is_binary
    summary = {
        "contrast": contrast.name,
        "splice_type": splice_type,
        "n_sites": len(chosen),
        "counted": "all sites" if counted.all() else "held-out sites",
        "n_counted": [int((labels[counted] == kind).sum()) for kind in (1, 0)],
        "n_candidates": len(tried),
        "fdr": settings.fdr,
        "level": CONFIDENCE,
        "upstream": windows.upstream,
        "named": keys,
        "stretches": {
            one.key: one.stretch for one in tried if one.key in keys and one.stretch
        },
        "explained_share": measure_explained(
            levels[counted].max(axis=1), labels[counted]
        ),
        "coverage": describe_coverage(
            *(has_name[counted], labels[counted], view.genes[counted], contrast),
            draws=draws,
            seed=seed,
        ),
        "unexplained": {
            "errors": int(rest.sum()),
            "of": int((labels == 1).sum()),
            "site_ids": chosen.loc[rest, "site_id"].tolist(),
        },
    }
    found = chosen[["site_id", "label", "part"]].assign(is_unexplained=rest)
    found = pd.concat([found, levels], axis=1)
    logger.info(
        "%s %s: %d candidates, named: %s",
        *(contrast.name, splice_type, len(tried)),
        ", ".join(table["name"][named]) or "none",
    )
    words = sorted((c for c in tried if c.key in keys), key=lambda c: keys.index(c.key))
    spelt = {one.key: one for one in words if one.starts and not one.is_absence}
    summary |= describe_combinations(
        {key: one.starts(view.codes)[counted] for key, one in spelt.items()},
        {key: one.width for key, one in spelt.items()},
        labels[counted] == 1,
        view.genes[counted],
        fdr=settings.fdr,
        seed=seed,
    )
    mutants = make_mutants(words, view.codes, chosen, windows.upstream, seed=seed)
    return Explanations(table, found, summary, mutants)


def write_explanations(found: Explanations, folder: Path) -> None:
    """Write the three files, and those of the mutants."""
    write_tsv(folder / "explanations.tsv", found.table)
    write_parquet(folder / "explanations.parquet", found.sites)
    write_json(folder / "explanations.json", found.summary)
    write_mutants(found.mutants, found.summary["upstream"], folder)


def _draw(chosen: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kept = [
        rng.permutation(rows)[:MOST_SITES]
        for rows in chosen.groupby("label").indices.values()
    ]
    return chosen.iloc[np.sort(np.concatenate(kept))].reset_index(drop=True)


class _Sites(NamedTuple):
    """Sites, and how the columns of candidates are made of them."""

    codes: np.ndarray
    genes: np.ndarray
    types: np.ndarray
    flags: pd.DataFrame
    upstream: int
    references: list
    settings: CauseSettings

    @classmethod
    def make(
        cls,
        chosen: pd.DataFrame,
        sites: pd.DataFrame,
        windows: Windows,
        split: pd.DataFrame,
        flags: pd.DataFrame,
        settings: CauseSettings,
    ) -> _Sites:
        return cls(
            encode_windows(windows, chosen),
            number_groups(chosen["gene_id"].to_numpy(), len(chosen)),
            chosen["splice_type"].to_numpy(),
            flags.set_index("site_id").loc[chosen["site_id"]].reset_index(drop=True),
            windows.upstream,
            learn_references(chosen, sites, windows, split, settings),
            settings,
        )

    def find_levels(self, candidates: Sequence[Candidate]) -> pd.DataFrame:
        """Levels of all candidates in the windows as they are; NaN: not defined."""
        return pd.DataFrame(
            {
                one.key: HIT * self.flags[one.key].astype("Float64").astype(float)
                if one.find is None
                else _turn(one.find(self.codes)[0].astype(float), one)
                for one in candidates
            },
            index=range(len(self.codes)),
        )

    def hide(
        self, candidates: Sequence[Candidate], hidden: Sequence[Candidate]
    ) -> pd.DataFrame:
        """Whether sites have each candidate where the bases of others are hidden.

        A neighbour then counts beside a site of usual strength: what it owes to the
        weakness of the site is that flag's.
        """
        codes = self.codes.copy()
        for one in hidden:
            signal = cover_signal(
                one.key, codes.shape, self.upstream, self.types == "donor"
            )
            if one.cover is not None:
                codes[one.cover(self.codes)] = OTHER
            elif signal is not None:
                is_flagged = self.flags[one.key].eq(1).fillna(False).to_numpy(bool)
                codes[signal & is_flagged[:, None]] = OTHER
            elif one.find is not None and not one.is_absence:
                codes[one.find(self.codes)[1]] = OTHER
        how = (self.upstream, self.references, self.settings)
        seen = flag_windows(codes, *how, no_site_is_weak=True)
        # Hidden bases look like a contig's end.
        seen.pop("window_edge", None)
        columns = {}
        for one in candidates:
            if one.find is not None:
                columns[one.key] = _turn(one.find(codes)[0], one) == HIT
            else:
                stored = self.flags[one.key].astype("Float64").astype(float)
                seen_here = pd.Series(seen.get(one.key, stored)).where(stored.notna())
                columns[one.key] = seen_here
        return pd.DataFrame(columns, index=range(len(codes))).astype(float)


def _turn(levels: np.ndarray, one: Candidate) -> np.ndarray:
    return np.where(levels == HIT, 0, HIT) if one.is_absence else levels


def _rank(
    tried: Sequence[Candidate],
    view: _Sites,
    labels: np.ndarray,
    counted: np.ndarray,
    settings: CauseSettings,
) -> pd.DataFrame:
    """The table, of what is seen at the sites that are counted, bool (n,)."""
    q_values = adjust_p_values(np.array([one.p for one in tried]))
    entering = [
        (one, q) for one, q in zip(tried, q_values, strict=True) if q <= settings.fdr
    ]
    levels = view.find_levels([one for one, _ in entering])[counted]
    labels, genes = labels[counted], view.genes[counted]
    hits = (levels == HIT).astype(float).mask(levels.isna())
    types = view.types[counted]
    strata = types if len(np.unique(types)) > 1 else None
    alone = measure_odds_ratios(hits, labels, genes, strata)
    reasons = {one.key: _refuse(one, alone.loc[one.key]) for one, _ in entering}
    kept = [one for one, _ in entering if not reasons[one.key]]
    by_key = {one.key: one for one in kept}
    near = (levels == NEAR).astype(float)
    joint = select_explanations(
        hits[list(by_key)],
        labels == 1,
        genes,
        company={key: near[key].to_numpy() for key in by_key if near[key].any()},
        hide=lambda names: view.hide(kept, [by_key[name] for name in names])[counted],
        covariates=None if strata is None else np.c_[strata == strata[0]].astype(float),
        error_rate=settings.fdr,
    )
    rows = []
    for one, q in entering:
        column = hits[one.key]
        rows.append(
            {
                **{"kind": one.kind, "explanation": one.key, "name": one.name},
                **{"is_absence": one.is_absence, "place": one.place, "q": q},
                "share_error": column[labels == 1].mean(),
                "share_correct": column[labels == 0].mean(),
                "n_errors": int(column[labels == 1].notna().sum()),
                "n_correct": int(column[labels == 0].notna().sum()),
                **alone.loc[one.key, ["odds_ratio", "low", "high"]],
                **one.effect,
                "explained_share": measure_explained(levels[one.key], labels),
                "beyond_composition": one.beyond_composition,
                "why_not": reasons[one.key],
            }
        )
    table = pd.DataFrame(
        rows, columns=[name for name in COLUMNS if "joint" not in name]
    )
    table = table.join(joint, on="explanation")
    table["is_named"] = table["is_chosen"].eq(True)
    is_shadow = table["why_not"].eq("") & ~table["is_named"]
    shadows = table.loc[is_shadow, ["shadow_of", "joint_low"]]
    table.loc[is_shadow, "why_not"] = [
        _say_shadow(light, low) for light, low in shadows.itertuples(index=False)
    ]
    order = ["is_named", "explained_share"]
    table = table.sort_values(order, ascending=False, ignore_index=True, kind="stable")
    table["rank"] = np.arange(1, len(table) + 1)
    return table[list(COLUMNS)]


def _refuse(one: Candidate, alone: pd.Series) -> str:
    """Why a significant candidate does not compete; empty if it does."""
    if not alone["odds_ratio"] > 1:
        return "errors do not have it more often"
    if one.is_absence and not one.is_shown:
        # Errors lack many things: what counts is what the model misses.
        return "less frequent at errors, and no motif of the maps"
    if not one.is_expected:
        return "not expected to cause these errors"
    if one.shadow_of:
        return f"part of {one.shadow_of}"
    if one.kind == "element" and not one.beyond_composition:
        return "no more than the letters of its place"
    if not one.is_absence and is_contradicted(one.effect):
        # Such as U-runs of the intron's end, where false sites lie more often.
        return "to the model it speaks against an error"
    return ""


def is_contradicted(effect: Mapping[str, float]) -> bool:
    """Whether putting in lowers an error's log-odds, and taking out raises them.

    Both beyond chance: a model that has not learnt a word says nothing against it.
    """
    return (
        effect.get("delta_high", np.nan) < 0 and effect.get("knockout_low", np.nan) > 0
    )


def _say_shadow(light: object, joint_low: float) -> str:
    """Why what competed was not chosen: beside what, and how surely."""
    if not isinstance(light, str):
        return "not beyond chance"
    if joint_low > 1:
        # Its own interval excludes 1, but so does that of one in twenty.
        return f"not beyond chance (all tests counted) beside {light}"
    return f"adds nothing beside {light}"


def measure_explained(levels: pd.Series, labels: np.ndarray) -> float:
    """Share of errors beyond what correct calls of the same level let expect.

    Where none of an explanation is seen, errors are as they would be without it: so
    many there are per correct call. What a higher level has beyond that is explained by
    it (the population attributable fraction; for one level the excess of the share
    among errors over that among correct calls, of what the latter leave).
    """
    known = levels.notna().to_numpy()
    values, is_error = levels.to_numpy()[known], labels[known] == 1
    if not is_error.any() or is_error.all():
        return 0.0
    shares = [
        [(values[mask] == step).mean() for step in (0, NEAR, HIT)]
        for mask in (is_error, ~is_error)
    ]
    error, correct = np.array(shares)
    usual = error[0] / correct[0] if correct[0] else 1.0
    return float(np.maximum(error[1:] - correct[1:] * usual, 0).sum())


def _is_explained(levels: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
    """Sites with a hit, or near one where that is more frequent in errors too."""
    has_name = levels.eq(HIT).any(axis=1).to_numpy()
    near = (~has_name) & levels.eq(NEAR).any(axis=1).to_numpy()
    error, correct = (near[(labels == 1) == kind] for kind in (True, False))
    if not (error.any() and correct.size):
        return has_name
    none = ~has_name & ~near
    base = none[labels == 1].mean() / max(none[labels == 0].mean(), 1e-9)
    return has_name | near if error.mean() > 2 * base * correct.mean() else has_name
