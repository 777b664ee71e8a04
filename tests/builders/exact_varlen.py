"""What torch's attention for sequences in one row computes, without a GPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from error_sequence_model.backbones import attention


def use_exact_varlen(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """Have the CPU take the way of a GPU; gives the types of all queries from now."""
    seen: list[torch.dtype] = []

    def attend(query: Tensor, *given: object, **options: object) -> Tensor:
        seen.append(query.dtype)
        return attend_exactly(query, *given, **options)

    monkeypatch.setattr(attention, "uses_varlen", lambda device: True)
    monkeypatch.setattr(attention, "load_varlen", lambda: attend)
    return seen


def attend_exactly(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    window_size: tuple[int, int] = (-1, -1),
) -> Tensor:
    """`torch.nn.attention.varlen.varlen_attn`, and what its kernel asks for."""
    for part in (query, key, value):
        assert part.shape == query.shape and part.dtype == query.dtype
        assert part.stride(-1) == 1 and part.shape[-1] % 8 == 0
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert torch.equal(cu_seq_q, cu_seq_k)
    lengths = cu_seq_q.diff().tolist()
    assert cu_seq_q[0] == 0 and sum(lengths) == len(query)
    assert type(max_q) is type(max_k) is int
    assert max_q == max_k == max(lengths)
    left, right = window_size
    assert left == right
    contexts = []
    for parts in zip(*(p.split(lengths) for p in (query, key, value)), strict=True):
        places = torch.arange(len(parts[0]))
        is_near = (places[:, None] - places).abs() <= (left if left >= 0 else 10**9)
        states = (part.transpose(0, 1) for part in parts)
        context = F.scaled_dot_product_attention(*states, attn_mask=is_near)
        contexts.append(context.transpose(0, 1))
    return torch.cat(contexts)
