"""The composer: exact probabilities of steps, what it may know of a passage, and music that keeps to what is given."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.music.composing import Controls, Task, write
from applications.music.config import PRESETS
from applications.music.data import Row, batch_of
from applications.music.model import build, parts_of
from applications.music.notes import KEYS, SYMBOLS, UNKNOWN, Passage

pytestmark = pytest.mark.slow

VOICES = 2
CONFIG = replace(PRESETS["tiny"], layers=2)


@pytest.fixture(scope="module")
def model():
    """A composer of two voices with weights that make its choices differ."""
    model = build(CONFIG, VOICES)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return model


def row(numbers, given=None, shares=False, remaining=UNKNOWN):
    """A passage from the beginning of a piece, of numbers of keys `[steps, voices]`."""
    numbers = np.asarray(numbers, np.int32)
    told = np.zeros(numbers.shape, bool) if given is None else np.asarray(given, bool)
    return Row(np.pad(numbers, [(1, 0), (0, 0)]), told, 0, remaining, 4, 0, shares)


def costs(model, rows):
    inputs, _ = batch_of(rows)
    return model({name: tf.constant(values) for name, values in inputs.items()}).numpy()


@pytest.mark.parametrize("shares", [False, True])
def test_the_probabilities_of_all_steps_that_can_follow_add_up_to_one(model, shares):
    before = [40, 28]
    pairs = [(high, low) for high in range(KEYS + 1) for low in range(high + 1)]
    steps = [(high, low) for high, low in pairs if high == 0 or low < high or shares]
    nats = costs(model, [row([before, step], shares=shares) for step in steps])[:, 1]
    assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-3)


def test_the_probabilities_of_what_is_not_given_add_up_to_one(model):
    given = [[False, False], [False, True]]
    steps = [(high, 30) for high in range(31, KEYS + 1)]
    nats = costs(model, [row([[40, 28], step], given) for step in steps])[:, 1]
    assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-3)


def test_what_is_not_given_beforehand_has_no_part_in_the_steps_before_it(model):
    one, other = row([[40, 28], [42, 30], [45, 20]]), row([[40, 28], [42, 30], [11, 5]])
    first, second = costs(model, [one, other])
    np.testing.assert_allclose(first[:2], second[:2], rtol=1e-5)
    assert abs(first[2] - second[2]) > 1e-2


def test_what_is_given_is_known_from_the_beginning(model):
    given = [[False, False], [False, False], [True, False]]
    one, other = (row([[40, 28], [42, 30], [high, 5]], given) for high in (45, 11))
    first, second = costs(model, [one, other])
    assert abs(first[0] - second[0]) > 1e-4


def test_a_passage_costs_the_same_alone_and_beside_longer_ones(model):
    given = [[True, False], [False, False]]
    rows = [row([[40, 28], [42, 30]], given), row([[40, 28]] * 7)]
    np.testing.assert_allclose(costs(model, rows[:1])[0], costs(model, rows)[0, :2], rtol=1e-4)
    assert not costs(model, rows)[0, 2:].any()


def controls(count, temperature=1.0, seeds=None, lowest=1, highest=KEYS):
    return Controls(
        tf.fill([count], temperature),
        tf.ones([count]),
        tf.constant(range(count) if seeds is None else seeds, tf.int32),
        tf.fill([count, VOICES], lowest),
        tf.fill([count, VOICES], highest),
    )


def task(numbers, told, shares=False, remaining=None):
    """To be written around what is told of `[batch, steps, voices]`."""
    numbers, told = np.asarray(numbers, np.int32), np.asarray(told, bool)
    rows, steps = numbers.shape[:2]
    place = np.tile(np.arange(steps, dtype=np.int32), (rows, 1))
    left = np.full_like(place, UNKNOWN) if remaining is None else remaining
    grid = np.full(rows, 4, np.int32)
    passage = Passage(*map(tf.constant, (place, left, grid, np.zeros(rows, np.int32))))
    lengths, shared = tf.fill([rows], steps), tf.fill([rows], shares)
    return Task(tf.constant(numbers), tf.constant(told), tf.constant(told), lengths, passage, shared)


def test_what_is_told_stays_and_every_voice_keeps_below_the_one_above(model):
    rng = np.random.default_rng(1)
    numbers = -np.sort(-rng.integers(1, KEYS + 1, [16, 12, VOICES]), axis=-1)
    numbers[..., 1] = np.minimum(numbers[..., 1], numbers[..., 0] - 1)
    told = rng.random(numbers.shape) < 0.4
    written = write(parts_of(model), task(numbers, told), controls(16)).numbers.numpy()
    np.testing.assert_array_equal(written[told], numbers[told])
    is_below = (written[..., 1] < written[..., 0]) | (written[..., 1] == 0)
    assert is_below.all()


def test_voices_keep_to_their_ranges(model):
    nothing = np.zeros([8, 20, VOICES])
    free = nothing > 0
    written = write(parts_of(model), task(nothing, free), controls(8, lowest=30, highest=40)).numbers.numpy()
    assert set(np.unique(written)) <= {0, *range(30, 41)}


def test_what_is_composed_pauses_only_where_it_is_told_to(model):
    numbers, told = np.zeros([32, 12, VOICES]), np.zeros([32, 12, VOICES], bool)
    told[:, 5] = True
    written = write(parts_of(model), task(numbers, told), controls(32, temperature=3.0)).numbers.numpy()
    assert not written[:, 5].any()
    assert np.delete(written[..., 0], 5, axis=1).all()


def test_notes_are_drawn_as_often_as_they_are_probable(model):
    draws = 4000
    before = np.tile([[[40, 28], [0, 0]]], (draws, 1, 1))
    told = np.tile([[[True, True], [False, False]]], (draws, 1, 1))
    # What is told of the past is not known beforehand.
    asked = task(before, told)._replace(foreseen=tf.zeros(told.shape, tf.bool))
    written = write(parts_of(model), asked, controls(draws)).numbers.numpy()[:, 1, 0]
    pairs = [(high, low) for high in range(KEYS + 1) for low in range(max(high, 1))]
    nats = costs(model, [row([[40, 28], pair]) for pair in pairs])[:, 1]
    expected = np.zeros(KEYS + 1)
    np.add.at(expected, [high for high, _ in pairs], np.exp(-nats))
    # What is composed never pauses.
    expected[0] = 0
    expected /= expected.sum()
    drawn = np.bincount(written, minlength=KEYS + 1) / draws
    deviation = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(drawn - expected) < 5 * deviation + 1e-3).all()


def test_the_most_probable_notes_are_written_at_temperature_0(model):
    nothing = np.zeros([1, 4, VOICES])
    asked = task(nothing, nothing > 0)
    written = write(parts_of(model), asked, controls(1, temperature=0.0)).numbers.numpy()[0]
    for step, (high, low) in enumerate(written):
        before = written[:step]
        others = [note for note in range(KEYS + 1) if note < high and note != low]
        assert high
        nats = costs(model, [row([*before, (high, other)]) for other in (low, *others)])[:, step]
        assert nats[0] <= nats.min() + 1e-4


def test_a_piece_that_is_written_step_by_step_is_the_piece_written_at_once(model):
    rows, steps = 3, 6
    nothing = np.zeros([rows, steps, VOICES])
    whole = write(parts_of(model), task(nothing, nothing > 0), controls(rows)).numbers.numpy()
    before, states, written = None, None, []
    for step in range(steps):
        one = task(nothing[:, :1], nothing[:, :1] > 0)
        one = one._replace(passage=one.passage._replace(place=tf.fill([rows, 1], step)))
        result = write(parts_of(model), one, controls(rows), before=before, states=states)
        before, states = result.numbers[:, 0], result.states
        written.append(before.numpy())
    np.testing.assert_array_equal(np.stack(written, axis=1), whole)


def test_what_is_to_be_expected_around_given_notes_has_a_say_there_alone(model):
    bias = parts_of(model).harmony.logits.bias
    usual = bias.numpy()
    numbers = np.zeros([2, 5, VOICES], np.int32)
    numbers[0, :, 0] = 50
    told = np.zeros(numbers.shape, bool)
    told[0, :, 0] = True

    def written():
        return write(parts_of(model), task(numbers, told), controls(2, temperature=0.0)).numbers.numpy()

    before = written()
    favourite = usual.copy()
    favourite[SYMBOLS + 37] += 1000
    bias.assign(favourite)
    after = written()
    bias.assign(usual)
    assert set(after[0, :, 1]) == {37}
    assert set(before[0, :, 1]) != {37}
    np.testing.assert_array_equal(after[1], before[1])


def test_a_row_whose_numbers_are_not_finite_is_told_and_leaves_its_neighbour_alone(model):
    nothing = np.zeros([2, 3, VOICES])
    parts, asked = parts_of(model), task(nothing, nothing > 0)
    states = [tf.constant([[np.nan], [0.0]]) + tf.zeros_like(state) for state in parts.states.zero_states(2)]
    written = write(parts, asked, controls(2, seeds=[1, 1]), states=states)
    alone = write(parts, task(nothing[:1], nothing[:1] > 0), controls(1, seeds=[1]))
    assert written.is_faulty.numpy().tolist() == [True, False]
    np.testing.assert_array_equal(written.numbers[1], alone.numbers[0])
