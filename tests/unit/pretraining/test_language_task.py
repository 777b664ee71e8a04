"""Pretraining: what is predicted, that it is learnt, and that it can be stopped."""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from error_sequence_model.backbones import FAMILIES, get_lm_loss, load_backbone
from error_sequence_model.classifier import create_classifier
from error_sequence_model.core import InputError, StoppedError
from error_sequence_model.pretraining import (
    Pretraining,
    draw_gene_windows,
    pretrain_run,
)
from error_sequence_model.pretraining.gene_bodies import DONOR, EXON
from error_sequence_model.pretraining.gene_windows import GeneWindows
from error_sequence_model.pretraining.language_models import (
    IGNORED,
    ExampleMaker,
    LanguageModel,
    choose_hidden,
    label_tokens,
)
from error_sequence_model.pretraining.perplexity import (
    Measured,
    collate_examples,
    describe_measured,
    join_measured,
    measure,
)
from error_sequence_model.pretraining.run import create_language_model
from error_sequence_model.settings import (
    CAUSAL,
    BackboneSettings,
    PretrainingSettings,
    SplitSettings,
)
from error_sequence_model.tokenizers import (
    HyenaDNATokenizer,
    KmerTokenizer,
    NucleotideTokenizer,
)
from error_sequence_model.training import CheckpointFolder, Training
from published_checkpoints import make_small, write_dnabert2
from rank_runs import SCRIPTS, launch
from tiny_genes import write_tiny_genes
from tiny_models import OPTIONS

NO_CHECKPOINTS = CheckpointFolder(None, "")
ENCODER = {"architecture": "nucleotide_encoder", **OPTIONS}
CPU = torch.device("cpu")
UNIFORM = np.log(4)
MOTIF = "TTACAGGTAAGTC"  # a donor after its CAG


class KilledError(Exception):
    """Stands for a job that the cluster stopped."""


def make_windows(count: int, *, seed: int, length: int = 64) -> GeneWindows:
    """Random bases with three copies of the motif, a donor in each; two per gene."""
    rng = np.random.default_rng(seed)
    sequence = rng.choice(np.frombuffer(b"ACGT", np.uint8), size=(count, length))
    labels = np.zeros((count, length), np.uint8)
    for row in range(count):
        for start in (2, 23, 44):
            start += rng.integers(5)
            sequence[row, start : start + len(MOTIF)] = list(MOTIF.encode())
            labels[row, start : start + 6] = EXON
            labels[row, start + 6] = DONOR
    genes = [f"g{row // 2}" for row in range(count)]
    table = pd.DataFrame({"gene_id": genes})
    return GeneWindows(table, length, [(0, sequence, labels)], np.arange(count))


def make_settings(**changes: object) -> PretrainingSettings:
    small = {"epochs": 2, "batch_size": 8, "precision": "fp32", "learning_rate": 1e-3}
    return PretrainingSettings(**{**small, **changes})


def make_run(
    checkpoints: CheckpointFolder = NO_CHECKPOINTS,
    *,
    count: int = 40,
    model_seed: int = 1,
    **changes: object,
) -> Training:
    settings = make_settings(**changes)
    model, tokenizer = create_language_model(
        BackboneSettings.from_mapping(ENCODER),
        make_settings(
            seed=model_seed,
            **{key: value for key, value in changes.items() if key != "seed"},
        ),
    )
    makers = (
        ExampleMaker(make_windows(n, seed=seed), tokenizer, settings, is_causal=False)
        for n, seed in ((count, 0), (20, 99))
    )
    return Training(Pretraining(model, *makers, settings), checkpoints)


def test_both_objectives_are_learnt_and_told_on_held_out_windows() -> None:
    run = make_run(count=400, epochs=6, learning_rate=1e-2, batch_size=16)
    history = run.run()
    losses = [row["held_out_sequence_loss"] for row in history]
    # The motif fills 60 % of a window, so that much less than chance is possible.
    assert losses[0] > UNIFORM > losses[-1] + 0.3
    assert history[0]["epoch"] == 0 and history[-1]["epoch"] == 6
    genes = make_windows(20, seed=99).table["gene_id"].to_numpy()
    report = describe_measured(
        run.task.before, run.task.after, genes, draws=200, level=0.95, seed=1
    )
    assert report["perplexity"]["after"]["per_base"] < 3 < 4
    assert report["perplexity"]["before"]["per_base"] > 4
    gained = report["perplexity"]["nats_per_base_gained"]
    assert gained["interval"][0] > 0.2
    donor = report["annotation"]["after"]["auprc"]["donor"]
    assert donor["value"] > 0.9 and donor["prevalence"] == pytest.approx(3 / 64)


@pytest.mark.parametrize("objective", ["sequence", "annotation"])
def test_one_objective_alone_leaves_the_other_out(objective) -> None:
    run = make_run(objective=objective, epochs=1)
    history = run.run()
    report = describe_measured(
        *(run.task.before, run.task.after, np.arange(20)),
        **{"draws": 50, "level": 0.9, "seed": 1},
    )
    other = {"sequence": "annotation", "annotation": "perplexity"}[objective]
    assert report[other] is None
    assert report["perplexity" if objective == "sequence" else "annotation"]
    assert np.isfinite(history[-1]["train_loss"])


def kill_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    take, done = Training._take_step, []

    def take_or_die(self: Training, *steps_: np.ndarray) -> tuple[float, float]:
        if len(done) == steps:
            raise KilledError
        done.append(steps_)
        return take(self, *steps_)

    monkeypatch.setattr(Training, "_take_step", take_or_die)


def drop_clocks(history: list[dict]) -> pd.DataFrame:
    clocks = ["seconds", "tokens_per_second", "peak_memory_mb"]
    return pd.DataFrame(history).drop(columns=clocks)


@pytest.mark.parametrize("minutes", [1e-9, 1e9], ids=["each step", "each epoch"])
@pytest.mark.parametrize("steps", [5, 8])
def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path, monkeypatch, minutes, steps
) -> None:
    whole = make_run(checkpoint_minutes=minutes)
    history = whole.run()
    folder = CheckpointFolder(tmp_path, "abc")
    with monkeypatch.context() as patch:
        kill_after(steps, patch)
        with pytest.raises(KilledError):
            make_run(folder, checkpoint_minutes=minutes).run()
    assert (tmp_path / "abc" / "state.pt").is_file()
    resumed = make_run(folder, model_seed=9, checkpoint_minutes=minutes)
    again = resumed.run()
    assert drop_clocks(again).equals(drop_clocks(history))
    theirs = whole.task.model.state_dict()
    mine = resumed.task.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    for when in ("before", "after"):
        theirs, mine = getattr(whole.task, when), getattr(resumed.task, when)
        for name, values in vars(theirs).items():
            assert np.array_equal(getattr(mine, name), values), name


def test_a_stop_from_outside_is_a_checkpoint(tmp_path, monkeypatch) -> None:
    history = make_run().run()
    folder = CheckpointFolder(tmp_path, "abc")
    take = Training._take_step

    def take_and_stop(self: Training, *steps: np.ndarray) -> tuple[float, float]:
        if self.state.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return take(self, *steps)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_take_step", take_and_stop)
        with pytest.raises(StoppedError, match="epoch 1, after step 3 of 5"):
            make_run(folder).run()
    again = make_run(folder, model_seed=9).run()
    assert drop_clocks(again).equals(drop_clocks(history))


def test_a_run_stopped_after_its_last_epoch_only_measures(tmp_path) -> None:
    folder = CheckpointFolder(tmp_path, "abc")
    run = make_run(folder)
    history = run.run()
    again = make_run(folder, model_seed=9)
    assert drop_clocks(again.run()).equals(drop_clocks(history))
    assert np.array_equal(again.task.after.nats, run.task.after.nats)


@pytest.mark.parametrize("budget", [64, 200])
def test_micro_batches_give_the_gradient_of_one_batch(budget) -> None:
    gradients = []
    for tokens in (10**6, budget):
        run = make_run(tokens_per_batch=tokens)
        run.task.model.eval()  # no dropout, whose draws depend on the batches
        indices = np.arange(12)
        share = run.gradients.make_share(run._share(indices, 0))
        weights = run.task.sum_weights(indices, share.examples, run.accelerator)
        loss = float(run.gradients.accumulate(share, weights).loss)
        named = run.task.model.named_parameters()
        gradients.append((loss, {name: p.grad.clone() for name, p in named}))
    (whole_loss, whole), (loss, parts) = gradients
    assert loss == pytest.approx(whole_loss, abs=1e-5)
    for name, gradient in whole.items():
        assert torch.allclose(parts[name], gradient, atol=1e-5), name


def make_maker(tokenizer, *, is_causal: bool = False, **changes) -> ExampleMaker:
    settings = make_settings(objective="sequence", **changes)
    windows = make_windows(6, seed=3)
    return ExampleMaker(windows, tokenizer, settings, is_causal=is_causal)


def test_only_hidden_tokens_are_predicted() -> None:
    maker = make_maker(NucleotideTokenizer())
    batch = collate_examples([maker.make(i, 0) for i in range(6)], pad_token_id=5)
    model = LanguageModel(make_small("nucleotide_encoder"), maker.settings).eval()
    losses = model(**batch).sequence
    output = model.backbone(batch["input_ids"], batch["attention_mask"])
    logits = model.head(output.last_hidden_state)
    targets = batch["targets"]
    mean = get_lm_loss(logits, targets, is_causal=False)
    hidden = targets != IGNORED
    assert (losses.sum() / hidden.sum()).item() == pytest.approx(mean.item(), abs=1e-5)
    # And nothing else is even computed.
    model.head.register_forward_hook(lambda _, __, out: _check(out, int(hidden.sum())))
    assert torch.equal(model(**batch).sequence, losses)


def _check(logits: torch.Tensor, count: int) -> None:
    assert logits.shape[0] == count


def test_hidden_tokens_are_masked_replaced_or_kept() -> None:
    maker = make_maker(NucleotideTokenizer(), mask_share=0.3)
    plain = {i: maker.tokenizer.encode(maker.windows.get(i)[0])[0] for i in range(6)}
    kinds = {"masked": 0, "replaced": 0, "kept": 0}
    for index in range(6):
        for epoch in range(60):
            example = maker.make(index, epoch)
            hidden = example.targets != IGNORED
            assert np.array_equal(example.targets[hidden], plain[index][hidden])
            shown = example.input_ids
            assert np.array_equal(shown[~hidden], plain[index][~hidden])
            is_mask = shown[hidden] == maker.tokenizer.mask_token_id
            is_same = shown[hidden] == plain[index][hidden]
            kinds["masked"] += is_mask.sum()
            kinds["kept"] += is_same.sum()
            kinds["replaced"] += (~is_mask & ~is_same).sum()
    total = sum(kinds.values())
    assert total / (6 * 60 * 64) == pytest.approx(0.3, abs=0.02)
    assert kinds["masked"] / total == pytest.approx(0.8, abs=0.02)
    # A quarter of the random replacements hits the same base again.
    assert kinds["replaced"] / total == pytest.approx(0.075, abs=0.02)


def test_masks_depend_on_seed_window_and_epoch_alone() -> None:
    maker = make_maker(NucleotideTokenizer())
    same = [maker.make(2, 1), make_maker(NucleotideTokenizer()).make(2, 1)]
    assert np.array_equal(same[0].targets, same[1].targets)
    for other in (maker.make(2, 2), maker.make(3, 1)):
        assert ((same[0].targets == IGNORED) != (other.targets == IGNORED)).any()


@pytest.mark.parametrize("span", [1, 4])
def test_spans_hide_the_share_asked_for_in_runs(span) -> None:
    settings = make_settings(mask_share=0.2, mask_span=span)
    rng = np.random.default_rng(1)
    is_word = np.ones(100_000, dtype=bool)
    is_word[::50] = False
    hidden = choose_hidden(is_word, settings, rng)
    assert not hidden[~is_word].any()
    assert hidden[is_word].mean() == pytest.approx(0.2, abs=0.01)
    runs = np.diff(np.flatnonzero(np.diff(hidden.astype(int))))[::2]
    assert runs.mean() > 0.9 * span


def test_unknown_bases_and_markers_are_never_predicted() -> None:
    windows = make_windows(1, seed=1)
    windows._blocks[0][1][0, 10:40] = ord("N")
    for tokenizer in (NucleotideTokenizer(), HyenaDNATokenizer(), KmerTokenizer()):
        is_causal = tokenizer.family == "hyenadna"
        settings = make_settings(objective="sequence", mask_share=0.5)
        maker = ExampleMaker(windows, tokenizer, settings, is_causal=is_causal)
        predicted = {
            int(t) for epoch in range(20) for t in maker.make(0, epoch).targets
        }
        names = tokenizer.tokens(sorted(predicted - {IGNORED}))
        assert names and all(set(name) <= set("ACGT") for name in names)


def test_a_causal_model_does_not_see_what_it_predicts() -> None:
    maker = make_maker(HyenaDNATokenizer(), is_causal=True)
    model = LanguageModel(make_small("hyenadna"), maker.settings).eval()
    batch = collate_examples([maker.make(0, 0)], pad_token_id=4)
    ids, targets = batch["input_ids"], batch["targets"]
    assert torch.equal(targets[0, :63], ids[0, 1:64])
    assert (targets[0, 63:] == IGNORED).all()  # the marker after the last base
    early = torch.where(torch.arange(65) <= 30, targets, IGNORED)
    loss = model(**{**batch, "targets": early}).sequence
    later = ids.clone()
    later[0, 31:] = 7
    changed = model(**{**batch, "input_ids": later, "targets": early}).sequence
    assert torch.allclose(loss, changed, atol=1e-5)
    earlier = ids.clone()
    earlier[0, :31] = 7
    changed = model(**{**batch, "input_ids": earlier, "targets": early}).sequence
    assert not torch.allclose(loss, changed, atol=1e-3)


def test_a_causal_model_refuses_the_annotation() -> None:
    causal = {name for name, family in FAMILIES.items() if family.is_causal}
    assert set(CAUSAL) == causal  # what the config is checked by, without torch
    with pytest.raises(InputError, match=r"pretraining\.objective: sequence"):
        LanguageModel(make_small("hyenadna"), make_settings())


def test_tokens_take_the_highest_label_of_their_bases() -> None:
    labels = np.array([0, 0, 1, 1, 2, 0, 3], dtype=np.uint8)
    spans = np.array([[0, 2], [2, 4], [4, 5], [5, 6], [6, 7]])
    assert label_tokens(labels, spans).tolist() == [0, 1, 2, 0, 3]
    assert label_tokens(labels, np.array([[0, 6], [6, 7]])).tolist() == [2, 3]
    assert label_tokens(labels, np.array([[1, 3], [5, 6]])).tolist() == [1, 0]
    assert label_tokens(labels, np.zeros((0, 2), int)).tolist() == []


def test_perplexity_is_per_token_and_per_base() -> None:
    def make(nats: list[float]) -> Measured:
        count = len(nats)
        return Measured(
            np.array(nats), np.full(count, 10), np.full(count, 60), np.zeros(count),
            np.zeros(0, int), np.zeros((0, 4)), np.zeros(count, int),
        )  # fmt: skip

    before, after = make([20.0, 40.0, *[30.0] * 4]), make([10.0, 20.0, *[15.0] * 4])
    genes = np.array(["a", "a", "b", "c", "d", "e"], dtype=object)
    report = describe_measured(before, after, genes, draws=500, level=0.9, seed=1)
    told = report["perplexity"]
    assert told["before"]["per_token"] == pytest.approx(np.exp(3.0))
    assert told["before"]["per_base"] == pytest.approx(np.exp(0.5))
    assert told["after"]["per_token"] == pytest.approx(np.exp(1.5))
    assert told["nats_per_base_gained"]["value"] == pytest.approx(0.25)
    # All genes have the same mean: whichever is drawn, the result is the same.
    assert told["nats_per_base_gained"]["interval"] == pytest.approx([0.25, 0.25])
    report = describe_measured(
        before, after, genes[[0] * 6], draws=9, level=0.9, seed=1
    )
    assert report["perplexity"]["nats_per_base_gained"]["interval"] == [None, None]


def test_ranks_are_joined_in_the_order_of_the_windows() -> None:
    maker = make_maker(NucleotideTokenizer())
    both = ExampleMaker(
        maker.windows, maker.tokenizer, make_settings(), is_causal=False
    )
    model = LanguageModel(make_small("nucleotide_encoder"), make_settings())
    options = {"device": CPU, "precision": "fp32"}
    whole = measure(model, both, np.arange(6), **options)
    parts = [np.arange(0, 6, 2), np.arange(1, 6, 2)]
    joined = join_measured([(p, measure(model, both, p, **options)) for p in parts])
    for name, values in vars(whole).items():
        assert np.allclose(getattr(joined, name), values, atol=1e-5), name


@pytest.fixture(scope="module")
def gene_windows(tmp_path_factory) -> Path:
    """Windows of the tiny genome, with their audit."""
    genes = write_tiny_genes(tmp_path_factory.mktemp("tiny"))
    draw_gene_windows(
        [genes.source],
        genes.folder / "sites.parquet",
        genes.folder / "windows.arrow",
        SplitSettings(test=("chr3",), validation=("chr2",)),
        PretrainingSettings(windows=60, length=48),
        split_path=None,
        fold=0,
        output=genes.folder / "gene_windows.arrow",
        leakage=genes.folder / "leakage.json",
    )
    return genes.folder


def pretrain(folder: Path, output: Path, backbone: dict, **changes: object) -> dict:
    pretrain_run(
        BackboneSettings.from_mapping(backbone),
        make_settings(epochs=1, **changes),
        windows=folder / "gene_windows.arrow",
        leakage=folder / "leakage.json",
        output=output,
        checkpoints=output / "checkpoints",
        draws=100,
    )
    return json.loads((output / "pretraining.json").read_text())


def test_a_run_writes_a_backbone_that_classifiers_start_from(
    gene_windows, tmp_path
) -> None:
    record = pretrain(gene_windows, tmp_path, ENCODER)
    assert record["leakage"]["passed"] and record["windows"]["train"] == 60
    assert record["perplexity"]["before"]["per_base"] > 1
    history = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    assert history["epoch"].tolist() == [0, 1]
    assert not list((tmp_path / "checkpoints").iterdir())
    backbone, tokenizer = load_backbone(tmp_path / "model")
    assert tokenizer.family == "nucleotide" and backbone.is_calibrated
    model = create_classifier(str(tmp_path / "model"), seed=4)
    for name, weight in backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], weight), name


def test_the_same_run_twice_gives_the_same_weights(gene_windows, tmp_path) -> None:
    for name in ("first", "second"):
        pretrain(gene_windows, tmp_path / name, ENCODER)
    first, second = (
        (tmp_path / name / "model" / "model.safetensors").read_bytes()
        for name in ("first", "second")
    )
    assert first == second


def test_a_published_checkpoint_goes_on_with_its_own_head(
    gene_windows, tmp_path
) -> None:
    checkpoint = write_dnabert2(tmp_path / "published")
    entry = {"architecture": "dnabert2", "checkpoint": str(checkpoint)}
    settings = make_settings(objective="sequence")
    model, _ = create_language_model(BackboneSettings.from_mapping(entry), settings)
    again, _ = create_language_model(BackboneSettings.from_mapping(entry), settings)
    assert torch.equal(model.head.dense.weight, again.head.dense.weight)
    other = BackboneSettings.from_mapping({**entry, "random_init": True})
    new, _ = create_language_model(other, settings)
    assert not torch.equal(model.head.dense.weight, new.head.dense.weight)
    assert not torch.equal(
        model.backbone.get_input_embeddings().weight,
        new.backbone.get_input_embeddings().weight,
    )
    record = pretrain(gene_windows, tmp_path / "out", entry)
    told = record["perplexity"]["before"]
    assert told["per_token"] > told["per_base"] > 1  # tokens of several bases
    assert load_backbone(tmp_path / "out" / "model")[1].family == "bpe"


# One rank runs out of memory in the middle of its second backward pass, once.
SHORT_OF_MEMORY = """
import json, sys
from pathlib import Path
import numpy as np
import pandas as pd
import torch
from error_sequence_model.backbones import create_backbone
from error_sequence_model.pretraining import Pretraining
from error_sequence_model.pretraining.gene_windows import GeneWindows
from error_sequence_model.pretraining.language_models import ExampleMaker, LanguageModel
from error_sequence_model.settings import PretrainingSettings
from error_sequence_model.training import CheckpointFolder, Training

folder, is_short = Path(sys.argv[1]), sys.argv[2] == "short"
rng = np.random.default_rng(0)
bases = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, (48, 64))]
labels = np.zeros((48, 64), np.uint8)
table = pd.DataFrame({"gene_id": [f"g{row}" for row in range(48)]})
windows = GeneWindows(table, 64, [(0, bases, labels)], np.arange(48))
settings = PretrainingSettings(
    objective="sequence", windows=48, length=64, epochs=1, batch_size=8,
    precision="fp32", tokens_per_batch=512, learning_rate=1e-3,
)
torch.manual_seed(1)
network, tokenizer = create_backbone(
    "nucleotide_encoder", layers=2, heads=2, hidden_size=32, dropout=0.0
)
maker = ExampleMaker(windows, tokenizer, settings, is_causal=False)
task = Pretraining(LanguageModel(network, settings), maker, maker, settings)
run = Training(task, CheckpointFolder(None, ""))
rank, passes = run.accelerator.process_index, []
def run_out(gradient):
    passes.append(gradient)
    if len(passes) == 2:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
    return gradient
def watch(module, inputs, output):
    if output.requires_grad:
        output.register_hook(run_out)
if is_short and rank == 1:
    # Late in the backward pass: the gradients above it have been made.
    network.layers[0].mlp_input.register_forward_hook(watch)
history = run.run()
weights = {name: weight.sum().item() for name, weight in task.model.named_parameters()}
told = {"weights": weights, "row": history[-1]}
(folder / f"{rank}.json").write_text(json.dumps(told))
"""


@pytest.mark.workflow
def test_ranks_survive_that_one_of_them_runs_out_of_memory(tmp_path) -> None:
    told = {}
    for name in ("whole", "short"):
        launch(tmp_path / name, SHORT_OF_MEMORY, 2, name)
        told[name] = [
            json.loads((tmp_path / name / f"{rank}.json").read_text())
            for rank in range(2)
        ]
    assert told["whole"][0]["row"]["tokens_per_batch"] == 512
    assert told["short"][0]["row"]["tokens_per_batch"] == 256
    first, second = told["short"]
    assert first["weights"] == second["weights"]
    for name, weight in told["whole"][0]["weights"].items():
        assert first["weights"][name] == pytest.approx(weight, abs=1e-4), name


def test_the_step_can_be_stopped_from_its_start(monkeypatch) -> None:
    """Its launcher ignores SIGTERM, which a process would inherit."""
    spec = importlib.util.spec_from_file_location("pretrain", SCRIPTS / "pretrain.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    seen = []
    monkeypatch.setattr(
        script,
        "pretrain_run",
        lambda *_, **__: seen.append(signal.getsignal(signal.SIGTERM)),
    )
    names = ("windows", "leakage", "output", "checkpoints", "draws")
    arguments = argparse.Namespace(
        backbone=ENCODER, pretraining={}, **dict.fromkeys(names)
    )
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        script.main(arguments)
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert seen == [signal.SIG_DFL]
