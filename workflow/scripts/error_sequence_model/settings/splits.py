"""The `splits` section of the config as a checked record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from error_sequence_model.core import InputError, find_shipped
from error_sequence_model.settings.sections import Settings


@dataclass(frozen=True)
class SplitSettings(Settings, section="splits"):
    """How sites are split."""

    by: str
    column: str
    test: tuple[str, ...]
    validation: tuple[str, ...]
    folds: int | None
    seed: int
    test_share: float
    validation_share: float
    near_duplicates: str
    similarity: float
    preset: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.folds is not None and (self.test or self.validation):
            raise InputError("splits: give `folds` or `test`/`validation`, not both")
        if self.by != "chromosome" and (self.test or self.validation):
            raise InputError(
                f"splits.test and splits.validation name chromosomes; with by: "
                f"{self.by} use `folds` or `test_share`/`validation_share`"
            )
        both = sorted(set(self.test) & set(self.validation))
        if both:
            raise InputError(f"splits: {both} is in both `test` and `validation`")
        if self.test_share + self.validation_share >= 1:
            raise InputError("splits: test_share + validation_share must be below 1")

    @property
    def least_share(self) -> float:
        """Share of the sites that the smallest part has."""
        if self.folds:
            return 1 / self.folds
        return min(self.test_share, self.validation_share)


# From this similarity on, windows are near-duplicates; see `homology`.
NEAR = SplitSettings().similarity


def parse_settings(settings: Mapping[str, Any] | SplitSettings) -> SplitSettings:
    """Read the settings, filling in a preset and the defaults.

    Raises:
        InputError: Unknown key, preset or value.
    """
    if isinstance(settings, SplitSettings):
        return settings
    given = {k: v for k, v in settings.items() if v is not None}
    if "preset" in given:
        import yaml

        path = find_shipped("resources/splits.yaml")
        presets = yaml.safe_load(path.read_text(encoding="utf-8"))
        if given["preset"] not in presets:
            raise InputError(
                f"splits.preset is {given['preset']!r}; there are {', '.join(presets)}"
            )
        given = {**presets[given["preset"]], **given}
    for name in ("test", "validation"):
        values = given.get(name, ())
        values = [values] if isinstance(values, (str, int)) else values
        given[name] = tuple(str(value) for value in values)
    return SplitSettings.from_mapping(given)
