"""What the detectors say of streams in which it is known what is wrong."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from applications.anomaly_detection.config import HORIZONS, LEVELS
from applications.anomaly_detection.detector import Detector
from applications.anomaly_detection.evidence import DETECTORS, _normal_score, no_evidence
from applications.anomaly_detection.forecaster import QuantileForecaster

STEP, ROWS = 300, 1200


@pytest.fixture(scope="module")
def read():
    """The answers to streams `[streams, rows]` of a detector whose forecaster learnt nothing."""
    tf.keras.utils.set_random_seed(1)
    forecaster = QuantileForecaster("gru", units=4, head_units=4)
    forecaster(tf.zeros([1, 1, 9]), tf.zeros([1, 1, len(HORIZONS), 9]))
    detector = Detector(forecaster)
    function = tf.function(
        lambda times, values: detector.scan(detector.start(tf.shape(values)[0], 1), times, values)[1]
    )

    def call(streams):
        values = np.asarray(streams, np.float32)[..., None]
        times = np.tile(10**9 + STEP * np.arange(values.shape[1]), (len(values), 1))
        return function(tf.constant(times), tf.constant(values))

    return call


def noise(seed):
    return np.random.default_rng(seed).standard_normal(ROWS)


@pytest.fixture(scope="module")
def answers(read):
    """By the name of what is wrong from row 1,000 on: severity and detector of each row."""
    streams = {
        name: noise(place) for place, name in enumerate(("calm", "shift", "spike", "stuck", "rough", "away"))
    }
    streams["shift"][1000:] += 3
    streams["spike"][1000] = 9
    streams["stuck"][1000:] = streams["stuck"][999]
    streams["rough"][1000:] *= 5
    streams["away"][1000:1100] = np.nan
    answer = read(list(streams.values()))
    severity, detector = answer.severity.numpy(), answer.detector.numpy()
    return {name: (severity[row], detector[row]) for row, name in enumerate(streams)}


def said_by(answer, first=1000, last=ROWS):
    severity, detector = answer
    return {DETECTORS[place] for place in detector[first:last][severity[first:last] > 5]}


def test_calm_noise_is_seldom_severe(answers):
    severity, _ = answers["calm"]
    assert severity[400:].max() < 4.5
    assert (
        severity[:300] == 0
    ).mean() > 0.95  # but for what is beyond the range, nothing is said of the first rows


@pytest.mark.parametrize(
    ("wrong", "detector"),
    [("shift", "level"), ("spike", "range"), ("stuck", "stuck"), ("rough", "roughness")],
)
def test_what_is_wrong_is_severe_and_told_by_its_detector(answers, wrong, detector):
    severity, _ = answers[wrong]
    assert severity[1000:].max() > 5 > severity[400:1000].max()
    assert detector in said_by(answers[wrong])


def test_missing_values_are_no_anomaly(answers):
    assert answers["away"][0][400:].max() < 4.5


def test_a_constant_sensor_says_nothing_until_it_moves(read):
    constant = np.full((1, ROWS), 7.0)
    assert read(constant).severity.numpy().max() < 3
    constant[0, 1000:] = 8
    assert read(constant).severity.numpy()[0, 1000:].max() > 5


def test_the_normal_score_is_that_of_the_distribution_with_these_quantiles():
    values = np.linspace(-2.5, 2.5, 41).astype(np.float32)
    mean, deviation = 3.0, 0.5
    quantiles = np.arcsinh(norm.ppf(LEVELS))
    forecast = np.tile([*quantiles, mean, deviation], (1, len(values), 1)).astype(np.float32)
    scores = _normal_score(tf.constant(mean + deviation * values[None]), tf.constant(forecast)).numpy()[0]
    # Between two quantiles the score is linear in the inverse hyperbolic sine of the value, not in the value.
    assert scores == pytest.approx(values, abs=0.35)
    for level in LEVELS:
        at = mean + deviation * norm.ppf(level)
        score = _normal_score(tf.constant([[np.float32(at)]]), tf.constant(forecast[:, :1])).numpy()[0, 0]
        assert score == pytest.approx(norm.ppf(level), abs=1e-4)


def test_before_the_first_row_there_is_no_forecast():
    assert not no_evidence(2, 3).forecasts.numpy().any()
