"""Does the language model use what the classical models use, and the other way round?

A classical feature is changed in the sequence of held-out sites, beside matched random
changes of as many bases in the same region; the log-odds of an error that the language
model and the classical model give are compared, paired by site. Motifs of the language
model's maps become classical features, and what they add is measured.

`verification.tsv`: one row per feature and way of testing it; columns `COLUMNS`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.attribution import draw_alternatives
from error_sequence_model.features import Layout, encode_bases, find_hits, say_range
from error_sequence_model.settings import VerificationSettings
from error_sequence_model.statistics import (
    get_mean_interval,
    number_groups,
)
from error_sequence_model.verification.changes import Editor, make_editors
from error_sequence_model.verification.edits import Pair, Site
from error_sequence_model.verification.named_model import NamedModel

logger = logging.getLogger(__name__)

COLUMNS = {
    "feature": "name of the classical feature, or of the motif",
    "definition": "what it is",
    "source": "classical: its change in the sequence; motif: its gain as a feature",
    "mode": "removed, weakened, lowered, implanted; or added as a feature",
    "importance": "validation AUPRC lost when a classical feature is permuted",
    "n_sites": "held-out sites",
    "n_genes": "genes they lie in",
    "classical": "change of the classical log-odds of an error beyond matched random "
    "changes; for a motif the AUPRC it adds",
    "classical_low": "lower end of its interval, bootstrap over genes",
    "classical_high": "upper end of it",
    "model": "the same change of the language model's log-odds",
    "model_low": "lower end of its interval",
    "model_high": "upper end of it",
    "verdict": "confirmed, LM-only, classical-only, contradicted or undecided",
}
FEWEST_SITES = 10
SMALLEST_LOSS = 0.002  # validation AUPRC; with less a feature is not one of the top
SMALLEST_EFFECT = 0.1  # log-odds; a fitted model moves a little with anything
BASES = np.frombuffer(b"ACGTN", dtype=np.uint8)


class HeldOut(NamedTuple):
    """Held-out sites of a fold, one row each.

    Attributes:
        codes: Base codes, int8 (n, length).
        is_donor: bool (n,).
        labels: Class indices, int (n,).
        genes: Gene of each, (n,).
    """

    codes: np.ndarray
    is_donor: np.ndarray
    labels: np.ndarray
    genes: np.ndarray


class Effect(NamedTuple):
    """A mean with its interval, bootstrap over genes."""

    mean: float
    low: float
    high: float

    def get_sign(self, smallest: float = SMALLEST_EFFECT) -> int:
        """1 or −1 where the interval excludes 0 and the mean is no trifle, else 0."""
        if not abs(self.mean) >= smallest:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def verify_features(
    named: NamedModel,
    predict: Callable[[Sequence[str]], np.ndarray],
    train_codes: np.ndarray,
    validation: HeldOut,
    test: HeldOut,
    elements: Mapping[str, str],
    settings: VerificationSettings,
    *,
    draws: int = 2000,
) -> pd.DataFrame:
    """Change the top classical features in held-out sequences.

    Args:
        named: The classical model.
        predict: Sequences -> the language model's log-odds of an error, float (n,).
        train_codes: Windows of the training sites, which say where elements lie.
        validation: Sites that features are ranked on.
        test: Sites that are changed.
        elements: Name -> IUPAC consensus.
        settings: How many, and the seed.
        draws: Bootstrap samples of genes.

    Returns:
        Columns `COLUMNS`, most important features first.
    """
    testable = list_testable(named.names, named.layout)
    importance = named.rank(
        named.compute(validation.codes, validation.is_donor),
        validation.labels,
        {name: columns for name, (columns, _) in testable.items()},
        seed=settings.seed,
    )
    chosen = importance[importance >= SMALLEST_LOSS].head(settings.features)
    rows = []
    for number, (feature, lost) in enumerate(chosen.items()):
        starts = find_starts(feature, train_codes, named.layout, elements)
        for editor in make_editors(
            feature, named.layout, named.strengths, elements, {feature: starts}
        ):
            rng = np.random.default_rng([settings.seed, number])
            sites, pairs = propose_changes(editor, test, settings, rng)
            if len(sites) < FEWEST_SITES:
                logger.info("%s %s: only %d sites", feature, editor.mode, len(sites))
                continue
            classical, model = measure_changes(
                named, predict, test, sites, pairs, draws=draws
            )
            rows.append(
                {
                    "feature": feature,
                    "definition": f"{testable[feature][1]}: {editor.what}",
                    "source": "classical",
                    "mode": editor.mode,
                    "importance": lost,
                    "n_sites": len(sites),
                    "n_genes": len(
                        np.unique(number_groups(test.genes[sites], len(sites)))
                    ),
                    **_name("classical", classical),
                    **_name("model", model),
                    "verdict": judge(classical, model),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _name(prefix: str, effect: Effect) -> dict[str, float]:
    return {
        prefix: effect.mean,
        f"{prefix}_low": effect.low,
        f"{prefix}_high": effect.high,
    }


def propose_changes(
    editor: Editor,
    test: HeldOut,
    settings: VerificationSettings,
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[list[Pair]]]:
    """Change sites in random order until there are enough.

    Returns:
        Rows of the sites, int (m,), and per site ``draws`` pairs.
    """
    rows, pairs = [], []
    for row in rng.permutation(len(test.codes)):
        codes = test.codes[row]
        letters = BASES[codes].tobytes().decode()
        drawn = draw_alternatives(letters, settings.draws, rng)
        others = encode_bases(drawn.view(np.uint8).reshape(drawn.shape))
        found = [
            editor.propose(Site(codes, bool(test.is_donor[row]), other, rng))
            for other in others
        ]
        if all(pair is not None for pair in found):
            rows.append(int(row))
            pairs.append([pair for pair in found if pair is not None])
        if len(rows) == settings.sites:
            break
    return np.array(rows, dtype=np.int64), pairs


def measure_changes(
    named: NamedModel,
    predict: Callable[[Sequence[str]], np.ndarray],
    test: HeldOut,
    sites: np.ndarray,
    pairs: Sequence[Sequence[Pair]],
    *,
    draws: int,
) -> tuple[Effect, Effect]:
    """Compare changed sequences with their controls, for both models.

    Returns:
        Mean change of the log-odds beyond the control's, classical and language model.
    """
    codes = np.stack([codes for site in pairs for pair in site for codes in pair])
    shape = (len(sites), len(pairs[0]), 2)
    is_donor = np.repeat(test.is_donor[sites], shape[1] * shape[2])
    texts = [BASES[row].tobytes().decode() for row in codes]
    effects = []
    for values in (named.predict(named.compute(codes, is_donor)), predict(texts)):
        both = np.asarray(values, dtype=np.float64).reshape(shape).mean(axis=1)
        change = both[:, 0] - both[:, 1]
        effects.append(summarise_change(change, test.genes[sites], draws=draws))
    return effects[0], effects[1]


def summarise_change(change: np.ndarray, genes: np.ndarray, *, draws: int) -> Effect:
    """Mean of paired changes with an interval over genes (NaN with too few).

    Args:
        change: float (n,).
        genes: Gene of each, (n,).
        draws: Bootstrap samples of genes.
    """
    ends = get_mean_interval(change, genes, draws=draws, seed=1)
    return Effect(float(change.mean()), *ends)


def judge(classical: Effect, model: Effect) -> str:
    """Say whether both models answer to a feature, and in the same direction.

    A model answers where its interval excludes 0 and its mean is at least 0.1.

    Args:
        classical: Effect on the classical model.
        model: Effect on the language model.

    Returns:
        "confirmed": both answer, in the same direction; "contradicted": in opposite
        ones; "classical-only" and "LM-only": only one answers; "undecided".
    """
    signs = classical.get_sign(), model.get_sign()
    if all(signs):
        return "confirmed" if signs[0] == signs[1] else "contradicted"
    if signs[0]:
        return "classical-only"
    return "LM-only" if signs[1] else "undecided"


def list_testable(
    names: Sequence[str], layout: Layout
) -> dict[str, tuple[list[str], str]]:
    """Group features into those that a change of the sequence can test.

    Args:
        names: Names of features.
        layout: The windows.

    Returns:
        Testable feature -> its columns, and a definition.
    """
    found: dict[str, tuple[list[str], str]] = {}
    fixed = {
        "strength": "strength of the site",
        "tract": "polypyrimidine tract",
        "branch": "branch point",
        "decoy:same": "competitors of the same type",
        "decoy:other": "competitors of the other type",
    }
    for name in names:
        group, *rest = name.split(":")
        if group == "decoy":
            key, words = f"decoy:{rest[0]}", fixed[f"decoy:{rest[0]}"]
        elif group in fixed:
            key, words = group, fixed[group]
        elif group == "element":
            words = f"{rest[0]} at {say_range(int(rest[1]), int(rest[2]))}"
            key = name
        elif group == "gc" and rest[0] != "difference":
            where = {"5prime": "5' of the junction", "3prime": "3' of the junction"}
            words = f"GC {where.get(rest[0], f'within {rest[0]} nt')}"
            key = name
        else:
            continue
        found.setdefault(key, ([], words))[0].append(name)
    return found


def find_starts(
    feature: str, codes: np.ndarray, layout: Layout, elements: Mapping[str, str]
) -> np.ndarray:
    """Columns at which sites have hits of an element in its bin, int (hits,)."""
    group, *rest = feature.split(":")
    if group != "element":
        return np.zeros(0, dtype=np.int64)
    hits = find_hits(codes, elements[rest[0]])
    columns = layout.get_slice(int(rest[1]), int(rest[2]))
    return np.nonzero(hits[:, columns])[1] + columns.start
