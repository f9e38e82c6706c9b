"""The notes of each step of a piano roll, for as many voices as there are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from applications.music.rolls import notes_of, roll_of, with_voices

STEPS = st.lists(st.lists(st.integers(21, 108), max_size=6), max_size=5)


def roll(steps):
    places = [(step, note) for step, notes in enumerate(steps) for note in notes]
    return roll_of(np.array([step for step, _ in places]), np.array([note for _, note in places]), len(steps))


def reduced(notes, voices):
    """The notes that stay, from the highest down."""
    if len(notes) > voices:
        notes = sorted(set(notes))
    if len(notes) > voices:
        notes = [*notes[:1], *notes[len(notes) - voices + 1 :]] if voices > 1 else notes[-1:]
    return sorted(notes, reverse=True)


@given(STEPS, st.integers(1, 7))
def test_the_lowest_and_the_highest_notes_stay(steps, voices):
    notes, left_out = notes_of(roll(steps), voices)
    assert notes.shape == (len(steps), voices)
    assert [[note for note in step if note] for step in notes.tolist()] == [
        reduced(step, voices) for step in steps
    ]
    assert left_out == sum(len(set(step)) - voices for step in steps if len(set(step)) > voices)


@given(STEPS)
def test_unless_given_there_are_as_many_voices_as_sound_at_once(steps):
    notes, left_out = notes_of(roll(steps))
    assert notes.shape[1] == max([1, *map(len, steps)])
    assert left_out == 0
    assert [sorted(filter(None, step)) for step in notes.tolist()] == [sorted(step) for step in steps]


@given(STEPS, st.integers(1, 7))
def test_notes_may_be_given_other_voices(steps, voices):
    notes, _ = notes_of(roll(steps))
    expected, left_out = notes_of(roll(steps), voices)
    changed, beyond = with_voices(notes, voices)
    np.testing.assert_array_equal(changed, expected)
    assert beyond == left_out
