"""Parts are divided by time, and what comes before a part can be put in front of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import FlagError, UserError
from common.series.collection import Columns, Series, SeriesCollection
from common.series.frequency import DAY, Frequency
from common.series.parts import require_length, split_by_time, with_history

HOUR = Frequency(3600)


def collection_of(lengths, frequency=HOUR):
    series = []
    for number, length in enumerate(lengths):
        values = np.arange(3 * length, dtype=np.float32).reshape(length, 3) + 1000 * number
        times = frequency.after(7 * DAY * (number + 1), np.arange(length))
        series.append(Series(f"s{number}", times, values[:, :1], values[:, 1:2], values[:, 2:]))
    return SeriesCollection(
        "made", series, Columns(("y",), ("p",), ("k",)), frequency, {"bad": 2}, ("a note",)
    )


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.floats(0, 0.49),
    st.floats(0, 0.49),
    st.integers(0, 70),
)
def test_the_parts_are_the_whole_in_order_and_history_is_what_came_before(lengths, validation, test, steps):
    whole = collection_of(lengths)
    parts = split_by_time(whole, validation, test)
    for number, one in enumerate(whole.series):
        pieces = [part.series[number] for part in parts]
        for name in ("times", "targets", "past", "known"):
            np.testing.assert_array_equal(
                np.concatenate([getattr(piece, name) for piece in pieces]), getattr(one, name)
            )
        assert abs(len(pieces[2]) - test * len(one)) <= 0.5
        assert abs(len(pieces[1]) - validation * len(one)) <= 0.5
    longer, history = with_history(parts[1], parts[0], steps)
    for number, one in enumerate(whole.series):
        first, last = (
            len(parts[0].series[number]),
            len(parts[0].series[number]) + len(parts[1].series[number]),
        )
        expected = min(steps, first) if last > first else 0
        assert history[number] == expected
        np.testing.assert_array_equal(longer.series[number].times, one.times[first - expected : last])
        np.testing.assert_array_equal(longer.series[number].known, one.known[first - expected : last])
    assert [part.left_out for part in parts] == [{"bad": 2}, {}, {}]


def test_a_part_that_does_not_follow_gives_no_history():
    whole = collection_of([40])
    train, _, test = split_by_time(whole, 0.25, 0.25)
    joined, history = with_history(test, train, 8)
    assert history == [0]
    assert joined.series[0] is test.series[0]
    with pytest.raises(ValueError, match="expected the same columns and the same step"):
        with_history(test, collection_of([40], Frequency(DAY)), 8)


def test_months_follow_one_another():
    train, validation, _ = split_by_time(collection_of([24], Frequency(1, "month")), 0.5, 0)
    longer, history = with_history(validation, train, 3)
    assert history == [3]
    np.testing.assert_array_equal(
        longer.series[0].times, collection_of([24], Frequency(1, "month")).series[0].times[9:]
    )


def numbered(length):
    """A series of a table without times: its steps are numbered from 1970 on."""
    series = collection_of([length]).series[0]
    return replace(collection_of([1]), series=[replace(series, times=HOUR.after(0, np.arange(length)))])


def test_tables_without_times_go_on_from_one_another():
    joined, history = with_history(numbered(5), numbered(20), 8)
    assert history == [8]
    np.testing.assert_array_equal(joined.series[0].times, 3600 * np.arange(12, 25))
    np.testing.assert_array_equal(joined.series[0].targets[8:], numbered(5).series[0].targets)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((1, 0), "--validation-fraction 1: expected a share from 0 to 1"),
        ((0, -0.1), "--test-fraction -0.1: expected a share from 0 to 1"),
        ((0.5, 0.5), "--validation-fraction 0.5 and --test-fraction 0.5 leave nothing to train on"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares, message):
    with pytest.raises(FlagError) as error:
        split_by_time(collection_of([10]), *shares)
    assert str(error.value).startswith(message)


def test_a_series_that_is_too_short_is_refused_by_its_name():
    whole = collection_of([40, 30])
    require_length(whole, 30, "a look-back of 20 and a horizon of 10")
    with pytest.raises(UserError) as error:
        require_length(whole, 31, "a look-back of 21 and a horizon of 10")
    assert str(error.value) == (
        "made, series 's1': 30 steps; expected at least 31 for a look-back of 21 and a horizon of 10"
    )
