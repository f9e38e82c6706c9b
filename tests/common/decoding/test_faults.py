"""Logits without probabilities are an error of their row: told, never an answer, and nothing to the rows beside it."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from common.decoding import samplers
from common.decoding.beam import Hypotheses, beam_search
from common.decoding.faults import lacks_distribution
from common.decoding.generate import Generated, generate
from common.export.hypotheses import hypothesis_scores

pytestmark = pytest.mark.slow

VOCABULARY, END, ROWS, BEAM = 6, 1, 3, 2
GOOD = np.random.default_rng(0).normal(size=[ROWS, VOCABULARY]).astype(np.float32)
NAN, INFINITY = float("nan"), float("inf")
SPOILT = {
    "a NaN": [0.5, 0, NAN, 1, 2, 3],
    "a NaN first": [NAN, 0, 0, 1, 2, 3],
    "NaN alone": [NAN] * VOCABULARY,
    "plus infinity": [0.5, 0, INFINITY, 1, 2, 3],
    "both infinities": [0.5, -INFINITY, INFINITY, 1, 2, 3],
    "no token possible": [-INFINITY] * VOCABULARY,
}


def stepper(spoilt: Sequence[float], turn: int) -> Callable:
    """A step that gives the row in the middle spoilt logits at one of its turns."""

    def step(tokens: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        row, position = states
        is_spoilt = (row == 1) & (position == turn)
        shifted = tf.gather(GOOD, row) + tf.cast(position[:, None] * tf.range(VOCABULARY), tf.float32) / 7
        return tf.where(is_spoilt[:, None], tf.constant(spoilt, tf.float32), shifted), [row, position + 1]

    return step


def states(rows: Sequence[int]) -> list[tf.Tensor]:
    return [tf.constant(list(rows)), tf.zeros([len(rows)], tf.int32)]


def search(step: Callable, rows: Sequence[int] = range(ROWS), **options: Any) -> Hypotheses:
    count = len(rows)
    return beam_search(
        step, tf.zeros([count], tf.int32), states(rows), end=END, max_lengths=tf.fill([count], 4), beam_width=BEAM,
        **options,
    )  # fmt: skip


def write(step: Callable, choose: Callable, rows: Sequence[int] = range(ROWS)) -> Generated:
    count = len(rows)
    return generate(step, tf.zeros([count], tf.int32), states(rows), tf.fill([count], 4), choose)


@pytest.mark.parametrize("turn", [0, 2])
@pytest.mark.parametrize("fault", SPOILT)
def test_a_search_marks_the_row_and_leaves_its_neighbours_alone(fault: str, turn: int) -> None:
    step = stepper(SPOILT[fault], turn)
    found = tf.function(lambda: search(step), autograph=False)()
    assert [bool(error) for error in found.error.numpy()] == [False, True, False]
    assert b"not numbers (NaN)" in found.error.numpy()[1]
    assert b"\n" not in found.error.numpy()[1]
    assert not np.any(found.tokens[1])
    assert not np.any(found.lengths[1])
    assert np.all(found.scores[1] == -np.inf)
    assert np.isfinite(hypothesis_scores(found)["scores"]).all()
    for row in (0, 2):
        alone = search(step, [row])
        length = alone.tokens.shape[2]
        np.testing.assert_array_equal(found.tokens[row, :, :length], alone.tokens[0])
        np.testing.assert_allclose(found.scores[row], alone.scores[0], rtol=1e-6)


@pytest.mark.parametrize("fault", SPOILT)
def test_a_search_outside_of_a_graph_raises(fault: str) -> None:
    with pytest.raises(ValueError, match=r"row 1: the model's logits give no probabilities"):
        search(stepper(SPOILT[fault], 1))


def test_nan_after_the_search_of_a_row_is_over_is_no_fault() -> None:
    sure_to_end = [-50.0, 50.0, *[-50.0] * (VOCABULARY - 2)]

    def step(tokens: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        row, position = states
        ends, is_over = (row == 1) & (position == 0), (row == 1) & (position > 0)
        logits = tf.where(ends[:, None], tf.constant(sure_to_end), tf.gather(GOOD, row))
        return tf.where(is_over[:, None], NAN, logits), [row, position + 1]

    found = search(step, hypotheses=1)
    assert found.tokens[1, 0].numpy().tolist()[:1] == [END]
    assert not any(found.error.numpy())


@pytest.mark.parametrize("spoilt", [NAN, 7.0])
def test_impossible_tokens_are_no_fault(spoilt: float) -> None:
    possible = [0.0, 1.0, -INFINITY, -INFINITY, 2.0, 0.5]
    assert not any(search(stepper(possible, 1), forbidden=[4]).error.numpy())
    assert not any(write(stepper(possible, 1), samplers.greedy).error.numpy())
    assert lacks_distribution(tf.constant([possible, [spoilt] * VOCABULARY])).numpy().tolist() == [
        False,
        bool(np.isnan(spoilt)),
    ]


CHOICES = {
    "greedy": samplers.greedy,
    "sampled": samplers.sample(tf.range(ROWS)),
    "truncated": samplers.compose(
        samplers.temperature(tf.constant([0.0, 0.7, 1.0])),
        samplers.truncate(tf.constant([0, 1, 2]), tf.constant([1.0, 0.5, 0.9])),
        choose=samplers.sample(tf.range(ROWS)),
    ),
}


def written(logits: Sequence[float], choice: str, turn: int) -> Generated:
    """What is written in a graph with these logits in the middle row at this turn."""
    return tf.function(partial(write, stepper(logits, turn), CHOICES[choice]), autograph=False)()


@cache
def written_without_fault(choice: str, turn: int) -> Generated:
    return written(GOOD[1], choice, turn)


@pytest.mark.parametrize("turn", [0, 2])
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("fault", SPOILT)
def test_generating_marks_the_row_and_leaves_its_neighbours_alone(fault: str, choice: str, turn: int) -> None:
    spoilt, good = written(SPOILT[fault], choice, turn), written_without_fault(choice, turn)
    assert [bool(error) for error in spoilt.error.numpy()] == [False, True, False]
    assert spoilt.lengths.numpy().tolist() == [4, 0, 4]
    assert not np.any(spoilt.tokens[1])
    np.testing.assert_array_equal(spoilt.tokens.numpy()[[0, 2]], good.tokens.numpy()[[0, 2]])
    with pytest.raises(ValueError, match="row 1: "):
        write(stepper(SPOILT[fault], turn), CHOICES[choice])


def test_nothing_is_drawn_where_the_adjustments_left_no_probabilities() -> None:
    forbidden = samplers.compose(
        samplers.forbid(list(range(VOCABULARY))), choose=samplers.sample(tf.range(ROWS))
    )
    generated = tf.function(lambda: write(stepper(GOOD[1], 0), forbidden), autograph=False)()
    assert all(generated.error.numpy())
    assert not np.any(generated.lengths)
