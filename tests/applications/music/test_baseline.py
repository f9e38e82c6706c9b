"""N-grams of notes, against counting by hand."""

import numpy as np
import pytest

from applications.music.baseline import baseline_nats
from applications.music.piece import Piece

SYMBOLS = 90


def test_single_notes_are_as_probable_as_they_are_frequent_in_all_keys():
    training = [Piece("one", np.array([[60, 0], [60, 0], [62, 0]]))]
    # In twelve keys each of 60 - 5 to 62 + 6 is seen; an end of step follows every note, and one symbol ends the piece.
    counts = np.zeros(SYMBOLS)
    for semitones in range(-5, 7):
        for note in (60, 60, 62):
            counts[note + semitones - 20] += 1
            counts[89] += 1
    counts[0] = 12
    total, kinds = counts.sum(), np.count_nonzero(counts)
    share = (counts + kinds / SYMBOLS) / (total + kinds)
    expected = -np.log(share[[64 - 20, 89, 30 - 20, 89]]).sum() / 2
    piece = Piece("other", np.array([[64, 0], [30, 0]]))
    assert baseline_nats(training, [piece], order=1) == pytest.approx(expected, rel=1e-5)


def test_what_stands_in_training_in_another_key_costs_least():
    rng = np.random.default_rng(0)
    notes = rng.integers(50, 70, [40, 1])
    training = [Piece("one", notes)]
    known, unknown = Piece("moved", notes + 4), Piece("turned", notes[::-1])
    assert baseline_nats(training, [known]) < 0.5 * baseline_nats(training, [unknown])
