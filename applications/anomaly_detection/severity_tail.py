"""How severe normal rows may be: what a budget of false alarms is turned into a threshold by."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from scipy.stats import genpareto

from applications.anomaly_detection.alarms import Tail
from applications.anomaly_detection.detector import Detector
from applications.anomaly_detection.forecaster import QuantileForecaster
from common.series.readings import Recording, stacked

_EPISODE, _WARM_ROWS, _AFTER_FAULT = 200, 400, 300
_READ_TOGETHER = 128
_ABOVE = 0.9
_SHAPES = (-0.3, 0.5)
_LEAST_SHAPE = 1e-3


def fitted_tail(forecaster: QuantileForecaster, streams: Sequence[Recording]) -> Tail:
    """The tail of the severity of normal rows.

    The streams are cut to episodes of 200 rows; to what the highest severities of the episodes have above their ninth
    decile a generalised Pareto distribution is fitted by maximum likelihood.

    Args:
        forecaster: trained.
        streams: of one sensor each; rows that are labelled, and those shortly after, count for nothing.
    """
    peaks = np.concatenate(
        [_peaks(one, two) for one, two in zip(_severities(forecaster, streams), streams, strict=True)]
    )
    if not len(peaks):
        return Tail(4.0, 1 / _EPISODE, 1.0, _LEAST_SHAPE)
    start = float(np.quantile(peaks, _ABOVE))
    excess = peaks[peaks > start] - start
    shape, _, scale = genpareto.fit(excess, floc=0) if len(excess) > 1 else (0.0, 0.0, 1.0)
    shape = float(np.clip(shape, *_SHAPES))
    shape = shape if abs(shape) >= _LEAST_SHAPE else _LEAST_SHAPE
    return Tail(start, float(len(excess)) / (len(peaks) * _EPISODE), float(scale), shape)


def _severities(forecaster: QuantileForecaster, streams: Sequence[Recording]) -> list[np.ndarray]:
    """Of each stream, `[rows]`."""
    detector = Detector(forecaster)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None, None, 1], tf.float32)]
    )
    def severity(times: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        return detector.scan(detector.start(tf.shape(values)[0], 1), times, values)[1].severity

    told: list[np.ndarray] = []
    for first in range(0, len(streams), _READ_TOGETHER):
        chunk = streams[first : first + _READ_TOGETHER]
        rows = severity(*stacked(chunk)).numpy()
        told += [row[: len(stream)] for row, stream in zip(rows, chunk, strict=True)]
    return told


def _peaks(severity: np.ndarray, stream: Recording) -> np.ndarray:
    """The highest severity of each whole episode without a fault."""
    is_out = np.zeros(len(stream), bool)
    is_out[:_WARM_ROWS] = True
    for first, last in stream.windows:
        is_out[first : last + 1 + _AFTER_FAULT] = True
    whole = len(stream) // _EPISODE * _EPISODE
    episodes = severity[:whole].reshape(-1, _EPISODE)
    return np.asarray(episodes.max(axis=1)[~is_out[:whole].reshape(-1, _EPISODE).any(axis=1)])
