"""Writes music in the graph, step after step and note after note, around the notes that are given."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from applications.music.model import IMPOSSIBLE, Parts, step_inputs
from applications.music.notes import (
    Passage,
    features_of,
    floors_of,
    given_features,
    is_possible,
    roll_of,
)
from applications.music.piece import KEYS
from common.decoding.generate import Choose, Moment
from common.decoding.samplers import compose as composed
from common.decoding.samplers import sample, temperature, truncate

HARMONY_WEIGHT = 1.0
"""How much is said, around given notes, by what to expect of each note (`model.Harmony`), beside the head that writes
one after another: its log-probabilities are multiplied by this and added."""


class Controls(NamedTuple):
    """How notes are chosen, row by row.

    Attributes:
        temperature: `[batch]`, 0 for the most probable note.
        top_p: `[batch]`, 1 for all notes.
        seed: `[batch]` int32.
        lowest: the lowest key of each voice, `[batch, voices]`.
        highest: the highest one.
    """

    temperature: tf.Tensor
    top_p: tf.Tensor
    seed: tf.Tensor
    lowest: tf.Tensor
    highest: tf.Tensor


class Task(NamedTuple):
    """What is to be written around what is given.

    Attributes:
        numbers: of keys, `[batch, time, voices]`.
        told: which of them stand as they are.
        foreseen: which of them the model knows beforehand: told notes that others are to lead up to.
        lengths: `[batch]`, steps of each row.
        passage: where the steps stand.
        shares: `[batch]`, whether two voices may share a key.
    """

    numbers: tf.Tensor
    told: tf.Tensor
    foreseen: tf.Tensor
    lengths: tf.Tensor
    passage: Passage
    shares: tf.Tensor


class Written(NamedTuple):
    """What `write` wrote.

    Attributes:
        numbers: of keys, `[batch, time, voices]`, 0 after a row's end.
        states: of the recurrence, `[batch, units]` each.
        is_faulty: `[batch]`, whether a note had no probabilities, such as those of NaN.
    """

    numbers: tf.Tensor
    states: list[tf.Tensor]
    is_faulty: tf.Tensor


def chooser(controls: Controls) -> Choose:
    """Chooses notes as `controls` say."""
    return composed(
        temperature(controls.temperature),
        truncate(tf.zeros_like(controls.seed), controls.top_p),
        choose=sample(controls.seed),
    )


def _never_silent(floors: tf.Tensor) -> tf.Tensor:
    """Floors `[..., voices]` that leave the highest voice no rest: what is composed never pauses in all voices, as it
    would where it takes itself to be at its end."""
    return tf.concat([tf.maximum(floors[..., :1], 1), floors[..., 1:]], axis=-1)


def writer(parts: Parts, voices: int) -> Callable[..., Written]:
    """`write`, with `before` and `states` always given, traced once for all signatures that call it."""
    integers, floats = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
    of_steps, of_voices = (tf.TensorSpec([None, *size], tf.int32) for size in ([None], [voices]))
    of_notes, of_truths = (tf.TensorSpec([None, None, voices], kind) for kind in (tf.int32, tf.bool))
    state = tf.TensorSpec([None, parts.states.units], tf.float32)
    traced: Callable[..., Written] = tf.function(
        lambda task, controls, before, states: write(parts, task, controls, before=before, states=states),
        input_signature=[
            Task(
                of_notes,
                of_truths,
                of_truths,
                integers,
                Passage(of_steps, of_steps, integers, integers),
                tf.TensorSpec([None], tf.bool),
            ),
            Controls(floats, floats, integers, of_voices, of_voices),
            of_voices,
            [state] * parts.states.state_count,
        ],
        autograph=False,
    )
    return traced


def write(
    parts: Parts,
    task: Task,
    controls: Controls,
    *,
    before: tf.Tensor | None = None,
    states: list[tf.Tensor] | None = None,
) -> Written:
    """Writes the notes that are not told; the highest voice rests where it is told to, or has no key left.

    Args:
        parts: of the model.
        task: what is given.
        controls: how notes are chosen.
        before: numbers of the step before the first, `[batch, voices]`; silence unless given.
        states: of the recurrence after that step; zeros unless given.
    """
    rows, voices = tf.shape(task.numbers)[0], task.numbers.shape[2]
    real = tf.sequence_mask(task.lengths, tf.shape(task.numbers)[1])
    told = task.told & real[..., None]
    foreseen = task.foreseen & real[..., None]
    known, features = given_features(task.numbers, foreseen), features_of(task.passage)
    anticipated = parts.anticipation(known, real)
    has_say = tf.where(tf.reduce_any(foreseen, axis=[1, 2]), HARMONY_WEIGHT, 0.0)[:, None, None, None]
    expected_notes = has_say * tf.nn.log_softmax(parts.harmony(tf.concat([known, features], axis=-1), real))
    shares = tf.repeat(task.shares[:, None], tf.shape(task.numbers)[1], axis=1)
    by_time = [
        tf.transpose(values, [1, 0, *range(2, values.shape.rank)])
        for values in (
            anticipated,
            expected_notes,
            features,
            task.numbers,
            told,
            _never_silent(floors_of(task.numbers, told, shares)),
            task.passage.place,
        )
    ]
    choose, advance = chooser(controls), parts.states.stepper(parts.inputs.units)
    notes = tf.TensorArray(tf.int32, size=tf.shape(by_time[0])[0], element_shape=[None, voices])
    first = tf.zeros([rows, voices], tf.int32) if before is None else before
    start = [tf.cast(state, tf.float32) for state in states or parts.states.zero_states(rows)]

    def turn(
        index: tf.Tensor, before: tf.Tensor, states: list[tf.Tensor], notes: Any, is_faulty: tf.Tensor
    ) -> tuple[Any, ...]:
        expected, say, place_features, numbers, is_told, floors, place = (values[index] for values in by_time)
        roll = roll_of(before)
        outputs, after = advance(step_inputs(roll, place_features, expected, parts), states)
        of_step = parts.head.of_step(outputs, expected, roll)
        chosen, above = tf.zeros_like(roll), tf.fill([rows], KEYS + 1)
        step = []
        for voice in range(voices):
            logits = parts.head.of_note(of_step, chosen, above, tf.constant(voice)) + say[:, voice]
            possible = is_possible(
                above, floors[:, voice], task.shares, controls.lowest[:, voice], controls.highest[:, voice]
            )
            note = choose(tf.where(possible, logits, IMPOSSIBLE), Moment(place * voices + voice, None))
            is_faulty |= (note < 0) & ~is_told[:, voice] & (index < task.lengths)
            above = tf.where(is_told[:, voice], numbers[:, voice], tf.maximum(note, 0))
            chosen = tf.maximum(chosen, tf.one_hot(above - 1, KEYS))
            step.append(above)
        written = tf.stack(step, axis=1)
        return index + 1, written, after, notes.write(index, written), is_faulty

    _, _, after, notes, is_faulty = tf.while_loop(
        lambda index, *_: index < tf.shape(by_time[0])[0],
        turn,
        (tf.constant(0), first, start, notes, tf.zeros([rows], tf.bool)),
        # A step depends on the one before.
        parallel_iterations=1,
    )
    numbers = tf.transpose(notes.stack(), [1, 0, 2])
    return Written(tf.where(real[..., None], numbers, 0), after, is_faulty)
