"""Which pred_types are told apart, and the label each site gets.

In a binary contrast label 1 is the error (the positive class), 0 the correct call. Two
contrasts ask what is special about errors that other predictors do not make: label 1
is an error of this predictor alone (private), 0 one that all its peers make (shared).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from error_sequence_model.core import InputError

if TYPE_CHECKING:  # the workflow reads contrasts too, and should start fast
    import pandas as pd

PRED_TYPES = ("TP", "FP", "FN", "TN")
MATCHABLE = ("dinucleotide", "gc", "strength", "score")

_BINARY = {
    "fp_vs_tp": (("FP",), ("TP",)),
    "fn_vs_tp": (("FN",), ("TP",)),
    "fn_vs_tn": (("FN",), ("TN",)),
    "fp_vs_tn": (("FP",), ("TN",)),
}
LIKE_WITH_LIKE = ("fp_vs_tp", "fn_vs_tn", "fp_vs_tn")
CANONICAL = {"donor": "GT", "acceptor": "AG"}
# Among errors of one kind: those that no peer makes, and those that all make.
_PRIVATE = {"private_fn_vs_shared": ("FN",), "private_fp_vs_shared": ("FP",)}
COMPANY = {"shared": 0, "private": 1}
BUILT_IN = (*_BINARY, "error_type", *_PRIVATE)
# Column ``kind`` of peers.parquet by the call that is the error.
KIND_OF = {"FN": "missed", "FP": "invented"}


@dataclass(frozen=True)
class Contrast:
    """Classes told apart.

    Attributes:
        name: As in the config and in the result paths.
        classes: ``(class name, pred_types)`` in label order: label i is class i.
        shuffle_labels: Permute the labels within each part, as a negative control.
        match: What the classes are matched on (see ``splits``); empty for nothing.
        same_dinucleotide: Keep only GT donors and AG acceptors, so that no class can
            be told by its dinucleotide. On for the built-in contrasts of called with
            called and of uncalled with uncalled sites (FP with TP, FN with TN); off
            for FN with TP, where a rare dinucleotide is one of the causes sought.
        peers: The predictors that an error is private from or shared with, none for
            all of the genome's; None for a contrast of calls.
    """

    name: str
    classes: tuple[tuple[str, tuple[str, ...]], ...]
    shuffle_labels: bool = False
    match: tuple[str, ...] = ()
    same_dinucleotide: bool = False
    peers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        place = f"contrast {self.name!r}"
        given = [kind for _, kinds in self.classes for kind in kinds]
        unknown = sorted(set(given) - set(PRED_TYPES))
        if unknown:
            raise InputError(
                f"{place}: unknown pred_type {unknown}; allowed: "
                f"{', '.join(PRED_TYPES)}"
            )
        if len(self.classes) < 2 or any(not kinds for _, kinds in self.classes):
            raise InputError(f"{place}: every class needs at least one pred_type")
        repeated = sorted({kind for kind in given if given.count(kind) > 1})
        if repeated and self.peers is None:
            raise InputError(f"{place}: {repeated} stands in more than one class")
        wrong = sorted(set(self.match) - set(MATCHABLE))
        if wrong:
            raise InputError(
                f"{place}: cannot match on {wrong}; allowed: {', '.join(MATCHABLE)}"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in label order."""
        return tuple(name for name, _ in self.classes)

    @property
    def pred_types(self) -> tuple[str, ...]:
        """All pred_types of the contrast."""
        return tuple(kind for _, kinds in self.classes for kind in kinds)

    @property
    def is_binary(self) -> bool:
        """Whether it is errors against correct calls."""
        return len(self.classes) == 2


def _read_names(place: str, key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return tuple(value)
    what = "predictors" if key == "peers" else "pred_types"
    raise InputError(f"{place}: {key} is {value!r}; it must be a list of {what}")


def parse_contrast(name: str, definition: Mapping[str, Any] | None = None) -> Contrast:
    """Make a contrast from its config entry.

    Args:
        name: Its name; a built-in one needs no definition.
        definition: ``positive`` and ``negative`` lists of pred_types, or ``like`` (a
            built-in name); optionally ``shuffle_labels``, ``match`` and, of an error
            private or shared, ``peers``.

    Raises:
        InputError: Unknown name or key, or pred_types that make no contrast.

    Example:
        >>> parse_contrast("fn_vs_tp").classes
        (('correct', ('TP',)), ('error', ('FN',)))
        >>> parse_contrast("mine", {"positive": ["FN", "FP"], "negative": "TP"}).classes
        (('correct', ('TP',)), ('error', ('FN', 'FP')))
        >>> parse_contrast("private_fn_vs_shared").classes
        (('shared', ('FN',)), ('private', ('FN',)))
    """
    place = f"contrast {name!r}"
    definition = dict(definition or {})
    allowed = (
        *("positive", "negative", "like"),
        *("shuffle_labels", "match", "same_dinucleotide", "peers"),
    )
    unknown = sorted(set(definition) - set(allowed))
    if unknown:
        raise InputError(
            f"{place}: unknown key {unknown}; allowed: {', '.join(allowed)}"
        )
    base = definition.get("like", name)
    if "peers" in definition and ("positive" in definition or base not in _PRIVATE):
        raise InputError(
            f"{place}: `peers` are of errors private or shared; add "
            f"`like: private_fn_vs_shared` or leave them out"
        )
    is_like_with_like = "positive" not in definition and base in LIKE_WITH_LIKE
    options = {
        "same_dinucleotide": bool(
            definition.get("same_dinucleotide", is_like_with_like)
        ),
        "shuffle_labels": bool(definition.get("shuffle_labels", False)),
        "match": _read_names(place, "match", definition.get("match", [])),
    }
    if "positive" in definition or "negative" in definition:
        if not {"positive", "negative"} <= set(definition):
            raise InputError(f"{place}: needs both `positive` and `negative`")
        positive = _read_names(place, "positive", definition["positive"])
        negative = _read_names(place, "negative", definition["negative"])
        return Contrast(name, (("correct", negative), ("error", positive)), **options)
    if base == "error_type":
        return Contrast(name, tuple((kind, (kind,)) for kind in PRED_TYPES), **options)
    if base in _PRIVATE:
        options["peers"] = _read_names(place, "peers", definition.get("peers", []))
        classes = tuple((company, _PRIVATE[base]) for company in COMPANY)
        return Contrast(name, classes, **options)
    if base not in _BINARY:
        raise InputError(
            f"{place} is not built in ({', '.join(BUILT_IN)}); define it in "
            f"`contrasts` as `{name}: {{positive: [FP], negative: [TP]}}`"
        )
    positive, negative = _BINARY[base]
    return Contrast(name, (("correct", negative), ("error", positive)), **options)


def part_limits(
    contrasts: list[str] | Mapping[str, Mapping[str, Any] | None],
) -> tuple[dict[str, dict[str, Any] | None], dict[str, list[str]]]:
    """Part a config's contrasts from the splice types that they are limited to.

    Returns:
        Name -> definition without `splice_types`; and of the limited ones, the names
        that runs have too (see ``expand_contrasts``), the splice types.
    """
    given = contrasts if isinstance(contrasts, Mapping) else dict.fromkeys(contrasts)
    plain = {name: dict(entry) if entry else None for name, entry in given.items()}
    limits = {}
    for name, entry in plain.items():
        if entry and "splice_types" in entry:
            limits[name] = limits[f"{name}_matched"] = entry.pop("splice_types")
    return plain, limits


def expand_contrasts(
    contrasts: list[str] | Mapping[str, Mapping[str, Any] | None],
) -> dict[str, Mapping[str, Any] | None]:
    """List the contrasts to run: a matched one never stands without the unmatched.

    Args:
        contrasts: The `contrasts` section of the config, a list or a map.

    Returns:
        Name -> definition. A contrast with ``match`` becomes two: ``{name}`` without
        it and ``{name}_matched`` with it.

    Raises:
        InputError: A definition that makes no contrast, or a name given twice.
    """
    given = contrasts if isinstance(contrasts, Mapping) else dict.fromkeys(contrasts)
    expanded: dict[str, Mapping[str, Any] | None] = {}
    for name, definition in given.items():
        parse_contrast(name, definition)
        if not definition or not definition.get("match"):
            expanded[name] = definition
            continue
        matched = f"{name}_matched"
        if matched in given:
            raise InputError(
                f"contrast {name!r}: its matched run is called {matched!r}, which "
                "`contrasts` defines as well; rename one of the two"
            )
        plain = {key: value for key, value in definition.items() if key != "match"}
        expanded[name] = plain or None
        base = {} if "positive" in definition else {"like": name}
        expanded[matched] = {**base, **definition}
    return expanded


def list_compared(peers: pd.DataFrame) -> list[str]:
    """The predictors of a ``peers.parquet``, the one in question first."""
    return [*peers.columns[peers.columns.get_loc("gene_id") + 1 :]]


def find_company(
    peers: pd.DataFrame, error: str, names: Sequence[str] = ()
) -> pd.Series:
    """Find which errors of a predictor its peers share.

    Args:
        peers: ``peers.parquet`` of the predictor: kind, site_id, and after gene_id a
            nullable boolean per predictor, its own first.
        error: FN or FP.
        names: Its peers that count; all if empty.

    Returns:
        Of each error, by site_id: ``private`` (no peer errs there), ``shared`` (all
        do), ``partly_shared``, or ``not_judged`` (a peer did not judge the site).

    Raises:
        InputError: A name that is no peer.
    """
    own, *others = list_compared(peers)
    if unknown := sorted(set(names) - set(others)):
        raise InputError(
            f"peers: {unknown} are not held beside {own!r}; there are "
            f"{', '.join(others) or 'none'}"
        )
    import pandas as pd

    is_own = peers["kind"].eq(KIND_OF[error]) & peers[own].fillna(False)
    errors = peers[is_own & peers["site_id"].notna()]
    verdicts = errors[list(names) or others].astype("boolean")
    company = pd.Series("partly_shared", errors["site_id"].astype("int64"))
    company[verdicts.fillna(False).all(axis=1).to_numpy()] = "shared"
    company[~verdicts.fillna(True).any(axis=1).to_numpy()] = "private"
    company[verdicts.isna().any(axis=1).to_numpy()] = "not_judged"
    return company


def label_sites(
    sites: pd.DataFrame, contrast: Contrast, peers: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Keep a contrast's sites and give them labels.

    Args:
        sites: sites.parquet.
        contrast: What to tell apart.
        peers: ``peers.parquet``, which says what is private and what is shared.

    Returns:
        Its sites with an added column ``label`` (int8, the class index), same order.

    Raises:
        InputError: The contrast needs ``peers``, or names one that is none.

    Example:
        >>> import pandas as pd
        >>> sites = pd.DataFrame({"pred_type": ["TP", "FP", "FN"]})
        >>> label_sites(sites, parse_contrast("fn_vs_tp"))
          pred_type  label
        0        TP      0
        2        FN      1
    """
    if contrast.peers is None:
        classes = enumerate(kinds for _, kinds in contrast.classes)
        codes = {kind: label for label, kinds in classes for kind in kinds}
        labels = sites["pred_type"].map(codes)
    elif peers is None:
        raise InputError(
            f"contrast {contrast.name!r} needs to know who else errs: peers.parquet"
        )
    else:
        company = find_company(peers, contrast.pred_types[0], contrast.peers)
        labels = sites["site_id"].map(company.map(COMPANY))
    chosen = sites[labels.notna()]
    if contrast.same_dinucleotide:
        usual = chosen["splice_type"].map(CANONICAL)
        chosen = chosen[chosen["dinucleotide"].eq(usual)]
    return chosen.assign(label=labels[chosen.index].astype("int8"))
