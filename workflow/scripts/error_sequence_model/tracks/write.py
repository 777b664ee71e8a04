"""Attributions and predictions back on the genome: bigWig and BED per predictor.

The model is the one the reports show (best validation AUPRC), the sites are those of
the held-out test part. Coordinates are 0-based half-open on the forward strand; values
keep the sign of the transcript's map: positive speaks for an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import (
    InputError,
    atomic_path,
    read_saved_table,
    write_tsv,
)
from error_sequence_model.features import place_words, read_words
from error_sequence_model.genome import Genome, Variants
from error_sequence_model.results import Maps, Unit, load_units, read_sites
from error_sequence_model.tracks.files import (
    RULE,
    STRANDS,
    average_places,
    make_prediction_rows,
    make_region_rows,
    make_word_rows,
    write_bed,
    write_bigwig,
    write_hub,
)
from error_sequence_model.tracks.places import NOWHERE, place_sites
from error_sequence_model.windows import read_windows

logger = logging.getLogger(__name__)

INDEX_COLUMNS = (
    *("file", "kind", "contrast", "splice_type", "method", "pred_type", "strand"),
    *("model", "faithfulness", "n_sites", "n_items"),
)


@dataclass(frozen=True)
class Source:
    """A genome that sites lie on.

    Attributes:
        genome: Its name.
        fasta: Its FASTA.
        member: The predictor of a pool that its sites come from; None without a pool.
        variants: VCF of the personal genome that windows were cut from, or None.
        sample: Whose genotypes, if the VCF has several.
        haplotype: 1 or 2.
        variant_conflicts: See ``Variants``.
        aliases: Other names of its contigs.
        assembly: What genome browsers call it, for the hub; None: its name.
    """

    genome: str
    fasta: Path
    member: str | None = None
    variants: Path | None = None
    sample: str | None = None
    haplotype: int = 1
    variant_conflicts: str = "gene"
    aliases: Path | None = None
    assembly: str | None = None


def write_tracks(
    runs: Sequence[str | Path],
    output: str | Path,
    *,
    predictor: str,
    sites: str | Path,
    sources: Sequence[Source],
    windows: str | Path | None = None,
) -> Path:
    """Write the tracks of a predictor into a folder, one set per genome.

    Args:
        runs: Run folders of the predictor.
        output: The folder; in a pool it has one folder per genome.
        predictor: Name of the predictor.
        sites: ``sites.parquet``.
        sources: The genomes; none where the table brings its own sequences.
        windows: ``windows.arrow``; without it there are no tracks of words.

    Returns:
        The folder: ``{contrast}.{splice_type}.{method}.{pred_type}.{plus|minus}.bw``,
        ``….{method}.regions.bed``, ``….predictions.bed``, ``….words.bed``,
        ``tracks.tsv`` (what there is, with the verdict on every map), ``hub.txt`` with
        its two files, and ``README.txt``.
    """
    table = read_saved_table(sites).set_index("site_id", drop=False)
    reason = _find_reason(table, sources)
    with atomic_path(output) as folder:
        folder.mkdir()
        if reason:
            _write_notes(folder, predictor, [], f"There are no tracks: {reason}.")
            logger.info("%s: no tracks: %s", predictor, reason)
            return Path(output)
        # A control's maps are nothing to look at on a genome.
        units, _ = load_units(runs, read_sites(sites))
        is_pool = any(source.member for source in sources)
        rows, notes = [], []
        for genome in dict.fromkeys(source.genome for source in sources):
            place = folder / genome if is_pool else folder
            place.mkdir(exist_ok=True)
            own = [source for source in sources if source.genome == genome]
            options = {"predictor": predictor, "windows": windows}
            written, missing = _write_genome(place, units, table, own, **options)
            rows += (
                [{**row, "file": f"{genome}/{row['file']}"} for row in written]
                if is_pool
                else written
            )
            notes += missing
        _write_notes(folder, predictor, rows, " ".join(notes))
    logger.info("%s: %d track files", predictor, len(rows))
    return Path(output)


def _find_reason(table: pd.DataFrame, sources: Sequence[Source]) -> str:
    """Why there cannot be any tracks, or nothing."""
    if {"sequence", "sequence_junction"} <= set(table.columns):
        return (
            "the error table brings its own sequences, whose place on a genome is not "
            "known"
        )
    if not sources:
        return "the predictor has no genome"
    return ""


def _write_genome(
    folder: Path,
    units: Sequence[Unit],
    table: pd.DataFrame,
    sources: Sequence[Source],
    *,
    predictor: str,
    windows: str | Path | None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the tracks on one genome: rows of the index, and notes."""
    rows, notes = [], []
    with Genome(sources[0].fasta) as genome:
        parts = [_select_sites(table, source) for source in sources]
        unknown = sum(int((~p["chrom"].isin(genome.lengths)).sum()) for p in parts)
        if unknown:
            notes.append(
                f"{unknown} sites lie on contigs that {sources[0].genome} does not "
                "have and are left out."
            )
        personal = {
            source.member: Variants(
                source.variants,
                genome.lengths,
                sample=source.sample,
                haplotype=source.haplotype,
                conflicts=source.variant_conflicts,
                aliases=source.aliases,
            )
            for source in sources
            if source.variants
        }
        writer = GenomeTracks(
            *(folder, genome, pd.concat(parts), personal, predictor),
            windows=windows,
        )
        for unit in units:
            for splice_type in unit.splice_types:
                rows += writer.write_unit(unit, splice_type)
    shown = [
        {"file": row["file"], "description": _describe(row)}
        for row in rows
        if row["kind"] == "attributions"
    ]
    if shown:
        assembly = sources[0].assembly or sources[0].genome
        write_hub(folder, predictor, assembly, shown)
    return rows, notes


def _describe(row: Mapping[str, Any]) -> str:
    """A bigWig in words, for the hub."""
    text = f"{row['method'].replace('_', ' ')}, {row['contrast']} {row['splice_type']} "
    text += f"{row['pred_type']}, strand {row['strand']}"
    return text if row["faithfulness"] == "passed" else f"{text}, {row['faithfulness']}"


def _select_sites(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Sites of a source, with the contigs' own names."""
    if source.member is None:
        return table.assign(member=None)
    if "member" not in table:
        raise InputError("tracks: the sites of a pool need the column `member`")
    chosen = table[table["member"] == source.member]
    names = chosen["chrom"].str.removeprefix(f"{source.genome}:")
    return chosen.assign(chrom=names)


def _write_notes(
    folder: Path, predictor: str, rows: list[dict[str, Any]], note: str
) -> None:
    """Write README.txt and, where there are tracks, their list."""
    text = f"Genome browser tracks of {predictor}.\n\n"
    if rows:
        write_tsv(
            folder / "tracks.tsv", pd.DataFrame(rows).reindex(columns=INDEX_COLUMNS)
        )
        text += RULE + "\n"
    (folder / "README.txt").write_text(text + note + "\n" * bool(note), "utf-8")


class GenomeTracks:
    """Writes one genome's tracks.

    Args:
        folder: Where to.
        genome: The reference.
        sites: Its sites with the contigs' own names, ``site_id`` and ``member``.
        variants: Of the personal genome that a member's windows were cut from.
        predictor: Name of the predictor, for the tracks' names.
        windows: ``windows.arrow``, or None.
    """

    def __init__(
        self,
        folder: Path,
        genome: Genome,
        sites: pd.DataFrame,
        variants: Mapping[str | None, Variants],
        predictor: str,
        *,
        windows: str | Path | None = None,
    ) -> None:
        self.folder, self.genome, self.sites = folder, genome, sites
        self.variants, self.predictor = variants, predictor
        self.windows = windows

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
        rows += self._write_words(unit, splice_type, kind)
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

    def _write_words(
        self, unit: Unit, splice_type: str, kind: str
    ) -> Iterable[dict[str, Any]]:
        folder = unit.lead.path.parents[2]
        words = read_words(folder, unit.lead.path)
        if not words or self.windows is None:
            return
        chosen = self._choose(unit, splice_type, part=None)
        windows = read_windows(self.windows)
        ids = chosen.index.to_numpy()
        sequences = dict(zip(ids.tolist(), windows.get_sequences(ids), strict=True))
        found = read_saved_table(folder / "explanations.parquet").set_index("site_id")
        places = place_words(words, found, sequences, windows.upstream)
        places[["start", "end"]] += windows.upstream
        placed = self._place(chosen, windows.upstream, windows.length)
        stem = f"{unit.contrast}.{kind}.words"
        bed = make_word_rows(places, chosen, placed, words)
        description = f"words of page one, {unit.contrast} {splice_type}"
        yield {
            "file": f"{stem}.bed",
            "kind": "words",
            "n_sites": places["site_id"].nunique(),
            "n_items": self._write_bed(stem, bed, description),
        }

    def _write_method(
        self, unit: Unit, splice_type: str, kind: str, method: str, maps: Maps
    ) -> Iterable[dict[str, Any]]:
        chosen = self._choose(unit, splice_type, maps.site_id)
        order = pd.Index(maps.site_id).get_indexer(chosen.index)
        scores = maps.scores[order]
        places = self._place(chosen, maps.upstream, maps.scores.shape[1])
        # A method may have been asked for the bases near the junction only.
        first = int(maps.attributes.get("first", 0))
        last = int(maps.attributes.get("last", maps.scores.shape[1] - 1))
        places[:, :first] = places[:, last + 1 :] = NOWHERE
        passed = unit.lead.has_passed(method)
        verdict = {True: "passed", False: "FAILED"}.get(passed, "not checked")
        known = {"method": method, "faithfulness": verdict}
        stem = f"{unit.contrast}.{kind}.{method}"
        pred_types = sorted(chosen["pred_type"].unique())
        for pred_type, (word, strand) in product(pred_types, STRANDS.items()):
            mask = chosen["pred_type"].eq(pred_type) & chosen["strand"].eq(strand)
            mask = mask.to_numpy()
            name = f"{stem}.{pred_type}.{word}.bw"
            tracks = self._average(chosen["chrom"][mask], places[mask], scores[mask])
            yield {
                **known,
                **{"file": name, "kind": "attributions", "pred_type": pred_type},
                **{"strand": strand, "n_sites": int(mask.sum())},
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
        self,
        unit: Unit,
        splice_type: str,
        site_ids: np.ndarray | None = None,
        *,
        part: str | None = "test",
    ) -> pd.DataFrame:
        """Sites of a unit's part on this genome, those with a map if so asked."""
        tested = unit.sites if part is None else unit.test_sites
        tested = tested[tested["splice_type"] == splice_type]
        known = self.sites.index.intersection(tested.index, sort=True)
        if site_ids is not None:
            known = known.intersection(site_ids, sort=True)
        chosen = self.sites.loc[known]
        return chosen[chosen["chrom"].isin(self.genome.lengths)]

    def _place(self, chosen: pd.DataFrame, upstream: int, length: int) -> np.ndarray:
        """Position of every base of every window, int64 (n_sites, length)."""
        sides = {"upstream": upstream, "downstream": length - upstream}
        placed = np.full((len(chosen), length), NOWHERE, dtype=np.int64)
        members = chosen["member"].to_numpy(dtype=object)
        for member in dict.fromkeys(members):
            mask = np.array([m == member for m in members])
            variants = self.variants.get(member)
            part = chosen[mask]
            placed[mask] = place_sites(part, self.genome, variants=variants, **sides)
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
