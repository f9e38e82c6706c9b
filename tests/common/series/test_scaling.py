"""Series are standardised by NumPy's mean and standard deviation, without what is missing."""

import keras
import numpy as np
import pytest

from common.series.scaling import SeriesScaling, statistics

MEANS, DEVIATIONS = [[5.0, 1.0], [50.0, -2.0]], [[2.0, 1.0], [9.0, 0.5]]


def _windows():
    values = np.random.default_rng(1).normal(7, 3, (4, 30, 2)).astype(np.float32)
    values[0, 3:9, 0] = np.nan
    return values


def test_known_series_by_their_own_statistics_and_unknown_ones_by_their_window():
    values = _windows()
    mean, deviation = SeriesScaling(MEANS, DEVIATIONS)(values, np.array([0, 1, 2, 0], np.int32))
    assert mean.shape == deviation.shape == (4, 1, 2)
    for row in (0, 3):
        np.testing.assert_allclose(mean[row, 0], np.nanmean(values[row], axis=0), rtol=1e-5)
        np.testing.assert_allclose(deviation[row, 0], np.nanstd(values[row], axis=0), rtol=1e-5)
    np.testing.assert_allclose(mean[1:3, 0], MEANS)
    np.testing.assert_allclose(deviation[1:3, 0], DEVIATIONS)


@pytest.mark.parametrize("value", [0.0, 1e6, np.nan])
def test_a_window_that_does_not_change_is_divided_by_one(value):
    values = np.full((1, 10, 2), value, np.float32)
    mean, deviation = SeriesScaling(MEANS, DEVIATIONS)(values, np.array([0], np.int32))
    np.testing.assert_array_equal(deviation, np.ones((1, 1, 2)))
    np.testing.assert_array_equal(mean, np.full((1, 1, 2), np.nan_to_num(value)))


def test_statistics_leave_out_what_is_missing():
    values = _windows()[0].astype(np.float64)
    mean, deviation = statistics(values)
    np.testing.assert_allclose(mean, np.nanmean(values, axis=0))
    np.testing.assert_allclose(deviation, np.nanstd(values, axis=0))


def test_the_layer_is_kept_in_a_keras_file(tmp_path):
    inputs = [keras.Input((30, 2)), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, list(SeriesScaling(MEANS, DEVIATIONS)(*inputs)))
    model.save(tmp_path / "model.keras")
    given = [_windows(), np.array([0, 1, 2, 0], np.int32)]
    for one, other in zip(
        keras.models.load_model(tmp_path / "model.keras")(given), model(given), strict=True
    ):
        np.testing.assert_array_equal(one, other)
