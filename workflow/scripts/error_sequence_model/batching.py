"""Which sequences share an optimiser step and a forward pass: planned up front.

The order is a pure function of (seed, epoch, world size), so that a run can stop and
resume anywhere. Sequences are sorted by length inside shuffled pools: a batch then
holds sequences of nearly one length, and hardly any padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from error_sequence_model.errors import InputError

LARGEST_POOL = 100  # optimiser steps
POOLS_PER_EPOCH = 4  # at least, so that small sets are shuffled well too
PAD_MULTIPLE = 8


def plan_steps(
    lengths: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    world_size: int = 1,
) -> list[np.ndarray]:
    """Plan the optimiser steps of an epoch.

    Args:
        lengths: Tokens per sequence, int (n,).
        batch_size: Sequences per optimiser step over all ranks.
        seed: Seed of the run.
        epoch: Epoch, from 0.
        world_size: Number of ranks; a last step with fewer sequences joins another.

    Returns:
        One int64 array of sequence indices per step; together they hold every index
        exactly once. The first step of the first epoch has the longest sequences, so
        that a lack of memory shows at once.

    Raises:
        InputError: A step has fewer sequences than there are ranks.
    """
    if min(len(lengths), batch_size) < world_size:
        raise InputError(
            f"{len(lengths)} training sequences in steps of {batch_size} "
            f"(`training.batch_size`) for {world_size} processes: every process needs "
            "one in each step; lower `training.gpus`"
        )
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    steps_per_pool = len(lengths) // batch_size // POOLS_PER_EPOCH
    pool = batch_size * min(max(steps_per_pool, 1), LARGEST_POOL)
    steps = []
    for start in range(0, len(order), pool):
        members = order[start : start + pool]
        members = members[np.argsort(lengths[members], kind="stable")]
        steps.extend(np.split(members, range(batch_size, len(members), batch_size)))
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
) -> list[np.ndarray]:
    """Cut sequences into forward passes under a budget of padded tokens.

    Args:
        indices: Sequences, int64 (n,).
        lengths: Tokens of every sequence of the data set.
        tokens_per_batch: Padded tokens allowed in one pass; a longer sequence goes
            alone.
        bucket_boundaries: Sequences of two buckets never share a pass.

    Returns:
        Arrays of indices, shortest first.
    """
    indices = indices[np.argsort(lengths[indices], kind="stable")]
    buckets = find_buckets(lengths[indices], bucket_boundaries)
    batches: list[np.ndarray] = []
    start = 0
    for stop in range(1, len(indices) + 1):
        if stop < len(indices) and buckets[stop] == buckets[start]:
            padded = pad_length(int(lengths[indices[stop]]))
            if (stop + 1 - start) * padded <= tokens_per_batch:
                continue
        batches.append(indices[start:stop])
        start = stop
    return batches


def pad_length(length: int) -> int:
    """Round a length up to the multiple that batches are padded to."""
    return -(-length // PAD_MULTIPLE) * PAD_MULTIPLE
