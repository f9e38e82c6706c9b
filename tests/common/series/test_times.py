"""Times in every way they are written are the instants and days that pandas makes of them, told their format."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.series.tables import SeriesSource, read_series, series_of

pytestmark = pytest.mark.slow

ZONES = ("Europe/Berlin", "Australia/Melbourne", "America/Sao_Paulo", "Asia/Kolkata", "Africa/Cairo")


def seconds(times):
    return np.asarray(pd.DatetimeIndex(times).as_unit("s").asi8)


def times_of(texts, column="date", **flags):
    text = f"{column},y\n" + "".join(f'"{one}",{number}\n' for number, one in enumerate(texts))
    return read_series(io.StringIO(text), SeriesSource(**flags), "table.csv").series[0].times


@pytest.mark.parametrize(
    ("form", "frequency"),
    [
        ("%Y-%m-%d", "D"),
        ("%Y-%m-%d %H:%M", "h"),
        ("%Y-%m-%dT%H:%M:%S", "20min"),
        ("%Y-%m-%dT%H:%M:%S.%f", "s"),
        ("%Y-%m-%dT%H:%M:%SZ", "h"),
        ("%Y-%m-%d %H:%M:%S UTC", "h"),
        ("%Y-%m-%d %H:%M:%S+00:00", "h"),
        ("%Y-%m-%d %H:%M:%S+0000", "h"),
        ("%Y/%m/%d %H:%M", "h"),
        ("%Y%m%d", "D"),
        ("%Y%m", "MS"),
        ("%Y-%m", "MS"),
        ("%Y", "YS"),
        ("%b %Y", "MS"),
        ("%d %B %Y", "D"),
        ("%b %d, %Y", "D"),
        ("%d-%b-%Y", "D"),
    ],
)
def test_usual_forms_are_read_without_being_told(form, frequency):
    real = pd.date_range("2019-01-01", periods=60, freq=frequency)
    np.testing.assert_array_equal(times_of(real.strftime(form)), seconds(real))


@pytest.mark.parametrize("separator", ["", " ", "-"])
def test_quarters_are_read(separator):
    real = pd.period_range("1998Q1", periods=40, freq="Q")
    texts = [f"{one.year}{separator}Q{one.quarter}" for one in real]
    np.testing.assert_array_equal(times_of(texts), seconds(real.to_timestamp()))


@pytest.mark.parametrize("factor", [1, 1000])
def test_numbers_since_1970_are_instants(factor):
    real = pd.date_range("2020-01-01", periods=30, freq="h")
    np.testing.assert_array_equal(times_of(seconds(real) * factor, "timestamp"), seconds(real))
    np.testing.assert_array_equal(
        times_of(seconds(real) * factor, "timestamp", time_zone="Asia/Kolkata"), seconds(real)
    )


def test_a_form_that_is_told_is_taken():
    real = pd.date_range("2020-01-01", periods=30)
    np.testing.assert_array_equal(times_of(real.strftime("%m|%y|%d"), time_format="%m|%y|%d"), seconds(real))
    with pytest.raises(
        UserError,
        match=r"^table\.csv, line 2: column 'date' has '2020-01-01'; expected a time as --time-format %d",
    ):
        times_of(real.strftime("%Y-%m-%d"), time_format="%d/%m/%Y")


@given(st.sampled_from(ZONES), st.datetimes(pd.Timestamp(1990, 1, 1), pd.Timestamp(2030, 1, 1)))
def test_wall_time_of_a_zone_is_the_instant_or_refused(zone, start):
    wall = pd.date_range(pd.Timestamp(start).floor("h"), periods=72, freq="h")
    local = wall.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    texts = wall.strftime("%Y-%m-%d %H:%M")
    if local.isna().any():
        line = int(np.argmax(local.isna())) + 2
        with pytest.raises(
            UserError, match=rf"^table\.csv, line {line}: .* in {zone}, for daylight saving time"
        ):
            times_of(texts, time_zone=zone)
    else:
        expected = local.tz_convert("UTC")
        np.testing.assert_array_equal(times_of(texts, time_zone=zone), seconds(expected))
    np.testing.assert_array_equal(times_of(texts, time_zone=zone, utc=True), seconds(wall))
    written = [one.isoformat() for one in wall.tz_localize("UTC").tz_convert(zone)]
    np.testing.assert_array_equal(times_of(written, time_zone=zone), seconds(wall))


@given(st.sampled_from(ZONES), st.dates(pd.Timestamp(1990, 1, 1).date(), pd.Timestamp(2030, 1, 1).date()))
def test_days_are_dates_of_the_wall_even_if_a_midnight_is_skipped(zone, start):
    days = pd.date_range(start, periods=300)
    np.testing.assert_array_equal(times_of(days.strftime("%Y-%m-%d"), time_zone=zone), seconds(days))
    noons = (days + pd.Timedelta(hours=12)).tz_localize(zone)
    frame = pd.DataFrame({"time": noons.tz_convert("UTC"), "y": np.arange(300.0)})
    collection = series_of(frame, SeriesSource(time_zone=zone))
    np.testing.assert_array_equal(collection.series[0].times, seconds(days))


def test_dates_with_an_offset_are_those_of_its_wall():
    days = pd.date_range("2020-01-01", periods=30, tz="Asia/Kolkata")
    texts = [one.isoformat() for one in days]
    np.testing.assert_array_equal(times_of(texts), seconds(days.tz_localize(None)))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_every_unit_of_a_data_frame_is_read(unit):
    real = pd.date_range("2020-01-01", periods=30, freq="h").as_unit(unit)
    frame = pd.DataFrame({"when": real, "y": np.arange(30)})
    np.testing.assert_array_equal(series_of(frame, SeriesSource()).series[0].times, seconds(real))
    objects = frame.assign(when=[one.to_pydatetime() for one in real]).astype({"when": object})
    np.testing.assert_array_equal(
        series_of(objects, SeriesSource(time_column="when")).series[0].times, seconds(real)
    )


def test_dates_of_python_are_read():
    real = pd.date_range("2020-01-01", periods=5)
    frame = pd.DataFrame({"date": list(real.date), "y": np.arange(5)})
    np.testing.assert_array_equal(series_of(frame, SeriesSource()).series[0].times, seconds(real))


def test_a_count_of_rows_is_no_time():
    collection = series_of(pd.DataFrame({"time": np.arange(5), "y": np.arange(5.0)}), SeriesSource())
    assert collection.columns.targets == ("y",)
    assert "no times in it" in collection.describe()
    with pytest.raises(UserError, match=r"^table\.csv, line 2: column 'n' has '0', which is no time"):
        times_of(range(5), "n", time_column="n")
