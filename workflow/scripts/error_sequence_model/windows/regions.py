"""Named regions around a splice site, and its sides, as offsets from the junction.

Offset 0 is the first base 3' of the junction, -1 the last base 5' of it; intervals are
half-open. The *names* use the field's numbering, which has no zero: "5'ss -3..+6" is
the offsets -3 to 5.
"""

from __future__ import annotations

from typing import NamedTuple

WIDE = 10**9


class Region(NamedTuple):
    """A stretch around the junction.

    Attributes:
        key: Name in tables.
        label: Name in figures, with the usual numbering.
        start: First offset in bases.
        end: Offset after the last base.
    """

    key: str
    label: str
    start: int
    end: int


# Regions as in the usual reviews of splice-site anatomy; some overlap on purpose (the
# polypyrimidine tract is a part of the 3' splice site's consensus).
REGIONS = {
    "donor": (
        Region("distal_exon", "distal exon (< −50)", -WIDE, -50),
        Region("exon_side", "exon side (−50..−4)", -50, -3),
        Region("five_prime_ss", "5′ss (−3..+6)", -3, 6),
        Region("proximal_intron", "proximal intron (+7..+50)", 6, 50),
        Region("distal_intron", "distal intron (> +50)", 50, WIDE),
    ),
    "acceptor": (
        Region("distal_intron", "distal intron (< −44)", -WIDE, -44),
        Region("branch_zone", "branch zone (−44..−18)", -44, -17),
        Region("polypyrimidine", "polypyrimidine tract (−20..−5)", -20, -4),
        Region("three_prime_ss", "3′ss (−20..+3)", -20, 3),
        Region("exon_side", "exon side (+4..+50)", 3, 50),
        Region("distal_exon", "distal exon (> +50)", 50, WIDE),
    ),
}
SIDES = {"donor": ("exon", "intron"), "acceptor": ("intron", "exon")}
ZOOM = {"donor": (-40, 40), "acceptor": (-55, 25)}
UNKNOWN_SIDES = ("5′ side", "3′ side")


def get_regions(splice_type: str, upstream: int, downstream: int) -> list[Region]:
    """Regions of a splice type that lie in the window, clipped to it.

    Args:
        splice_type: "donor" or "acceptor"; anything else has no named regions.
        upstream: Bases of the window 5' of the junction.
        downstream: Bases of the window 3' of the junction.

    Example:
        >>> [(r.key, r.start, r.end) for r in get_regions("donor", 20, 10)]
        [('exon_side', -20, -3), ('five_prime_ss', -3, 6), ('proximal_intron', 6, 10)]
    """
    clipped = (
        region._replace(
            start=max(region.start, -upstream), end=min(region.end, downstream)
        )
        for region in REGIONS.get(splice_type, ())
    )
    return [region for region in clipped if region.end > region.start]


def say_region(key: str) -> str:
    """A region's name in words from its key in tables: "5′ss", "exon side"."""
    for regions in REGIONS.values():
        for region in regions:
            if region.key == key:
                return region.label.split(" (")[0]
    return key.replace("_", " ")


def get_sides(splice_type: str) -> tuple[str, str]:
    """What lies 5' and what lies 3' of the junction."""
    return SIDES.get(splice_type, UNKNOWN_SIDES)


def get_zoom(splice_type: str, upstream: int, downstream: int) -> tuple[int, int]:
    """Offsets [start, end) of the close-up around the junction."""
    start, end = ZOOM.get(splice_type, (-40, 40))
    return max(start, -upstream), min(end, downstream)
