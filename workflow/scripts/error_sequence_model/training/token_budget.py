"""How many padded tokens one forward and backward pass may have: found by a probe.

The budget decides how a step is cut into passes, nothing else. It is one of a few
values, each half of the one before, and what it is held to does not depend on what else
the machine does: a rerun finds the same. It is written to history.tsv and run.json; as
``training.tokens_per_batch`` it can be fixed for another machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from error_sequence_model.core import InputError
from error_sequence_model.datasets import pad_length

# On a CPU larger passes are not faster: measured (AVX-512, float32, hidden size 128),
# 3,200 to 6,400 tokens are best, and 12,800 are 9 % slower since they leave the cache.
CPU_TOKENS = 8192
CUDA_TOKENS = 2**18
# Of all memory; the rest is for weights on their way, fragments, and the system.
CPU_SHARE = 0.5
CUDA_SHARE = 0.85


def find_token_budget(
    measure_pass: Callable[[int], float],
    *,
    longest: int,
    sequences: int,
    device: torch.device,
    processes: int = 1,
    remedy: str = "take shorter windows",
) -> int:
    """Find the largest budget whose pass fits into memory.

    Args:
        measure_pass: Runs a pass of so many times the longest sequence and gives the
            memory it takes in bytes; it may run out of memory.
        longest: Tokens of the longest sequence.
        sequences: Most sequences that share a pass: one rank's part of a step.
        device: Where the model runs.
        processes: Ranks that share a CPU's memory.
        remedy: What to do where one sequence alone does not fit, for the message.

    Returns:
        Padded tokens of one pass, at least those of the longest sequence.

    Raises:
        InputError: One sequence alone does not fit.
    """
    padded = int(pad_length(longest))
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory * CUDA_SHARE
        budget = min(sequences * padded, CUDA_TOKENS)
    else:
        memory = get_memory_limit() * CPU_SHARE / processes
        budget = CPU_TOKENS
    while True:
        count = max(min(budget // padded, sequences), 1)
        if _fits(measure_pass, count, memory, device):
            return max(budget, padded)
        if count == 1:
            raise InputError(
                f"one sequence of {longest} tokens does not fit into the memory of the "
                f"{device.type.replace('cuda', 'GPU')}; {remedy}"
            )
        budget //= 2


def _fits(
    measure_pass: Callable[[int], float],
    count: int,
    memory: float,
    device: torch.device,
) -> bool:
    try:
        return measure_pass(count) <= memory
    except torch.cuda.OutOfMemoryError:
        return False
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()


def measure_saved_bytes(run_forward: Callable[[], torch.Tensor]) -> float:
    """Run a forward pass and count the bytes that are kept for the backward pass.

    They are most of what a pass needs on a CPU, and unlike the memory of the process
    they are the same on every run.
    """
    sizes: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        # The result keeps what was saved alive: no address is counted twice.
        result = run_forward()
    del result
    return float(sum(sizes.values()))


def get_memory_limit() -> float:
    """Memory that this process may use in bytes: the machine's or its group's."""
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        groups = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return total
    own = groups[-1].rsplit(":", 1)[-1].strip("/") if groups else ""
    root = Path("/sys/fs/cgroup")
    for file in (root / "memory.max", root / own / "memory.max"):
        try:
            total = min(total, float(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return total
