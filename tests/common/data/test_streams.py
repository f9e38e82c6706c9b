"""A long stream becomes windows in which each row goes on where it ended, and nothing is read twice in an epoch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.data.streams import ring, side_by_side, steps_per_epoch, windows

ROWS, WINDOW = st.integers(1, 5), st.integers(1, 6)


@given(ROWS, WINDOW, st.integers(0, 3), st.integers(1, 100))
def test_an_epoch_reads_a_turned_ring_row_by_row_and_no_place_twice(rows, window, epoch, length):
    stream = np.arange(length)
    if not steps_per_epoch(length, rows, window):
        return
    cut = ring(stream, rows, window, epoch=epoch, seed=3)
    assert cut.shape == (rows, length // (rows * window) * window)
    flat = cut.reshape(-1)
    assert len(set(flat.tolist())) == len(flat)
    np.testing.assert_array_equal(np.diff(flat) % length, np.ones(len(flat) - 1) % length)
    np.testing.assert_array_equal(cut, ring(stream, rows, window, epoch=epoch, seed=3))


@given(ROWS, WINDOW, st.integers(0, 60))
def test_windows_together_are_the_rows_and_feed_what_stands_before(rows, window, length):
    cut = side_by_side(np.arange(length), rows)
    pieces = list(windows(cut, window, before=-1))
    assert len(pieces) == -(-cut.shape[1] // window)
    if pieces:
        targets = np.concatenate([piece.targets for piece in pieces], axis=1)
        fed = np.concatenate([piece.fed for piece in pieces], axis=1)
        np.testing.assert_array_equal(targets, cut)
        np.testing.assert_array_equal(fed[:, 1:], cut[:, :-1])
        assert (fed[:, 0] == -1).all()
        assert [piece.starts.all() for piece in pieces] == [True] + [False] * (len(pieces) - 1)


def test_another_epoch_begins_elsewhere():
    stream = np.arange(1000)
    assert len({int(ring(stream, 2, 5, epoch=epoch, seed=1)[0, 0]) for epoch in range(5)}) > 1
