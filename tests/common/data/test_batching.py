"""Batches hold every example once, are padded on the right, and come in an order that seed and epoch fix."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.batching import (
    Sequences,
    evaluation_batches,
    generated,
    pad,
    plan_batches,
    plan_token_batches,
    teacher_forced,
    training_batches,
)

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=60).map(np.array)


def sequences(lengths):
    rng = np.random.default_rng(0)
    features = [rng.integers(1, 100, (length, 2)).astype(np.int32) for length in lengths]
    return Sequences(features, np.arange(len(lengths), dtype=np.int32))


@given(LENGTHS, st.integers(1, 9), st.integers(0, 5))
def test_every_example_is_in_exactly_one_batch(lengths, batch_size, seed):
    for rng in (None, np.random.default_rng(seed)):
        batches = plan_batches(lengths, batch_size, rng)
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_batches_of_like_length_need_little_padding():
    lengths = np.random.default_rng(0).geometric(1 / 200, 3200)
    batches = plan_batches(lengths, 32, np.random.default_rng(1))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    at_random = sum(32 * part.max() for part in np.array_split(lengths, 100))
    assert padded < 1.1 * lengths.sum() < 0.5 * at_random


@given(LENGTHS, st.integers(1, 200), st.integers(0, 5))
def test_batches_by_tokens_hold_every_example_once_and_no_more_than_their_tokens(lengths, tokens, seed):
    for rng in (None, np.random.default_rng(seed)):
        batches = plan_token_batches(lengths, tokens, rng)
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens for batch in batches)


@given(LENGTHS, st.integers(1, 200))
@settings(max_examples=30)
def test_every_epoch_has_as_many_batches_by_tokens(lengths, tokens):
    counts = {len(plan_token_batches(lengths, tokens, np.random.default_rng(seed))) for seed in range(5)}
    assert counts == {len(plan_token_batches(lengths, tokens, None))}


def test_batches_by_tokens_are_full_need_little_padding_and_differ_between_epochs():
    lengths = 1 + np.random.default_rng(0).geometric(1 / 15, 20_000)
    first, second = (plan_token_batches(lengths, 2000, np.random.default_rng(seed)) for seed in (1, 2))
    padded = sum(len(batch) * lengths[batch].max() for batch in first)
    assert padded < 1.1 * lengths.sum()
    assert len(first) < 1.25 * lengths.sum() / 2000
    together = [{tuple(sorted(batch)) for batch in batches} for batches in (first, second)]
    assert len(together[0] & together[1]) < 0.1 * len(first)
    sizes = [lengths[batch].max() for batch in first]
    assert abs(np.corrcoef(sizes, np.arange(len(sizes)))[0, 1]) < 0.3


@given(LENGTHS)
@settings(max_examples=20)
def test_padding_is_zeros_on_the_right(lengths):
    features = sequences(lengths).features
    for row, feature in zip(pad(features), features, strict=True):
        np.testing.assert_array_equal(row[: len(feature)], feature)
        assert not row[len(feature) :].any()


def contents(dataset):
    return [(features.tobytes(), tuple(targets)) for features, targets in dataset.as_numpy_iterator()]


def test_resuming_at_an_epoch_gives_what_an_uninterrupted_run_would_have_seen():
    data = sequences([3, 9, 14, 2, 30, 8, 8])
    options = {"seed": 3, "max_length": 10}
    whole, steps = training_batches(data, 2, epochs=range(0, 3), **options)
    resumed, _ = training_batches(data, 2, epochs=range(1, 3), **options)
    assert contents(whole)[steps:] == contents(resumed)
    assert contents(whole)[:steps] != contents(whole)[steps : 2 * steps]


def test_long_examples_are_cut_to_a_window_of_their_own_steps():
    data = sequences([25])
    (features, _), *_ = training_batches(data, 1, epochs=range(1), seed=0, max_length=10)[
        0
    ].as_numpy_iterator()
    windows = [data.features[0][start : start + 10].tobytes() for start in range(16)]
    assert features[0].tobytes() in windows


def test_evaluation_tells_which_example_each_row_is():
    data = sequences([5, 1, 9, 3])
    dataset, order = evaluation_batches(data, 3)
    targets = np.concatenate([targets for _, targets in dataset.as_numpy_iterator()])
    np.testing.assert_array_equal(targets, order)
    assert list(order) == [1, 3, 0, 2]


@given(st.lists(st.lists(st.integers(3, 9), max_size=6).map(lambda ids: [*ids, 2]), min_size=1, max_size=4))
def test_teacher_forcing_feeds_the_start_and_then_what_was_to_be_written_before(rows):
    """Beside an empty sequence, which stays empty."""
    fed, labels = teacher_forced([np.array(ids, np.int32) for ids in ([], *rows)], start=1, end=2)
    assert fed.dtype == labels.dtype == np.int32
    longest = max(map(len, rows))
    for row, ids in zip(range(len(rows) + 1), ([], *rows), strict=True):
        padding = [0] * (longest - len(ids))
        assert labels[row].tolist() == ids + padding
        assert fed[row].tolist() == ([1, *ids[:-1]] if ids else []) + padding


def test_batches_that_a_function_makes_are_made_anew_at_each_pass():
    spec = tf.TensorSpec([None], tf.int32)
    dataset = generated(lambda: iter([[1, 2], [3]]), spec, count=2)
    assert len(dataset) == 2
    for _ in range(2):
        assert [batch.tolist() for batch in dataset.as_numpy_iterator()] == [[1, 2], [3]]
    assert len(list(generated(lambda: iter([[1]] * 5), spec))) == 5
    with pytest.raises(tf.errors.FailedPreconditionError):
        list(generated(lambda: iter([[1]]), spec, count=2))
