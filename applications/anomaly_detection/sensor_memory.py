"""What is known of each sensor from its stream so far, and what a row says in the light of it, in the graph.

A row is read as it comes: no window is kept, and nothing of the future is looked at. All that is known goes in and out
as tensors, so that a stream can be read row by row by a server that keeps nothing.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

DAY = 86_400
DAYS, SLOTS = 8, 288
"""How many days the memory of a sensor holds, and into how many parts a day is divided: five minutes each."""
FEATURES, REFERENCES = 9, 9
"""How many numbers `Reading.features` and, for each horizon, `Reading.references` have."""

_LAGS = (1, 2, 3, 7)
_LONGEST = 4000.0
_USUAL_STEP = 300.0
_WARM_ROWS = 30.0
_LARGEST = 50.0
_SLOT = DAY // SLOTS


class Clock(NamedTuple):
    """When the rows of a series came.

    Attributes:
        time: of the latest row, Unix seconds, int64 `[batch]`; a clock that is set back stands still until then.
        step: seconds from one row to the next, by and large, `[batch]`; 0 before the second row.
        rows: how many there were, `[batch]`.
    """

    time: tf.Tensor
    step: tf.Tensor
    rows: tf.Tensor


class SensorMemory(NamedTuple):
    """What is known of each sensor; float32.

    Attributes:
        count: how many values it gave, `[batch, sensors]`.
        mean, variance: of them, of the last 4,000 above all; what is far out counts for less.
        movement: mean absolute difference from one value to the next.
        last: the last value.
        days: its values of the last eight days, each in its five minutes of the day, `[batch, sensors, 8 * 288]`; NaN
            where there was none.
    """

    count: tf.Tensor
    mean: tf.Tensor
    variance: tf.Tensor
    movement: tf.Tensor
    last: tf.Tensor
    days: tf.Tensor


class Reading(NamedTuple):
    """A row in the light of what was known.

    Attributes:
        features: `[batch, sensors, 9]`: the standardised value and difference, whether it is missing, how much is
            known, how much the sensor moves, the time of day and of the week.
        references: of each horizon, what was read 1, 2, 3 and 7 days before the row that is forecast (or, of a horizon
            beyond a day, the nearest days that are known), whether it was, and the median of the first three,
            `[batch, sensors, horizons, 9]`; standardised.
        mean, deviation: by which they are standardised, `[batch, sensors]`.
    """

    features: tf.Tensor
    references: tf.Tensor
    mean: tf.Tensor
    deviation: tf.Tensor


def empty_clock(batch: tf.Tensor | int) -> Clock:
    """The clock before the first row."""
    return Clock(tf.zeros([batch], tf.int64), tf.zeros([batch]), tf.zeros([batch]))


def empty_memory(batch: tf.Tensor | int, sensors: tf.Tensor | int) -> SensorMemory:
    """The memory before the first row."""
    nothing = tf.zeros([batch, sensors])
    days = tf.fill([batch, sensors, DAYS * SLOTS], np.float32(np.nan))
    return SensorMemory(nothing, nothing, nothing, nothing, nothing, days)


def advanced(clock: Clock, time: tf.Tensor) -> Clock:
    """The clock at a row of the given time, int64 `[batch]`."""
    apart = tf.cast(time - clock.time, tf.float32)
    is_apart = (clock.rows > 0) & (apart > 0)
    change = tf.clip_by_value(
        tf.math.log(tf.maximum(apart, 1.0) / tf.maximum(clock.step, 1.0)), -np.log(2.0), np.log(2.0)
    )
    adapted = tf.where(clock.step > 0, clock.step * tf.exp(0.1 * change), apart)
    latest = tf.where(clock.rows > 0, tf.maximum(clock.time, time), time)
    return Clock(latest, tf.where(is_apart, adapted, clock.step), clock.rows + 1)


def is_after_gap(before: Clock, now: Clock) -> tf.Tensor:
    """Whether more than three steps passed since the row before, bool `[batch]`: what was forecast then is no forecast
    of this row."""
    apart = tf.cast(now.time - before.time, tf.float32)
    return (before.rows > 0) & (before.step > 0) & (apart > 3 * before.step)


def remembered(memory: SensorMemory, before: Clock, now: Clock, values: tf.Tensor) -> SensorMemory:
    """The memory with the values `[batch, sensors]` of a row; what is missing is NaN.

    Mean and variance are those of all values while these are few, and then exponentially weighted (Welford 1962; West
    1979); a value more than four deviations from the mean counts as one of four.
    """
    is_there = ~tf.math.is_nan(values)
    values = tf.where(is_there, values, memory.last)
    is_known, is_warm = memory.count > 0, memory.count > _WARM_ROWS
    share = 1 / tf.minimum(memory.count + 1, _LONGEST)
    deviation = deviation_of(memory.mean, memory.variance)
    apart = tf.where(is_known, values - memory.mean, 0.0)
    apart = tf.where(is_warm, tf.clip_by_value(apart, -4 * deviation, 4 * deviation), apart)
    moved = tf.where(is_known, tf.abs(values - memory.last), 0.0)
    most = tf.where(is_warm, 10 * memory.movement + 0.05 * deviation, np.inf)
    new = SensorMemory(
        memory.count + 1,
        tf.where(is_known, memory.mean + share * apart, values),
        (1 - share) * (memory.variance + share * tf.square(apart)),
        memory.movement + share * (tf.minimum(moved, most) - memory.movement),
        values,
        memory.days,
    )
    count, mean, variance, movement, last = (
        tf.where(is_there, one, other) for one, other in zip(new[:-1], memory[:-1], strict=True)
    )
    days = _with_values(_without_old(memory.days, before, now), now.time, values, is_there)
    return SensorMemory(count, mean, variance, movement, last, days)


def deviation_of(mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """The standard deviation, never quite 0."""
    return tf.sqrt(variance) + 1e-6 * tf.abs(mean) + 1e-12


def reading(
    before: SensorMemory, now: SensorMemory, clock: Clock, values: tf.Tensor, horizons: tuple[int, ...]
) -> Reading:
    """What a row says.

    Args:
        before: what was known before the row.
        now: what is known with it.
        clock: at the row.
        values: of the row `[batch, sensors]`; what is missing is NaN.
        horizons: rows ahead that are forecast.
    """
    deviation = deviation_of(now.mean, now.variance)
    is_missing = tf.math.is_nan(values)
    present = tf.where(is_missing, now.mean, values)
    pace = now.movement + 0.01 * deviation + 1e-12
    moved = tf.where(is_missing | (before.count < 1), 0.0, values - before.last)
    angles = 2 * np.pi * tf.stack([_share_of(clock.time, DAY), _share_of(clock.time, 7 * DAY)], axis=-1)
    turns = tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)[:, None]
    own = tf.stack(
        [
            compressed(present, now.mean, deviation),
            compressed(moved, tf.zeros_like(moved), pace),
            tf.cast(is_missing, tf.float32),
            tf.math.log1p(now.count) / 4 - 1,
            tf.math.log(pace / deviation),
        ],
        axis=-1,
    )
    features = tf.concat([own, turns + tf.zeros_like(own[..., :1])], axis=-1)
    return Reading(
        tf.ensure_shape(features, [None, None, FEATURES]),
        _references(now, clock, deviation, horizons),
        now.mean,
        deviation,
    )


def compressed(values: tf.Tensor, mean: tf.Tensor, deviation: tf.Tensor) -> tf.Tensor:
    """Standardised values, the far ones drawn in by the inverse hyperbolic sine; none is beyond 50 deviations."""
    return tf.asinh(tf.clip_by_value((values - mean) / deviation, -_LARGEST, _LARGEST))


def _share_of(time: tf.Tensor, period: int) -> tf.Tensor:
    return tf.cast(time % period, tf.float32) / period


def _without_old(days: tf.Tensor, before: Clock, now: Clock) -> tf.Tensor:
    """The memory without what is eight days old, where a new day begins."""
    first, passed = before.time // DAY, now.time // DAY - before.time // DAY

    def emptied() -> tf.Tensor:
        rows = tf.range(DAYS, dtype=tf.int64)[None]
        is_old = (rows - first[:, None] - 1) % DAYS < passed[:, None]
        return tf.where(tf.repeat(is_old, SLOTS, axis=1)[:, None], np.float32(np.nan), days)

    return tf.cond(tf.reduce_any(passed > 0), emptied, lambda: days)


def _with_values(days: tf.Tensor, time: tf.Tensor, values: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
    place = tf.cast((time // DAY) % DAYS * SLOTS + time % DAY // _SLOT, tf.int32)
    batch, sensors = tf.shape(values)[0], tf.shape(values)[1]
    old = _at(days, place[:, None])[..., 0]
    new = tf.where(tf.math.is_nan(old), values, (old + values) / 2)
    rows = tf.range(batch * sensors)
    flat = tf.reshape(days, [batch * sensors, DAYS * SLOTS])
    index = tf.stack([rows, tf.repeat(place, sensors)], axis=1)
    written = tf.tensor_scatter_nd_update(flat, index, tf.reshape(tf.where(is_there, new, old), [-1]))
    return tf.reshape(written, tf.shape(days))


def _at(days: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """`[batch, sensors, places]` of the memory at places `[batch, places]`, which all sensors of a series share."""
    repeated = tf.repeat(places[:, None], tf.shape(days)[1], axis=1)
    return tf.gather(days, repeated, axis=2, batch_dims=2)


def _references(
    memory: SensorMemory, clock: Clock, deviation: tf.Tensor, horizons: tuple[int, ...]
) -> tf.Tensor:
    """See `Reading.references`."""
    step = tf.where(clock.step > 0, clock.step, _USUAL_STEP)
    ahead = tf.stack([tf.cast(tf.round(step * horizon), tf.int64) for horizon in horizons], axis=1)
    first = tf.maximum(-(-ahead // DAY), 1)
    lags = tf.stack([*(first + lag - 1 for lag in _LAGS[:3]), -(-first // 7) * 7], axis=2)
    times = (clock.time[:, None] + ahead)[..., None] - lags * DAY
    is_held = lags < DAYS
    places = (times // DAY) % DAYS * SLOTS + times % DAY // _SLOT
    shape = [tf.shape(deviation)[0], len(horizons) * len(_LAGS)]
    values = _at(memory.days, tf.cast(tf.reshape(places, shape), tf.int32))
    values = tf.where(tf.reshape(is_held, shape)[:, None], values, np.float32(np.nan))
    standardised = compressed(values, memory.mean[..., None], deviation[..., None])
    grid = tf.reshape(standardised, [*tf.unstack(tf.shape(deviation)), len(horizons), len(_LAGS)])
    is_there = ~tf.math.is_nan(grid)
    numbers = [
        tf.where(is_there, grid, 0.0),
        tf.cast(is_there, tf.float32),
        _median_of_three(grid[..., :3])[..., None],
    ]
    return tf.ensure_shape(tf.concat(numbers, axis=-1), [None, None, len(horizons), REFERENCES])


def _median_of_three(values: tf.Tensor) -> tf.Tensor:
    """The median of those of three values `[..., 3]` that are there; 0 where none is."""
    is_there = ~tf.math.is_nan(values)
    count = tf.reduce_sum(tf.cast(is_there, tf.float32), axis=-1)
    total = tf.reduce_sum(tf.where(is_there, values, 0.0), axis=-1)
    lowest = tf.reduce_min(tf.where(is_there, values, np.inf), axis=-1)
    highest = tf.reduce_max(tf.where(is_there, values, -np.inf), axis=-1)
    return tf.where(
        count == 3, total - lowest - highest, tf.where(count > 0, total / tf.maximum(count, 1), 0.0)
    )
