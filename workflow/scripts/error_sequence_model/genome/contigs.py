"""Matching the contig names of tables to the genome's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)


def normalise_contig(name: str) -> str:
    """Return a contig name without ``chr`` and with M for MT, to compare namings.

    In a pool, what stands before the last colon names the genome.

    Example:
        >>> [normalise_contig(name) for name in ("chr1", "1", "MT", "mouse:chr1")]
        ['1', '1', 'M', 'mouse:1']
    """
    genome, colon, bare = name.rpartition(":")
    bare = bare[3:] if bare[:3].lower() == "chr" and len(bare) > 3 else bare
    return genome + colon + ("M" if bare.upper() in {"M", "MT"} else bare)


def match_contigs(
    names: Iterable[str], lengths: Mapping[str, int]
) -> tuple[dict[str, str], dict[str, str]]:
    """Match a table's contig names to the genome's, allowing ``chr1`` against ``1``.

    Args:
        names: The table's contigs.
        lengths: The genome's contigs.

    Returns:
        ``(mapping, problems)``: table name -> genome name for every name that is there
        under its own or, unambiguously, its other name; and for the rest the reason.
    """
    names = list(dict.fromkeys(names))
    others: dict[str, list[str]] = {}
    for contig in lengths:
        others.setdefault(normalise_contig(contig), []).append(contig)
    mapping = {name: name for name in names if name in lengths}
    problems: dict[str, str] = {}
    for name in names:
        if name in mapping:
            continue
        found = others.get(normalise_contig(name), [])
        rivals = [n for n in names if normalise_contig(n) == normalise_contig(name)]
        if len(found) == 1 and rivals == [name]:
            mapping[name] = found[0]
        elif found:
            problems[name] = (
                f"ambiguous: table names {rivals} against genome names {found}"
            )
        else:
            problems[name] = "not in the genome"
    renamed = {a: b for a, b in mapping.items() if a != b}
    if renamed:
        logger.warning(
            "%d contig names differ from the genome's only by 'chr' and are mapped: %s",
            len(renamed),
            ", ".join(f"{a} -> {b}" for a, b in list(renamed.items())[:10]),
        )
    return mapping, problems
