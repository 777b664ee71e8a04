"""Tracks of one genome: what the leading model of a contrast says, file by file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.genome import Genome, Variants
from error_sequence_model.results import Maps, Unit
from error_sequence_model.tracks.files import average_places, write_bed, write_bigwig
from error_sequence_model.tracks.places import NOWHERE, place_sites
from error_sequence_model.tracks.rows import make_prediction_rows, make_region_rows


class GenomeTracks:
    """Writes one genome's tracks.

    Args:
        folder: Where to.
        genome: The reference.
        sites: Its sites with the contigs' own names, ``site_id`` and ``member``.
        variants: Of the personal genome that a member's windows were cut from.
        predictor: Name of the predictor, for the tracks' names.
    """

    def __init__(
        self,
        folder: Path,
        genome: Genome,
        sites: pd.DataFrame,
        variants: Mapping[str | None, Variants],
        predictor: str,
    ) -> None:
        self.folder, self.genome, self.sites = folder, genome, sites
        self.variants, self.predictor = variants, predictor

    def write_unit(self, unit: Unit, splice_type: str) -> list[dict[str, Any]]:
        """Write maps and predictions of one contrast and splice type.

        Args:
            unit: The contrast with its leading model.
            splice_type: Which of its sites.

        Returns:
            Rows of tracks.tsv.
        """
        kind = splice_type if unit.splice_type != "any" else f"any_{splice_type}"
        rows = [self._write_predictions(unit, splice_type, kind)]
        for method, maps in unit.lead.attributions.items():
            rows += self._write_method(unit, splice_type, kind, method, maps)
        known = {"contrast": unit.contrast, "splice_type": splice_type}
        known["model"] = unit.lead.name
        return [{**known, **row} for row in rows if row["n_items"]]

    def _write_predictions(
        self, unit: Unit, splice_type: str, kind: str
    ) -> dict[str, Any]:
        chosen = self._choose(unit, splice_type)
        bed = make_prediction_rows(chosen, unit.lead, self.genome.lengths)
        stem = f"{unit.contrast}.{kind}"
        description = f"P(error) of test sites, {unit.contrast} {splice_type}"
        return {
            "file": f"{stem}.predictions.bed",
            "kind": "predictions",
            "n_sites": len(bed),
            "n_items": self._write_bed(f"{stem}.predictions", bed, description),
        }

    def _write_method(
        self, unit: Unit, splice_type: str, kind: str, method: str, maps: Maps
    ) -> Iterable[dict[str, Any]]:
        chosen = self._choose(unit, splice_type, maps.site_id)
        order = pd.Index(maps.site_id).get_indexer(chosen.index)
        scores = maps.scores[order]
        places = self._place(chosen, maps)
        passed = unit.lead.has_passed(method)
        verdict = {True: "passed", False: "FAILED"}.get(passed, "not checked")
        known = {"method": method, "faithfulness": verdict}
        stem = f"{unit.contrast}.{kind}.{method}"
        for pred_type in sorted(chosen["pred_type"].unique()):
            mask = (chosen["pred_type"] == pred_type).to_numpy()
            name = f"{stem}.{pred_type}.bw"
            tracks = self._average(chosen["chrom"][mask], places[mask], scores[mask])
            yield {
                **known,
                "file": name,
                "kind": "attributions",
                "pred_type": pred_type,
                "n_sites": int(mask.sum()),
                "n_items": write_bigwig(
                    self.folder / name, self.genome.lengths, tracks
                ),
            }
        bed = make_region_rows(chosen, scores, places, maps.upstream)
        note = "" if passed else f" (faithfulness {verdict})"
        description = f"high {method}, {unit.contrast} {splice_type}{note}"
        yield {
            **known,
            "file": f"{stem}.regions.bed",
            "kind": "high-scoring regions",
            "n_sites": len(chosen),
            "n_items": self._write_bed(f"{stem}.regions", bed, description),
        }

    def _choose(
        self, unit: Unit, splice_type: str, site_ids: np.ndarray | None = None
    ) -> pd.DataFrame:
        """Test sites of a unit on this genome, those with a map if so asked."""
        tested = unit.test_sites
        tested = tested[tested["splice_type"] == splice_type]
        known = self.sites.index.intersection(tested.index, sort=True)
        if site_ids is not None:
            known = known.intersection(site_ids, sort=True)
        chosen = self.sites.loc[known]
        return chosen[chosen["chrom"].isin(self.genome.lengths)]

    def _place(self, chosen: pd.DataFrame, maps: Maps) -> np.ndarray:
        """Position of every base of every map, int64 (n_sites, length)."""
        upstream = maps.upstream
        sides = {"upstream": upstream, "downstream": maps.scores.shape[1] - upstream}
        placed = np.full((len(chosen), maps.scores.shape[1]), NOWHERE, dtype=np.int64)
        members = chosen["member"].to_numpy(dtype=object)
        for member in dict.fromkeys(members):
            mask = np.array([m == member for m in members])
            variants = self.variants.get(member)
            part = chosen[mask]
            placed[mask] = place_sites(part, self.genome, variants=variants, **sides)
        # A method may have been asked for the bases near the junction only.
        first = int(maps.attributes.get("first", 0))
        last = int(maps.attributes.get("last", maps.scores.shape[1] - 1))
        placed[:, :first] = placed[:, last + 1 :] = NOWHERE
        return placed

    def _average(
        self, chroms: pd.Series, places: np.ndarray, scores: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        names = chroms.to_numpy(dtype=object)
        return {
            chrom: average_places(places[names == chrom], scores[names == chrom])
            for chrom in dict.fromkeys(names)
        }

    def _write_bed(self, stem: str, rows: pd.DataFrame, description: str) -> int:
        if rows.empty:
            return 0
        name = f"{self.predictor} {stem}"
        return write_bed(
            self.folder / f"{stem}.bed", rows, name=name, description=description
        )
