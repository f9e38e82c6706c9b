"""What is said to be copied stands in training in some key, and no longer run does: against every run and key tried."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.music.copying import NOTHING, longest_copies, packed, unpacked


def moved(notes, semitones):
    return np.where(notes == 0, 0, notes + semitones)


def is_copied(run, training):
    """Whether a run stands in a training piece in some key."""
    return any(
        np.array_equal(moved(notes[start : start + len(run)], semitones), run)
        for notes in training
        for start in range(len(notes) - len(run) + 1)
        for semitones in range(-24, 25)
    )


def changes(run):
    return 1 + sum(not np.array_equal(*pair) for pair in pairwise(run))


def longest(piece, training):
    """The most steps and the most changes of runs that begin with a note, each run tried in each place and key."""
    runs = [
        piece[start:end]
        for start in range(len(piece))
        for end in range(start + 1, len(piece) + 1)
        if piece[start].any()
    ]
    copied = [run for run in runs if is_copied(run, training)]
    return max(map(len, copied), default=0), max(map(changes, copied), default=0)


def check(piece, training):
    (copied,) = longest_copies([piece], training)
    steps, most_changes = longest(piece, training)
    assert copied.by_steps.steps == steps
    assert copied.by_changes.changes == most_changes
    for run in (copied.by_steps, copied.by_changes):
        if run == NOTHING:
            continue
        here = piece[run.start : run.start + run.steps]
        there = training[run.piece][run.piece_start : run.piece_start + run.steps]
        np.testing.assert_array_equal(moved(there, run.transposition), here)
        assert len(here) == run.steps
        assert changes(here) == run.changes


chord = st.sampled_from([[0, 0], [62, 60], [64, 62], [64, 60], [67, 60], [60, 0], [62, 0]])
passage = st.lists(chord, min_size=1, max_size=9).map(np.array)


@given(passage, st.lists(passage, min_size=1, max_size=3))
def test_no_run_that_is_copied_is_longer(piece, training):
    check(piece, training)


@given(passage, st.integers(-9, 9), st.data())
def test_what_is_cut_out_and_moved_is_found(piece, semitones, data):
    start = data.draw(st.integers(0, len(piece) - 1))
    run = moved(piece[start:], semitones)
    (copied,) = longest_copies([run], [piece])
    leading = int(np.argmax(run.any(axis=1))) if run.any() else len(run)
    assert copied.by_steps.steps == len(run) - leading
    check(run, [piece])


def test_where_and_in_which_key_a_run_stands():
    rng = np.random.default_rng(0)
    training = [-np.sort(-rng.integers(40, 80, (30, 4)), axis=1) for _ in range(5)]
    piece = -np.sort(-rng.integers(40, 80, (40, 4)), axis=1)
    piece[12:19] = training[3][5:12] - 4
    (copied,) = longest_copies([piece], training)
    run = copied.by_steps
    assert (run.steps, run.changes, run.start) == (7, 7, 12)
    assert (run.piece, run.piece_start, run.transposition) == (3, 5, -4)
    assert copied.by_changes == run


def test_held_chords_make_a_run_long_and_not_rich():
    training = [np.repeat([[60, 52]], 20, axis=0), np.array([[60, 52], [62, 53], [64, 55], [65, 57]])]
    piece = np.concatenate([np.repeat([[72, 64]], 12, axis=0), training[1] + 1])
    (copied,) = longest_copies([piece], training)
    assert (copied.by_steps.steps, copied.by_steps.changes, copied.by_steps.piece) == (12, 1, 0)
    assert (copied.by_changes.steps, copied.by_changes.changes, copied.by_changes.piece) == (4, 4, 1)


def test_a_run_ends_with_the_training_piece():
    first, second = np.array([[60], [62], [64]]), np.array([[65], [67], [69]])
    (copied,) = longest_copies([np.concatenate([first, second])], [first, second])
    assert copied.by_steps.steps == 3


def test_the_same_melody_at_another_speed_or_with_another_bass_is_no_copy():
    theme = np.array([[72, 60], [74, 60], [76, 60], [77, 60]])
    slow, reharmonised = np.repeat(theme, 2, axis=0), theme - [[0, 1], [0, 2], [0, 3], [0, 5]]
    steps = [copied.by_steps.steps for copied in longest_copies([slow, reharmonised], [theme])]
    assert max(steps) <= 2


def test_many_pieces_are_searched_at_once_as_one_by_one():
    rng = np.random.default_rng(1)
    training = [rng.integers(60, 64, (40, 2)) for _ in range(4)]
    pieces = [rng.integers(60, 64, (length, 2)) for length in (50, 1, 30)]
    together = longest_copies(pieces, training)
    assert together == [longest_copies([piece], training)[0] for piece in pieces]


def test_a_piece_of_training_is_copied_whole():
    rng = np.random.default_rng(2)
    training = [rng.integers(40, 90, (length, 3)) for length in (100, 300, 7)]
    for copied, piece in zip(longest_copies(training, training), training, strict=True):
        assert copied.by_steps.steps == len(piece)
        assert copied.by_steps.transposition == 0


def test_pieces_with_fewer_voices_are_compared_as_silent_in_the_others():
    training = [np.array([[72, 60, 0], [74, 59, 0]]), np.array([[72, 60], [71, 62]])]
    (copied,) = longest_copies([np.array([[74, 62], [73, 64]])], training)
    assert (copied.by_steps.steps, copied.by_steps.piece, copied.by_steps.transposition) == (2, 1, 2)


@pytest.mark.parametrize(
    ("pieces", "training"),
    [
        ([np.zeros((3, 2), int)], [np.ones((3, 2), int) * 60]),
        ([np.zeros((0, 2), int)], [np.ones((3, 2), int) * 60]),
        ([np.ones((3, 2), int) * 60], []),
        ([np.array([[60, 50]])], [np.array([[60, 51]])]),
    ],
)
def test_nothing_is_copied_where_nothing_sounds_or_is_the_same(pieces, training):
    (copied,) = longest_copies(pieces, training)
    assert copied.by_steps == copied.by_changes == NOTHING


def test_no_pieces_copy_nothing():
    assert longest_copies([], [np.array([[60]])]) == []


@given(st.lists(passage, min_size=1, max_size=4))
def test_pieces_are_the_same_after_they_were_packed(pieces):
    again = unpacked(packed(pieces))
    assert len(again) == len(pieces)
    for one, other in zip(again, pieces, strict=True):
        np.testing.assert_array_equal(one, other)


def test_packed_pieces_are_small():
    held = [np.repeat(np.random.default_rng(seed).integers(40, 80, (60, 4)), 4, axis=0) for seed in range(50)]
    assert len(packed(held)) < 0.4 * sum(map(np.size, held))
    assert packed(held) == packed(held)
