"""The made demand has what its description says: seasons, holidays, gaps and shifts, in parts that do not overlap."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from applications.forecasting.sample import COLUMNS, SHARES, last_weeks, sample

CHRISTMAS = date(2023, 12, 25)


@pytest.fixture(scope="module")
def frames():
    """Each place's whole series by its local time."""
    parts = [sample(part) for part in SHARES]
    return {
        one.name: pd.DataFrame(
            {
                "demand": np.concatenate([part.series[place].targets[:, 0] for part in parts]),
                "temperature": np.concatenate([part.series[place].past[:, 0] for part in parts]),
            },
            index=pd.to_datetime(np.concatenate([part.series[place].times for part in parts]), unit="s")
            + pd.Timedelta(hours=10),
        )
        for place, one in enumerate(parts[0].series)
    }


def test_the_parts_follow_each_other_without_a_common_step():
    parts = [sample(part) for part in SHARES]
    for place in range(len(parts[0].series)):
        times = np.concatenate([part.series[place].times for part in parts])
        assert (np.diff(times) == 1800).all()
    lengths = np.array([len(part) for part in parts])
    np.testing.assert_allclose(lengths / lengths.sum(), list(SHARES.values()), atol=0.01)
    assert all(part.columns == COLUMNS for part in parts)


def test_it_is_the_same_each_time():
    for one, other in zip(sample("test").series, sample("test").series, strict=True):
        np.testing.assert_array_equal(one.targets, other.targets)


def test_some_values_are_missing_alone_and_in_runs(frames):
    for frame in frames.values():
        missing = frame["demand"].isna()
        runs = missing.groupby((missing != missing.shift()).cumsum()).sum()
        assert 0.005 < missing.mean() < 0.1
        assert (runs == 1).any()
        assert runs.max() > 24


def test_evenings_need_more_than_nights_and_the_city_less_on_free_days(frames):
    for frame in frames.values():
        by_hour = frame["demand"].groupby(frame.index.hour).mean()
        assert by_hour[18] > 1.3 * by_hour[3]
    noons = frames["city"]["demand"].between_time("10:00", "16:00")
    weekdays, christmas = noons[noons.index.weekday < 5], noons[noons.index.date == CHRISTMAS]
    near = weekdays[(weekdays.index >= "2023-12-11") & (weekdays.index < "2023-12-22")]
    assert christmas.mean() < 0.95 * near.mean()
    saturdays = noons[noons.index.weekday == 5]
    assert saturdays.mean() < 0.95 * weekdays.mean()


@pytest.mark.parametrize(("place", "share", "up"), [("city", 0.3, 1), ("coast", 0.4, -1), ("hills", 0.5, 1)])
def test_the_level_shifts_once(frames, place, share, up):
    frame = frames[place]
    at, weeks = int(len(frame) * share), 14 * 48
    mild = frame["demand"].where((frame["temperature"] - 18).abs() < 4)
    before, after = mild.iloc[at - weeks : at].mean(), mild.iloc[at : at + weeks].mean()
    assert up * (after / before - 1) > 0.02


def test_the_question_is_about_the_last_weeks_of_the_test_part():
    table, test = last_weeks(), sample("test").series[0]
    assert table["time"].iloc[-1].timestamp() == test.times[-1]
    assert len(table) == 3 * 7 * 48
    assert list(table) == ["time", "series", "demand", "temperature"]
    assert set(table["series"]) == {"city"}
