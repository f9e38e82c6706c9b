"""The alignment found is the most probable of all, and does not depend on the rows beside it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.decoding.ctc import greedy
from common.decoding.ctc_alignment import align

RNG = np.random.default_rng(0)


def collapsed(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def best_path(logits, label):
    """The most probable of all alignments of a label, by trying each, and its log-probability."""
    log_probabilities = tf.nn.log_softmax(logits).numpy().astype(float)
    frames, symbols = log_probabilities.shape
    paths = [
        path for path in itertools.product(range(symbols), repeat=frames) if collapsed(path) == tuple(label)
    ]
    scored = [(sum(log_probabilities[range(frames), path]), path) for path in paths]
    return max(scored, default=(-np.inf, None))


def runs(path):
    """The first and last frame of each symbol."""
    found, start = [], 0
    for symbol, members in itertools.groupby(path):
        count = len(list(members))
        if symbol:
            found.append((start, start + count - 1))
        start += count
    return found


@given(st.lists(st.integers(1, 2), max_size=3), st.integers(0, 5), st.integers(0, 10**6))
def test_no_alignment_is_more_probable(label, frames, seed):
    logits = np.random.default_rng(seed).normal(0, 2, (5, 3)).astype(np.float32)
    padded = np.array([label + [0] * (4 - len(label))], np.int32)
    found = align(logits[None], tf.constant([frames]), padded, tf.constant([len(label)]))
    score, path = best_path(logits[:frames], label)
    assert bool(found.is_possible[0]) == (path is not None)
    np.testing.assert_allclose(found.log_probabilities[0], score, atol=1e-4)
    if path is None:
        assert (
            not np.any(found.first_frames)
            and not np.any(found.last_frames)
            and not np.any(found.probabilities)
        )
        return
    probabilities = tf.nn.softmax(logits).numpy()
    places = list(zip(found.first_frames[0].numpy(), found.last_frames[0].numpy(), strict=True))
    assert places[: len(label)] == runs(path)
    assert places[len(label) :] == [(0, 0)] * (4 - len(label))
    for symbol, (first, last), highest in zip(label, places, found.probabilities[0], strict=False):
        np.testing.assert_allclose(highest, probabilities[first : last + 1, symbol].max(), atol=1e-5)


def test_the_label_of_clear_sounds_is_where_a_greedy_reading_has_it():
    path = np.array([[0, 3, 3, 0, 0, 1, 2, 2, 0, 2]])
    logits = 12 * tf.one_hot(path, 4) + RNG.normal(0, 0.1, (1, 10, 4)).astype(np.float32)
    best = greedy(logits, tf.constant([10]))
    found = align(logits, tf.constant([10]), best.labels, best.lengths)
    np.testing.assert_array_equal(found.first_frames, best.first_frames)
    np.testing.assert_array_equal(found.last_frames, best.last_frames)
    np.testing.assert_allclose(found.probabilities, best.probabilities, atol=1e-6)


@pytest.mark.parametrize("graph", [False, True])
def test_rows_do_not_depend_on_each_other_nor_on_padding(graph):
    run = tf.function(align) if graph else align
    logits = RNG.normal(0, 2, (4, 12, 5)).astype(np.float32)
    labels = np.array([[1, 2, 2, 3], [4, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], np.int32)
    frames, lengths = np.array([12, 7, 3, 6]), np.array([4, 1, 0, 4])
    together = run(*map(tf.constant, (logits, frames, labels, lengths)))
    assert together.is_possible.numpy().tolist() == [True, True, True, False]
    for row in range(4):
        spoilt = logits[row : row + 1].copy()
        spoilt[:, frames[row] :] = np.nan
        alone = run(
            *map(tf.constant, (spoilt, frames[row : row + 1], labels[row : row + 1], lengths[row : row + 1]))
        )
        for one, all_rows in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], all_rows[row], atol=1e-4)


def test_logits_without_probabilities_have_no_alignment_in_a_graph_and_harm_no_neighbour():
    logits = RNG.normal(0, 2, (2, 6, 3)).astype(np.float32)
    logits[0, 2] = np.nan
    labels, both = tf.constant([[1], [1]]), tf.constant([6, 6])
    found = tf.function(align)(tf.constant(logits), both, labels, tf.constant([1, 1]))
    alone = align(logits[1:], both[1:], labels[1:], tf.constant([1]))
    assert found.is_possible.numpy().tolist() == [False, True]
    np.testing.assert_allclose(found.log_probabilities[1], alone.log_probabilities[0], atol=1e-5)


def test_no_rows_no_frames_and_no_labels_are_answered():
    for rows, time, most in ((0, 4, 2), (2, 0, 2), (2, 4, 0)):
        found = tf.function(align)(
            tf.zeros([rows, time, 3]),
            tf.fill([rows], time),
            tf.zeros([rows, most], tf.int32),
            tf.zeros([rows], tf.int32),
        )
        assert found.first_frames.shape == (rows, most)
        assert found.is_possible.numpy().tolist() == [True] * rows
