from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_sequence_model.core import InputError
from error_sequence_model.datasets import (
    cut_batches,
    cut_passes,
    draw_members,
    pad_length,
    plan_steps,
    share_step,
)
from error_sequence_model.datasets.batching import find_buckets

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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("median", "count"), [(150, 500), (150, 5_000), (400, 500), (400, 30_000)]
)
def test_hardly_any_padding_on_lognormal_lengths(median, count, seed) -> None:
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(median), 0.5, count), 20, 4000)
    lengths = lengths.astype(np.int32)
    real = padded = 0
    plans = (plan_steps(lengths, batch_size=32, seed=1, epoch=e) for e in range(4))
    for step in itertools.chain(*plans):
        for batch in cut_passes(
            step, lengths, tokens_per_batch=8192, pass_cost=64, multiple=1
        ):
            real += int(lengths[batch].sum())
            padded += len(batch) * int(lengths[batch].max())
    assert real / padded >= 0.98


def test_steps_are_of_other_sequences_in_another_epoch() -> None:
    """Two that share a step seldom share one again, however few there are."""
    lengths = np.random.default_rng(0).lognormal(np.log(150), 0.5, 500).astype(int)
    epochs = []
    for epoch in range(5):
        plan = plan_steps(lengths, batch_size=32, seed=1, epoch=epoch)
        pairs = (itertools.combinations(sorted(step), 2) for step in plan)
        epochs.append(set(itertools.chain(*pairs)))
    both = itertools.combinations(epochs, 2)
    assert np.mean([len(one & other) / len(one) for one, other in both]) < 0.25


def get_cost(batches: list[np.ndarray], lengths: np.ndarray, pass_cost: float) -> float:
    return sum(len(b) * pad_length(int(lengths[b].max())) + pass_cost for b in batches)


@QUICK
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=9),
    st.sampled_from([200, 600, 10_000]),
    st.sampled_from([0, 20, 200, 5000]),
    st.booleans(),
)
def test_no_other_cut_costs_less(values, budget, pass_cost, has_buckets) -> None:
    lengths = np.array(values)
    edges = [60, 150] if has_buckets else None
    options = {"tokens_per_batch": budget, "bucket_boundaries": edges}
    indices = np.arange(len(lengths))
    found = cut_passes(indices, lengths, pass_cost=pass_cost, **options)
    assert sorted(np.concatenate(found)) == indices.tolist()
    order = indices[np.argsort(lengths, kind="stable")]
    best = np.inf
    for places in range(2 ** (len(order) - 1)):
        ends = [i + 1 for i in range(len(order) - 1) if places >> i & 1]
        cut = np.split(order, ends)
        is_allowed = all(
            (len(b) == 1 or len(b) * pad_length(int(lengths[b].max())) <= budget)
            and len(set(find_buckets(lengths[b], edges))) == 1
            for b in cut
        )
        if is_allowed:
            best = min(best, get_cost(cut, lengths, pass_cost))
    assert get_cost(found, lengths, pass_cost) == best


@pytest.mark.parametrize("counts", [(70, 30), (30, 70), (41, 41), (80, 13, 7)])
def test_balanced_sampling_is_exact_in_every_epoch_and_over_all(counts) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    labels = labels[rng.permutation(len(labels))]
    seen = np.zeros(len(labels), dtype=int)
    epochs = []
    for epoch in range(12):
        drawn = draw_members(labels, sampling="balanced", seed=3, epoch=epoch)
        assert len(drawn) == len(labels)
        per_class = np.bincount(labels[drawn], minlength=len(counts))
        assert np.ptp(per_class) <= 1
        seen += np.bincount(drawn, minlength=len(labels))
        for name in range(len(counts)):
            assert np.ptp(seen[labels == name]) <= 1
        epochs.append(drawn.tolist())
    again = draw_members(labels, sampling="balanced", seed=3, epoch=5)
    assert again.tolist() == epochs[5]
    assert epochs[5] != epochs[6] or len(set(counts)) == 1


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_members_of_an_epoch_reach_the_ranks_exactly_once(world_size) -> None:
    lengths = make_lengths(211)
    labels = (np.arange(211) % 5 == 0).astype(int)
    members = draw_members(labels, sampling="balanced", seed=1, epoch=2)
    plan = plan_steps(
        lengths,
        batch_size=16,
        seed=1,
        epoch=2,
        world_size=world_size,
        members=members,
    )
    shares = [
        share_step(step, rank=rank, world_size=world_size)
        for step in plan
        for rank in range(world_size)
    ]
    assert sorted(np.concatenate(shares)) == sorted(members)
    assert min(map(len, shares)) >= 1


def test_classes_are_mixed_over_the_steps() -> None:
    lengths = make_lengths(1000)
    # Errors are shorter here: sorting by length within pools must not part the classes.
    labels = (lengths < 300).astype(int)
    plan = plan_steps(lengths, batch_size=16, seed=1, epoch=1)
    shares = np.array([labels[step].mean() for step in plan])
    assert abs(np.corrcoef(shares[:-1], shares[1:])[0, 1]) < 0.3


@pytest.mark.parametrize(("count", "batch_size"), [(2, 32), (100, 2)])
def test_too_few_sequences_for_the_ranks_are_refused(count, batch_size) -> None:
    with pytest.raises(InputError, match="3 processes"):
        plan_steps(
            make_lengths(count), batch_size=batch_size, seed=1, epoch=0, world_size=3
        )


def test_bucket_edges_belong_to_the_lower_bucket() -> None:
    buckets = find_buckets(np.array([1, 512, 513, 2000]), [512, 1024])
    assert buckets.tolist() == [0, 0, 1, 2]


def test_packed_batches_hold_real_tokens_up_to_the_budget() -> None:
    lengths = np.array([30, 500, 10, 20, 61, 9])
    batches = cut_batches(np.arange(6), lengths, tokens_per_batch=69, is_packed=True)
    assert [batch.tolist() for batch in batches] == [[5, 2, 3, 0], [4], [1]]
    in_buckets = cut_batches(
        np.arange(6),
        lengths,
        tokens_per_batch=1000,
        bucket_boundaries=[20],
        is_packed=True,
    )
    assert [batch.tolist() for batch in in_buckets] == [[5, 2, 3], [0, 4, 1]]
