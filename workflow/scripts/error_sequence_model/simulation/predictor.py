"""A simulated predictor: errors with planted, known causes, decoys and scores.

Gene coordinates as in ``simulation.genes``: transcript sense, 0-based, half-open;
offsets count from the junction (0 = first base 3' of it).

What is planted is the ``simulation.plan``.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.simulation.genes import A, Element, G, Gene, Site, T, encode
from error_sequence_model.simulation.plan import (
    ALU,
    ALU_LINKER,
    CAUSE,
    DECOY,
    TRACT,
    WEAK,
    Plan,
    Planted,
)
from error_sequence_model.simulation.settings import SimulationSettings
from error_sequence_model.simulation.signals import (
    ACCEPTOR_SIGNAL,
    ACCEPTOR_START,
    DONOR_SIGNAL,
    DONOR_START,
    write_acceptor,
    write_donor,
)

ALU_POLY_T = (14, 22)
ALU_INTERRUPTED = 0.05  # share of the poly-T's bases that are another base
ALU_ENDS = (-11, -3)  # offset of the linker's end, between the two evenly; CAG at -3

UNUSED_RESERVED = {"donor": (-10, 35), "acceptor": (-20, 30)}

THRESHOLD = 0.5
LOGIT_MEANS = {"TP": 2.5, "FP": 1.2, "FN": -1.2, "TN": -3.0}
LOGIT_NOISE = 1.3
LOGIT_PER_BIT = 0.2  # how much the predictor heeds the junction's strength
USUAL_STRENGTH = {"donor": 8.0, "acceptor": 12.0}  # bits, about the mean of true sites


def write_signals(
    rng: np.random.Generator, gene: Gene, settings: SimulationSettings, plan: Plan
) -> None:
    """Write the splice signals of a laid-out gene, then choose its true negatives.

    Args:
        rng: Source of randomness.
        gene: From ``lay_out_gene``; changed in place.
        settings: What to simulate.
        plan: What is planted.
    """
    for site in gene.sites:
        _write_signal(rng, gene, site, settings, plan)
    _add_true_negatives(rng, gene, settings)


def plant_decoys(rng: np.random.Generator, genes: list[Gene], plan: Plan) -> None:
    """Plant the decoy at the same share of the sites of every class, to the site.

    Decoys come before the causes, which make way: their place must not depend on them.

    Args:
        rng: Source of randomness.
        genes: All genes, signals written; changed in place.
        plan: What is planted.
    """
    classes: dict[tuple[str, str], list[tuple[Gene, Site]]] = {}
    for gene in genes:
        for site in gene.sites:
            name = (site.splice_type, site.pred_type)
            classes.setdefault(name, []).append((gene, site))
    for name in sorted(classes):
        members, decoy = classes[name], plan.decoys[name[0]]
        n_decoys = round(decoy.share * len(members))
        for index in np.sort(rng.permutation(len(members))[:n_decoys]):
            _plant(rng, *members[index], decoy, 0.0)


def plant_causes(
    rng: np.random.Generator, gene: Gene, settings: SimulationSettings, plan: Plan
) -> None:
    """Plant the words of a gene's explained errors; what is a signal is there already.

    Args:
        rng: Source of randomness.
        gene: With signals and decoys; changed in place.
        settings: What to simulate.
        plan: What is planted.
    """
    for site in gene.sites:
        cause = plan.causes.get((site.pred_type, site.splice_type))
        if not (site.is_explained and cause and cause.word):
            continue
        if cause.copies:
            copies = int(rng.integers(cause.copies[0], cause.copies[1] + 1))
        else:
            copies = 2 if rng.random() < settings.two_copies_share else 1
        for _ in range(copies):
            _plant(rng, gene, site, cause, settings.altered_share)


def get_score(rng: np.random.Generator, gene: Gene, site: Site) -> float:
    """Draw the predictor's score of a site, on the side of 0.5 its class demands.

    The logit is the mean of the class plus the junction's strength plus noise; draws
    that fall on the wrong side of the threshold are reflected, so that classes meet at
    the threshold as they do for a real predictor.

    Returns:
        Probability with five decimals; at least 0.5 exactly for TP and FP.
    """
    surplus = _get_strength(gene, site) - USUAL_STRENGTH[site.splice_type]
    logit = LOGIT_MEANS[site.pred_type] + LOGIT_PER_BIT * surplus
    distance = abs(logit + LOGIT_NOISE * rng.standard_normal())
    if site.pred_type in ("TP", "FP"):
        return round(1 / (1 + np.exp(-distance)), 5)
    return min(round(1 / (1 + np.exp(distance)), 5), THRESHOLD - 1e-5)


def _get_strength(gene: Gene, site: Site) -> float:
    """Log-likelihood ratio (bits) of the junction's signal against equal bases."""
    is_donor = site.splice_type == "donor"
    signal = DONOR_SIGNAL if is_donor else ACCEPTOR_SIGNAL
    start = site.junction + (DONOR_START if is_donor else ACCEPTOR_START)
    codes = gene.codes[start : start + len(signal)]
    chances = np.maximum(signal[np.arange(len(signal)), codes], 0.01)
    return float(np.log2(chances / 0.25).sum())


def _write_signal(
    rng: np.random.Generator,
    gene: Gene,
    site: Site,
    settings: SimulationSettings,
    plan: Plan,
) -> None:
    cause = plan.causes.get((site.pred_type, site.splice_type))
    kind = cause.kind if cause and site.is_explained else None
    if site.splice_type == "donor":
        gc_share = settings.gc_donor_share if site.is_annotated else 0.0
        write_donor(rng, gene, site.junction, gc_share=gc_share)
    else:
        write_acceptor(rng, gene, site.junction, has_branch=kind != ALU)
    if kind == ALU:
        _plant_alu(rng, gene, site, cause.name)
    elif kind == WEAK:
        _weaken(rng, gene, site, cause.name)


def _weaken(rng: np.random.Generator, gene: Gene, site: Site, name: str) -> None:
    """Write any bases over the site's signal but its two invariant ones."""
    is_donor = site.splice_type == "donor"
    first = site.junction + (DONOR_START if is_donor else ACCEPTOR_START)
    length = len(DONOR_SIGNAL if is_donor else ACCEPTOR_SIGNAL)
    codes = rng.integers(0, 4, length).astype(np.uint8)
    pair = site.junction - first - (0 if is_donor else 2)
    codes[pair : pair + 2] = gene.codes[first + pair : first + pair + 2]
    gene.write(first, codes)
    gene.elements.append(Element(first, first + length, name, CAUSE, site))


def _plant_alu(rng: np.random.Generator, gene: Gene, site: Site, name: str) -> None:
    n_bases = int(rng.integers(ALU_POLY_T[0], ALU_POLY_T[1] + 1))
    tract = np.full(n_bases, T, dtype=np.uint8)
    is_other = rng.random(n_bases) < ALU_INTERRUPTED
    tract[is_other] = rng.integers(0, T, size=int(is_other.sum()))
    codes = np.concatenate([tract, encode(ALU_LINKER)])
    end = site.junction + int(rng.integers(ALU_ENDS[0], ALU_ENDS[1] + 1))
    gene.write(end - len(codes), codes)
    gene.elements.append(Element(end - len(codes), end, name, CAUSE, site))


def _plant(
    rng: np.random.Generator,
    gene: Gene,
    site: Site,
    planted: Planted,
    altered_share: float,
) -> None:
    """Plant one copy at a free place of its zone, chosen evenly; none if it is full.

    The polypyrimidine tract is the site's own signal, yet its element goes there: only
    there, what is written over is the signal.
    """
    codes = encode(planted.word)
    size = len(codes)
    first, end = planted.zone
    zone = np.arange(site.junction + first, site.junction + end - size + 1)
    zone = zone[(zone >= 0) & (zone + size <= len(gene))]
    blocked = _get_blocked(gene) if planted.kind == TRACT else gene.taken
    free = [start for start in zone if not blocked[start : start + size].any()]
    if not free:
        return
    if rng.random() < altered_share:
        changed = int(rng.integers(size))
        codes[changed] = (codes[changed] + rng.integers(1, 4)) % 4
    start = int(rng.choice(free))
    gene.write(start, codes)
    role = DECOY if planted.kind == DECOY else CAUSE
    gene.elements.append(Element(start, start + size, planted.name, role, site))


def _get_blocked(gene: Gene) -> np.ndarray:
    """Bool (length,): where other elements lie."""
    blocked = np.zeros(len(gene), dtype=bool)
    for element in gene.elements:
        blocked[element.start : element.end] = True
    return blocked


def _add_true_negatives(
    rng: np.random.Generator, gene: Gene, settings: SimulationSettings
) -> None:
    """List some GT and AG of the background, clear of other sites, as TN."""
    whole, rest = divmod(settings.true_negatives_per_gene, 1)
    n_sites = int(whole) + int(rng.random() < rest)
    is_donor = rng.random() < 0.5
    for _ in range(n_sites):
        splice_type = "donor" if is_donor else "acceptor"
        is_donor = not is_donor
        junctions = _find_unused(gene, splice_type)
        if len(junctions) == 0:
            continue
        site = Site(int(rng.choice(junctions)), splice_type, "TN")
        gene.add_site(site, UNUSED_RESERVED[splice_type])
        dinucleotide = site.junction - (0 if splice_type == "donor" else 2)
        gene.taken[dinucleotide : dinucleotide + 2] = True


def _find_unused(gene: Gene, splice_type: str) -> np.ndarray:
    """Junctions of all GT (donor) or AG (acceptor) with nothing reserved around."""
    pair = (G, T) if splice_type == "donor" else (A, G)
    shift = 0 if splice_type == "donor" else 2
    is_pair = (gene.codes[:-1] == pair[0]) & (gene.codes[1:] == pair[1])
    junctions = np.flatnonzero(is_pair) + shift
    before, after = UNUSED_RESERVED[splice_type]
    fits = (junctions + before >= 0) & (junctions + after <= len(gene))
    junctions = junctions[fits]
    n_reserved = np.concatenate([[0], np.cumsum(gene.reserved)])
    is_free = n_reserved[junctions + after] == n_reserved[junctions + before]
    return junctions[is_free]
