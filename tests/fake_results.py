"""A plausible results tree in the pipeline's formats, without training anything.

Donor errors lose a G-run at +15..+20, acceptor errors their polypyrimidine tract; the
fake maps point there, so that reports have something to show.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa

PREDICTOR = "toy"
CLASSES = {
    "fp_vs_tp": ("FP", "TP"),
    "fn_vs_tp": ("FN", "TP"),
    "fn_vs_tn": ("FN", "TN"),
    "shuffled": ("FP", "TP"),
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

    def options(self, tables: Path, **changes: object) -> dict[str, object]:
        """Keyword arguments for ``write_error_report`` and ``write_overview``."""
        known = {
            "predictor": PREDICTOR,
            "sites": self.sites,
            "audit": self.audit,
            "comparisons": self.comparisons,
            "tables": tables,
            "draws": 100,
        }
        return known | changes


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
                        metrics = _write_run(
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
                    "label": (rows["pred_type"] == error).astype("int8"),
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


def _write_run(run, frame, contrast, window, generator, missing, failed):
    run.mkdir(parents=True)
    frame = frame[frame["part"].isin(["validation", "test"])].reset_index(drop=True)
    is_control = contrast == "shuffled"
    effect = 0.0 if is_control else 2.0
    logit = generator.normal((frame["label"] * 2 - 1) * effect / 2, 1.0)
    probability = 1 / (1 + np.exp(-logit))
    predictions = frame[["site_id", "part", "label"]].assign(
        logit=logit.astype("float32"),
        probability_correct=(1 - probability).astype("float32"),
        probability_error=probability.astype("float32"),
    )
    test = (frame["part"] == "test").to_numpy()
    metrics = _make_metrics(contrast, frame[test], probability[test])
    metrics["validation"] = {"auprc": 0.7 + float(generator.normal(0, 0.02))}
    write = {
        "predictions.parquet": lambda path: predictions.to_parquet(path, index=False),
        "metrics.json": lambda path: path.write_text(json.dumps(metrics)),
        "history.tsv": lambda path: _make_history().to_csv(path, sep="\t", index=False),
        "faithfulness.json": lambda path: path.write_text(
            json.dumps(_make_faithfulness(failed))
        ),
        "run.json": lambda path: path.write_text(
            json.dumps(_make_run(is_control, window))
        ),
    }
    for name, action in write.items():
        if name not in missing:
            action(run / name)
    explained = frame[test].reset_index(drop=True)
    if "attributions" not in missing:
        (run / "attributions").mkdir()
        maps = _make_maps(explained, run.parents[2].name, window, generator, effect)
        for method, noise in (("integrated_gradients", 0.0), ("substitution", 0.03)):
            values = maps + generator.normal(0, noise, maps.shape) if noise else maps
            _write_maps(
                run / "attributions" / f"{method}.h5",
                explained,
                window,
                {"attributions": values},
                method=method,
            )
    if "attention.h5" not in missing:
        arrays = _make_attention(len(explained), window, generator)
        _write_maps(run / "attention.h5", explained, window, arrays, view="attention")
    return metrics


def _make_history():
    epochs = np.arange(1, 6)
    return pd.DataFrame(
        {
            "epoch": epochs,
            "step": epochs * 40,
            "train_loss": 0.7 * 0.8**epochs,
            "validation_loss": [0.62, 0.55, 0.5, 0.51, 0.53],
            "is_best": [False, False, True, False, False],
        }
    )


def _make_metrics(contrast, frame, probability):
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = frame["label"].to_numpy()
    metrics = {
        "contrast": contrast,
        "classes": ["correct", "error"],
        "part": "test",
        "n_sites": len(frame),
        "n_genes": int(frame["gene_id"].nunique()),
        "n_errors": int(truth.sum()),
        "threshold": 0.5,
    }
    if len(np.unique(truth)) == 2:
        ap = float(average_precision_score(truth, probability))
        auc = float(roc_auc_score(truth, probability))
        half = 1.2 / np.sqrt(len(truth))
        guess = probability >= 0.5
        metrics |= {
            "prevalence": float(truth.mean()),
            "auprc": ap,
            "auroc": auc,
            "confusion": [
                [int(((truth == t) & (guess == g)).sum()) for g in (False, True)]
                for t in (0, 1)
            ],
            "intervals": {
                "auprc": [max(ap - half, 0), min(ap + half, 1)],
                "auroc": [max(auc - half, 0), min(auc + half, 1)],
            },
        }
    return metrics


def _make_faithfulness(failed):
    methods = {}
    for name in ("integrated_gradients", "substitution", "attention"):
        bad = name in failed
        methods[name] = {
            "completeness": {
                "median": 0.004,
                "p95": 0.02,
                "limit": 0.05,
                "passed": True,
            }
            if name == "integrated_gradients"
            else None,
            "deletion": {
                "area": 0.31,
                "random_area": 0.6,
                "ratio": 1.04 if bad else 0.52,
                "interval": [0.97, 1.1] if bad else [0.45, 0.6],
                "passed": not bad,
            },
            "randomisation": {"rank_correlation": 0.08, "limit": 0.3, "passed": True},
            "planted": {"auroc": 0.93, "auprc": 0.7, "base_rate": 0.05, "n_sites": 40},
            "passed": not bad,
        }
    return {"methods": methods, "n_sites": 50}


def _make_run(is_control, window):
    return {
        "settings": {
            "contrast": {"positive": ["FP"], "shuffle_labels": is_control},
            "backbone": {"architecture": "nucleotide_encoder", "layers": 4},
            "windows": {"upstream": window[0], "downstream": window[1]},
            "splits": {"by": "chromosome", "test": ["chr4"]},
            "training": {"epochs": 5, "learning_rate": 3e-4, "batch_size": 32},
        },
        "versions": {"splice-error-analysis": "0.1.0", "torch": "2.13.0"},
        "hashes": {"model": "1a2b3c4d5e6f" + "0" * 52, "sites": "cd" * 32},
        "seeds": {"training": 1, "split": 0},
        "hardware": {"device": "cpu", "threads": 2},
        "durations": {"training": 61.2},
    }


def _make_maps(frame, splice_type, window, generator, effect):
    upstream, downstream = window
    offsets = np.arange(upstream + downstream) - upstream
    error = frame["label"].to_numpy()[:, None]
    near = np.exp(-np.abs(offsets + 0.5) / 6)
    if splice_type == "donor":
        cause = ((offsets >= 14) & (offsets < 20)).astype(float)
    else:
        cause = ((offsets >= -19) & (offsets < -4)).astype(float)
        cause += 0.4 * ((offsets >= -31) & (offsets < -25))
    maps = generator.normal(0, 0.02, (len(frame), len(offsets)))
    maps += 0.15 * near * generator.normal(0, 1, maps.shape)
    sign = np.where(error, 1.0, -1.0) * effect / 2
    return maps + sign * cause * generator.gamma(2, 0.06, maps.shape)


def _make_attention(n, window, generator):
    upstream, downstream = window
    offsets = np.arange(upstream + downstream) - upstream
    base = 1 + 6 * np.exp(-np.abs(offsets + 0.5) / 10)
    values = base * generator.gamma(20, 1 / 20, (n, len(offsets)))
    values = 0.93 * values / values.sum(axis=1, keepdims=True)
    heads = base * generator.gamma(8, 1 / 8, (4, 4, len(offsets)))
    heads = 0.93 * heads / heads.sum(axis=2, keepdims=True)
    return {
        "mean": values,
        "junction": values,
        "rollout": values,
        "head_mean": heads,
        "special_share": np.full(n, 0.07),
    }


def _write_maps(path, frame, window, arrays, **attributes):
    with h5py.File(path, "w") as file:
        file["site_id"] = frame["site_id"].to_numpy(dtype=np.int64)
        for name, values in arrays.items():
            file[name] = np.asarray(values, dtype=np.float32)
        file.attrs["upstream"], file.attrs["downstream"] = window
        file.attrs["part"] = "test"
        for name, value in attributes.items():
            file.attrs[name] = value


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
