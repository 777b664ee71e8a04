"""Named causes that can be read from the windows alone.

Windows are base codes, int8 (n, length), 0-3 = ACGT and 4 for any other letter, in
transcript sense; the junction lies before index ``upstream``. A flag is float (n,):
1, 0, or NaN where it is not defined. Thresholds that are shares of the annotated sites
come from training sites only, and so do the strength matrices.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from error_sequence_model.causes.registry import PSEUDO_EXON
from error_sequence_model.features import (
    CONSENSUS,
    find_dinucleotides,
    get_log_odds,
    learn_strength,
    measure_gc,
    scan_matrix,
    scan_strength,
    score_matrix,
)
from error_sequence_model.settings import CauseSettings

A, C, G, T, OTHER = range(5)
# U12-type signals as shares of A, C, G, T: RTATCCTTT from +1 on and TTCCTTRAC, after
# the counts that Sheth et al. (2006, Nucleic Acids Res 34:3955) draw; rounded by us.
DONOR_U12 = np.array(
    [
        *([0.25, 0.01, 0.73, 0.01], [0.01, 0.02, 0.01, 0.96], [0.96, 0.01, 0.01, 0.02]),
        *([0.01, 0.01, 0.01, 0.97], [0.01, 0.97, 0.01, 0.01], [0.01, 0.97, 0.01, 0.01]),
        *([0.02, 0.03, 0.02, 0.93], [0.06, 0.10, 0.06, 0.78], [0.15, 0.20, 0.15, 0.50]),
    ]
)
BRANCH_U12 = np.array(
    [
        *([0.15, 0.20, 0.10, 0.55], [0.08, 0.17, 0.05, 0.70], [0.05, 0.80, 0.02, 0.13]),
        *([0.03, 0.85, 0.02, 0.10], [0.01, 0.03, 0.01, 0.95], [0.03, 0.05, 0.02, 0.90]),
        *([0.70, 0.02, 0.26, 0.02], [0.96, 0.01, 0.02, 0.01], [0.03, 0.80, 0.02, 0.15]),
    ]
)
# Share of letter-shuffled annotated sites that reach the threshold: about one in a
# thousand GT-AG sites of human chr19 does then (tests/benchmarks/benchmark_u12.py).
U12_FALSE = {"donor": 2e-4, "acceptor": 1e-3}
U12_DRAWS = 50_000
BRANCH_ZONE = (-44, -17)  # offsets of the branch point's A
TRACT_ZONE = (-20, -4)
WEAKNESSES = ("weak_site", "weak_tract")  # flags of a site's own signal
U12_ZONE = (-35, -6)  # offsets that hold all of a branch site
ALU_ZONE = (-60, -3)
ALU_RUN, ALU_THYMINES, ALU_LINKER_REACH = 12, 11, 3
UG_RUN = 12
DUST_REACH, DUST_LIMIT = 50, 2.0
FEWEST_TEACHERS = 20
ROWS_AT_ONCE = 20_000
ROUNDING = 1e-3  # bits: scans add up in single precision


@dataclass(frozen=True)
class Reference:
    """What annotated training sites of one splice type look like.

    Attributes:
        splice_type: donor or acceptor.
        weights: Strength matrix, float (width, 5), or None with too few sites.
        partner: That of the other type, or None.
        weak: Strength (bits) below which a site is weak.
        median: Median strength (bits).
        weak_tract: Share of C and T at −20..−5 up to which a tract is weak.
        partner_median: Median strength (bits) of annotated sites of the other type.
        gc: Lowest and highest usual GC share of a window.
        u12: Likeness to a U12-type site (bits) that a share of ``U12_FALSE`` reaches of
            sites whose letters were shuffled among the annotated ones, place by place.
    """

    splice_type: str
    weights: np.ndarray | None
    partner: np.ndarray | None
    weak: float
    median: float
    weak_tract: float
    partner_median: float
    gc: tuple[float, float]
    u12: float


def learn_reference(
    teachers: np.ndarray,
    partners: np.ndarray,
    upstream: int,
    splice_type: str,
    settings: CauseSettings,
) -> Reference:
    """Learn matrices and thresholds from annotated training sites.

    Args:
        teachers: Windows of annotated training sites of this type, int8 (n, length).
        partners: Those of the other type.
        upstream: Index of the junction.
        splice_type: donor or acceptor.
        settings: Shares that make a threshold.
    """
    other = "acceptor" if splice_type == "donor" else "donor"
    has_room = all(
        upstream + first >= 0 and upstream + last <= teachers.shape[1]
        for first, last in CONSENSUS.values()
    )
    weights = partner = None
    weak = median = partner_median = weak_tract = u12 = np.nan
    gc = (np.nan, np.nan)
    if len(teachers) >= FEWEST_TEACHERS:
        share = settings.extreme_gc_share
        gc = tuple(np.quantile(measure_gc(teachers), [share, 1 - share]))
        if has_room:
            weights = learn_strength(teachers, upstream, splice_type)
            bits = score_junction(teachers, upstream, splice_type, weights)
            weak = float(np.quantile(bits, settings.weak_share))
            median = float(np.median(bits))
            tract = measure_tract(teachers, upstream)
            weak_tract = float(np.quantile(tract, settings.weak_share))
        if _has_u12_room(upstream, teachers.shape[1]):
            u12 = _learn_u12(teachers, upstream, splice_type)
    if len(partners) >= FEWEST_TEACHERS and has_room:
        partner = learn_strength(partners, upstream, other)
        partner_median = float(
            np.median(score_junction(partners, upstream, other, partner))
        )
    return Reference(
        splice_type, weights, partner, weak, median, weak_tract, partner_median, gc, u12
    )


def score_junction(
    codes: np.ndarray, upstream: int, splice_type: str, weights: np.ndarray
) -> np.ndarray:
    """Strength of the sites themselves, bits, float (n,)."""
    first, last = CONSENSUS[splice_type]
    aligned = codes[:, upstream + first : upstream + last]
    return score_matrix(aligned, weights)


def measure_tract(codes: np.ndarray, upstream: int) -> np.ndarray:
    """Share of C and T in the known bases of the polypyrimidine tract, float (n,)."""
    tract = codes[:, max(upstream + TRACT_ZONE[0], 0) : upstream + TRACT_ZONE[1]]
    known = (tract != OTHER).sum(axis=1)
    pyrimidines = ((tract == C) | (tract == T)).sum(axis=1)
    return np.where(known > 0, pyrimidines / np.maximum(known, 1), 1.0)


def cover_signal(
    flag: str, shape: tuple[int, int], upstream: int, is_donor: np.ndarray
) -> np.ndarray | None:
    """The bases of a site's own signal that a flag is about, bool (n, length)."""
    if flag not in WEAKNESSES:
        return None
    covered = np.zeros(shape, dtype=bool)
    for splice_type, rows in (("donor", is_donor), ("acceptor", ~is_donor)):
        for low, high in list_zones(flag, [splice_type]):
            covered[rows, max(upstream + low, 0) : upstream + high] = True
    return covered


def list_zones(flag: str, splice_types: Collection[str]) -> list[tuple[int, int]]:
    """Where the signal lies that a flag of ``WEAKNESSES`` is about: offsets [a, b)."""
    zones = CONSENSUS if flag == "weak_site" else {"acceptor": TRACT_ZONE}
    return [zone for name, zone in zones.items() if name in splice_types]


def flag_sequences(
    codes: np.ndarray,
    upstream: int,
    reference: Reference,
    settings: CauseSettings,
    *,
    no_site_is_weak: bool = False,
) -> dict[str, np.ndarray]:
    """Flag sites of one splice type by their windows.

    Args:
        codes: Base codes of the windows, int8 (n, length).
        upstream: Index of the junction.
        reference: From ``learn_reference``.
        settings: Thresholds.
        no_site_is_weak: Compare neighbours with at least the median annotated site: a
            weak site has stronger neighbours by being weak.

    Returns:
        Flag name -> float (n,); a flag the windows are too short for is not there.
    """
    parts = [
        _flag_some(
            codes[start : start + ROWS_AT_ONCE],
            *(upstream, reference, settings, no_site_is_weak),
        )
        for start in range(0, max(len(codes), 1), ROWS_AT_ONCE)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _flag_some(
    codes: np.ndarray,
    upstream: int,
    reference: Reference,
    settings: CauseSettings,
    no_site_is_weak: bool,
) -> dict[str, np.ndarray]:
    splice_type, downstream = reference.splice_type, codes.shape[1] - upstream
    flags: dict[str, np.ndarray] = {}
    if reference.weights is not None:
        bits = score_junction(codes, upstream, splice_type, reference.weights)
        flags["weak_site"] = bits <= reference.weak
        flags["competitor"] = _has_competitor(
            codes, upstream, reference, settings, no_site_is_weak
        )
    reach = _get_partner_reach(upstream, downstream, splice_type)
    if reference.partner is not None and reach > PSEUDO_EXON[0]:
        flags["pseudo_exon"] = _has_partner(codes, upstream, reference, reach)
    if splice_type == "acceptor":
        if upstream >= -TRACT_ZONE[0] and np.isfinite(reference.weak_tract):
            tract = measure_tract(codes, upstream)
            flags["weak_tract"] = tract <= reference.weak_tract
        if upstream >= 3 - BRANCH_ZONE[0]:
            flags["no_branch_point"] = ~_has_branch_point(codes, upstream)
        if upstream >= -ALU_ZONE[0]:
            flags["alu_like_tract"] = cover_alu_tracts(codes, upstream).any(axis=1)
    if min(upstream, downstream) >= 8:
        flags["tandem"] = _is_tandem(codes, upstream, splice_type)
    if np.isfinite(reference.u12):
        flags["u12_type"] = score_u12(codes, upstream, splice_type) > reference.u12
    flags["noncanonical"] = ~find_dinucleotides(codes, splice_type)[:, upstream]
    near = codes[:, max(upstream - DUST_REACH, 0) : upstream + DUST_REACH]
    flags["low_complexity"] = measure_dust(near) > DUST_LIMIT
    flags["ug_repeat"] = measure_alternation(codes, G, T) >= UG_RUN
    if np.isfinite(reference.gc).all():
        gc = measure_gc(codes)
        flags["gc_poor"] = gc <= reference.gc[0]
        flags["gc_rich"] = gc >= reference.gc[1]
    flags["window_edge"] = (codes == OTHER).any(axis=1)
    return {name: flag.astype(np.float64) for name, flag in flags.items()}


def _has_competitor(
    codes: np.ndarray,
    upstream: int,
    reference: Reference,
    settings: CauseSettings,
    no_site_is_weak: bool,
) -> np.ndarray:
    scores = scan_strength(codes, reference.weights, reference.splice_type)
    own = scores[:, upstream].copy()
    if no_site_is_weak:
        own = np.maximum(own, reference.median)
    scores[~find_dinucleotides(codes, reference.splice_type)] = -np.inf
    scores[:, upstream] = -np.inf
    reach = settings.competitor_reach
    near = scores[:, max(upstream - reach, 0) : upstream + reach + 1]
    return near.max(axis=1, initial=-np.inf) > own + ROUNDING


def _get_partner_reach(upstream: int, downstream: int, splice_type: str) -> int:
    """How far (nt) the window shows junctions of the other type on the exon side."""
    if splice_type == "donor":
        return min(PSEUDO_EXON[1], upstream + CONSENSUS["acceptor"][0])
    return min(PSEUDO_EXON[1], downstream - CONSENSUS["donor"][1])


def describe_partner_reach(upstream: int, downstream: int, splice_type: str) -> str:
    """The distances looked at for a partner, "50–80", as the windows allow."""
    types = ("donor", "acceptor") if splice_type == "any" else (splice_type,)
    reach = max(_get_partner_reach(upstream, downstream, kind) for kind in types)
    return f"{PSEUDO_EXON[0]}–{reach}"


def _has_partner(
    codes: np.ndarray, upstream: int, reference: Reference, reach: int
) -> np.ndarray:
    other = "acceptor" if reference.splice_type == "donor" else "donor"
    scores = scan_strength(codes, reference.partner, other)
    is_site = find_dinucleotides(codes, other) & (
        scores >= reference.partner_median - ROUNDING
    )
    if reference.splice_type == "donor":
        return is_site[:, upstream - reach : upstream - PSEUDO_EXON[0] + 1].any(axis=1)
    return is_site[:, upstream + PSEUDO_EXON[0] : upstream + reach + 1].any(axis=1)


def _is_tandem(codes: np.ndarray, upstream: int, splice_type: str) -> np.ndarray:
    if splice_type == "acceptor":
        is_pair, step = find_dinucleotides(codes, "acceptor"), 3
    else:
        is_pair, step = np.zeros(codes.shape, dtype=bool), 4
        is_pair[:, :-1] = (codes[:, :-1] == G) & np.isin(codes[:, 1:], (C, T))
    return is_pair[:, upstream - step] | is_pair[:, upstream + step]


def _has_branch_point(codes: np.ndarray, upstream: int) -> np.ndarray:
    """Match of yUnAy (Gao et al., Nucleic Acids Res 2008) with its A in the zone."""
    places = np.arange(upstream + BRANCH_ZONE[0], upstream + BRANCH_ZONE[1])
    is_pyrimidine = (codes == C) | (codes == T)
    found = is_pyrimidine[:, places - 3] & (codes[:, places - 2] == T)
    found &= (codes[:, places] == A) & is_pyrimidine[:, places + 1]
    return found.any(axis=1)


def score_u12(codes: np.ndarray, upstream: int, splice_type: str) -> np.ndarray:
    """Likeness to a U12-type donor, or of the best branch site, bits, float (n,)."""
    if splice_type == "donor":
        zone, matrix = codes[:, upstream : upstream + len(DONOR_U12)], DONOR_U12
    else:
        zone, matrix = codes[:, slice(*(upstream + x for x in U12_ZONE))], BRANCH_U12
    return scan_matrix(zone, get_log_odds(matrix, np.full(4, 0.25))).max(axis=1)


def _has_u12_room(upstream: int, length: int) -> bool:
    return upstream >= -U12_ZONE[0] and length - upstream >= len(DONOR_U12)


def _learn_u12(teachers: np.ndarray, upstream: int, splice_type: str) -> float:
    """What annotated sites reach by chance: their letters, shuffled place by place."""
    near = teachers[:, upstream + U12_ZONE[0] : upstream + len(DONOR_U12)]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(near), size=(U12_DRAWS, near.shape[1]))
    shuffled = near[drawn, np.arange(near.shape[1])]
    scores = score_u12(shuffled, -U12_ZONE[0], splice_type)
    return float(np.quantile(scores, 1 - U12_FALSE[splice_type]))


def cover_alu_tracts(codes: np.ndarray, upstream: int) -> np.ndarray:
    """Poly-T with GA before the AG: TTTTTTGAGACAG (Lev-Maor et al., Science 2003).

    Returns:
        The bases of the poly-T, bool (n, length).
    """
    zone = codes[:, upstream + ALU_ZONE[0] : upstream + ALU_ZONE[1] + 1]
    runs = np.lib.stride_tricks.sliding_window_view(zone == T, ALU_RUN, axis=1)
    is_run = runs.sum(axis=2) >= ALU_THYMINES
    is_linker = (zone[:, :-1] == G) & (zone[:, 1:] == A)
    width = is_linker.shape[1]
    found = np.zeros(len(codes), dtype=bool)
    for gap in range(ALU_LINKER_REACH + 1):
        starts = np.arange(max(min(is_run.shape[1], width - ALU_RUN - gap), 0))
        follows = is_linker[:, starts + ALU_RUN + gap]
        found |= (is_run[:, starts] & follows).any(axis=1)
    is_run = is_run & found[:, None]
    covered = np.zeros(codes.shape, dtype=bool)
    for column in range(upstream + ALU_ZONE[0], upstream + ALU_ZONE[0] + ALU_RUN):
        covered[:, column : column + is_run.shape[1]] |= is_run
    return covered


def measure_dust(codes: np.ndarray) -> np.ndarray:
    """DUST score (Morgulis et al., J Comput Biol 2006): repeated triplets, (n,).

    Sum of c (c − 1) / 2 over the triplets, over the number of triplets less one; about
    0.8 in a random sequence of 100 bases.
    """
    if codes.shape[1] < 4:
        return np.zeros(len(codes))
    first, second, third = codes[:, :-2], codes[:, 1:-1], codes[:, 2:]
    is_known = (first < OTHER) & (second < OTHER) & (third < OTHER)
    words = first.astype(np.int64) * 16 + second * 4 + third
    words += 64 * np.arange(len(codes))[:, None]
    counts = np.bincount(words[is_known], minlength=64 * len(codes)).reshape(-1, 64)
    pairs = (counts * (counts - 1) / 2).sum(axis=1)
    return pairs / np.maximum(is_known.sum(axis=1) - 1, 1)


def measure_alternation(codes: np.ndarray, one: int, other: int) -> np.ndarray:
    """Longest run in which two bases alternate, nt, int (n,)."""
    step = (codes[:, :-1] == one) & (codes[:, 1:] == other)
    step |= (codes[:, :-1] == other) & (codes[:, 1:] == one)
    longest = np.zeros(len(codes), dtype=np.int64)
    run = np.zeros(len(codes), dtype=np.int64)
    for column in range(step.shape[1]):
        run = np.where(step[:, column], run + 1, 0)
        longest = np.maximum(longest, run)
    return np.where(longest > 0, longest + 1, 0)
