"""A plausible results tree in the pipeline's formats, without training anything.

Donor errors lose a G-run at +15..+20, acceptor errors their polypyrimidine tract; the
fake maps point there, so that reports have something to show.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from error_sequence_model.results import ReportInputs
from fake_runs import write_run

PREDICTOR = "toy"
CLASSES = {
    "fp_vs_tp": ("FP", "TP"),
    "fn_vs_tp": ("FN", "TP"),
    "fn_vs_tn": ("FN", "TN"),
    "shuffled": ("FP", "TP"),
    # Half of the errors are private.
    "private_fn_vs_shared": ("FN", "FN"),
}
PARTS = {"chr1": "train", "chr2": "train", "chr3": "validation", "chr4": "test"}


@dataclass(frozen=True)
class FakeResults:
    """Paths of a fake results tree."""

    folder: Path
    sites: Path
    audit: Path
    runs: list[Path]
    comparisons: list[Path]

    def inputs(self, tables: Path, draws: int = 100) -> ReportInputs:
        """What a report of this tree is drawn from."""
        return ReportInputs(
            PREDICTOR,
            self.runs,
            self.sites,
            tables,
            audit=self.audit,
            comparisons=self.comparisons,
            draws=draws,
        )


def build_results(
    root: Path,
    *,
    n_per_class: int | dict[str, int] = 200,
    upstream: int = 100,
    downstream: int = 100,
    contrasts: Sequence[str] = ("fp_vs_tp",),
    splice_types: Sequence[str] = ("donor", "acceptor"),
    backbones: Sequence[str] = ("encoder",),
    seeds: Sequence[int] = (1,),
    folds: Sequence[int] = (0,),
    missing: Sequence[str] = (),
    failed: Sequence[str] = (),
    token_length: int = 1,
    seed: int = 0,
) -> FakeResults:
    """Write a results tree for one predictor.

    Args:
        root: Folder to create ``results/toy`` in.
        n_per_class: Sites per pred_type and splice type, or a number for each type.
        upstream: Bases 5' of the junction.
        downstream: Bases 3' of it.
        contrasts: Keys of ``CLASSES``; "shuffled" is a control.
        splice_types: donor, acceptor.
        backbones: Names.
        seeds: Training seeds.
        folds: Fold numbers.
        missing: File names left out of every run ("attention.h5", "split.parquet" …).
        failed: Methods whose faithfulness failed.
        token_length: Bases per token.
        seed: Seed of everything drawn.
    """
    generator = np.random.default_rng(seed)
    folder = root / "results" / PREDICTOR
    folder.mkdir(parents=True)
    types = list(dict.fromkeys(t for c in contrasts for t in CLASSES[c]))
    counts = dict.fromkeys(types, n_per_class) if isinstance(n_per_class, int) else None
    counts = counts if counts is not None else dict(n_per_class)
    sites, sequences = _make_sites(
        counts, splice_types, upstream, downstream, generator
    )
    sites.to_parquet(folder / "sites.parquet", index=False)
    _write_audit(folder / "audit.json", sites)
    meta = {"upstream": str(upstream), "downstream": str(downstream)}
    ids = sites["site_id"].to_list()
    if "windows.arrow" not in missing:
        _write_arrow(
            folder / "windows.arrow", {"site_id": ids, "sequence": sequences}, meta
        )
    length = upstream + downstream
    starts = list(range(0, length, token_length))
    ends = [min(start + token_length, length) for start in starts]
    (folder / "tokens").mkdir()
    _write_arrow(
        folder / "tokens" / "toy.arrow",
        {
            "site_id": ids,
            "input_ids": [[1] * len(starts)] * len(ids),
            "starts": [starts] * len(ids),
            "ends": [ends] * len(ids),
        },
        meta | {"tokenizer": "toy"},
    )
    runs, comparisons = [], []
    for contrast in contrasts:
        for splice_type in splice_types:
            unit = folder / contrast / splice_type
            unit.mkdir(parents=True)
            frame = _write_split(unit, sites, contrast, splice_type, folds, missing)
            rows = []
            for backbone in backbones:
                for run_seed in seeds:
                    for fold in folds:
                        run = unit / backbone / f"seed{run_seed}" / f"fold{fold}"
                        runs.append(run)
                        metrics = write_run(
                            run,
                            frame[frame["fold"] == fold],
                            contrast,
                            (upstream, downstream),
                            generator,
                            missing,
                            failed,
                        )
                        rows.append((backbone, run_seed, fold, metrics))
            if "comparison.tsv" not in missing:
                comparisons.append(_write_comparison(unit, rows))
    return FakeResults(
        folder, folder / "sites.parquet", folder / "audit.json", runs, comparisons
    )


def _make_sites(counts, splice_types, upstream, downstream, generator):
    rows, sequences = [], []
    for splice_type in splice_types:
        for pred_type, number in counts.items():
            for index in range(number):
                is_error = pred_type in ("FP", "FN")
                chrom = f"chr{1 + index % 4}"
                gene = f"GENE{index // 3:04d}"
                rows.append(
                    {
                        "chrom": chrom,
                        "junction": int(generator.integers(1_000, 30_000_000)),
                        "strand": "+-"[index % 2],
                        "splice_type": splice_type,
                        "pred_type": pred_type,
                        "score": float(generator.beta(5, 2)),
                        "gene_id": gene if index % 11 else None,
                        "gene_name": f"ABC{index // 3}" if index % 5 else None,
                    }
                )
                sequences.append(
                    _make_sequence(
                        splice_type, is_error, upstream, downstream, generator
                    )
                )
    frame = pd.DataFrame(rows)
    frame["score"] = frame["score"].astype("float32")
    frame.insert(0, "site_id", np.arange(len(frame), dtype=np.int64))
    for name in ("transcript_ids", "gene_biotype", "dinucleotide"):
        frame[name] = None
    return frame, sequences


def _make_sequence(splice_type, is_error, upstream, downstream, generator):
    bases = generator.choice(list("ACGT"), size=upstream + downstream)
    junction = upstream
    if splice_type == "donor":
        bases[junction - 3 : junction + 6] = list("CAGGTAAGT")
        if not is_error and downstream > 30:
            bases[junction + 15 : junction + 19] = list("GGGG")
    else:
        bases[junction - 4 : junction + 1] = list("CCAGG")
        if upstream > 45:
            bases[junction - 30 : junction - 25] = list("CTAAC")
        if not is_error:
            tract = generator.choice(list("CTTT"), size=min(15, junction - 4))
            bases[junction - 4 - len(tract) : junction - 4] = tract
    return "".join(bases)


def _write_arrow(path, columns, metadata):
    table = pa.table(columns)
    table = table.replace_schema_metadata(metadata)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)


def _write_audit(path, sites):
    table = pd.crosstab(sites["pred_type"], sites["splice_type"])
    audit = {
        "input": {
            "errors": "errors.tsv.gz",
            "sha256": "ab" * 32,
            "rows": len(sites) + 9,
        },
        "rows_read": len(sites) + 9,
        "sites": len(sites),
        "merged_rows": 6,
        "dropped": [{"reason": "contig not in the genome", "rows": 3}],
        "counts": {"pred_type_by_splice_type": table.T.to_dict()},
        "consensus": {
            "donor": {"+": 0.991, "-": 0.989},
            "acceptor": {"+": 0.998, "-": None},
        },
    }
    path.write_text(json.dumps(audit))


def _write_split(unit, sites, contrast, splice_type, folds, missing):
    error, correct = CLASSES[contrast]
    rows = sites[
        (sites["splice_type"] == splice_type)
        & sites["pred_type"].isin([error, correct])
    ]
    labels = rows["pred_type"] == error
    labels = rows["site_id"] // 4 % 2 if error == correct else labels
    frames = []
    for fold in folds:
        order = dict(PARTS)
        if len(folds) > 1:
            order = {f"chr{i + 1}": "train" for i in range(4)}
            order[f"chr{fold % 4 + 1}"] = "test"
            order[f"chr{(fold + 1) % 4 + 1}"] = "validation"
        frames.append(
            pd.DataFrame(
                {
                    "site_id": rows["site_id"],
                    "label": labels.astype("int8"),
                    "fold": np.int16(fold),
                    "part": rows["chrom"].map(order),
                    "pred_type": rows["pred_type"],
                    "gene_id": rows["gene_id"],
                }
            )
        )
    frame = pd.concat(frames)
    if "split.parquet" not in missing:
        columns = ["site_id", "label", "fold", "part"]
        frame[columns].to_parquet(unit / "split.parquet", index=False)
    if "leakage.json" not in missing:
        counts = {
            part: {
                name: int((group["label"] == value).sum())
                for value, name in ((1, "error"), (0, "correct"))
            }
            for part, group in frame[frame["fold"] == folds[0]].groupby("part")
        }
        entry = {
            "shared_sequences": 0,
            "shared_reverse_complements": 0,
            "overlapping_intervals": 0,
            "shared_genes": 0,
            "removed_from_training": 4,
            "counts": counts,
        }
        content = {"folds": {str(f): entry for f in folds}, "passed": True}
        (unit / "leakage.json").write_text(json.dumps(content | {"by": "chromosome"}))
    return frame


def _write_comparison(unit, rows):
    table = []
    for backbone, seed, fold, metrics in rows:
        table.append(
            _compare(backbone, "backbone", metrics, 0.0, seed, fold)
            | {"delta_auprc": 0.08, "delta_low": 0.03, "delta_high": 0.12}
        )
    first = rows[0][3]
    for name, kind, less in (
        ("kmer_boosting", "baseline", 0.08),
        ("pwm_strength", "baseline", 0.2),
        ("cnn", "baseline", 0.11),
        ("predictor_score", "reference", 0.15),
    ):
        table.append(_compare(name, kind, first, less, None, rows[0][2]))
    path = unit / "comparison.tsv"
    pd.DataFrame(table).to_csv(path, sep="\t", index=False)
    return path


def _compare(name, kind, metrics, less, seed, fold):
    row = {"model": name, "kind": kind, "seed": seed, "fold": fold}
    row |= {key: metrics.get(key) for key in ("n_sites", "n_genes", "prevalence")}
    for key in ("auprc", "auroc"):
        if metrics.get(key) is not None:
            low, high = metrics["intervals"][key]
            row |= {key: metrics[key] - less, f"{key}_low": low - less}
            row |= {f"{key}_high": high - less}
        else:
            row |= {key: None, f"{key}_low": None, f"{key}_high": None}
    return row


def compare_folds() -> pd.DataFrame:
    """A comparison of two folds of 100 and 300 sites: a gain in one, a loss in one."""
    rows = []
    for fold, n, gain in ((0, 100, 0.2), (1, 300, -0.1)):
        for kind, model, auprc in (
            *(("backbone", "encoder", 0.5 + gain), ("baseline", "kmers", 0.5)),
            ("baseline", "boosting", 0.3 + 0.4 * fold),
        ):
            row = {"model": model, "kind": kind, "seed": np.nan, "fold": fold}
            row |= {"n_sites": n, "n_genes": n // 2, "prevalence": 0.5}
            row |= {"auprc": auprc, "auprc_low": auprc - 0.1, "auprc_high": auprc + 0.1}
            if kind == "backbone":
                row |= {"seed": 1, "delta_auprc": gain, "delta_low": gain - 0.1}
                row |= {"delta_high": gain + 0.1, "against": "kmers"}
            rows.append(row)
    return pd.DataFrame(rows)
