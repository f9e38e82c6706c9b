"""The calendar in the graph is that of zoneinfo, datetime and pandas."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.series.calendar import CalendarFeatures, following_times, preceding_times
from common.series.frequency import DAY, Frequency
from common.series.time_zones import offset_table

ZONES = ("Europe/Berlin", "Australia/Melbourne", "Asia/Kolkata")
HOLIDAYS = [date(2024, 1, 1), date(2024, 12, 25)]
EPOCH = date(1970, 1, 1)
moments = st.integers(int(datetime(2019, 1, 2).timestamp()), int(datetime(2029, 12, 30).timestamp()))


def _layer(zone):
    instants, offsets = offset_table(zone, 2018, 2031)
    holidays = [(day - EPOCH).days for day in HOLIDAYS]
    return CalendarFeatures(False, instants=instants, offsets=offsets, holidays=holidays)


LAYERS = {zone: _layer(zone) for zone in ZONES}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), moments)
def test_hour_weekday_season_and_holidays_are_those_of_the_clock_on_the_wall(zone, moment):
    features = LAYERS[zone](tf.constant([[moment]], tf.int64)).numpy()[0, 0]
    wall = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone))
    assert features[:7].tolist() == np.eye(7)[wall.weekday()].tolist()
    year, daytime = features[7:11], features[11:15]
    turn = (wall.date() - EPOCH).days / 365.2425
    share = (wall.hour * 3600 + wall.minute * 60 + wall.second) / DAY
    for waves, turns in ((year, turn), (daytime, share)):
        expected = [wave(2 * np.pi * k * turns) for k in (1, 2) for wave in (np.sin, np.cos)]
        np.testing.assert_allclose(waves, expected, atol=2e-3)
    days = [wall.date() + timedelta(days=shift) in HOLIDAYS for shift in (-1, 0, 1)]
    assert features[15:].tolist() == days


def test_dates_have_no_hour_and_no_offset():
    layer = CalendarFeatures(True)
    days = pd.date_range("2023-12-28", periods=10)
    features = layer(tf.constant([days.astype("datetime64[s]").astype(np.int64)])).numpy()[0]
    assert features.shape == (10, layer.width) == (10, 11)
    assert features[:, :7].argmax(axis=1).tolist() == days.weekday.tolist()


def test_a_table_of_other_lengths_is_refused():
    with pytest.raises(ValueError, match="2 instants and 1 offsets: expected as many of both"):
        CalendarFeatures(False, instants=[0, 1], offsets=[0])


def test_the_layer_is_kept_in_a_keras_file(tmp_path):
    times = keras.Input((3,), dtype="int64")
    model = keras.Model(times, _layer("Europe/Berlin")(times))
    model.save(tmp_path / "model.keras")
    anew, given_times = (
        keras.models.load_model(tmp_path / "model.keras"),
        np.array([[0, 1_700_000_000, 1_720_000_000]]),
    )
    np.testing.assert_array_equal(anew(given_times), model(given_times))


FREQUENCIES = (
    *(Frequency(1), Frequency(900), Frequency(DAY), Frequency(7 * DAY), Frequency(1, "business day")),
    *(Frequency(1, "month"), Frequency(3, "month"), Frequency(12, "month")),
)
days = st.dates(date(1950, 1, 1), date(2100, 1, 1))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(FREQUENCIES), st.lists(days, min_size=1, max_size=4))
def test_the_times_ahead_and_behind_are_those_that_series_have(frequency, starts):
    times = [(day - EPOCH).days * DAY for day in starts]
    ahead = following_times(tf.constant(times, tf.int64), 9, frequency).numpy()
    behind = preceding_times(tf.constant(times, tf.int64), 9, frequency).numpy()
    for row, time in enumerate(times):
        assert ahead[row].tolist() == frequency.after(time, np.arange(1, 10)).tolist()
        assert behind[row].tolist() == frequency.after(time, np.arange(-8, 1)).tolist()


@pytest.mark.parametrize(
    ("frequency", "offset", "start"),
    [
        (Frequency(1, "month"), pd.offsets.MonthEnd(), "2023-10-31"),
        (Frequency(1, "month"), pd.offsets.MonthBegin(), "2023-10-01"),
        (Frequency(3, "month"), pd.offsets.QuarterBegin(startingMonth=1), "2023-10-01"),
        (Frequency(1, "business day"), pd.offsets.BDay(), "2023-12-28"),
    ],
)
def test_months_quarters_and_business_days_go_on_as_in_pandas(frequency, offset, start):
    expected = pd.date_range(start, periods=14, freq=offset)[1:]
    time = tf.constant([int(pd.Timestamp(start).timestamp())], tf.int64)
    found = pd.to_datetime(following_times(time, 13, frequency).numpy()[0], unit="s")
    assert found.tolist() == expected.tolist()
