"""Which files the named causes of a predictor are read from, by the config.

A file under ``causes`` is a path, or ``{genome: path}`` where predictors have different
genomes. A pool's contigs are called ``genome:contig``, so its files carry that prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from error_sequence_model.settings import CauseSettings


@dataclass(frozen=True)
class Track:
    """One file of the user.

    Attributes:
        cause: "repeats", "junctions" or "bed".
        path: The file.
        name: Of a BED, as in ``causes.beds``.
        prefix: A pool's name of the genome, before the colon of its contigs.
        coordinate_base: Of a table of junctions.
        site_base: Of a table of junctions.
    """

    cause: str
    path: str
    name: str = ""
    prefix: str = ""
    coordinate_base: int = 1
    site_base: str = "exon"


def get_thresholds(config: Mapping[str, Any]) -> dict[str, float]:
    """The thresholds among the keys of ``causes``."""
    names = [field.name for field in fields(CauseSettings)]
    return {name: config["causes"][name] for name in names}


def list_annotations(config: Mapping[str, Any], predictor: str) -> list[list[str]]:
    """``[prefix, path]`` of a predictor's annotations.

    None at all where a genome has none: flags known for a part of the sites only would
    tell genomes apart, not causes.
    """
    pairs = []
    for prefix, member in _list_members(config, predictor):
        path = config["genomes"].get(member.get("genome"), {}).get("annotation")
        if not path:
            return []
        if [prefix, path] not in pairs:
            pairs.append([prefix, path])
    return pairs


def list_tracks(config: Mapping[str, Any], predictor: str) -> list[dict[str, Any]]:
    """The user's files for a predictor, as fields of ``Track``."""
    causes = config["causes"]
    tracks: list[Track] = []
    for prefix, member in _list_members(config, predictor):
        genome = member.get("genome")
        if genome is None:
            continue
        convention = {
            "coordinate_base": member["coordinate_base"],
            "site_base": member["site_base"],
        }
        given = [("repeats", "", causes["repeats"], {})]
        support = causes["junctions"] or member.get("support")
        given.append(("junctions", "", support, convention))
        given += [("bed", name, file, {}) for name, file in causes["beds"].items()]
        for cause, name, file, options in given:
            path = file.get(genome) if isinstance(file, Mapping) else file
            if path:
                tracks.append(Track(cause, path, name, prefix, **options))
    return [asdict(track) for track in dict.fromkeys(tracks)]


def _list_members(
    config: Mapping[str, Any], predictor: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """``(prefix, settings)`` of a predictor, or of every member of a pool."""
    entry = config["predictors"][predictor]
    if "pool" not in entry:
        yield "", entry
        return
    for name in entry["pool"]:
        member = config["predictors"][name]
        yield member.get("genome", name), member
