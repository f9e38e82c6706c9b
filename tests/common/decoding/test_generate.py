"""Generation equals feeding tokens by hand, row by row, alone or in a batch, at once or in pieces."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.decoding.generate import Generated, generate, seen_tokens
from common.decoding.random_numbers import drawn_ahead
from common.decoding.samplers import compose, greedy, repetition_penalty, sample, temperature, truncate
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner
from common.layers.stack import RecurrentStack

VOCABULARY = 26
FIRST = [0, 24, 5, 9]
LENGTHS = [5, 3, 0, 8]
SEEDS = [7, -1, 2**31 - 1, -(2**31)]


def alphabet(tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """After each letter comes the next one, after z comes a; the states count the letters fed."""
    return 9.0 * tf.one_hot((tokens + 1) % VOCABULARY, VOCABULARY), [states[0] + 1, states[1] + 1.0]


def counters(rows: int) -> list[tf.Tensor]:
    """A state of rank 1 and one of rank 3."""
    return [tf.zeros([rows], tf.int32), tf.zeros([rows, 2, 3])]


def chatter(tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """A step whose logits depend on all that was fed, without any sum that the batch could reorder."""
    memory = (states[0] * 31 + tokens) % 1009
    letters = tf.range(VOCABULARY)
    return tf.cast((memory[:, None] * (letters + 3)) % 17, tf.float32) / 4, [memory]


def sampled(seeds: tf.Tensor) -> Callable:
    return compose(
        repetition_penalty(tf.ones_like(seeds, tf.float32) * 1.3),
        temperature(tf.where(seeds == 7, 0.7, 1.4)),
        truncate(tf.where(seeds == -1, 0, 9), tf.where(seeds == 7, 1.0, 0.9)),
        choose=sample(seeds),
    )


def chat(
    rows: Sequence[int],
    lengths: Sequence[int],
    before: Generated | None = None,
    position: Sequence[int] | int = 0,
    end: int | None = None,
) -> Generated:
    """Samples for some rows of the batch, or goes on with those of `before`."""
    token = tf.gather(FIRST, rows) if before is None else before.token
    states = [tf.zeros_like(token)] if before is None else before.states
    seen = seen_tokens(token[:, None], tf.ones_like(token), VOCABULARY) if before is None else before.seen
    choose = sampled(tf.gather(SEEDS, rows))
    return generate(
        chatter, token, states, tf.constant(lengths), choose, position=position, end=end, seen=seen
    )


def test_each_row_writes_its_own_number_of_tokens() -> None:
    result = generate(alphabet, tf.constant(FIRST), counters(4), tf.constant(LENGTHS), greedy)
    np.testing.assert_array_equal(result.lengths, LENGTHS)
    np.testing.assert_array_equal(
        result.tokens,
        [
            [1, 2, 3, 4, 5, 0, 0, 0],
            [25, 0, 1, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [10, 11, 12, 13, 14, 15, 16, 17],
        ],
    )
    assert result.tokens.dtype == result.lengths.dtype == tf.int32


def test_a_finished_row_keeps_its_last_token_and_its_states() -> None:
    result = generate(alphabet, tf.constant(FIRST), counters(4), tf.constant(LENGTHS), greedy)
    np.testing.assert_array_equal(result.token, [5, 1, 5, 17])
    np.testing.assert_array_equal(result.states[0], LENGTHS)
    np.testing.assert_array_equal(
        result.states[1], np.broadcast_to(np.reshape(LENGTHS, [4, 1, 1]), [4, 2, 3])
    )


@pytest.mark.parametrize("lengths", [[0, 0], [0, -3]])
def test_rows_that_all_want_nothing_get_nothing_and_stay(lengths: list[int]) -> None:
    result = generate(alphabet, tf.constant([3, 4]), counters(2), tf.constant(lengths), greedy)
    assert result.tokens.shape == (2, 0)
    np.testing.assert_array_equal(result.lengths, [0, 0])
    np.testing.assert_array_equal(result.token, [3, 4])
    np.testing.assert_array_equal(result.states[0], [0, 0])


def test_a_row_stops_at_the_end_token_and_keeps_it() -> None:
    result = generate(alphabet, tf.constant([0, 24, 5]), counters(3), tf.constant([9, 9, 2]), greedy, end=3)
    np.testing.assert_array_equal(result.tokens, [[1, 2, 3, 0, 0], [25, 0, 1, 2, 3], [6, 7, 0, 0, 0]])
    np.testing.assert_array_equal(result.lengths, [3, 5, 2])
    np.testing.assert_array_equal(result.token, [3, 3, 7])
    np.testing.assert_array_equal(result.states[0], [3, 5, 2])


@pytest.mark.parametrize("end", [None, 3])
def test_what_is_written_does_not_change_where_no_states_are_kept(end: int | None) -> None:
    lengths = [5, 0, 9, 1]
    kept, lost = (
        generate(
            chatter,
            tf.constant(FIRST),
            [tf.constant(FIRST)],
            tf.constant(lengths),
            sampled(tf.constant(SEEDS)),
            end=end,
            seen=tf.zeros([4, VOCABULARY], tf.bool),
            keeps_states=keeps,
        )
        for keeps in (True, False)
    )
    np.testing.assert_array_equal(kept.tokens, lost.tokens)
    np.testing.assert_array_equal(kept.lengths, lost.lengths)
    np.testing.assert_array_equal(kept.seen, lost.seen)
    assert len(kept.states) == 1
    assert lost.states == []


def test_numbers_drawn_ahead_write_what_numbers_drawn_one_by_one_do() -> None:
    seeds, lengths, position = tf.constant(SEEDS), tf.constant([5, 3, 0, 8]), tf.constant([0, 7, 1, 3])
    ahead = drawn_ahead(seeds, position, tf.reduce_max(lengths))
    one_by_one, at_once = (
        generate(
            chatter,
            tf.constant(FIRST),
            [tf.constant(FIRST)],
            lengths,
            sample(seeds, drawn),
            position=position,
        )
        for drawn in (None, ahead)
    )
    np.testing.assert_array_equal(one_by_one.tokens, at_once.tokens)
    np.testing.assert_array_equal(one_by_one.token, at_once.token)


def test_a_first_token_that_equals_the_end_stops_nothing() -> None:
    result = generate(alphabet, tf.constant([3]), counters(1), tf.constant([2]), greedy, end=3)
    np.testing.assert_array_equal(result.tokens, [[4, 5]])


def test_sampling_varies_with_seed_and_position() -> None:
    seeds = tf.range(20)
    flat = generate(
        lambda tokens, states: (tf.zeros([tf.shape(tokens)[0], VOCABULARY]), states),
        tf.zeros([20], tf.int32),
        [],
        tf.fill([20], 20),
        sample(seeds),
    )
    tokens = flat.tokens.numpy()
    assert len({tuple(row) for row in tokens}) == 20
    assert len({tuple(column) for column in tokens.T}) == 20


@pytest.mark.parametrize("end", [None, 4])
def test_a_row_alone_is_written_as_in_the_batch(end: int | None) -> None:
    batch = chat(range(4), [12, 5, 0, 20], end=end)
    for row, length in enumerate([12, 5, 0, 20]):
        alone = chat([row], [length], end=end)
        written = int(alone.lengths[0])
        np.testing.assert_array_equal(batch.lengths[row], written)
        np.testing.assert_array_equal(batch.tokens[row, :written], alone.tokens[0])
        np.testing.assert_array_equal(batch.token[row], alone.token[0])
        np.testing.assert_array_equal(batch.states[0][row], alone.states[0][0])
        np.testing.assert_array_equal(batch.seen[row], alone.seen[0])


def test_pieces_of_different_lengths_equal_the_whole() -> None:
    lengths = np.array([12, 5, 0, 20])
    cut = np.array([4, 5, 0, 13])
    whole = chat(range(4), lengths)
    first = chat(range(4), cut)
    second = chat(range(4), lengths - cut, before=first, position=cut)
    for row in range(4):
        pieces = [*first.tokens[row, : cut[row]], *second.tokens[row, : lengths[row] - cut[row]]]
        np.testing.assert_array_equal(pieces, whole.tokens[row, : lengths[row]])
    for mine, theirs in zip(tf.nest.flatten(second[2:]), tf.nest.flatten(whole[2:]), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_history_is_the_prefix_and_what_was_written() -> None:
    prefix = tf.constant([[3, 7, 3, 0], [1, 9, 9, 9]])
    seen = seen_tokens(prefix, tf.constant([3, 1]), VOCABULARY)
    assert [set(np.flatnonzero(row)) for row in seen] == [{3, 7}, {1}]
    result = generate(alphabet, tf.constant([3, 1]), counters(2), tf.constant([2, 4]), greedy, seen=seen)
    assert [set(np.flatnonzero(row)) for row in result.seen] == [{3, 4, 5, 7}, {1, 2, 3, 4, 5}]


def test_a_strong_penalty_repeats_nothing() -> None:
    seen = seen_tokens(tf.zeros([1, 1], tf.int32), tf.constant([1]), VOCABULARY)
    choose = compose(repetition_penalty(tf.constant([1e6])), choose=greedy)
    result = generate(
        lambda tokens, states: (tf.range(1.0, VOCABULARY + 1.0)[None], states),
        tf.constant([0]),
        [],
        tf.constant([VOCABULARY - 1]),
        choose,
        seen=seen,
    )
    np.testing.assert_array_equal(result.tokens[0], np.arange(VOCABULARY - 1, 0, -1))


def test_an_exported_recurrent_model_writes_what_its_steps_say_by_hand(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    embedding = keras.layers.Embedding(VOCABULARY, 8, keras.initializers.RandomNormal(stddev=1.0))
    stack, head = RecurrentStack("lstm", 16, layers=2), keras.layers.Dense(VOCABULARY)
    embedding.build(None), stack.build((None, None, 8)), head.build((None, 16))

    def serve(token: tf.Tensor, length: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        stepper = stack.stepper(8)

        def step(tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            outputs, after = stepper(embedding(tokens), states)
            return head(outputs), after

        choose = compose(
            temperature(tf.where(seed == 0, 0.0, 1.0)),
            truncate(tf.zeros_like(seed, tf.int32), tf.ones_like(seed, tf.float32)),
            choose=sample(seed),
        )
        states = stack.zero_states(tf.shape(token)[0])
        result = generate(step, token, states, length, choose)
        return {"tokens": result.tokens, "length": result.lengths, "state": result.states[-1]}

    vector, wide = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.int64)
    examples = {"token": FIRST, "length": LENGTHS, "seed": [0, 0, 1, 2**40]}
    inputs = {"token": vector, "length": vector, "seed": wide}
    version = export_saved_model([Signature("serving_default", serve, inputs, examples)], tmp_path / "model")
    with SavedModelRunner(version) as runner:
        served = runner.run("serving_default", token=FIRST, length=LENGTHS, seed=[0, 0, 0, 0])
        nothing = runner.run("serving_default", token=[1], length=[0], seed=[0])
    assert nothing["tokens"].shape == (1, 0)
    for row, (token, length) in enumerate(zip(FIRST, LENGTHS, strict=True)):
        states, written = stack.zero_states(1), []
        for _ in range(length):
            outputs, states = stack.step(embedding(tf.constant([token])), states)
            token = int(np.argmax(head(outputs)))
            written.append(token)
        np.testing.assert_array_equal(served["tokens"][row], written + [0] * (max(LENGTHS) - length))
        np.testing.assert_allclose(served["state"][row], states[-1][0], atol=1e-5)
