"""The CTC loss against the sum over all alignments, one by one, and its gradient against finite differences."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from common.training.ctc import ctc_loss, frames_needed


def collapsed(alignment):
    """Equal neighbours are merged, then blanks removed."""
    return tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol != 0)


def loss_of_all_alignments(logits, label):
    """-log of the summed probability of every alignment `[time]` that makes the label."""
    log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=-1)
    time, symbols = log_probabilities.shape
    total = sum(
        np.exp(sum(log_probabilities[frame, symbol] for frame, symbol in enumerate(alignment)))
        for alignment in itertools.product(range(symbols), repeat=time)
        if collapsed(alignment) == tuple(label)
    )
    with np.errstate(divide="ignore"):
        return -np.log(total)


def padded(labels, width):
    rows = np.zeros([len(labels), width], np.int32)
    for row, label in zip(rows, labels, strict=True):
        row[: len(label)] = label
    return rows, np.array([len(label) for label in labels], np.int32)


def losses_and_gradient(logits, labels, frames, width=6):
    numbers, lengths = padded(labels, width)
    logits = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = ctc_loss(logits, numbers, np.asarray(frames), lengths)
    return losses.numpy(), tape.gradient(losses, logits).numpy()


@st.composite
def batches(draw):
    symbols, time = draw(st.integers(2, 4)), draw(st.integers(1, 5))
    rows = draw(st.integers(1, 4))
    labels = [draw(st.lists(st.integers(1, symbols - 1), max_size=time)) for _ in range(rows)]
    frames = [draw(st.integers(0, time)) for _ in range(rows)]
    scale = draw(st.sampled_from([0.1, 1.0, 5.0]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return rng.normal(scale=scale, size=[rows, time, symbols]).astype(np.float32), labels, frames


@given(batches())
@settings(max_examples=60)
def test_the_loss_sums_over_all_alignments_in_each_row_whatever_its_neighbours(batch):
    logits, labels, frames = batch
    losses, gradient = losses_and_gradient(logits, labels, frames)
    expected = [
        loss_of_all_alignments(rows[:count], label)
        for rows, label, count in zip(logits, labels, frames, strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)
    assert np.isfinite(gradient).all()
    for row, count in enumerate(frames):
        assert not gradient[row, count:].any()
        if np.isinf(expected[row]):
            assert not gradient[row].any()


@pytest.mark.parametrize("label", [[], [1], [2, 2], [1, 2, 1]])
def test_the_gradient_is_that_of_finite_differences(label):
    logits, step = np.random.default_rng(3).normal(size=[4, 3]), 1e-4
    _, gradient = losses_and_gradient(logits[None], [label], [4])
    for place in np.ndindex(4, 3):
        shift = np.zeros_like(logits)
        shift[place] = step
        slope = loss_of_all_alignments(logits + shift, label) - loss_of_all_alignments(logits - shift, label)
        assert gradient[0][place] == pytest.approx(slope / (2 * step), abs=1e-4)


def test_it_is_the_dense_form_of_tensorflow_at_a_usual_size_and_in_a_graph():
    rng = np.random.default_rng(5)
    logits = rng.normal(size=[8, 40, 29]).astype(np.float32)
    numbers, lengths = padded([rng.integers(1, 29, rng.integers(1, 12)).tolist() for _ in range(8)], 12)
    frames = rng.integers(30, 41, 8).astype(np.int32)
    signature = [
        tf.TensorSpec(shape, dtype)
        for shape, dtype in (
            ([None, None, 29], tf.float32),
            ([None, None], tf.int32),
            ([None], tf.int32),
            ([None], tf.int32),
        )
    ]
    losses = tf.function(ctc_loss, input_signature=signature)(logits, numbers, frames, lengths)
    dense = tf.nn.ctc_loss(numbers, logits, lengths, frames, logits_time_major=False, blank_index=0)
    np.testing.assert_allclose(losses, dense, rtol=1e-5)


def test_what_stands_in_padding_has_no_influence_even_if_it_is_no_number():
    logits = np.random.default_rng(1).normal(size=[3, 5, 3]).astype(np.float32)
    labels, frames = [[1, 2], [], [1, 1, 1]], [3, 2, 4]
    losses, gradient = losses_and_gradient(logits, labels, frames)
    for row, count in enumerate(frames):
        logits[row, count:] = np.nan
    spoilt_losses, spoilt_gradient = losses_and_gradient(logits, labels, frames)
    np.testing.assert_array_equal(losses, spoilt_losses)
    np.testing.assert_array_equal(gradient, spoilt_gradient)


def test_logits_of_less_precision_are_taken_as_float32():
    logits = tf.constant(np.random.default_rng(1).normal(size=[1, 5, 3]), tf.bfloat16)
    loss = ctc_loss(logits, tf.constant([[1, 2]]), tf.constant([5]), tf.constant([2]))
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss[0], loss_of_all_alignments(logits[0], [1, 2]), rtol=1e-5)


@given(st.lists(st.integers(1, 3), max_size=4))
@settings(max_examples=40)
def test_a_label_needs_as_many_frames_as_its_shortest_alignment(label):
    def has_alignment(time):
        alignments = itertools.product(sorted({0, *label}), repeat=time)
        return any(collapsed(alignment) == tuple(label) for alignment in alignments)

    shortest = next(time for time in itertools.count() if has_alignment(time))
    assert frames_needed(label) == frames_needed(np.array(label, np.int32)) == shortest
