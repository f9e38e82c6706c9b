"""From a row and what was forecast of it to how surprising it is, by named detectors, in the graph.

The tail probability of a residual is not told by the forecast alone: how far the mean of the last residuals lies from
zero is compared with how far it lay before, in the same stream.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from applications.anomaly_detection.config import HORIZONS, LEVELS
from applications.anomaly_detection.joint_evidence import JointEvidence, judged_together, no_joint_evidence
from applications.anomaly_detection.sensor_memory import Reading, SensorMemory, compressed, deviation_of

DETECTORS = ("near", "far", "drift", "level", "roughness", "range", "stuck", "together")
"""What may speak: residuals of forecasts one row ahead, far ahead, the same over sixty rows, the level of the values
themselves, how much the sensor moves, values beyond all that were seen, a value that stays the same, the levels of all
sensors."""

_FORECAST = len(LEVELS) + 2
_NEAR_ROWS, _FAR_ROWS, _LEVEL_ROWS = 10, 60, 20
_ROUGH_ROWS = 60.0
_MOMENTS = 5
_WARM_EVIDENCE, _WARM_RANGE = 300.0, 300.0
_LONGEST = 20_000.0
_SMALLEST_DEVIATION = 0.01
_SURELY, _MOST_BEYOND = 6.0, 9.0
_SUSPICIOUS, _LONGEST_FREEZE = 3.0, 288.0
_MARGIN, _BEYOND, _PER_RANGE = 0.02, 2.0, 20.0
_SHORTEST_RUN, _RUNS = 60.0, 3.0
_SCORES = np.array([-1.6448536, -0.6744898, 0.0, 0.6744898, 1.6448536], np.float32)
_MOST_SCORE, _LEAST_GAP = 6.0, 0.02
_MOST_DEVIATIONS = 9.0


class Evidence(NamedTuple):
    """What speaks for an anomaly so far, float32.

    Attributes:
        forecasts: those that were made, the newest last, `[batch, sensors, farthest horizon, levels + 2]`: standardised
            quantiles, and the mean and deviation that they were standardised with (0 where there is no forecast).
        near: the last ten residuals of forecasts one row ahead, `[batch, sensors, 10]`.
        far: the last sixty normal scores of forecasts far ahead, `[batch, sensors, 60]`.
        level: the last twenty values, `[batch, sensors, 20]`.
        moments: count, mean and variance of each kind of evidence, `[batch, sensors, 5, 3]`.
        ranges: lowest and highest value, fast mean of the movement, rows since the value changed, the longest such run
            that ended, `[batch, sensors, 5]`.
        held: rows that the sensor has been suspicious without a break, `[batch, sensors]`.
        joint: of all sensors together.
    """

    forecasts: tf.Tensor
    near: tf.Tensor
    far: tf.Tensor
    level: tf.Tensor
    moments: tf.Tensor
    ranges: tf.Tensor
    held: tf.Tensor
    joint: JointEvidence


class Judgement(NamedTuple):
    """What the detectors say of a row.

    Attributes:
        severity: `[batch, sensors, detectors]`, the negative decimal logarithm of a tail probability.
        lower, expected, upper: of the farthest forecast that there is of the row, and where there is none by the mean
            and the deviation so far, `[batch, sensors]`.
    """

    severity: tf.Tensor
    lower: tf.Tensor
    expected: tf.Tensor
    upper: tf.Tensor


def no_evidence(batch: tf.Tensor | int, sensors: tf.Tensor | int) -> Evidence:
    """The evidence before the first row."""
    return Evidence(
        tf.zeros([batch, sensors, max(HORIZONS), len(HORIZONS) * _FORECAST]),
        tf.zeros([batch, sensors, _NEAR_ROWS]),
        tf.zeros([batch, sensors, _FAR_ROWS]),
        tf.zeros([batch, sensors, _LEVEL_ROWS]),
        tf.zeros([batch, sensors, _MOMENTS, 3]),
        tf.zeros([batch, sensors, 5]),
        tf.zeros([batch, sensors]),
        no_joint_evidence(batch, sensors),
    )


def with_forecast(evidence: Evidence, reading: Reading, quantiles: tf.Tensor) -> Evidence:
    """The evidence with what is forecast from a row.

    Args:
        evidence: so far.
        reading: of the row.
        quantiles: standardised, `[batch, sensors, horizons, levels]`.
    """
    scale = tf.stack([reading.mean, reading.deviation], axis=-1)[:, :, None]
    made = tf.concat([quantiles, tf.repeat(scale, len(HORIZONS), axis=2)], axis=-1)
    flat = tf.reshape(made, [*tf.unstack(tf.shape(reading.mean)), len(HORIZONS) * _FORECAST])
    return evidence._replace(forecasts=_shifted(evidence.forecasts, flat[:, :, None]))


def without_forecasts(evidence: Evidence, is_gone: tf.Tensor) -> Evidence:
    """The evidence without the forecasts of the rows where `is_gone`, bool `[batch]`."""
    kept = tf.where(is_gone[:, None, None, None], 0.0, evidence.forecasts)
    return evidence._replace(forecasts=kept)


def judged(evidence: Evidence, memory: SensorMemory, values: tf.Tensor) -> tuple[Evidence, Judgement]:
    """What the detectors say of a row, and the evidence with it.

    While a sensor is suspicious, what is usual of it stays as it is, for a day's worth of rows at most: else a fault
    would soon be usual.

    Args:
        evidence: before the row.
        memory: before the row.
        values: of the row `[batch, sensors]`; what is missing is NaN.
    """
    is_there = ~tf.math.is_nan(values)
    present = tf.where(is_there, values, memory.last)
    near, far = (_forecast(evidence.forecasts, place) for place in range(len(HORIZONS)))
    near_rows = _with_residual(evidence.near, _residual(present, near), is_there & (near[..., -1] > 0))
    far_rows = _with_residual(evidence.far, _normal_score(present, far), is_there & (far[..., -1] > 0))
    level_rows = _with_residual(evidence.level, present, is_there)
    level_rows = tf.where((memory.count < 1)[..., None], present[..., None], level_rows)
    ranges = tf.where(is_there[..., None], _ranged(evidence.ranges, memory, present), evidence.ranges)
    roughness = _roughness(ranges, memory)
    means = [
        tf.reduce_mean(near_rows, axis=-1),
        tf.reduce_mean(far_rows[..., -_NEAR_ROWS:], axis=-1),
        tf.reduce_mean(far_rows, axis=-1),
        tf.reduce_mean(level_rows, axis=-1),
        roughness,
    ]
    has_far = is_there & (far[..., -1] > 0)
    is_later = is_there & (memory.count > _ROUGH_ROWS)
    counts = [is_there & (near[..., -1] > 0), has_far, has_far, is_later, is_later]
    is_frozen = (evidence.held > 0) & (evidence.held <= _LONGEST_FREEZE)
    one, own = tf.ones_like(present), deviation_of(memory.mean, memory.variance)
    tails, moments = _tails(
        evidence.moments,
        tf.stack(means, axis=-1),
        tf.stack(counts, axis=-1),
        _SMALLEST_DEVIATION * tf.stack([one, one, one, own, one], axis=-1),
        is_frozen,
    )
    rules = _rules(evidence.ranges, ranges, memory, present, is_there)
    best = tf.where((far[..., -1] > 0)[..., None], far, near)
    usual = tf.where(memory.count > 0, memory.mean, present)
    spread = tf.where(memory.count > 0, own, 0.0)
    band = [
        tf.where(best[..., -1] > 0, _value(best, level), usual + _SCORES[level] * spread)
        for level in (0, len(LEVELS) // 2, len(LEVELS) - 1)
    ]
    joint, together = judged_together(evidence.joint, means[3])
    severity = tf.concat([tails, rules, together[..., None]], axis=-1)
    is_suspicious = tf.reduce_max(severity[..., :-1], axis=-1) >= _SUSPICIOUS
    new = Evidence(
        evidence.forecasts,
        near_rows,
        far_rows,
        level_rows,
        moments,
        ranges,
        tf.where(is_suspicious, evidence.held + 1, 0.0),
        joint,
    )
    return new, Judgement(severity, *band)


def _forecast(forecasts: tf.Tensor, place: int) -> tf.Tensor:
    """What was forecast of this row so many rows ago, `[batch, sensors, levels + 2]`."""
    first = place * _FORECAST
    made: tf.Tensor = forecasts[:, :, -HORIZONS[place], first : first + _FORECAST]
    return made


def _value(forecast: tf.Tensor, level: int) -> tf.Tensor:
    """A quantile in the units of the sensor."""
    return tf.sinh(forecast[..., level]) * forecast[..., -1] + forecast[..., -2]


def _standardised(values: tf.Tensor, forecast: tf.Tensor) -> tf.Tensor:
    deviation = tf.where(forecast[..., -1] > 0, forecast[..., -1], 1.0)
    return compressed(values, forecast[..., -2], deviation)


def _residual(values: tf.Tensor, forecast: tf.Tensor) -> tf.Tensor:
    return _standardised(values, forecast) - forecast[..., len(LEVELS) // 2]


def _normal_score(values: tf.Tensor, forecast: tf.Tensor) -> tf.Tensor:
    """The normal score of the value within its forecast distribution, linear between the quantiles and beyond."""
    value, quantiles = _standardised(values, forecast), forecast[..., : len(LEVELS)]
    gaps = tf.maximum(quantiles[..., 1:] - quantiles[..., :-1], _LEAST_GAP)
    inside = tf.clip_by_value((value[..., None] - quantiles[..., :-1]) / gaps, 0, 1)
    steps = _SCORES[1:] - _SCORES[:-1]
    score = _SCORES[0] + tf.reduce_sum(inside * steps, axis=-1)
    score += tf.minimum((value - quantiles[..., 0]) / gaps[..., 0], 0) * steps[0]
    score += tf.maximum((value - quantiles[..., -1]) / gaps[..., -1], 0) * steps[-1]
    return tf.clip_by_value(score, -_MOST_SCORE, _MOST_SCORE)


def _shifted(rows: tf.Tensor, newest: tf.Tensor) -> tf.Tensor:
    return tf.concat([rows[:, :, 1:], newest], axis=2)


def _with_residual(rows: tf.Tensor, newest: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
    return tf.where(is_there[..., None], _shifted(rows, newest[..., None]), rows)


def _ranged(ranges: tf.Tensor, memory: SensorMemory, values: tf.Tensor) -> tf.Tensor:
    """`Evidence.ranges` with a row."""
    lowest, highest, fast, run, longest = tf.unstack(ranges, axis=-1)
    is_first = memory.count < 1
    moved = tf.where(is_first, 0.0, tf.abs(values - memory.last))
    is_moved = is_first | (moved > 0)
    longest = tf.where(is_moved, tf.maximum(longest, run), longest)
    run = tf.where(is_moved, 0.0, run + 1)
    return tf.stack(
        [
            tf.where(is_first, values, tf.minimum(lowest, values)),
            tf.where(is_first, values, tf.maximum(highest, values)),
            fast + (moved - fast) / _ROUGH_ROWS,
            run,
            longest,
        ],
        axis=-1,
    )


def _roughness(ranges: tf.Tensor, memory: SensorMemory) -> tf.Tensor:
    """How much more the sensor moved lately than usual, as a logarithm."""
    least = 0.01 * deviation_of(memory.mean, memory.variance) + 1e-12
    return tf.math.log((ranges[..., 2] + least) / (memory.movement + least))


def _tails(
    moments: tf.Tensor, means: tf.Tensor, counts: tf.Tensor, smallest: tf.Tensor, is_frozen: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """How rare each mean would be if it were normal with the moments so far, and the moments with it."""
    count, mean, variance = tf.unstack(moments, axis=-1)
    apart = means - mean
    deviations = tf.abs(apart) / (tf.sqrt(variance) + smallest)
    tail = tf.math.erfc(tf.minimum(deviations, _MOST_DEVIATIONS) / np.sqrt(2.0))
    is_told = counts & (count > _WARM_EVIDENCE)
    severity = tf.where(is_told, -tf.math.log(tail) / np.log(10.0), 0.0)
    share = 1 / tf.minimum(count + 1, _LONGEST)
    new = [
        count + 1,
        tf.where(is_frozen[..., None], mean, mean + share * apart),
        (1 - share) * (variance + share * tf.square(apart)),
    ]
    return severity, tf.where(counts[..., None], tf.stack(new, axis=-1), moments)


def _rules(
    before: tf.Tensor, now: tf.Tensor, memory: SensorMemory, values: tf.Tensor, is_there: tf.Tensor
) -> tf.Tensor:
    """The severity of values beyond the range of all before, and of a value that stays the same."""
    lowest, highest, run, longest = before[..., 0], before[..., 1], now[..., 3], now[..., 4]
    is_told = is_there & (memory.count > _WARM_RANGE) & (highest > lowest)
    excess = tf.maximum(values - highest, lowest - values) / tf.maximum(highest - lowest, 1e-30)
    beyond = tf.where(is_told & (excess > _MARGIN), _BEYOND + _PER_RANGE * excess, 0.0)
    is_stuck = is_told & (run > _SHORTEST_RUN) & (run > _RUNS * longest)
    stuck = tf.where(is_stuck, _SURELY, 0.0)
    return tf.stack([tf.minimum(beyond, _MOST_BEYOND), stuck], axis=-1)
