"""How far the levels of all sensors of a series together lie from what they were, in the graph.

A fault of a machine often shows in several sensors a little, and lasts. So what is usual of them, and of their distance
from it, stays as it is while they are suspicious together.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_WARM_LEVELS, _WARM_DISTANCES, _WARM_SEVERITY = 60.0, 300.0, 400.0
_FARTHEST, _SMALLEST_DEVIATION, _MOST_DEVIATIONS = 10.0, 0.05, 9.0
_SUSPICIOUS, _LONGEST_FREEZE = 2.0, 600.0


class JointEvidence(NamedTuple):
    """What is usual of the levels of the sensors of a series, float32.

    Attributes:
        usual: mean and variance of each sensor's level, `[batch, sensors, 2]`.
        distances: rows so far; mean, variance and number of the distances; rows that the sensors have been suspicious
            without a break, `[batch, 5]`.
    """

    usual: tf.Tensor
    distances: tf.Tensor


def no_joint_evidence(batch: tf.Tensor | int, sensors: tf.Tensor | int) -> JointEvidence:
    """The evidence before the first row."""
    return JointEvidence(tf.zeros([batch, sensors, 2]), tf.zeros([batch, 5]))


def judged_together(joint: JointEvidence, levels: tf.Tensor) -> tuple[JointEvidence, tf.Tensor]:
    """The evidence with a row, and its severity by sensor, `[batch, sensors]`: that of all together, told of the sensor
    that lies farthest off; 0 of a series with a single sensor.

    The distance is the root mean square of the standardised levels, the severity -log10 of the upper tail probability
    that it would have if distances were normal.

    Args:
        joint: before the row.
        levels: means of the last values, `[batch, sensors]`.
    """
    mean, variance = tf.unstack(joint.usual, axis=-1)
    rows, usual_distance, spread, count, held = tf.unstack(joint.distances, axis=-1)
    is_first = (rows < 1)[:, None]
    apart = tf.where(is_first, 0.0, levels - mean)
    # The deviation of a sensor that never moved is the rounding error of its values.
    deviation = tf.sqrt(variance) + 1e-6 * tf.abs(mean) + 1e-12
    deviations = tf.minimum(tf.abs(apart) / deviation, _FARTHEST)
    is_known = rows > _WARM_LEVELS
    distance = tf.where(is_known, tf.sqrt(tf.reduce_mean(tf.square(deviations), axis=1)), 0.0)
    beyond = (distance - usual_distance) / (tf.sqrt(spread) + _SMALLEST_DEVIATION)
    tail = tf.math.erfc(tf.clip_by_value(beyond, 0.0, _MOST_DEVIATIONS) / np.sqrt(2.0)) / 2
    is_told = (count > _WARM_DISTANCES) & (rows > _WARM_SEVERITY) & (beyond > 0) & (tf.shape(levels)[1] > 1)
    severity = tf.where(is_told, -tf.math.log(tail) / np.log(10.0), 0.0)
    is_frozen = (held > 0) & (held <= _LONGEST_FREEZE)
    usual = _usual(joint.usual, tf.where(is_first, levels, mean + apart / (rows + 1)[:, None]), apart, rows)
    share = 1 / (count + 1)
    change = distance - usual_distance
    counted = [
        usual_distance + share * change,
        (1 - share) * (spread + share * tf.square(change)),
        count + 1,
    ]
    is_counted = is_known & ~is_frozen
    kept = [
        tf.where(is_counted, new, old)
        for new, old in zip(counted, (usual_distance, spread, count), strict=True)
    ]
    is_suspicious = severity >= _SUSPICIOUS
    distances = tf.stack([rows + 1, *kept, tf.where(is_suspicious, held + 1, 0.0)], axis=-1)
    farthest = tf.one_hot(tf.argmax(deviations, axis=1), tf.shape(levels)[1])
    new = JointEvidence(tf.where(is_frozen[:, None, None], joint.usual, usual), distances)
    return new, severity[:, None] * farthest


def _usual(before: tf.Tensor, mean: tf.Tensor, apart: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    share = (1 / (rows + 1))[:, None]
    return tf.stack([mean, (1 - share) * (before[..., 1] + share * tf.square(apart))], axis=-1)
