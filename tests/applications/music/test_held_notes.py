"""A note that stays in a voice is one held note, with its first step and the step at which it is over."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from applications.music.held_notes import HeldNote, held_notes
from applications.music.piece import SILENCE, Piece

PIECES = arrays(
    np.int32,
    st.tuples(st.integers(0, 12), st.integers(1, 4)),
    elements=st.sampled_from([SILENCE, 60, 62, 64]),
)


def piece_of(*steps):
    return Piece("a piece", np.array(steps, np.int32))


def by_walking(notes):
    """The same, step by step."""
    held = []
    for voice in range(notes.shape[1]):
        start = 0
        for step in range(len(notes)):
            is_last = step + 1 == len(notes) or notes[step + 1, voice] != notes[step, voice]
            if is_last:
                if notes[step, voice] != SILENCE:
                    held.append(HeldNote(start, step + 1, int(notes[step, voice]), voice))
                start = step + 1
    return sorted(held, key=lambda note: (note.start_step, note.voice))


def test_a_note_in_consecutive_steps_of_a_voice_is_one_note():
    assert held_notes(piece_of([72, 60], [72, 62], [72, 62])) == [
        HeldNote(0, 3, 72, 0),
        HeldNote(0, 1, 60, 1),
        HeldNote(1, 3, 62, 1),
    ]


def test_a_rest_ends_a_note_and_the_same_note_after_it_is_another():
    assert held_notes(piece_of([60], [SILENCE], [60])) == [HeldNote(0, 1, 60, 0), HeldNote(2, 3, 60, 0)]


def test_two_voices_that_share_a_note_both_hold_it():
    assert held_notes(piece_of([60, 60])) == [HeldNote(0, 1, 60, 0), HeldNote(0, 1, 60, 1)]


def test_silence_and_a_piece_without_steps_hold_no_notes():
    assert held_notes(piece_of([SILENCE, SILENCE])) == []
    assert held_notes(Piece("nothing", np.zeros((0, 4), np.int32))) == []


def test_notes_elsewhere_count_as_silence():
    piece = piece_of([60, 55], [60, 55], [60, 55])
    where = np.array([[True, False], [True, False], [False, True]])
    assert held_notes(piece, where) == [HeldNote(0, 2, 60, 0), HeldNote(2, 3, 55, 1)]
    with pytest.raises(ValueError, match=r"expected a bool for each note, \[3, 2\]; got \[3\]"):
        held_notes(piece, where[:, 0])


@given(PIECES)
def test_they_are_those_that_are_found_step_by_step(notes):
    assert held_notes(Piece("any", notes)) == by_walking(notes)


@given(PIECES)
def test_the_piece_can_be_written_from_them(notes):
    written = np.full_like(notes, SILENCE)
    for start, end, note, voice in held_notes(Piece("any", notes)):
        written[start:end, voice] = note
    np.testing.assert_array_equal(written, notes)
