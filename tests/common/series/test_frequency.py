"""Steps are those of pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import FlagError
from common.series.frequency import DAY, Frequency
from common.series.frequency_names import frequency_named


def seconds(times):
    return np.asarray(times.as_unit("s").asi8)


@pytest.mark.parametrize(
    ("name", "start", "frequency", "words", "is_of_days"),
    [
        ("s", "2020-02-28 23:59:58", Frequency(1), "1 second", False),
        ("30min", "2020-02-28 23:30", Frequency(1800), "30 minutes", False),
        ("h", "2020-02-28 23:00", Frequency(3600), "1 hour", False),
        ("36h", "2020-02-28 12:00", Frequency(36 * 3600), "36 hours", False),
        ("D", "2020-02-28", Frequency(DAY), "1 day", True),
        ("2D", "2020-02-28", Frequency(2 * DAY), "2 days", True),
        ("W-FRI", "2020-02-28", Frequency(7 * DAY), "1 week", True),
        ("B", "2020-02-28", Frequency(1, "business day"), "1 business day", True),
        ("2B", "2020-02-28", Frequency(2, "business day"), "2 business days", True),
        ("MS", "2020-02-01", Frequency(1, "month"), "1 month", True),
        ("ME", "2020-02-29", Frequency(1, "month"), "1 month", True),
        ("ME", "2021-11-30", Frequency(1, "month"), "1 month", True),
        ("QS", "2020-01-01", Frequency(3, "month"), "3 months", True),
        ("QE", "2020-06-30", Frequency(3, "month"), "3 months", True),
        ("YS", "1960-01-01", Frequency(12, "month"), "12 months", True),
        ("YE-FEB", "1960-02-29", Frequency(12, "month"), "12 months", True),
    ],
)
def test_the_steps_of_a_name_are_those_of_date_range(name, start, frequency, words, is_of_days):
    expected = seconds(pd.date_range(start, periods=200, freq=name))
    assert frequency_named(name) == frequency
    np.testing.assert_array_equal(frequency.after(int(expected[0]), np.arange(200)), expected)
    assert frequency.after(0, np.arange(3)).dtype == np.int64
    assert (frequency.name, frequency.is_of_days) == (words, is_of_days)


@given(st.dates(pd.Timestamp(1900, 1, 1).date(), pd.Timestamp(2100, 1, 1).date()), st.integers(1, 24))
def test_months_after_a_day_are_those_of_pandas_offsets(day, count):
    start = pd.Timestamp(day)
    offset = pd.offsets.MonthEnd if start.is_month_end else pd.DateOffset
    expected = [
        start + (offset(count * step) if start.is_month_end else pd.DateOffset(months=count * step))
        for step in range(30)
    ]
    times = Frequency(count, "month").after(int(start.timestamp()), np.arange(30))
    np.testing.assert_array_equal(times, seconds(pd.DatetimeIndex(expected)))


@pytest.mark.parametrize("name", ["", "fortnight", "0h", "-1h", "1.5h", "hD", "30"])
def test_a_step_that_does_not_exist_is_refused(name):
    with pytest.raises(FlagError) as error:
        frequency_named(name)
    assert str(error.value) == (
        f"--frequency {name}: no step of that name; expected a step such as s, 30min, h, D, B (business days), W, MS, "
        "QS or YS"
    )
