"""Which sequences share an optimiser step and a forward pass: planned up front.

The order is a pure function of (seed, epoch, world size), so that a run can stop and
resume anywhere. Sequences are sorted by length inside shuffled pools: a step then holds
sequences of nearly one length; what still differs is cut into passes, where that costs
less than padding it. So that small sets do without padding too, what is shuffled are
small groups of neighbours in length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from error_sequence_model.core import InputError

LARGEST_POOL = 100  # optimiser steps
POOLS_PER_EPOCH = 4  # at least, so that small sets are shuffled well too
# Of a step. Measured on 500 windows of median length 150 in steps of 32, real tokens
# with groups of 1, 4, 8, 12: 96.2, 97.6, 98.0, 98.1 %; the chance that two windows of
# a step share one in another epoch too: 0.15, 0.16, 0.23, 0.28 (0.06 by chance alone).
GROUPS_PER_STEP = 4
PAD_MULTIPLE = 8


def draw_members(
    labels: np.ndarray, *, sampling: str, seed: int, epoch: int
) -> np.ndarray:
    """Draw the sequences of an epoch.

    Args:
        labels: Class index of each sequence, int (n,).
        sampling: "natural": each sequence once. "balanced": as many of each class (one
            more or less), n in all. Rarer classes are repeated, frequent ones are
            thinned, in turns: over the epochs, the sequences of a class are seen
            equally often (one time more or less).
        seed: Seed of the run.
        epoch: Epoch, from 0.

    Returns:
        Indices, int64 (n,), by class.
    """
    if sampling == "natural":
        return np.arange(len(labels))
    classes = np.unique(labels)
    drawn = []
    for place, name in enumerate(classes):
        share = len(labels) // len(classes) + (place < len(labels) % len(classes))
        order = np.random.default_rng([seed, place]).permutation(
            np.flatnonzero(labels == name)
        )
        # An endless round through a fixed order, of which each epoch takes a stretch.
        drawn.append(order[(epoch * share + np.arange(share)) % len(order)])
    return np.concatenate(drawn)


def plan_steps(
    lengths: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    world_size: int = 1,
    members: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Plan the optimiser steps of an epoch.

    Args:
        lengths: Tokens per sequence, int (n,).
        batch_size: Sequences per optimiser step over all ranks.
        seed: Seed of the run.
        epoch: Epoch, from 0.
        world_size: Number of ranks; a last step with fewer sequences joins another.
        members: The sequences of this epoch, int64, from `draw_members`; None: each
            once.

    Returns:
        One int64 array of sequence indices per step; together they hold every member
        exactly once. The first step of the first epoch has the longest sequences, so
        that a lack of memory shows at once.

    Raises:
        InputError: A step has fewer sequences than there are ranks.
    """
    members = np.arange(len(lengths)) if members is None else members
    if min(len(members), batch_size) < world_size:
        raise InputError(
            f"{len(members)} training sequences in steps of {batch_size} "
            f"(`training.batch_size`) for {world_size} processes: every process needs "
            "one in each step; lower `training.gpus`"
        )
    rng = np.random.default_rng([seed, epoch])
    order = members[rng.permutation(len(members))]
    if lengths[order].min() < lengths[order].max():
        order = order[np.argsort(lengths[order], kind="stable")]
        size = max(batch_size // GROUPS_PER_STEP, 1)
        first = 1 + int(rng.integers(size))  # so that no two are always divided
        groups = np.split(order, range(first, len(order), size))
        order = np.concatenate([groups[k] for k in rng.permutation(len(groups))])
    steps_per_pool = len(members) // batch_size // POOLS_PER_EPOCH
    pool = batch_size * min(max(steps_per_pool, 1), LARGEST_POOL)
    steps = []
    for start in range(0, len(order), pool):
        chosen = order[start : start + pool]
        chosen = chosen[np.argsort(lengths[chosen], kind="stable")]
        steps.extend(np.split(chosen, range(batch_size, len(chosen), batch_size)))
    if len(steps) > 1 and len(steps[-1]) < world_size:
        steps[-2] = np.concatenate(steps[-2:])
        steps.pop()
    steps = [steps[place] for place in rng.permutation(len(steps))]
    if epoch == 0:
        longest = int(np.argmax([lengths[step].max() for step in steps]))
        steps.insert(0, steps.pop(longest))
    return steps


def find_buckets(
    lengths: np.ndarray, bucket_boundaries: Sequence[int] | None
) -> np.ndarray:
    """Number the length bucket of each sequence: int64 (n,), 0 if there are none."""
    if not bucket_boundaries:
        return np.zeros(len(lengths), dtype=np.int64)
    return np.searchsorted(np.asarray(bucket_boundaries), lengths, side="left")


def share_step(step: np.ndarray, *, rank: int, world_size: int) -> np.ndarray:
    """Take a rank's part of a step: every ``world_size``-th, so lengths are even."""
    return step[rank::world_size]


def cut_batches(
    indices: np.ndarray,
    lengths: np.ndarray,
    *,
    tokens_per_batch: int,
    bucket_boundaries: Sequence[int] | None = None,
    is_packed: bool = False,
) -> list[np.ndarray]:
    """Cut sequences into forward passes under a budget of padded tokens.

    Args:
        indices: Sequences, int64 (n,).
        lengths: Tokens of every sequence of the data set.
        tokens_per_batch: Padded tokens allowed in one pass; a longer sequence goes
            alone.
        bucket_boundaries: Sequences of two buckets never share a pass.
        is_packed: Nothing is padded; real tokens count.

    Returns:
        Arrays of indices, shortest first.
    """
    indices = indices[np.argsort(lengths[indices], kind="stable")]
    buckets = find_buckets(lengths[indices], bucket_boundaries)
    sums = np.cumsum(lengths[indices], dtype=np.int64)
    batches: list[np.ndarray] = []
    start = 0
    for stop in range(1, len(indices) + 1):
        if stop < len(indices) and buckets[stop] == buckets[start]:
            tokens = (stop + 1 - start) * pad_length(int(lengths[indices[stop]]))
            if is_packed:
                tokens = sums[stop] - (sums[start - 1] if start else 0)
            if tokens <= tokens_per_batch:
                continue
        batches.append(indices[start:stop])
        start = stop
    return batches


def cut_passes(
    indices: np.ndarray,
    lengths: np.ndarray,
    *,
    tokens_per_batch: int,
    pass_cost: float,
    bucket_boundaries: Sequence[int] | None = None,
    multiple: int = PAD_MULTIPLE,
) -> list[np.ndarray]:
    """Cut an optimiser step into the forward passes that cost least.

    What a step costs are its padded tokens and, for each pass, what a pass takes even
    if it is short. The best cut of a sorted step is found by dynamic programming, in
    time that grows with the square of its size.

    Args:
        indices: Sequences, int64 (n,).
        lengths: Tokens of every sequence of the data set.
        tokens_per_batch: Padded tokens allowed in one pass; a longer sequence goes
            alone.
        pass_cost: What a pass costs beside its tokens, in tokens.
        bucket_boundaries: Sequences of two buckets never share a pass.
        multiple: What lengths are padded to.

    Returns:
        Arrays of indices, shortest first.
    """
    indices = indices[np.argsort(lengths[indices], kind="stable")]
    buckets = find_buckets(lengths[indices], bucket_boundaries)
    padded = pad_length(lengths[indices].astype(np.int64), multiple)
    costs = np.zeros(len(indices) + 1)
    starts = np.zeros(len(indices) + 1, dtype=np.int64)
    for stop in range(1, len(indices) + 1):
        first = np.searchsorted(buckets, buckets[stop - 1])
        first = max(first, stop - max(tokens_per_batch // padded[stop - 1], 1))
        tokens = (stop - np.arange(first, stop)) * padded[stop - 1]
        options = costs[first:stop] + tokens + pass_cost
        best = int(np.argmin(options))
        costs[stop], starts[stop] = options[best], first + best
    batches, stop = [], len(indices)
    while stop > 0:
        batches.append(indices[starts[stop] : stop])
        stop = int(starts[stop])
    return batches[::-1]


def pad_length(length: int | np.ndarray, multiple: int = PAD_MULTIPLE) -> Any:
    """Round a length, or each of several, up to the multiple that is padded to."""
    return -(-length // multiple) * multiple
