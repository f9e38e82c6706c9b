"""Alignments of CTC against all alignments of a label, one by one, and against what a greedy reading has found."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from common.decoding.ctc import greedy
from common.decoding.ctc_alignment import Alignment, align
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner

pytestmark = pytest.mark.slow

Runs = list[tuple[int, int, int]]


def random_logits(rows: int, time: int, symbols: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=2, size=[rows, time, symbols]).astype(np.float32)


def padded(labels: Sequence[Sequence[int]], padding: int = 0) -> np.ndarray:
    longest = max(map(len, labels), default=0)
    return np.array([[*label, *[padding] * (longest - len(label))] for label in labels], np.int32).reshape(
        len(labels), longest
    )


def aligned(logits: np.ndarray, frames: Sequence[int], labels: Sequence[Sequence[int]]) -> Alignment:
    return align(
        tf.constant(logits),
        tf.constant(frames, tf.int32),
        tf.constant(padded(labels)),
        tf.constant([len(label) for label in labels], tf.int32),
    )


def runs_of(alignment: Sequence[int]) -> Runs:
    """Symbol, first frame and last frame of each run that is no blank's."""
    runs, frame = [], 0
    for symbol, group in itertools.groupby(alignment):
        length = len(list(group))
        if symbol:
            runs.append((int(symbol), frame, frame + length - 1))
        frame += length
    return runs


def best_by_brute_force(log_probabilities: np.ndarray, label: Sequence[int]) -> tuple[float, Runs] | None:
    """Of all sequences of symbols that are an alignment of the label, the most probable one."""
    time, symbols = log_probabilities.shape
    alignments = [
        (sum(log_probabilities[frame, symbol] for frame, symbol in enumerate(alignment)), alignment)
        for alignment in itertools.product(range(symbols), repeat=time)
        if [symbol for symbol, *_ in runs_of(alignment)] == list(label)
    ]
    if not alignments:
        return None
    score, alignment = max(alignments)
    return float(score), runs_of(alignment)


def best_by_recursion(log_probabilities: np.ndarray, label: Sequence[int]) -> tuple[float, Runs] | None:
    """The same for long rows: for each symbol its first and last frame are chosen, with blanks between."""
    time = len(log_probabilities)
    blanks = np.concatenate([[0], np.cumsum(log_probabilities[:, 0])])
    # By the last frame of the latest symbol: the score with blanks ever before, and the runs.
    best: dict[int, tuple[float, Runs]] = {-1: (0.0, [])}
    previous = 0
    for symbol in label:
        sums = np.concatenate([[0], np.cumsum(log_probabilities[:, symbol])])
        following: dict[int, tuple[float, Runs]] = {}
        for end, (score, runs) in best.items():
            for first in range(end + 1 + (symbol == previous), time):
                for last in range(first, time):
                    total = score + blanks[first] - blanks[end + 1] + sums[last + 1] - sums[first]
                    if last not in following or total > following[last][0]:
                        following[last] = float(total), [*runs, (symbol, first, last)]
        best, previous = following, symbol
    ends = [(score + blanks[-1] - blanks[end + 1], runs) for end, (score, runs) in best.items()]
    return max(ends, default=None)


def check(
    found: Alignment,
    row: int,
    log_probabilities: np.ndarray,
    label: Sequence[int],
    best: tuple[float, Runs] | None,
) -> None:
    columns = [np.asarray(values[row]) for values in found[:3]]
    assert bool(found.is_possible[row]) == (best is not None)
    if best is None:
        assert not any(column.any() for column in columns)
        assert found.log_probabilities[row] == -np.inf
        return
    score, runs = best
    np.testing.assert_allclose(found.log_probabilities[row], score, rtol=1e-4, atol=1e-4)
    firsts, lasts, peaks = (column[: len(label)] for column in columns)
    assert list(zip(label, firsts.tolist(), lasts.tolist(), strict=True)) == runs
    expected = [np.exp(log_probabilities[first : last + 1, symbol].max()) for symbol, first, last in runs]
    np.testing.assert_allclose(peaks, expected, rtol=1e-4)
    assert not any(column[len(label) :].any() for column in columns)


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[list[int]]]:
    time = draw(st.integers(0, 6))
    rows = draw(st.integers(0, 4))
    frames = [draw(st.integers(0, time)) for _ in range(rows)]
    labels = [draw(st.lists(st.integers(1, 2), max_size=5)) for _ in range(rows)]
    return random_logits(rows, time, 3, draw(st.integers(0, 10**6))), frames, labels


@given(batches())
@settings(max_examples=60)
def test_no_alignment_of_a_label_is_more_probable(
    batch: tuple[np.ndarray, list[int], list[list[int]]],
) -> None:
    logits, frames, labels = batch
    found = aligned(logits, frames, labels)
    for row, (real, label) in enumerate(zip(frames, labels, strict=True)):
        log_probabilities = log_softmax(logits[row, :real].astype(np.float64), axis=-1)
        check(found, row, log_probabilities, label, best_by_brute_force(log_probabilities, label))


def test_nor_is_any_where_there_are_many_frames() -> None:
    frames, labels = [15, 16, 17, 31, 33, 40], [[1, 2, 2], [3], [2, 2, 2], [4, 1, 4, 4, 3], [], [1, 2, 3, 3]]
    logits = random_logits(6, 40, 5, seed=3)
    found = aligned(logits, frames, labels)
    for row, (real, label) in enumerate(zip(frames, labels, strict=True)):
        log_probabilities = log_softmax(logits[row, :real].astype(np.float64), axis=-1)
        check(found, row, log_probabilities, label, best_by_recursion(log_probabilities, label))


def test_the_greedy_label_of_clear_logits_is_where_greedy_read_it() -> None:
    rng = np.random.default_rng(1)
    path = rng.choice(6, p=[0.5, *[0.1] * 5], size=[5, 60])
    logits = (12 * np.eye(6)[path] + rng.normal(size=[5, 60, 6])).astype(np.float32)
    frames = tf.constant([60, 59, 33, 0, 48])
    read = greedy(tf.constant(logits), frames)
    found = align(tf.constant(logits), frames, read.labels, read.lengths)
    assert read.lengths.numpy().max() > 20
    np.testing.assert_array_equal(found.first_frames, read.first_frames)
    np.testing.assert_array_equal(found.last_frames, read.last_frames)
    np.testing.assert_allclose(found.probabilities, read.probabilities, rtol=1e-5)
    np.testing.assert_allclose(found.log_probabilities, read.log_probabilities, rtol=1e-4, atol=1e-5)


def test_a_row_has_the_same_answer_whatever_its_neighbours_and_its_padding() -> None:
    frames, labels = [50, 7, 3, 18, 0, 50], [[1, 2, 2, 3], [4], [], [1, 1, 1, 4, 2, 1], [], [3] * 20]
    logits = random_logits(6, 50, 5, seed=5)
    together = aligned(logits, frames, labels)
    assert together.is_possible.numpy().all()
    spoilt = logits.copy()
    for row, real in enumerate(frames):
        spoilt[row, real:] = np.nan
    lengths = [len(label) for label in labels]
    beside = align(*map(tf.constant, (spoilt, frames, padded(labels, padding=-7), lengths)))
    for one, other in zip(together, beside, strict=True):
        np.testing.assert_array_equal(one, other)
    for row, (real, label) in enumerate(zip(frames, labels, strict=True)):
        alone = aligned(logits[row : row + 1, :real], [real], [label])
        for one, other in zip(alone[:3], together[:3], strict=True):
            np.testing.assert_allclose(one[0], other[row, : len(label)], rtol=1e-5)
        np.testing.assert_allclose(alone.log_probabilities[0], together.log_probabilities[row], rtol=1e-5)


def test_a_label_that_no_alignment_can_have_is_told_and_harms_no_neighbour() -> None:
    logits = random_logits(5, 4, 4, seed=2)
    logits[3, :, 2] = -np.inf
    labels = [[1, 1, 2], [1, 1, 2], [1, 9], [2], [1, 0, 2]]
    found = aligned(logits, [4, 3, 4, 4, 4], labels)
    assert found.is_possible.numpy().tolist() == [True, False, False, False, False]
    for values in found[:3]:
        assert not values.numpy()[1:].any()
    assert (found.log_probabilities.numpy()[1:] == -np.inf).all()
    alone = aligned(logits[:1], [4], labels[:1])
    np.testing.assert_array_equal(found.first_frames[0], alone.first_frames[0])


@pytest.mark.parametrize("fault", [np.nan, np.inf])
def test_a_row_without_probabilities_has_no_alignment_in_a_graph_and_is_named_outside(fault: float) -> None:
    logits = random_logits(2, 6, 3, seed=7)
    logits[1, 2, 1] = fault
    arguments = [tf.constant(values) for values in (logits, [6, 6], [[1, 2], [1, 2]], [2, 2])]
    found = tf.function(align)(*arguments)
    log_probabilities = log_softmax(logits[0].astype(np.float64), axis=-1)
    check(found, 0, log_probabilities, [1, 2], best_by_brute_force(log_probabilities, [1, 2]))
    check(found, 1, log_probabilities, [1, 2], None)
    with pytest.raises(ValueError, match="row 1: the model's logits give no probabilities"):
        align(*arguments)


def test_an_exported_alignment_answers_in_the_loader_as_here(tmp_path: Path) -> None:
    def forced(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return align(**inputs)._asdict()

    labels = [[1, 2, 2, 3], [4], [], [1, 1, 1]]
    examples = {
        "logits": random_logits(4, 20, 5, seed=8),
        "frames": np.array([20, 7, 0, 4], np.int32),
        "labels": padded(labels),
        "lengths": np.array([len(label) for label in labels], np.int32),
    }
    inputs = {
        "logits": tf.TensorSpec([None, None, 5], tf.float32),
        "frames": tf.TensorSpec([None], tf.int32),
        "labels": tf.TensorSpec([None, None], tf.int32),
        "lengths": tf.TensorSpec([None], tf.int32),
    }
    version = export_saved_model([Signature("serving_default", forced, inputs, examples)], tmp_path / "model")
    with SavedModelRunner(version) as runner:
        for rows in (4, 2, 1):
            asked = {name: values[:rows] for name, values in examples.items()}
            served = Alignment(**runner.answer("serving_default", **asked))
            here = align(**{name: tf.constant(values) for name, values in asked.items()})
            for one, other in zip(served, here, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5)
