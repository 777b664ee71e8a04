"""Names of features as they are read on a page: "GGGT at 0..+49", not "kmer:GGGT:0:50".

The names in tables stay as they are; ``features.tsv`` defines each of them.
"""

from __future__ import annotations

SCALES = {"gc": "GC", "cpg": "CpG", "entropy": "dinucleotide entropy"}
SIDES = {"5prime": "5′", "3prime": "3′"}
GROUPS = {
    "tract": "polypyrimidine tract",
    "branch": "branch point",
    "strength": "strength of the site",
    "column": "column",
}
RIVALS = {"same": "rival", "other": "site of the other type"}
UNITS = {
    "kmer": "count",
    "element": "hits",
    "gc": "share",
    "cpg": "observed / expected",
    "entropy": "bits",
    "strength": "bits",
    "decoy": "bits",
}


def say_feature(name: str) -> str:
    """A feature's name in words; a name of no known form stays as it is."""
    group, *rest = name.split("@")[0].split(":")
    if group == "model" and rest:
        return f"language model: {' '.join(rest).replace('log odds', 'log-odds')}"
    if group in ("kmer", "element") and len(rest) == 3:
        return f"{rest[0].replace('_', ' ')} at {_say_range(*rest[1:])}"
    if group == "base" and len(rest) == 2:
        return f"{rest[0]} at {_sign(int(rest[1]))}"
    if group in SCALES and len(rest) == 1:
        if rest[0] == "difference":
            return f"{SCALES[group]} 3′ minus 5′ of the junction"
        side = SIDES.get(rest[0])
        where = f"{side} of the junction" if side else f"within {rest[0]} nt"
        return f"{SCALES[group]} {where}"
    if group == "decoy" and len(rest) >= 2:
        place = f" at {_say_range(*rest[2:])}" if len(rest) == 4 else ""
        kind = {
            "best": "strongest",
            "margin": "margin over the strongest",
            "stronger": "number of stronger",
            "distance": "distance to a stronger",
        }
        return f"{kind.get(rest[1], rest[1])} {RIVALS.get(rest[0], rest[0])}{place}"
    if group in GROUPS and rest:
        return f"{GROUPS[group]}: {' '.join(rest).replace('_', ' ')}"
    return name


def say_unit(name: str) -> str:
    """The unit of a feature's values, with a space before it; empty if not known."""
    unit = UNITS.get(name.split(":")[0])
    if name.startswith(("decoy:same:distance", "decoy:same:stronger")):
        unit = "nt" if "distance" in name else "count"
    return f" ({unit})" if unit else ""


def _say_range(start: str, end: str) -> str:
    return f"{_sign(int(start))}..{_sign(int(end) - 1)}"


def _sign(offset: int) -> str:
    return f"{offset:+d}".replace("-", "−") if offset else "0"
