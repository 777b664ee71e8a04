"""Attention by every route gives the same, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from error_sequence_model.backbones import FAMILIES, attention
from error_sequence_model.backbones.attention import (
    KERNELS,
    attend,
    find_runs,
    get_padding_bias,
    prefer_attention,
)
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
PACKING = [
    name
    for name, family in FAMILIES.items()
    if getattr(family.model_class, "can_pack", False)
]


def test_the_families_that_can_pack_are_known() -> None:
    assert sorted(PACKING) == [
        "dnabert2",
        "nucleotide_encoder",
        "nucleotide_transformer",
    ]


@pytest.mark.parametrize("name", PACKING)
def test_a_packed_sequence_sees_no_other(name) -> None:
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
    packed = backbone(
        input_ids=torch.cat(rows, dim=1), lengths=torch.tensor(LENGTHS)
    ).last_hidden_state
    torch.testing.assert_close(packed, torch.cat(alone, dim=1), atol=1e-5, rtol=1e-5)
    found = differentiate(packed, torch.cat(pulls, dim=1))
    for wanted, given in zip(expected, found, strict=True):
        torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)


def test_neighbours_of_one_length_are_a_run() -> None:
    assert find_runs(torch.tensor(LENGTHS)) == [(1, 5), (3, 9), (1, 24), (1, 40)]
