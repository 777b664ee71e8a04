from __future__ import annotations

import pytest
import torch

from error_sequence_model.core import InputError
from error_sequence_model.training import token_budget
from error_sequence_model.training.token_budget import (
    CPU_TOKENS,
    find_token_budget,
    get_memory_limit,
    measure_saved_bytes,
)

CPU = torch.device("cpu")


class Memory:
    """A device on which a pass takes so many bytes per sequence, up to a limit."""

    def __init__(self, *, bytes_each: float, limit: float | None = None) -> None:
        self.bytes_each, self.limit, self.tried = bytes_each, limit, []

    def measure(self, count: int) -> float:
        self.tried.append(count)
        needed = count * self.bytes_each
        if self.limit is not None and needed > self.limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return needed


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A GPU with 1,000 bytes of memory."""

    class Properties:
        total_memory = 1000

    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda *_: Properties, raising=False
    )
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    return torch.device("cuda")


def test_a_gpu_starts_with_the_whole_step_and_halves(gpu) -> None:
    # 850 bytes may be used: 12 of 100 sequences with 70 bytes each.
    memory = Memory(bytes_each=70)
    budget = find_token_budget(memory.measure, longest=20, sequences=100, device=gpu)
    assert memory.tried == [100, 50, 25, 12]
    assert budget == 100 * 24 // 8


def test_running_out_of_memory_halves_too(gpu) -> None:
    memory = Memory(bytes_each=1, limit=30)
    budget = find_token_budget(memory.measure, longest=8, sequences=64, device=gpu)
    assert budget == 128
    assert memory.tried == [64, 32, 16]


def test_what_never_fits_is_an_error(gpu) -> None:
    memory = Memory(bytes_each=1, limit=0)
    with pytest.raises(InputError, match="one sequence of 8 tokens does not fit"):
        find_token_budget(memory.measure, longest=8, sequences=64, device=gpu)


def test_a_cpu_takes_what_is_fast_if_it_fits(monkeypatch) -> None:
    monkeypatch.setattr(token_budget, "get_memory_limit", lambda: 1000.0)

    def find(bytes_each: float, processes: int = 1) -> int:
        return find_token_budget(
            Memory(bytes_each=bytes_each).measure,
            longest=512,
            sequences=1000,
            device=CPU,
            processes=processes,
        )

    assert find(1) == CPU_TOKENS
    assert find(100) == CPU_TOKENS // 4
    assert find(100, processes=2) == CPU_TOKENS // 8
    with pytest.raises(InputError, match="memory of the cpu"):
        find(501)


def test_a_longer_sequence_than_the_budget_is_allowed(monkeypatch) -> None:
    monkeypatch.setattr(token_budget, "get_memory_limit", lambda: 1000.0)
    memory = Memory(bytes_each=1)
    budget = find_token_budget(
        memory.measure, longest=CPU_TOKENS + 5, sequences=4, device=CPU
    )
    assert budget == CPU_TOKENS + 8


def test_saved_bytes_are_counted_exactly() -> None:
    weight = torch.ones(10, 30, requires_grad=True)
    states = torch.ones(7, 10)

    def run() -> torch.Tensor:
        hidden = states @ weight  # keeps the states
        return (hidden.exp() * 2).sum()  # keeps the exponentials

    expected = 4 * (7 * 10 + 7 * 30)
    assert measure_saved_bytes(run) == expected == measure_saved_bytes(run)


def test_the_memory_limit_is_that_of_the_machine_or_less() -> None:
    assert 2**28 < get_memory_limit() < 2**50
