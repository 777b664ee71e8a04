"""The `splits` section of the config as a checked record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError

WAYS = ("chromosome", "gene", "homology")
# From this similarity on, windows are near-duplicates; see `splits.homology`.
NEAR = 0.2
PRESETS = Path(__file__).resolve().parents[4] / "resources" / "splits.yaml"


@dataclass(frozen=True)
class SplitSettings:
    """How sites are split.

    Attributes:
        by: What stays together: ``chromosome``, ``gene`` or ``homology`` (gene family).
        column: By chromosome, the column of sites.parquet whose values are split.
        test: Its values that are tested on; empty to draw them.
        validation: Its values that are validated on; empty to draw them.
        folds: Number of folds for cross-validation; None for one hold-out.
        seed: For everything drawn.
        test_share: Share of the sites to test on where ``test`` is not given.
        validation_share: Share to validate on where ``validation`` is not given.
        near_duplicates: ``exclude`` training windows that resemble a test or
            validation window, or ``keep`` (and count) them.
        similarity: From which similarity windows count as near-duplicates (0 to 1, see
            ``splits.homology``).
        preset: Name of the preset these settings came from.
    """

    by: str = "chromosome"
    column: str = "chrom"
    test: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    folds: int | None = None
    seed: int = 1
    test_share: float = 0.2
    validation_share: float = 0.1
    near_duplicates: str = "exclude"
    similarity: float = NEAR
    preset: str | None = None

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise InputError(
                f"splits.by is {self.by!r}; it must be one of {', '.join(WAYS)}"
            )
        if self.folds is not None and self.folds < 3:
            raise InputError(
                f"splits.folds is {self.folds}; at least 3 are needed (test, "
                "validation and training), or leave it out for one hold-out"
            )
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
        for name in ("test_share", "validation_share"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"splits.{name} must be between 0 and 1")
        if self.test_share + self.validation_share >= 1:
            raise InputError("splits: test_share + validation_share must be below 1")
        if self.near_duplicates not in ("exclude", "keep"):
            raise InputError("splits.near_duplicates must be exclude or keep")
        if not 0 < self.similarity <= 1:
            raise InputError("splits.similarity must be above 0 and at most 1")


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

        presets = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
        if given["preset"] not in presets:
            raise InputError(
                f"splits.preset is {given['preset']!r}; there are {', '.join(presets)}"
            )
        given = {**presets[given["preset"]], **given}
    known = [field.name for field in fields(SplitSettings)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(f"splits: unknown key {unknown}; allowed: {', '.join(known)}")
    for name in ("test", "validation"):
        values = given.get(name, ())
        values = [values] if isinstance(values, (str, int)) else values
        given[name] = tuple(str(value) for value in values)
    return SplitSettings(**given)
