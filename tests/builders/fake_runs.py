"""One fake run folder: predictions, metrics, maps and checks that fit together."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score


def write_run(run, frame, contrast, window, generator, missing, failed):
    run.mkdir(parents=True)
    frame = frame[frame["part"].isin(["validation", "test"])].reset_index(drop=True)
    is_control = contrast == "shuffled"
    is_private = contrast.startswith("private_")
    classes = ["shared", "private"] if is_private else ["correct", "error"]
    effect = 0.0 if is_control else 2.0
    logit = generator.normal((frame["label"] * 2 - 1) * effect / 2, 1.0)
    probability = 1 / (1 + np.exp(-logit))
    predictions = frame[["site_id", "part", "label"]].assign(
        logit=logit.astype("float32"),
    )
    predictions[f"probability_{classes[0]}"] = (1 - probability).astype("float32")
    predictions[f"probability_{classes[1]}"] = probability.astype("float32")
    test = (frame["part"] == "test").to_numpy()
    metrics = _make_metrics(contrast, frame[test], probability[test])
    metrics["classes"] = classes
    metrics["validation"] = {"auprc": 0.7 + float(generator.normal(0, 0.02))}
    write = {
        "predictions.parquet": lambda path: predictions.to_parquet(path, index=False),
        "metrics.json": lambda path: path.write_text(json.dumps(metrics)),
        "history.tsv": lambda path: _make_history().to_csv(path, sep="\t", index=False),
        "faithfulness.json": lambda path: path.write_text(
            json.dumps(_make_faithfulness(failed, is_control))
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
        names = {"view": "attention", "undefined": '{"first_token": "it is causal"}'}
        _write_maps(run / "attention.h5", explained, window, arrays, **names)
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
    truth = frame["label"].to_numpy()
    metrics = {
        "contrast": contrast,
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


def _make_faithfulness(failed, is_control):
    methods = {
        name: _make_checks(name, name in failed)
        for name in ("integrated_gradients", "substitution", "attention")
    }
    views = {
        name: _make_checks(name, name != "rollout")
        for name in ("junction", "rollout", "gradient_weighted")
    }
    views["first_token"] = {"undefined": "a mixing matrix is causal"}
    names = [*methods, "junction", "rollout", "gradient_weighted"]
    tests = {
        name: {"p_value": 0.31, "region": "five_prime_ss", "n_regions": 5}
        for name in methods
    }
    control = {"methods": tests, "level": 0.0125, "passed": True}
    return {
        "methods": methods,
        "attention_views": views,
        "agreement": {
            "methods": names,
            "rank_correlation": (0.4 + 0.6 * np.eye(len(names))).tolist(),
            "n_sites": 50,
        },
        "control": control if is_control else None,
        "n_sites": 50,
    }


def _make_checks(name, bad):
    shares = {"deletion": [0.01, 0.05, 0.2], "insertion": [0.05, 0.1, 0.4]}
    own = {
        mode: {
            "area": 0.63 if bad else 1.3,
            "n_sites": 40,
            "shares": part,
            "curve": [0.4, 0.7, 0.8] if bad else [0.6, 1.3, 2.0],
        }
        for mode, part in shares.items()
    }
    gain = {
        "area": 0.6,
        "n_sites": 40,
        "curve": [0.2, 0.5, 1.1],
        "difference": 0.03 if bad else 0.7,
        "interval": [-0.1, 0.14] if bad else [0.55, 0.87],
        "passed": not bad,
    }
    reference = {mode: {**gain, "shares": part} for mode, part in shares.items()}
    reference["passed"] = not bad
    stages = ("head", "upper layers", "all layers", "all weights")
    measured = {"rank_correlation": 0.05, "pearson": 0.08, "top_overlap": 0.12}
    cascade = [
        {**measured, "stage": stage, "pearson": value, "n_sites": 8}
        for stage, value in zip(stages, (0.9, 0.4, None, 0.08), strict=True)
    ]
    return {
        "completeness": {"median": 0.004, "p95": 0.02, "limit": 0.05, "passed": True}
        if name == "integrated_gradients"
        else None,
        "own": own,
        **dict.fromkeys(("other_site", "class_mean", "position_only"), reference),
        "randomisation": {
            **measured,
            "limits": {"rank_correlation": 0.3, "pearson": 0.5, "top_overlap": 0.5},
            "passed": True,
            "cascade": cascade,
        },
        "planted": {
            **{"auroc": 0.93, "auprc": 0.7, "base_rate": 0.05, "n_sites": 40},
            "position_only": {"auroc": 0.61, "auprc": 0.12},
        },
        "passed": not bad,
    }


def _make_run(is_control, window):
    return {
        "run_hash": "7b35db81103a5b0f",
        "settings": {
            "contrast": {"name": "x", "shuffle_labels": is_control},
            "backbone": {"architecture": "nucleotide_encoder", "checkpoint": None},
            "training": {"epochs": 5, "learning_rate": 3e-4, "batch_size": 32},
        },
        "seed": 1,
        "window": {"upstream": window[0], "downstream": window[1]},
        "model_sha256": "1a2b3c4d5e6f" + "0" * 52,
        "inputs_sha256": {"split": "cd" * 32},
        "versions": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"},
        "hardware": {"processor": "AMD EPYC", "cores": 2, "gpus": []},
        "seconds": {"training": 61.2},
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
        "gradient_weighted": 3 * values,
        "head_mean": heads,
        "sink_share": heads.max(axis=2),
        "entropy": np.full(heads.shape[:2], 0.9),
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
