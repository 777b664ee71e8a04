from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_sequence_model.batching import (
    cut_batches,
    find_buckets,
    pad_length,
    plan_steps,
    share_step,
)
from error_sequence_model.errors import InputError

QUICK = settings(max_examples=60, deadline=None)


def make_lengths(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(5, 900, count).astype(np.int32)


@QUICK
@given(st.integers(3, 700), st.integers(3, 64), st.integers(1, 3), st.integers(0, 5))
def test_every_index_exactly_once_on_any_number_of_ranks(
    count, batch_size, world_size, epoch
) -> None:
    lengths = make_lengths(count)
    plan = plan_steps(
        lengths, batch_size=batch_size, seed=7, epoch=epoch, world_size=world_size
    )
    shares = [
        share_step(step, rank=rank, world_size=world_size)
        for step in plan
        for rank in range(world_size)
    ]
    assert min(map(len, shares)) >= 1, "a rank without work would hang the others"
    assert sorted(np.concatenate(shares)) == list(range(count))
    assert max(len(step) for step in plan) < batch_size + world_size


@QUICK
@given(st.integers(1, 300), st.integers(8, 5000), st.booleans())
def test_passes_hold_every_index_and_keep_the_budget(
    count, budget, has_buckets
) -> None:
    lengths = make_lengths(count)
    edges = [100, 400] if has_buckets else None
    indices = np.random.default_rng(1).permutation(count)
    batches = cut_batches(
        indices, lengths, tokens_per_batch=budget, bucket_boundaries=edges
    )
    assert sorted(np.concatenate(batches)) == list(range(count))
    for batch in batches:
        padded = len(batch) * pad_length(int(lengths[batch].max()))
        assert padded <= budget or len(batch) == 1
        assert len(set(find_buckets(lengths[batch], edges))) == 1


def test_plan_is_a_function_of_seed_and_epoch() -> None:
    lengths = make_lengths(200)

    def plan(seed: int, epoch: int) -> list[list[int]]:
        steps = plan_steps(lengths, batch_size=16, seed=seed, epoch=epoch)
        return [step.tolist() for step in steps]

    first = plan(1, 1)
    assert plan(1, 1) == first
    assert plan(1, 2) != first
    assert plan(2, 1) != first
    assert len(plan(1, 0)) == len(plan(1, 1)) == len(plan(1, 2))


def test_first_step_has_the_longest_sequence() -> None:
    lengths = make_lengths(500)
    plan = plan_steps(lengths, batch_size=8, seed=3, epoch=0)
    assert lengths[plan[0]].max() == lengths.max()


def test_equal_lengths_are_shuffled() -> None:
    lengths = np.full(64, 40)
    plan = plan_steps(lengths, batch_size=8, seed=1, epoch=0)
    assert any((np.diff(np.sort(step)) > 1).any() for step in plan)


def test_hardly_any_padding_on_lognormal_lengths() -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(6, 0.5, 30_000), 20, 4000).astype(np.int32)
    real = padded = 0
    for step in plan_steps(lengths, batch_size=32, seed=1, epoch=0):
        for batch in cut_batches(step, lengths, tokens_per_batch=16384):
            real += int(lengths[batch].sum())
            padded += len(batch) * pad_length(int(lengths[batch].max()))
    assert real / padded >= 0.98


@pytest.mark.parametrize(("count", "batch_size"), [(2, 32), (100, 2)])
def test_too_few_sequences_for_the_ranks_are_refused(count, batch_size) -> None:
    with pytest.raises(InputError, match="3 processes"):
        plan_steps(
            make_lengths(count), batch_size=batch_size, seed=1, epoch=0, world_size=3
        )


def test_bucket_edges_belong_to_the_lower_bucket() -> None:
    buckets = find_buckets(np.array([1, 512, 513, 2000]), [512, 1024])
    assert buckets.tolist() == [0, 0, 1, 2]
