"""A simulated predictor: errors with planted, known causes, decoys and scores.

Gene coordinates as in ``simulation.genes``: transcript sense, 0-based, half-open;
offsets count from the junction (0 = first base 3' of it).

The causes, each a mechanism known from the literature, and blind to the strength of the
junction itself (the signal is drawn alike for TP, FN and FP):

* FN donor, ``hnrnp_a1_silencer``: an exonic silencer TTAGGGT, 5-40 nt upstream.
  hnRNP A1 binds UAGGG[A/U] (Burd & Dreyfuss 1994, EMBO J 13:1197) and, spreading from
  exonic silencers, keeps the exon from being recognised (Zhu, Mayeda & Krainer 2001,
  Mol Cell 8:1351).
* FN acceptor, ``ptbp1_tract``: TTCTCTCT within the polypyrimidine tract. PTBP1 binds
  UUCU/CUCUCU (Perez et al. 1997, RNA 3:764) and displaces U2AF65 from tracts that hold
  it (Sauliere et al. 2006, Mol Cell Biol 26:8755). The tract stays pyrimidine-rich, so
  a weight matrix hardly sees it.
* FP donor, ``g_run_enhancer``: GGGTGGG 10-43 nt downstream of an unused GT. Intronic
  G-runs raise the use of donors upstream of them (McCullough & Berget 1997, Mol Cell
  Biol 17:4562; hnRNP H: Xiao et al. 2009, Nat Struct Mol Biol 16:1094).
* FP acceptor, ``alu_antisense_tract``: poly-T and GA shortly before an AG without a
  branch point, the 3' splice site that an Alu in antisense offers (TTTTTTGAGACAG:
  Lev-Maor et al. 2003, Science 300:1288; Sorek et al. 2004, Mol Cell 14:221).
* ``rbfox_decoy``: TGCATG, as often and at the same places in every class; it explains
  nothing.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.simulation.genes import A, Element, G, Gene, Site, T, encode
from error_sequence_model.simulation.settings import SimulationSettings
from error_sequence_model.simulation.signals import (
    ACCEPTOR_SIGNAL,
    ACCEPTOR_START,
    DONOR_SIGNAL,
    DONOR_START,
    write_acceptor,
    write_donor,
)

SILENCER = "TTAGGGT"
PTBP1_MOTIF = "TTCTCTCT"
G_RUN = "GGGTGGG"
DECOY = "TGCATG"
ALU_LINKER = "GA"
ALU_POLY_T = (14, 22)
ALU_INTERRUPTED = 0.05  # share of the poly-T's bases that are another base
ALU_ENDS = (-11, -3)  # offset of the linker's end, between the two evenly; CAG at -3

# (pred_type, splice_type): name, motif, [first offset, end offset) it is planted in.
CAUSES = {
    ("FN", "donor"): ("hnrnp_a1_silencer", SILENCER, (-40, -5)),
    ("FN", "acceptor"): ("ptbp1_tract", PTBP1_MOTIF, (-20, -4)),
    ("FP", "donor"): ("g_run_enhancer", G_RUN, (10, 43)),
}
ALU_CAUSE = "alu_antisense_tract"
DECOY_CAUSE = "rbfox_decoy"
DECOY_ZONES = {"donor": (10, 35), "acceptor": (6, 30)}
UNUSED_RESERVED = {"donor": (-10, 35), "acceptor": (-20, 30)}

THRESHOLD = 0.5
LOGIT_MEANS = {"TP": 2.5, "FP": 1.2, "FN": -1.2, "TN": -3.0}
LOGIT_NOISE = 1.3
LOGIT_PER_BIT = 0.2  # how much the predictor heeds the junction's strength
USUAL_STRENGTH = {"donor": 8.0, "acceptor": 12.0}  # bits, about the mean of true sites


def write_signals(
    rng: np.random.Generator, gene: Gene, settings: SimulationSettings
) -> None:
    """Write the splice signals of a laid-out gene, then choose its true negatives.

    Args:
        rng: Source of randomness.
        gene: From ``lay_out_gene``; changed in place.
        settings: What to simulate.
    """
    for site in gene.sites:
        _write_signal(rng, gene, site, settings)
    _add_true_negatives(rng, gene, settings)


def plant_decoys(
    rng: np.random.Generator, genes: list[Gene], settings: SimulationSettings
) -> None:
    """Plant the decoy at the same share of the sites of every class, to the site.

    Decoys come before the causes, which make way: their place must not depend on them.

    Args:
        rng: Source of randomness.
        genes: All genes, signals written; changed in place.
        settings: What to simulate.
    """
    classes: dict[tuple[str, str], list[tuple[Gene, Site]]] = {}
    for gene in genes:
        for site in gene.sites:
            name = (site.splice_type, site.pred_type)
            classes.setdefault(name, []).append((gene, site))
    for name in sorted(classes):
        members = classes[name]
        n_decoys = round(settings.decoy_rate * len(members))
        for index in np.sort(rng.permutation(len(members))[:n_decoys]):
            gene, site = members[index]
            decoy = (DECOY_CAUSE, DECOY, DECOY_ZONES[site.splice_type])
            _plant(rng, gene, site, decoy, "decoy", 0.0)


def plant_causes(
    rng: np.random.Generator, gene: Gene, settings: SimulationSettings
) -> None:
    """Plant the causes of a gene's explained errors (Alu tracts are there already).

    Args:
        rng: Source of randomness.
        gene: With signals and decoys; changed in place.
        settings: What to simulate.
    """
    for site in gene.sites:
        cause = CAUSES.get((site.pred_type, site.splice_type))
        if not (site.is_explained and cause):
            continue
        copies = 2 if rng.random() < settings.two_copies_share else 1
        for _ in range(copies):
            _plant(rng, gene, site, cause, "cause", settings.altered_share)


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
    rng: np.random.Generator, gene: Gene, site: Site, settings: SimulationSettings
) -> None:
    if site.splice_type == "donor":
        gc_share = settings.gc_donor_share if site.is_annotated else 0.0
        write_donor(rng, gene, site.junction, gc_share=gc_share)
        return
    is_alu = site.pred_type == "FP" and site.is_explained
    write_acceptor(rng, gene, site.junction, has_branch=not is_alu)
    if is_alu:
        _plant_alu(rng, gene, site)


def _plant_alu(rng: np.random.Generator, gene: Gene, site: Site) -> None:
    n_bases = int(rng.integers(ALU_POLY_T[0], ALU_POLY_T[1] + 1))
    tract = np.full(n_bases, T, dtype=np.uint8)
    is_other = rng.random(n_bases) < ALU_INTERRUPTED
    tract[is_other] = rng.integers(0, T, size=int(is_other.sum()))
    codes = np.concatenate([tract, encode(ALU_LINKER)])
    end = site.junction + int(rng.integers(ALU_ENDS[0], ALU_ENDS[1] + 1))
    gene.write(end - len(codes), codes)
    gene.elements.append(Element(end - len(codes), end, ALU_CAUSE, "cause", site))


def _plant(
    rng: np.random.Generator,
    gene: Gene,
    site: Site,
    cause: tuple[str, str, tuple[int, int]],
    role: str,
    altered_share: float,
) -> None:
    """Plant one copy at a free place of its zone, chosen evenly; none if it is full.

    The polypyrimidine tract is the site's own signal, yet its element goes there: only
    there, what is written over is the signal.
    """
    name, motif, (first, end) = cause
    codes = encode(motif)
    size = len(codes)
    zone = np.arange(site.junction + first, site.junction + end - size + 1)
    blocked = _get_blocked(gene, site, name)
    free = [start for start in zone if not blocked[start : start + size].any()]
    if not free:
        return
    if rng.random() < altered_share:
        changed = int(rng.integers(size))
        codes[changed] = (codes[changed] + rng.integers(1, 4)) % 4
    start = int(rng.choice(free))
    gene.write(start, codes)
    gene.elements.append(Element(start, start + size, name, role, site))


def _get_blocked(gene: Gene, site: Site, name: str) -> np.ndarray:
    """Bool (length,): where nothing may be planted for this site."""
    if name != CAUSES["FN", "acceptor"][0]:
        return gene.taken
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
