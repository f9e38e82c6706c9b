"""Recordings are cut with all that is known of their rows, told by a label for each row alone."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.series.readings import Readings, Recording, windows_of


def recording(labels, **fields):
    rows = np.arange(len(labels))
    return Recording("one", 60 * rows, rows[:, None].astype(np.float32), windows_of(labels), **fields)


@given(st.lists(st.booleans(), max_size=30))
def test_windows_mark_the_labelled_rows_and_no_others(labels):
    one = recording(np.array(labels, bool))
    assert one.is_anomalous.tolist() == labels
    assert one.windows.shape == (len(one.windows), 2)
    assert (
        np.diff(one.windows.ravel()) >= np.tile([0, 2], len(one.windows))[: 2 * len(one.windows) - 1]
    ).all()


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(-25, 25), st.integers(-25, 25))
def test_a_part_has_the_rows_of_a_slice_with_their_labels_and_the_life_left_after_them(labels, first, last):
    whole = recording(np.array(labels), remaining=5.0)
    rows = list(range(len(labels)))[first:last]
    part = whole.between(first, last)
    assert part.values[:, 0].tolist() == rows
    assert part.times.tolist() == [60 * row for row in rows]
    assert part.is_anomalous.tolist() == [labels[row] for row in rows]
    if rows:
        assert part.remaining == 5 + len(labels) - 1 - rows[-1]


def test_kinds_stay_beside_the_windows_that_they_are_of():
    whole = recording([0, 1, 1, 0, 1, 0, 0, 1], kinds=("spikes", "drift", "stuck"))
    assert whole.between(2, 6).kinds == ("spikes", "drift")
    assert whole.between(3, 8).kinds == ("drift", "stuck")
    assert whole.between(5, 7).kinds == ()
    assert whole.between(0, 2).remaining is None


def test_what_was_read_is_told_in_a_line():
    one = recording([0, 1, 0, 1])
    one.values[0] = np.nan
    several = Readings("pumps", [one, one], ("heat",), True, {"too few fields": 2}, ["held: 1"])
    assert len(several) == 8
    assert several.describe() == (
        "pumps: 2 series of 8 rows, 1 sensor, 4 labelled windows, 25.0% of the values missing, left out 2 (too few "
        "fields); held: 1"
    )
    assert "window" not in Readings("pumps", [one], ("heat",)).describe()


def test_readings_need_neither_pandas_nor_tensorflow():
    code = (
        "import sys, common.series.readings; print([m for m in ('pandas', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
