"""Genomes whose causes are drawn: explained, and held against what was planted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from error_sequence_model.causes import (
    Explanations,
    explain_errors,
    name_causes,
    read_motif_runs,
    write_explanations,
)
from error_sequence_model.core import read_json, write_json, write_parquet
from error_sequence_model.faithfulness import mark_planted
from error_sequence_model.features import read_elements
from error_sequence_model.genome import read_gene_models
from error_sequence_model.motifs import find_run_motifs
from error_sequence_model.settings import Contrast, MotifSettings, parse_contrast
from error_sequence_model.simulation import read_truth
from error_sequence_model.sites import prepare_sites
from error_sequence_model.splits import make_split
from error_sequence_model.windows import read_windows, write_windows

OPTIONS = {
    "draw": True,
    "exon_length": (100, 250),
    "intron_length": (250, 650),
    "pseudo_exon": (100, 130),
    "apart": 60,
}
CONTRASTS = {"FN": "fn_vs_tp", "FP": "fp_vs_tp"}
SPLITS = {"by": "chromosome", "test": ["chr5", "chr6"], "validation": ["chr4"]}
SIDE, PER_CLASS = 100, 30
LEAST_ALIKE = 5  # letters that a name and what was planted have in common
LETTERS = "A C G T AG CT CG AT GT AC CGT AGT ACT ACG ACGT"
IUPAC = dict(zip("ACGTRYSWKMBDHVN", LETTERS.split(" "), strict=True))


def is_planted(row: pd.Series, cause: dict[str, Any]) -> bool:
    """Whether an explanation says what was planted."""
    if row["kind"] == "flag":
        return row["explanation"] in cause["flags"]
    if row["is_absence"] != (cause["kind"] == "weak"):
        return False
    return count_common(row["name"].split(" ")[0], cause["letters"]) >= min(
        LEAST_ALIKE, len(cause["letters"]) - 1
    )


def count_common(name: str, letters: str) -> int:
    """Most letters that two words share side by side; N of the name is any."""
    best = 0
    for shift in range(-len(letters) + 1, len(name)):
        run = 0
        for place in range(len(letters)):
            here = shift + place
            if 0 <= here < len(name) and letters[place] in IUPAC[name[here]]:
                run += name[here] != "N"
                best = max(best, run)
            else:
                run = 0
    return best


def judge(folder: Path, cause: dict[str, Any]) -> dict[str, Any]:
    """One unit's ranked list beside what was planted."""
    unit = get_unit(folder, cause)
    table = pd.read_csv(unit / "explanations.tsv", sep="\t")
    named = table[table["is_named"]]
    stored = read_json(unit / "explanations.json")
    wrong = [row["name"] for _, row in named.iterrows() if not is_planted(row, cause)]
    first = named.iloc[0] if len(named) else None
    return {
        "unit": f"{CONTRASTS[cause['pred_type']]} {cause['splice_type']}",
        "planted": f"{cause['kind']} {cause['word']} {tuple(cause['zone'])}",
        "first": "-" if first is None else f"{first['name']} [{first['place']}]",
        "is_first": first is not None and is_planted(first, cause),
        "share": round(cause["reached"], 2),
        "explained": round(stored["explained_share"], 2),
        "wrong": "; ".join(wrong),
    }


def get_unit(folder: Path, cause: dict[str, Any]) -> Path:
    """Folder of a contrast and splice type."""
    return (
        folder / "results/demo" / CONTRASTS[cause["pred_type"]] / cause["splice_type"]
    )


def draw_maps(folder: Path, causes: Sequence[dict[str, Any]]) -> None:
    """Stand in for the workflow at the units of some causes, no model needed.

    Maps show all that is planted, decoys too, and noise.
    """
    made = folder / "results/demo"
    sites, _ = prepare_sites(folder / "errors.tsv", folder / "genome.fa")
    write_parquet(made / "sites.parquet", sites)
    windows = (made / "sites.parquet", folder / "genome.fa", SIDE, SIDE)
    write_windows(*windows, made / "windows.arrow")
    windows, truth = (
        read_windows(made / "windows.arrow"),
        read_truth(folder / "truth.bed"),
    )
    for cause in causes:
        unit, splice_type = get_unit(folder, cause), cause["splice_type"]
        parsed = parse_contrast(CONTRASTS[cause["pred_type"]])
        split, _ = make_split(sites, windows, parsed, splice_type, SPLITS)
        write_parquet(unit / "split.parquet", split)
        rng = np.random.default_rng(1)
        test = split[split["part"] == "test"].groupby("label")["site_id"]
        drawn = [rng.permutation(group.to_numpy())[:PER_CLASS] for _, group in test]
        explained = np.sort(np.concatenate(drawn))
        rows = sites.set_index("site_id", drop=False).loc[explained]
        planted = mark_planted(truth, rows, upstream=SIDE, downstream=SIDE)
        values = 0.8 * sum(planted) + rng.normal(0, 0.12, planted[0].shape)
        run = unit / "encoder/seed1/fold0"
        (run / "attributions").mkdir(parents=True)
        with h5py.File(run / "attributions/integrated_gradients.h5", "w") as file:
            file["site_id"], file["attributions"] = explained, values.astype("float32")
        write_json(run / "faithfulness.json", {"methods": {}})
        found = explain(folder, unit, split, splice_type, parsed)
        write_explanations(found, unit)


def explain(
    folder: Path, unit: Path, split: pd.DataFrame, splice_type: str, contrast: Contrast
) -> Explanations:
    """The steps motifs, causes and explanations, with the maps of a unit's run."""
    sites = pd.read_parquet(folder / "results/demo/sites.parquet")
    windows = read_windows(folder / "results/demo/windows.arrow")
    run = next(unit.glob("encoder/seed*/fold*"))
    with tempfile.TemporaryDirectory() as made:
        find_run_motifs(
            {path.stem: path for path in (run / "attributions").glob("*.h5")},
            run / "faithfulness.json",
            split,
            sites.set_index("site_id", drop=False),
            windows,
            splice_type=splice_type,
            error_labels=[1],
            predict=None,
            settings=MotifSettings.from_mapping({}),
            output=Path(made),
        )
        runs = read_motif_runs([Path(made) / "motifs.tsv"])
    annotation = [("", folder / "annotation.gtf")]
    models = read_gene_models(annotation, chroms=set(sites["chrom"]))
    data = (sites, windows, split, contrast, splice_type)
    causes = name_causes(*data, models=models, draws=20)
    return explain_errors(
        *data,
        causes=causes.table,
        flags=causes.sites,
        runs=runs,
        elements=read_elements(),
        draws=20,
    )


def explain_permuted(folder: Path, cause: dict[str, Any], seed: int) -> list[str]:
    """What is named once the labels of a unit's sites are permuted within each part.

    Maps stay: they were made without a look at held-out labels.
    """
    unit = get_unit(folder, cause)
    split = pd.read_parquet(unit / "split.parquet")
    rng = np.random.default_rng(seed)
    split["label"] = split.groupby("part")["label"].transform(rng.permutation)
    contrast = parse_contrast(CONTRASTS[cause["pred_type"]])
    found = explain(folder, unit, split, cause["splice_type"], contrast).table
    return found.loc[found["is_named"].astype(bool), "name"].tolist()
