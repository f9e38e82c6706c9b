"""Windows are cut as pandas would: NaN beyond a series' ends, none across two series, the same order for a seed."""

import numpy as np
import pandas as pd
import pytest

from common.series.collection import Columns, Series, SeriesCollection
from common.series.frequency import DAY, Frequency
from common.series.windows import Windows, evaluation_windows, origins_of, thinned, training_windows

LOOKBACK, HORIZON = 6, 3


def _series(name, steps, first):
    values = np.arange(first, first + steps, dtype=np.float32)
    times = Frequency(1, "month").after(30 * DAY, np.arange(steps))
    none = np.zeros((steps, 0), np.float32)
    return Series(name, times, values[:, None], none, values[:, None] + 0.5)


COLLECTION = SeriesCollection(
    "made",
    [_series("long", 20, 100), _series("short", 7, 500), _series("tiny", 2, 900)],
    Columns(("sales",), known=("price",)),
    Frequency(1, "month"),
)


@pytest.fixture
def windows():
    origins = origins_of(COLLECTION, LOOKBACK, HORIZON)
    return Windows(COLLECTION, [1, 2, 0], LOOKBACK, HORIZON, origins)


def test_every_window_within_a_series_counts_and_a_short_series_has_its_last(windows):
    assert windows.origins.tolist() == [[0, step] for step in range(6, 18)] + [[1, 4]]
    assert origins_of(COLLECTION, LOOKBACK, HORIZON, stride=5).tolist() == [[0, 6], [0, 11], [0, 16], [1, 4]]


def test_a_window_holds_what_comes_before_and_after_its_origin_and_nan_beyond_the_series(windows):
    rows = np.arange(len(windows))
    batch = windows.batch(rows)
    assert set(batch) == {"values", "known", "times", "series", "truth"}
    assert batch["series"].tolist() == [1] * 12 + [2]
    for row, (place, origin) in enumerate(windows.origins):
        series = COLLECTION.series[place]
        steps = range(origin - LOOKBACK, origin + HORIZON)
        values = pd.Series(series.targets[:, 0]).reindex(steps).to_numpy()
        np.testing.assert_array_equal(batch["values"][row, :, 0], values[:LOOKBACK])
        np.testing.assert_array_equal(batch["truth"][row, :, 0], values[LOOKBACK:])
        np.testing.assert_array_equal(batch["known"][row, :, 0], values + 0.5)
        ends = pd.date_range("1970-01-31", periods=20, freq="ME").shift(0)
        months = pd.DatetimeIndex([ends[0] + pd.offsets.MonthEnd(int(step)) for step in steps])
        assert pd.to_datetime(batch["times"][row], unit="s").tolist() == months.tolist()


def _drawn(windows, epochs, unknown=0.3):
    dataset, steps = training_windows(windows, 4, 10, unknown, epochs=epochs, seed=7)
    batches = [{name: values.numpy() for name, values in inputs.items()} for inputs, _ in dataset]
    return batches, steps


def test_an_epoch_draws_each_window_once_at_most_and_depends_on_seed_and_epoch_alone(windows):
    batches, steps = _drawn(windows, range(3))
    assert steps == 3
    assert len(batches) == 9
    epochs = [batches[first : first + steps] for first in (0, 3, 6)]
    for epoch in epochs:
        truths = [float(row) for batch in epoch for row in batch["truth"][:, 0, 0]]
        assert len(truths) == len(set(truths)) == 10
    resumed, _ = _drawn(windows, range(2, 3))
    for one, other in zip(resumed, epochs[2], strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)
    assert not np.array_equal(epochs[0][0]["truth"], epochs[1][0]["truth"])


@pytest.mark.parametrize(("unknown", "expected"), [(0.0, 1.0), (0.5, 0.5), (0.99, 0.01)])
def test_a_share_of_the_windows_is_of_an_unknown_series(windows, unknown, expected):
    batches, _ = _drawn(windows, range(40), unknown)
    known = np.concatenate([batch["series"] > 0 for batch in batches])
    # Four standard deviations of a mean of 400.
    assert known.mean() == pytest.approx(expected, abs=4 * np.sqrt(unknown * (1 - unknown) / 400) + 1e-9)


def test_evaluation_sees_every_window_in_order(windows):
    seen = [batch["truth"].numpy() for batch, _ in evaluation_windows(windows, 5)]
    assert [len(one) for one in seen] == [5, 5, 3]
    np.testing.assert_array_equal(np.concatenate(seen), windows.batch(np.arange(13))["truth"])


def test_thinned_windows_lie_at_equal_distances(windows):
    assert thinned(windows, 5).origins.tolist() == windows.origins[[0, 3, 6, 9, 12]].tolist()
    assert len(thinned(windows, 500)) == len(windows)
