"""When severity becomes an alarm: a threshold from a budget of false alarms, hysteresis, and rest after an alarm, in
the graph."""

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from applications.anomaly_detection.row_loop import over_rows
from applications.anomaly_detection.sensor_memory import Clock, advanced, empty_clock

WEEK = 604_800.0

_HYSTERESIS, _LOWEST = 1.0, 2.0
_RAISE, _FORGETTING = 2.0, 1000.0
_REST, _QUIET = 200.0, 20.0
_STEP = 300.0


@dataclass(frozen=True)
class Tail:
    """How often severity rises so high while nothing is wrong: a generalised Pareto tail of the highest severities of
    episodes (peaks over a threshold; Pickands 1975, Siffer et al. 2017).

    Attributes:
        start: severity from which on it is one.
        rate: episodes of one sensor above it, per row.
        scale, shape: of the distribution.
    """

    start: float
    rate: float
    scale: float
    shape: float


class AlarmState(NamedTuple):
    """What is known of the alarms of a series, float32 `[batch]`.

    Attributes:
        is_open: 1 while an alarm is open.
        rows: since the last one opened.
        raised: what is added to the threshold, so that a series that had alarms lately needs more for another.
        quiet: rows since severity was at the threshold.
    """

    is_open: tf.Tensor
    rows: tf.Tensor
    raised: tf.Tensor
    quiet: tf.Tensor


def no_alarms(batch: tf.Tensor | int) -> AlarmState:
    """Before the first row."""
    return AlarmState(tf.zeros([batch]), tf.fill([batch], 1e6), tf.zeros([batch]), tf.zeros([batch]))


def threshold_of(tail: Tail, alarms_per_week: tf.Tensor, step: tf.Tensor, sensors: tf.Tensor) -> tf.Tensor:
    """The severity that a series without anomalies exceeds as often as the budget allows, 2 at least.

    Args:
        tail: of one sensor.
        alarms_per_week: that may be false, of a series, `[batch]`.
        step: seconds from row to row, `[batch]`; 0 where it is not known yet.
        sensors: of the series, `[batch]` or `[]`.
    """
    seconds = tf.where(step > 0, step, _STEP)
    rate = alarms_per_week * seconds / WEEK / tf.cast(tf.maximum(sensors, 1), tf.float32)
    ratio = tf.maximum(tail.rate / tf.maximum(rate, 1e-12), 1e-3)
    # Below the start of the tail its shape is no more than a guess, and what is no rarer than one row in a hundred is
    # nothing to be told of.
    return tf.maximum(tail.start + tail.scale * (tf.pow(ratio, tail.shape) - 1) / tail.shape, _LOWEST)


def alarmed(
    state: AlarmState, severity: tf.Tensor, threshold: tf.Tensor
) -> tuple[AlarmState, tf.Tensor, tf.Tensor]:
    """Whether a row is in an alarm.

    An alarm opens where severity reaches the threshold, and closes where it is more than one below and has not reached
    it for 20 rows. After it opened, no other opens for 200 rows, and each raises the threshold by two, which is
    forgotten at a rate of one in a thousand rows.

    Args:
        state: before the row.
        severity: of the row, `[batch]`.
        threshold: `[batch]`.

    Returns:
        The state after the row, whether an alarm is open and whether it opened at this row, bool `[batch]`.
    """
    was_open = state.is_open > 0
    opens = ~was_open & (severity >= threshold + state.raised) & (state.rows >= _REST)
    quiet = tf.where(severity >= threshold, 0.0, state.quiet + 1)
    is_open = opens | (was_open & ((severity >= threshold - _HYSTERESIS) | (quiet < _QUIET)))
    raised = state.raised * tf.exp(-1 / _FORGETTING) + _RAISE * tf.cast(opens, tf.float32)
    rows = tf.where(opens, 0.0, state.rows + 1)
    return AlarmState(tf.cast(is_open, tf.float32), rows, raised, quiet), is_open, opens


def scan_alarms(
    tail: Tail,
    severity: tf.Tensor,
    times: tf.Tensor,
    alarms_per_week: tf.Tensor,
    sensors: tf.Tensor,
    fixed: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The alarms of whole recordings: `alarmed` row by row.

    Args:
        tail: of one sensor.
        severity: `[batch, time]`.
        times: Unix seconds, int64 `[batch, time]`.
        alarms_per_week: `[batch]`.
        sensors: how many each recording has, `[batch]`.
        fixed: thresholds that are taken instead of the budget's where they are above 0, `[batch]`.

    Returns:
        Whether an alarm is open and whether it opened at the row, bool `[batch, time]`, and the threshold `[batch,
        time]`.
    """

    def step(
        before: tuple[Clock, AlarmState], row: list[tf.Tensor]
    ) -> tuple[tuple[Clock, AlarmState], list[tf.Tensor]]:
        (clock, state), (time, severe) = before, row
        now = advanced(clock, time)
        threshold = threshold_of(tail, alarms_per_week, now.step, sensors)
        if fixed is not None:
            threshold = tf.where(fixed > 0, fixed, threshold)
        after, is_open, opened = alarmed(state, severe, threshold)
        return (now, after), [is_open, opened, threshold + state.raised]

    batch = tf.shape(severity)[0]
    first = (empty_clock(batch), no_alarms(batch))
    _, told = over_rows(step, first, [times, severity], [tf.bool, tf.bool, tf.float32])
    is_open, opened, threshold = told
    return is_open, opened, threshold
