"""What is planted in a simulated genome: causes of errors, and decoys.

Offsets count from the junction (0 = first base 3' of it); zones are half-open.

By default, each a mechanism known from the literature, and blind to the strength of the
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

Drawn (``draw_plan``): other words at other places, runs of G, weak sites and stronger
neighbours, with drawn shares of errors; words or UG repeats as decoys.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from error_sequence_model.simulation.settings import SimulationSettings

# Kinds of causes: words planted at a free place; words within the site's own tract; the
# antisense Alu; a site without its signal; a consensus of the same type nearby.
WORD, TRACT, ALU, WEAK, NEIGHBOUR = "word", "tract", "alu", "weak", "neighbour"
# Named causes that say the same as what is planted.
FLAGS = {
    ALU: ("alu_like_tract",),
    WEAK: ("weak_site", "weak_tract"),
    NEIGHBOUR: ("competitor",),
}
STRONG = {"donor": "CAGGTAAGT", "acceptor": "TTTCTTTTCTTTTTTTTACAGG"}
ALU_LINKER = "GA"
CAUSE, DECOY = "cause", "decoy"
UG_REPEAT = "TGTGTGTGTGTG"


@dataclass(frozen=True)
class Planted:
    """One thing that is planted.

    Attributes:
        name: In ``truth.bed``.
        kind: See above.
        splice_type: Of the sites it is planted at.
        pred_type: Of the errors it causes; empty: a decoy, at every class.
        word: Its letters; empty where the site's signal is what changes.
        zone: First and end offset of where it is planted.
        share: Of the errors (decoys: of each class) that get it.
        copies: Fewest and most of them; None: two at ``two_copies_share``.
    """

    name: str
    kind: str
    splice_type: str
    pred_type: str
    word: str
    zone: tuple[int, int]
    share: float
    copies: tuple[int, int] | None = None

    def describe(self) -> dict[str, Any]:
        """Plain values.

        With it, what an explanation of it may be called: ``flags``, named causes, or
        ``letters`` that errors have (where the site is weak, lack).
        """
        letters = {ALU: "T" * 14 + ALU_LINKER, WEAK: STRONG[self.splice_type]}
        return {
            **asdict(self),
            "flags": list(FLAGS.get(self.kind, ())),
            "letters": letters.get(self.kind, self.word),
        }


@dataclass(frozen=True)
class Plan:
    """Causes by (pred_type, splice_type), and decoys by splice type."""

    causes: dict[tuple[str, str], Planted]
    decoys: dict[str, Planted]


def make_plan(settings: SimulationSettings) -> Plan:
    """The default plan, or one drawn from the seed."""
    return draw_plan(settings) if settings.draw else _make_default(settings)


def _make_default(settings: SimulationSettings) -> Plan:
    share = 1 - settings.unexplained_share
    of = ("pred_type", "splice_type", "name", "kind", "word", "zone")
    rows = [
        ("FN", "donor", "hnrnp_a1_silencer", WORD, "TTAGGGT", (-40, -5)),
        ("FN", "acceptor", "ptbp1_tract", TRACT, "TTCTCTCT", (-20, -4)),
        ("FP", "donor", "g_run_enhancer", WORD, "GGGTGGG", (10, 43)),
        ("FP", "acceptor", "alu_antisense_tract", ALU, "", (-40, -3)),
    ]
    causes = [
        Planted(**dict(zip(of, row, strict=True)), share=share)  # type: ignore[arg-type]
        for row in rows
    ]
    rate = settings.decoy_rate
    decoys = [
        Planted("rbfox_decoy", DECOY, "donor", "", "TGCATG", (10, 35), rate),
        Planted("rbfox_decoy", DECOY, "acceptor", "", "TGCATG", (6, 30), rate),
    ]
    return Plan(
        {(one.pred_type, one.splice_type): one for one in causes},
        {one.splice_type: one for one in decoys},
    )


# Where words are planted: beside the signals and the branch point, on either side.
SIDES = {"donor": ((-60, -5), (8, 60)), "acceptor": ((-75, -42), (4, 60))}
KINDS = {
    ("FN", "donor"): (WORD, WORD, WEAK, NEIGHBOUR),
    ("FN", "acceptor"): (WORD, TRACT, WEAK, NEIGHBOUR),
    ("FP", "donor"): (WORD, WORD, "g_runs"),
    ("FP", "acceptor"): (WORD, WORD, ALU),
}
SHARES = {WEAK: (0.4, 0.55), NEIGHBOUR: (0.5, 0.9)}
USUAL_SHARES = (0.55, 0.96)


def draw_plan(settings: SimulationSettings) -> Plan:
    """Draw causes, their places and shares, and decoys; from the seed alone."""
    rng = np.random.default_rng([settings.seed, 1])
    causes, words = {}, []
    for (pred_type, splice_type), kinds in KINDS.items():
        kind = str(rng.choice(kinds))
        share = round(float(rng.uniform(*SHARES.get(kind, USUAL_SHARES))), 2)
        name = f"{pred_type}_{splice_type}_{kind}".lower()
        one = Planted(name, kind, splice_type, pred_type, "", (0, 0), share)
        if kind == WORD:
            word = _draw_word(rng, words, size=int(rng.integers(7, 9)))
            one = replace(one, word=word, zone=_draw_zone(rng, splice_type))
        elif kind == TRACT:
            word = _draw_word(rng, words, size=8, letters="CT")
            one = replace(one, word=word, zone=(-20, -4))
        elif kind == "g_runs":
            zone = _draw_zone(rng, splice_type, side=1)
            one = replace(one, kind=WORD, word="GGGG", zone=zone, copies=(2, 3))
        elif kind == NEIGHBOUR:
            side = 1 if splice_type == "donor" else 0
            zone = _draw_zone(rng, splice_type, side=side, width=30)
            one = replace(one, word=STRONG[splice_type], zone=zone, copies=(1, 1))
        else:
            one = replace(one, zone=(-40, -3) if kind == ALU else one.zone)
        words += [one.word] if one.word else []
        causes[pred_type, splice_type] = one
    decoys = {
        splice_type: Planted(
            *(f"{splice_type}_decoy", DECOY, splice_type, ""),
            UG_REPEAT if rng.random() < 0.3 else _draw_word(rng, words, size=6),
            _draw_zone(rng, splice_type),
            round(float(rng.uniform(0.2, 0.5)), 2),
        )
        for splice_type in ("donor", "acceptor")
    }
    return Plan(causes, decoys)


def _draw_word(
    rng: np.random.Generator, others: list[str], *, size: int, letters: str = "ACGT"
) -> str:
    """Letters that do not repeat themselves and share no half with another word."""
    while True:
        word = "".join(rng.choice(list(letters), size))
        pairs = {word[i : i + 2] for i in range(size - 1)}
        halves = {word[i : i + 5] for i in range(size - 4)}
        is_mixed = len(pairs) >= min(size - 2, len(letters) ** 2 - 1)
        is_mixed &= max(map(word.count, letters)) <= (size + 1) // 2
        if is_mixed and not any(half in other for half in halves for other in others):
            return word


def _draw_zone(
    rng: np.random.Generator,
    splice_type: str,
    *,
    side: int | None = None,
    width: int | None = None,
) -> tuple[int, int]:
    """A stretch of 20 to 35 bases on one side of the junction."""
    low, high = SIDES[splice_type][int(rng.integers(2)) if side is None else side]
    width = min(width or int(rng.integers(20, 36)), high - low)
    start = int(rng.integers(low, high - width + 1))
    return start, start + width
