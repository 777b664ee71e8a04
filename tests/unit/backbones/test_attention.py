"""Attention by every route gives the same, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from error_sequence_model.backbones import FAMILIES, attention
from error_sequence_model.backbones.attention import (
    KERNELS,
    attend,
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
