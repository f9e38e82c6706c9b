"""Steps are found as they were made, and rows come to the steps that pandas resamples them to."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.series.frequency import DAY, Frequency
from common.series.grid import averages, change_of_step, grid_of, inferred_frequency
from common.series.tables import SeriesSource, series_of

STEPS = {
    "7s": Frequency(7),
    "15min": Frequency(900),
    "h": Frequency(3600),
    "D": Frequency(DAY),
    "2D": Frequency(2 * DAY),
    "B": Frequency(1, "business day"),
    "W-SUN": Frequency(7 * DAY),
    "MS": Frequency(1, "month"),
    "ME": Frequency(1, "month"),
    "QS": Frequency(3, "month"),
    "QE": Frequency(3, "month"),
    "YS": Frequency(12, "month"),
    "YE": Frequency(12, "month"),
}


def seconds(times):
    return np.asarray(pd.DatetimeIndex(times).as_unit("s").asi8)


@given(
    st.sampled_from(sorted(STEPS)),
    st.dates(pd.Timestamp(1950, 1, 1).date(), pd.Timestamp(2050, 1, 1).date()),
    st.data(),
)
def test_a_step_is_found_though_rows_are_missing(name, start, data):
    whole = pd.date_range(start, periods=60, freq=name)
    inner = st.sets(st.integers(1, 58), max_size=12)
    rows = np.setdiff1d(np.arange(60), sorted(data.draw(inner)))
    frame = pd.DataFrame({"time": whole[rows], "y": rows.astype(float)})
    collection = series_of(frame, SeriesSource())
    assert collection.frequency == STEPS[name]
    (series,) = collection.series
    np.testing.assert_array_equal(series.times, seconds(whole))
    expected = pd.Series(rows, whole[rows], dtype=np.float32).reindex(whole)
    np.testing.assert_array_equal(series.targets[:, 0], expected)


@pytest.mark.parametrize(
    ("frequency", "rule"),
    [("h", "h"), ("2h", "2h"), ("D", "D"), ("W", "W-MON"), ("MS", "MS"), ("QS", "QS"), ("YS", "YS")],
)
def test_rows_of_shorter_steps_are_averaged_as_pandas_resamples(frequency, rule):
    random = np.random.default_rng(5)
    times = pd.DatetimeIndex(
        np.sort(seconds(["2020-01-01 00:10"]) + random.choice(500 * DAY, 40_000, False)), name="time"
    )
    times = pd.to_datetime(times.asi8, unit="s").rename("time")
    values = pd.Series(random.normal(size=len(times)), times, name="y").mask(random.random(len(times)) < 0.1)
    collection = series_of(values.to_frame(), SeriesSource(frequency=frequency))
    options = {"label": "left", "closed": "left"} if frequency == "W" else {}
    expected = values.resample(rule, **options).mean()
    np.testing.assert_array_equal(collection.series[0].times, seconds(expected.index))
    np.testing.assert_allclose(collection.series[0].targets[:, 0], expected, rtol=1e-5, atol=1e-6)
    assert "rows of shorter steps averaged" in collection.describe()


def test_jittered_times_come_to_the_full_step_they_are_in():
    times = pd.date_range("2020-01-01", periods=50, freq="10min") + pd.to_timedelta(
        np.arange(50) % 7, unit="s"
    )
    collection = series_of(
        pd.DataFrame({"time": times, "y": np.arange(50.0)}), SeriesSource(frequency="10min")
    )
    np.testing.assert_array_equal(collection.series[0].times, seconds(times.floor("10min")))
    np.testing.assert_array_equal(collection.series[0].targets[:, 0], np.arange(50))


def test_full_hours_are_those_of_the_wall():
    times = pd.date_range("2020-01-01 00:00", periods=96, freq="15min", tz="Asia/Kolkata")
    frame = pd.DataFrame({"time": times[1:], "y": np.arange(95.0)})
    collection = series_of(frame, SeriesSource(frequency="h", time_zone="Asia/Kolkata"))
    np.testing.assert_array_equal(
        collection.series[0].times, seconds(times.floor("h").unique().tz_convert("UTC"))
    )


def test_days_are_those_of_the_wall():
    times = pd.date_range("2020-03-01", periods=24 * 60, freq="h", tz="Europe/Berlin")
    values = pd.Series(np.arange(float(len(times))), times, name="y")
    collection = series_of(
        values.rename_axis("time").to_frame(), SeriesSource(frequency="D", time_zone="Europe/Berlin")
    )
    expected = values.resample("D").mean()
    np.testing.assert_array_equal(collection.series[0].times, seconds(expected.index.tz_localize(None)))
    np.testing.assert_allclose(collection.series[0].targets[:, 0], expected, rtol=1e-6)


def test_dates_on_week_ends_are_left_out_of_business_days():
    frame = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=14), "y": np.arange(14.0)})
    collection = series_of(frame, SeriesSource(frequency="B"))
    workdays = frame[frame["date"].dt.dayofweek < 5]
    np.testing.assert_array_equal(collection.series[0].times, seconds(workdays["date"]))
    np.testing.assert_array_equal(collection.series[0].targets[:, 0], workdays["y"])
    assert "left out 4 (on week-ends)" in collection.describe()


@pytest.mark.parametrize("start", ["2021-04-30", "2021-01-30", "2021-02-28"])
def test_a_day_of_the_month_that_some_months_lack_stays(start):
    thirtieths = pd.DatetimeIndex(
        [pd.Timestamp(2021, 1, 30) + pd.DateOffset(months=month) for month in range(20)]
    )
    times = thirtieths[thirtieths >= start]
    collection = series_of(pd.DataFrame({"date": times, "y": np.arange(len(times)) + 0.5}), SeriesSource())
    assert collection.frequency == Frequency(1, "month")
    np.testing.assert_array_equal(collection.series[0].times, seconds(times))


def test_business_days_come_by_twos():
    frame = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=20, freq="B"), "y": np.arange(20.0)})
    collection = series_of(frame, SeriesSource(frequency="2B"))
    np.testing.assert_array_equal(collection.series[0].times, seconds(frame["date"][::2]))
    np.testing.assert_array_equal(
        collection.series[0].targets[:, 0], frame["y"].to_numpy().reshape(-1, 2).mean(1)
    )


def test_no_step_is_found_where_no_series_has_two_times():
    assert inferred_frequency([]) is None
    assert inferred_frequency([np.array([5]), np.array([9])]) is None


def test_a_step_that_only_varies_does_not_change_midway():
    times = seconds(pd.date_range("2020-01-01", periods=60, freq="B"))
    assert change_of_step(times) is None
    assert change_of_step(np.cumsum(np.tile([1, 2], 40))) is None
    assert change_of_step(np.cumsum([1] * 40 + [60] + [1] * 40)) is None
    assert change_of_step(np.cumsum([1] * 40 + [5] * 20)) == 40


def test_the_mean_of_a_step_leaves_out_what_is_missing():
    grid = grid_of(np.array([0, 10, 20, 3600, 7300]), Frequency(3600))
    values = np.array([[1.0, np.nan], [3, np.nan], [np.nan, np.nan], [5, 2], [7, np.nan]])
    np.testing.assert_array_equal(averages(values, grid), [[2, np.nan], [5, 2], [7, np.nan]])
