"""The detector: rows of sensors in, how severe they are out, one row after another, in the graph."""

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from applications.anomaly_detection.config import HORIZONS
from applications.anomaly_detection.evidence import (
    Evidence,
    judged,
    no_evidence,
    with_forecast,
    without_forecasts,
)
from applications.anomaly_detection.forecaster import QuantileForecaster
from applications.anomaly_detection.row_loop import over_rows
from applications.anomaly_detection.sensor_memory import (
    Clock,
    Reading,
    SensorMemory,
    advanced,
    empty_clock,
    empty_memory,
    is_after_gap,
    reading,
    remembered,
)


class StreamState(NamedTuple):
    """All that is kept of a series from row to row."""

    clock: Clock
    memory: SensorMemory
    evidence: Evidence
    hidden: list[tf.Tensor]


class Answer(NamedTuple):
    """What is told of a row.

    Attributes:
        severity: of the sensor and the detector that say most, `[batch]`.
        sensor: the one that says most, int32 `[batch]`.
        detector: the place of the detector that says most, int32 `[batch]`.
        lower, expected, upper: see `evidence.Judgement`.
    """

    severity: tf.Tensor
    sensor: tf.Tensor
    detector: tf.Tensor
    lower: tf.Tensor
    expected: tf.Tensor
    upper: tf.Tensor


class Detector:
    """Reads streams row by row.

    Args:
        forecaster: built.
    """

    def __init__(self, forecaster: QuantileForecaster) -> None:
        self._forecaster = forecaster

    def start(self, batch: tf.Tensor | int, sensors: tf.Tensor | int) -> StreamState:
        """Before the first row."""
        return StreamState(
            empty_clock(batch),
            empty_memory(batch, sensors),
            no_evidence(batch, sensors),
            self._forecaster.zero_states(batch * sensors),
        )

    def step(self, state: StreamState, time: tf.Tensor, values: tf.Tensor) -> tuple[StreamState, Answer]:
        """Reads a row.

        Args:
            state: before it.
            time: Unix seconds, int64 `[batch]`.
            values: `[batch, sensors]`; what is missing is NaN.
        """
        clock = advanced(state.clock, time)
        evidence = without_forecasts(state.evidence, is_after_gap(state.clock, clock))
        evidence, judgement = judged(evidence, state.memory, values)
        memory = remembered(state.memory, state.clock, clock, values)
        row = reading(state.memory, memory, clock, values, HORIZONS)
        quantiles, hidden = self._forecast(row, state.hidden)
        by_sensor = tf.reduce_max(judgement.severity, axis=-1)
        sensor = tf.argmax(by_sensor, axis=1, output_type=tf.int32)
        detector = tf.argmax(judgement.severity, axis=-1, output_type=tf.int32)
        answer = Answer(
            tf.reduce_max(by_sensor, axis=1),
            sensor,
            tf.gather(detector, sensor, axis=1, batch_dims=1),
            judgement.lower,
            judgement.expected,
            judgement.upper,
        )
        new = StreamState(clock, memory, with_forecast(evidence, row, quantiles), hidden)
        return new, answer

    def scan(self, state: StreamState, times: tf.Tensor, values: tf.Tensor) -> tuple[StreamState, Answer]:
        """Reads rows one after another: `step` of each.

        Args:
            state: before the first.
            times: int64 `[batch, time]`.
            values: `[batch, time, sensors]`.

        Returns:
            The state after the last, and the answers, `[batch, time, ...]`.
        """
        kinds = [tf.float32, tf.int32, tf.int32, *[tf.float32] * 3]
        last, told = over_rows(lambda before, row: self.step(before, *row), state, [times, values], kinds)
        return last, Answer(*told)

    def _forecast(self, row: Reading, hidden: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        shape = tf.shape(row.mean)
        features = tf.reshape(row.features, [-1, row.features.shape[-1]])
        references = tf.reshape(row.references, [-1, *row.references.shape[2:]])
        quantiles, after = self._forecaster.step(features, references, hidden)
        return tf.reshape(quantiles, [*tf.unstack(shape), *quantiles.shape[1:]]), after


def read_streams(times: tf.Tensor, values: tf.Tensor) -> Mapping[str, tf.Tensor]:
    """What each row of streams says, as the detector reads them, for training.

    Args:
        times: int64 `[batch, time]`.
        values: `[batch, time]` of one sensor each; what is missing is NaN.

    Returns:
        `features` `[batch, time, 9]`, `references` `[batch, time, horizons, 9]`, `mean` and `deviation` `[batch,
        time]`.
    """

    def step(
        before: tuple[Clock, SensorMemory], row: list[tf.Tensor]
    ) -> tuple[tuple[Clock, SensorMemory], list[tf.Tensor]]:
        (clock, memory), (time, sensor) = before, row
        now = advanced(clock, time)
        after = remembered(memory, clock, now, sensor)
        said = reading(memory, after, now, sensor, HORIZONS)
        return (now, after), [one[:, 0] for one in said]

    batch = tf.shape(values)[0]
    first = (empty_clock(batch), empty_memory(batch, 1))
    _, told = over_rows(step, first, [times, values[..., None]], [tf.float32] * len(Reading._fields))
    return dict(zip(Reading._fields, told, strict=True))
