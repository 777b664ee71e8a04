"""Matching the contig names of tables to the genome's: ``chr1``, ``1``, and aliases.

Aliases are the user's table of a genome: UCSC's chromAlias or NCBI's assembly report.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from error_sequence_model.core import InputError

logger = logging.getLogger(__name__)

# Columns of an assembly report that name a contig; the second one only where the
# contig is the whole molecule, and not a scaffold placed on it.
_REPORT = ("Sequence-Name", "GenBank-Accn", "RefSeq-Accn", "UCSC-style-name")
_MOLECULE, _ROLE, _WHOLE = "Assigned-Molecule", "Sequence-Role", "assembled-molecule"


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


@cache
def read_aliases(path: str | Path) -> dict[str, frozenset[str]]:
    """Read which names a contig has.

    Args:
        path: UCSC's chromAlias, of either form (one row of names per contig, or rows of
            alias, name and source), or NCBI's assembly report.

    Returns:
        Every name -> all names of its contig.

    Raises:
        InputError: No such file, no names in it, or a name of two contigs.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"aliases {path}: cannot be read ({error}); set `genomes.<name>.aliases`"
        ) from error
    rows = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    heads = [row for row in rows if row and row[0].startswith("#")]
    body = [row for row in rows if row and not row[0].startswith("#")]
    header = [name.strip("# ") for name in heads[-1]] if heads else []
    if _REPORT[0] in header:
        named = [dict(zip(header, row, strict=False)) for row in body]
        groups = [
            [row.get(key, "") for key in _REPORT]
            + [row.get(_MOLECULE, "")] * (row.get(_ROLE) == _WHOLE)
            for row in named
        ]
    elif header[1:2] == ["chrom"] or (not header and {len(row) for row in body} == {3}):
        merged: dict[str, list[str]] = {}
        for alias, name, *_ in body:
            merged.setdefault(name, [name]).append(alias)
        groups = list(merged.values())
    else:
        groups = body
    sets = [frozenset(group) - {"", "na"} for group in groups]
    counts = Counter(name for names in sets for name in names)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise InputError(
            f"aliases {path}: names of two contigs: {', '.join(twice[:5])}; give "
            "UCSC's chromAlias.txt or NCBI's assembly_report.txt"
        )
    if not any(len(names) > 1 for names in sets):
        raise InputError(f"aliases {path}: no contig has two names in it")
    return {name: names for names in sets for name in names}


def _list_aliases(name: str, path: str | Path | None) -> list[str]:
    """Other names of a contig, by the user's table."""
    if not path:
        return []
    genome, colon, bare = name.rpartition(":")
    found = read_aliases(path).get(bare, frozenset())
    return [genome + colon + other for other in sorted(found)]


def match_contigs(
    names: Iterable[str],
    lengths: Mapping[str, int],
    *,
    aliases: str | Path | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Match a table's contig names to the genome's.

    Args:
        names: The table's contigs.
        lengths: The genome's contigs.
        aliases: What ``read_aliases`` reads.

    Returns:
        ``(mapping, problems)``: table name -> genome name for every name that is there
        under its own or, unambiguously, another name (``chr1`` against ``1``, or by a
        table of aliases); and for the rest the reason.
    """
    names = list(dict.fromkeys(names))
    ours, theirs = _group(lengths), _group(names)
    mapping = {name: name for name in names if name in lengths}
    problems: dict[str, str] = {}
    for name in names:
        if name in mapping:
            continue
        found = ours.get(normalise_contig(name), [])
        rivals = theirs[normalise_contig(name)]
        if not found:
            others = dict.fromkeys(map(normalise_contig, _list_aliases(name, aliases)))
            found = [contig for other in others for contig in ours.get(other, ())]
            rivals = [name, *(n for other in others for n in theirs.get(other, ()))]
            rivals = list(dict.fromkeys(rivals))
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
            "%d contig names differ from the genome's and are mapped: %s",
            len(renamed),
            ", ".join(f"{a} -> {b}" for a, b in list(renamed.items())[:10]),
        )
    return mapping, problems


def _group(names: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(normalise_contig(name), []).append(name)
    return groups
