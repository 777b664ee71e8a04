"""Independent parts of the checks side by side, on the cores that a job was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, device: torch.device
) -> list[Result]:
    """Call a function for all items, several at once, each on its share of the cores.

    Small networks leave cores idle when one of them is computed on all.

    Args:
        function: What is called; it must leave alone what others use.
        items: What it is called with.
        device: Where it computes; on a GPU the items wait for each other.

    Returns:
        The results in the items' order.
    """
    cores = torch.get_num_threads()
    workers = min(cores, len(items)) if device.type == "cpu" else 1
    if workers < 2:
        return [function(item) for item in items]
    try:
        with ThreadPoolExecutor(
            workers, initializer=torch.set_num_threads, initargs=(cores // workers,)
        ) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(cores)
