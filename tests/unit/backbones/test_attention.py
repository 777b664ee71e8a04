"""Attention by every route gives the same, forwards and backwards."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from error_sequence_model.backbones import FAMILIES, attention
from error_sequence_model.backbones.attention import (
    KERNELS,
    attend,
    find_padding_reason,
    find_runs,
    get_padding_bias,
    prefer_attention,
)
from exact_varlen import use_exact_varlen
from published_checkpoints import make_small


def run_and_differentiate(
    parts: list[Tensor], bias: Tensor | None, dtype: torch.dtype
) -> list[Tensor]:
    leaves = [part.to(dtype).requires_grad_() for part in parts]
    context, _ = attend(*leaves, bias)
    assert context.dtype == dtype
    pull = torch.linspace(-1, 1, context.numel()).view_as(context)
    grads = torch.autograd.grad((context * pull.to(dtype)).sum(), leaves)
    return [context.detach(), *grads]


@pytest.mark.parametrize("has_units", [True, False])
@pytest.mark.parametrize("longest", [8, 1024])
@pytest.mark.parametrize("is_padded", [True, False])
def test_bf16_on_a_cpu_is_float32_rounded(
    monkeypatch, has_units, longest, is_padded
) -> None:
    monkeypatch.setattr(attention, "has_fast_bf16", lambda device: has_units)
    monkeypatch.setattr(attention, "LONGEST_UNFUSED", longest)
    generator = torch.Generator().manual_seed(1)
    parts = [torch.randn(3, 2, 24, 16, generator=generator) for _ in range(3)]
    # What bfloat16 cannot hold is not the point here.
    parts = [part.bfloat16().float() for part in parts]
    mask = torch.ones(3, 24, dtype=torch.long)
    mask[1, 15:] = 0
    bias = get_padding_bias(mask if is_padded else None, torch.float32)
    exact = run_and_differentiate(parts, bias, torch.float32)
    rounded = run_and_differentiate(parts, bias, torch.bfloat16)
    for wanted, found in zip(exact, rounded, strict=True):
        assert (found.float() - wanted).norm() < 0.01 * wanted.norm()


def test_attention_that_keeps_its_weights_is_for_processors_with_bf16_units(
    monkeypatch,
) -> None:
    calls = []
    unfused = attention._attend_unfused

    def note(*given: object) -> Tensor:
        calls.append(given)
        return unfused(*given)

    monkeypatch.setattr(attention, "_attend_unfused", note)
    states = torch.randn(1, 2, 24, 16)
    for has_tiles, has_units in ((True, True), (False, True), (False, False)):
        monkeypatch.setattr(attention, "has_amx", lambda device, it=has_tiles: it)
        monkeypatch.setattr(attention, "has_fast_bf16", lambda device, it=has_units: it)
        for dtype in (torch.float32, torch.bfloat16):
            for is_trained in (True, False):
                query = states.to(dtype).requires_grad_(is_trained)
                before = len(calls)
                attend(query, query, query, None)
                is_fused = dtype == torch.float32 or (has_tiles and not is_trained)
                assert len(calls) - before == (has_units and not is_fused)


def test_cudnn_is_left_out_of_attention() -> None:
    """Its gradients can be NaN on Hopper (pytorch#196678)."""
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_backbone_has_a_graph_break_with_or_without_padding(name) -> None:
    """A look at a mask breaks the graph, and on a GPU it makes the host wait."""
    backbone = make_small(name).train()
    ids = torch.randint(0, 4, (2, 24))
    mask = torch.ones_like(ids)
    mask[1, 20:] = 0
    for given in (mask, None):
        torch._dynamo.reset()
        told = torch._dynamo.explain(backbone)(input_ids=ids, attention_mask=given)
        assert told.graph_count == 1, told.break_reasons
        assert told.graph_break_count == 0, told.break_reasons


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_forward_pass_on_a_gpu_waits_for_nothing(name) -> None:
    backbone = make_small(name).train().cuda()
    ids = torch.randint(0, 4, (2, 24), device="cuda")
    mask = torch.ones_like(ids)
    mask[1, 20:] = 0
    for given in (mask, None):
        backbone(input_ids=ids, attention_mask=given)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            states = backbone(input_ids=ids, attention_mask=given).last_hidden_state
            states.float().sum().backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gradients_are_finite_where_cudnns_may_not_be() -> None:
    backbone = make_small("dnabert2").train().cuda()
    ids = torch.randint(5, 20, (4, 192), device="cuda")
    mask = torch.ones_like(ids)
    mask[1:, 20:] = 0
    with torch.autocast("cuda", dtype=torch.bfloat16):
        states = backbone(input_ids=ids, attention_mask=mask).last_hidden_state
    (states.float() * mask[..., None]).square().sum().backward()
    gradients = [p.grad for p in backbone.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_kernel_that_cannot_serve_is_passed_over() -> None:
    """Flash attention takes no bias: the next one does it, and no setting stays."""
    query = torch.randn(1, 2, 8, 16, generator=torch.Generator().manual_seed(1))
    bias = torch.randn(1, 2, 8, 8)
    usual, _ = attend(query, query, query, bias)
    before = torch._C._get_sdp_priority_order()
    for kernel in (*KERNELS, "auto"):
        with prefer_attention(kernel):
            found, _ = attend(query, query, query, bias)
            assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.allclose(found, usual, atol=1e-5)
    assert torch._C._get_sdp_priority_order()[:3] == before[:3]
    assert torch.backends.cuda.flash_sdp_enabled()


LENGTHS = [5, 9, 9, 9, 24, 40]
PACKING = {
    name: family.model_class.has_bias
    for name, family in FAMILIES.items()
    if getattr(family.model_class, "can_pack", False)
}


def make_row(device: str = "cpu", lengths: list[int] = LENGTHS) -> dict[str, object]:
    """What a backbone is called with for sequences in one row."""
    ids = torch.randint(0, 4, (1, sum(lengths)), device=device)
    given = torch.tensor(lengths, device=device)
    return {"input_ids": ids, "lengths": given, "longest": max(lengths)}


def test_the_families_that_can_pack_are_known() -> None:
    assert PACKING == {
        "dnabert2": True,
        "modernbert": False,
        "nucleotide_encoder": False,
        "nucleotide_transformer": False,
    }


@pytest.mark.parametrize(
    ("name", "is_varlen"),
    [(name, False) for name in PACKING]
    + [(n, True) for n, has in PACKING.items() if not has],
)
def test_a_packed_sequence_sees_no_other(monkeypatch, name, is_varlen) -> None:
    """States and gradients are those of the sequences one by one."""
    backbone = make_small(name).eval()
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(0, 4, (1, n), generator=generator) for n in LENGTHS]
    pulls = [torch.randn(1, n, 1, generator=generator) for n in LENGTHS]

    def differentiate(states: torch.Tensor, pull: torch.Tensor) -> list[torch.Tensor]:
        weights = [w for w in backbone.parameters() if w.requires_grad]
        given = torch.autograd.grad((states * pull).sum(), weights, allow_unused=True)
        pairs = zip(given, weights, strict=True)
        return [torch.zeros_like(w) if g is None else g for g, w in pairs]

    alone = [backbone(input_ids=row).last_hidden_state for row in rows]
    expected = differentiate(torch.cat(alone, dim=1), torch.cat(pulls, dim=1))
    seen = use_exact_varlen(monkeypatch) if is_varlen else []
    given = make_row() | {"input_ids": torch.cat(rows, dim=1)}
    packed = backbone(**given).last_hidden_state
    assert len(seen) == (backbone.config.num_hidden_layers if is_varlen else 0)
    torch.testing.assert_close(packed, torch.cat(alone, dim=1), atol=1e-5, rtol=1e-5)
    found = differentiate(packed, torch.cat(pulls, dim=1))
    for wanted, given in zip(expected, found, strict=True):
        torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", PACKING)
def test_layers_computed_again_attend_as_before(name) -> None:
    row, gradients = make_row(), []
    for is_recomputing in (False, True):
        backbone = make_small(name)
        if is_recomputing:
            backbone.activation_checkpointing_enable()
        torch.manual_seed(0)
        backbone.train()(**row).last_hidden_state.square().sum().backward()
        gradients.append(backbone.get_input_embeddings().weight.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", [n for n, has in PACKING.items() if not has])
def test_sequences_in_one_row_attend_in_half_precision(monkeypatch, name) -> None:
    backbone = make_small(name).train()
    seen = use_exact_varlen(monkeypatch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = backbone(**make_row()).last_hidden_state
    states.float().sum().backward()
    assert set(seen) == {torch.bfloat16}


@pytest.mark.parametrize("name", [n for n, has in PACKING.items() if not has])
def test_one_graph_serves_rows_of_any_lengths(monkeypatch, name) -> None:
    """With torch's own kernel, on tensors without values: only its shapes are known."""
    monkeypatch.setattr(attention, "uses_varlen", lambda device: True)
    backbone = make_small(name).to("meta").train()
    graphs = []

    def note(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    compiled = torch.compile(backbone, backend=note, dynamic=True, fullgraph=True)
    for lengths in (LENGTHS, [7, 30, 31], [4, 5]):
        states = compiled(**make_row("meta", lengths)).last_hidden_state
        assert states.shape == (1, sum(lengths), backbone.config.hidden_size)
        states.sum().backward()
    assert len(graphs) == 1


REFUSED = {
    "of a family without positions of its own": ("hyenadna", {}, "hyenadna takes no"),
    "with a bias": ("dnabert2", {}, "dnabert2 adds a bias of distances"),
    "in float32": ("modernbert", {"precision": "fp32"}, "float32, where bf16 or"),
    "by another kernel": ("modernbert", {"kernel": "flash"}, "attention` is flash"),
    "with dropout": (
        *("nucleotide_transformer", {"attention_probs_dropout_prob": 0.1}),
        "attention_dropout is 0.1, and may only be 0",
    ),
    "on an older card": (
        *("modernbert", {"capability": (7, 5)}),
        "compute capability 7.5, where 8.0 is needed",
    ),
    "of odd heads": ("nucleotide_encoder", {"heads": 4}, "heads of 4, which is no"),
    "of a build without it": (
        *("modernbert", {"error": RuntimeError("no flash here\nmore")}),
        "^no flash here$",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_why_sequences_are_padded_on_a_gpu_is_said(monkeypatch, case) -> None:
    name, given, words = REFUSED[case]
    options = dict(given)
    rest = {
        key: options.pop(key, usual)
        for key, usual in (("precision", "bf16"), ("kernel", "auto"))
    }
    capability, error = options.pop("capability", (9, 0)), options.pop("error", None)
    tried = []

    def try_varlen(*given: object) -> None:
        tried.append(given)
        if error is not None:
            raise error

    monkeypatch.setattr(attention, "_try_varlen", try_varlen)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    backbone, device = make_small(name, **options), torch.device("cuda")
    reason = find_padding_reason(backbone, device, **rest)
    assert re.search(words, reason)
    assert len(tried) == (error is not None)


@pytest.mark.parametrize("name", PACKING)
@pytest.mark.parametrize("kernel", ["auto", "varlen"])
def test_nothing_is_padded_where_nothing_has_to_be(monkeypatch, name, kernel) -> None:
    monkeypatch.setattr(attention, "_try_varlen", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    for kind in ("cpu",) if PACKING[name] else ("cpu", "cuda"):
        given = make_small(name), torch.device(kind)
        assert find_padding_reason(*given, precision="fp16", kernel=kernel) is None


def test_the_kernel_is_tried_forwards_and_backwards(monkeypatch) -> None:
    seen = use_exact_varlen(monkeypatch)
    attention._try_varlen(torch.device("cpu"), "bf16", 8)
    assert seen == [torch.bfloat16]
    with pytest.raises(AssertionError):
        attention._try_varlen(torch.device("cpu"), "bf16", 12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [n for n, has in PACKING.items() if not has])
def test_a_row_on_a_gpu_is_what_padded_sequences_are(name) -> None:
    """In bf16; and it waits for nothing."""
    backbone, device = make_small(name).cuda(), torch.device("cuda")
    given = {"precision": "bf16", "kernel": "auto"}
    assert find_padding_reason(backbone, device, **given) is None
    row = make_row("cuda")
    parts = row["input_ids"][0].split(LENGTHS)
    ids = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(p) for p in parts], True)

    def run(**batch: object) -> tuple[Tensor, list[Tensor]]:
        backbone.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            states = backbone(**batch).last_hidden_state.float()
        real = states[0] if "lengths" in batch else states[mask.bool()]
        (
            real * torch.linspace(-1, 1, len(real), device=device)[:, None]
        ).sum().backward()
        return real, [p.grad for p in backbone.parameters() if p.grad is not None]

    wanted, expected = run(input_ids=ids, attention_mask=mask)
    found, gradients = run(**row)
    assert (found - wanted).norm() < 0.02 * wanted.norm()
    for gradient, other in zip(gradients, expected, strict=True):
        assert (gradient - other).norm() <= 0.05 * other.norm() + 1e-3
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run(**row)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_neighbours_of_one_length_are_a_run() -> None:
    assert find_runs(torch.tensor(LENGTHS)) == [(1, 5), (3, 9), (1, 24), (1, 40)]
