"""Passages of pieces: which steps they have, in which key, and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.music.config import PRESETS
from applications.music.data import (
    Examples,
    batch_of,
    given_notes,
    kinds_of,
    numbers_of,
    passage,
    training_batches,
    whole,
)
from applications.music.kinds import Kind
from applications.music.notes import UNKNOWN
from applications.music.piece import LOWEST, Piece
from applications.music.pieces import Pieces
from applications.music.tonality import tonality_of

CONFIG = replace(PRESETS["tiny"], crop=8, transposition=3, transposed_share=1.0)
PIECE = Piece("scale", np.array([[60 + step, 48 + step % 5] for step in range(20)]), 4)
CHORDS = Piece("chords", np.array([[64, 64], [67, 60]]), 1)


def notes(numbers):
    """MIDI numbers of numbers of keys."""
    return np.where(numbers > 0, numbers + LOWEST - 1, 0)


def test_a_note_that_sounds_twice_counts_once_unless_voices_share_it():
    assert notes(numbers_of(np.array([[60, 60, 0], [55, 60, 60]]), shares=False)).tolist() == [
        [60, 0, 0],
        [60, 55, 0],
    ]
    assert notes(numbers_of(np.array([[60, 60, 0], [55, 60, 60]]))).tolist() == [[60, 60, 0], [60, 60, 55]]


def test_a_whole_piece_begins_after_silence_and_nothing_of_it_is_told():
    row = whole(PIECE, shares=True)
    assert not row.numbers[0].any()
    np.testing.assert_array_equal(notes(row.numbers[1:]), PIECE.notes)
    assert (row.given.any(), row.place, row.remaining, row.tonality) == (False, 0, UNKNOWN, 0)


@given(start=st.integers(0, 19), seed=st.integers(0, 10_000))
def test_a_passage_is_that_of_the_piece_in_another_key_with_the_step_before_it(start, seed):
    row = passage(PIECE, True, start, CONFIG, np.random.default_rng(seed))
    steps = min(20 - start, 8)
    own = np.vstack([np.zeros([1, 2], int), PIECE.notes])[start : start + steps + 1]
    moved = notes(row.numbers)
    shifts = set((moved - own)[own > 0].tolist())
    assert len(shifts) == 1
    assert -3 <= shifts.pop() <= 3
    assert not moved[own == 0].any()
    assert row.remaining in (UNKNOWN, 19 - start)
    assert row.tonality in (
        0,
        tonality_of(np.where(PIECE.notes > 0, PIECE.notes + moved[-1, 0] - own[-1, 0], 0)),
    )
    assert row.given.shape == (steps, 2)


def test_pieces_at_the_ends_of_the_piano_stay_on_it():
    edge = Piece("edge", np.array([[108, 21]] * 4), 4)
    for seed in range(20):
        np.testing.assert_array_equal(
            notes(passage(edge, True, 0, CONFIG, np.random.default_rng(seed)).numbers[1:]), edge.notes
        )


def test_what_is_told_is_nothing_the_melody_some_voices_what_stands_around_or_any():
    rng = np.random.default_rng(0)
    drawn = [given_notes(12, 3, 0.5, rng) for _ in range(2000)]
    nothing = sum(not one.any() for one in drawn) / len(drawn)
    assert 0.45 < nothing < 0.65
    assert any((one == [True, False, False]).all() for one in drawn)
    assert any(one.all(axis=1).any() and not one.any(axis=1).all() for one in drawn)
    assert any(len(set(map(tuple, one))) > 4 for one in drawn)
    assert not any(given_notes(12, 3, 0.0, rng).any() for _ in range(20))


def test_kinds_tell_the_ranges_of_each_grid_and_whether_voices_share_notes():
    assert kinds_of([CHORDS, PIECE]) == [
        Kind(4, False, ((60, 79), (48, 52))),
        Kind(1, True, ((64, 67), (60, 64))),
    ]


def test_batches_count_places_on_and_what_is_left_down():
    rng = np.random.default_rng(0)
    row = passage(PIECE, True, 3, CONFIG, rng)._replace(remaining=16)
    inputs, real = batch_of([row, whole(CHORDS, True)])
    assert inputs["place"][0].tolist() == list(range(3, 11))
    assert inputs["remaining"][0].tolist() == list(range(16, 8, -1))
    assert set(inputs["remaining"][1]) == {UNKNOWN}
    assert real.sum(axis=1).tolist() == [8, 2]


@pytest.fixture
def examples():
    pieces = Pieces("train", [replace(PIECE, name=str(index)) for index in range(5)] + [CHORDS])
    return Examples(pieces, pieces, tuple(kinds_of(pieces.pieces)))


def test_an_epoch_goes_through_every_piece_as_often_as_told_and_is_the_same_each_time(examples):
    config = replace(CONFIG, passes=2, training=replace(CONFIG.training, batch_size=4))
    dataset, count = training_batches(examples, config, range(2))
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == 2 * count
    steps = sum(real.sum() for _, real in batches[:count])
    assert steps == 2 * (5 * 3 * 8 + 2)
    again = list(training_batches(examples, config, range(1, 2))[0].as_numpy_iterator())
    for (one, _), (other, _) in zip(batches[count:], again, strict=True):
        np.testing.assert_array_equal(one["notes"], other["notes"])
    assert any(
        one["notes"].shape != other["notes"].shape or (one["notes"] != other["notes"]).any()
        for (one, _), (other, _) in zip(batches[:count], again, strict=True)
    )
