"""The calendar in the graph: from Unix seconds to the hour, the weekday and the season of a step, and to holidays."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.keras_package import PACKAGE
from common.series.frequency import DAY, Frequency

_WEEK = 7
_YEAR_DAYS = 365.2425
_HARMONICS = 2
# 1970-01-01 was a Thursday.
_FIRST_WEEKDAY = 3
_MONTHS = 12
_DAYS_OF_ERA, _YEARS_OF_ERA = 146_097, 400
_DAYS_TO_1970 = 719_468


@keras.saving.register_keras_serializable(PACKAGE)
class CalendarFeatures(keras.layers.Layer):
    """What a forecaster reads of each step's time: `[batch, steps]` Unix seconds -> `[batch, steps, width]`.

    The features are sine and cosine of the time of day (of steps shorter than a day) and, if wanted, of the time of
    year, two harmonics of each; the weekday, one of seven; and whether the day, the one before and the one after are
    holidays (where there are any). All are of the local calendar.

    Args:
        is_of_days: whether the times are dates, see `common.series.collection`.
        has_year: whether the time of year is a feature. A model that saw less than two years would take it for a date.
        instants: Unix seconds, ascending, at which the zone's offset from UTC changes; empty for UTC and for dates.
        offsets: seconds that are added to UTC, from each of these instants on; that of the first holds before it, too.
        holidays: days since 1970-01-01 of the local calendar.

    Example:
        >>> features = CalendarFeatures(is_of_days=True)(tf.constant([[0, 86400]], tf.int64))
        >>> tf.argmax(features[0, :, :7], axis=-1).numpy().tolist()  # Thursday and Friday; Monday is 0
        [3, 4]
    """

    def __init__(
        self,
        is_of_days: bool,
        has_year: bool = True,
        instants: Sequence[int] = (),
        offsets: Sequence[int] = (),
        holidays: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(instants) != len(offsets):
            raise ValueError(f"{len(instants)} instants and {len(offsets)} offsets: expected as many of both")
        self.is_of_days = is_of_days
        self.has_year = has_year
        self.instants = [int(instant) for instant in instants]
        self.offsets = [int(offset) for offset in offsets]
        self.holidays = sorted(int(day) for day in holidays)
        self.width = _WEEK + 2 * _HARMONICS * (has_year + (not is_of_days)) + (3 if self.holidays else 0)

    def call(self, times: tf.Tensor) -> tf.Tensor:
        """The features of times, int64 `[batch, steps]`."""
        local = self._local(tf.cast(times, tf.int64))
        day = local // DAY
        weekday = tf.one_hot((day + _FIRST_WEEKDAY) % _WEEK, _WEEK, dtype=self.compute_dtype)
        features = [weekday]
        if self.has_year:
            features += self._waves(tf.cast(day % _DAYS_OF_ERA, tf.float32) / _YEAR_DAYS)
        if not self.is_of_days:
            features += self._waves(tf.cast(local % DAY, tf.float32) / DAY)
        if self.holidays:
            features += [self._is_holiday(day + shift)[..., None] for shift in (-1, 0, 1)]
        return tf.concat(features, axis=-1)

    def _local(self, times: tf.Tensor) -> tf.Tensor:
        if not self.instants:
            return times
        row = tf.searchsorted(tf.constant(self.instants, tf.int64), tf.reshape(times, [-1]), side="right") - 1
        offsets = tf.gather(tf.constant(self.offsets, tf.int64), tf.maximum(row, 0))
        return times + tf.reshape(offsets, tf.shape(times))

    def _waves(self, turns: tf.Tensor) -> list[tf.Tensor]:
        angles = [2 * np.pi * harmonic * (turns % 1) for harmonic in range(1, _HARMONICS + 1)]
        return [
            tf.cast(wave(angle), self.compute_dtype)[..., None]
            for angle in angles
            for wave in (tf.sin, tf.cos)
        ]

    def _is_holiday(self, day: tf.Tensor) -> tf.Tensor:
        holidays = tf.constant(self.holidays, tf.int64)
        row = tf.minimum(tf.searchsorted(holidays, tf.reshape(day, [-1])), len(self.holidays) - 1)
        is_one = tf.reshape(tf.gather(holidays, row), tf.shape(day)) == day
        return tf.cast(is_one, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """`[batch, steps, width]`."""
        return (*input_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {
            name: getattr(self, name)
            for name in ("is_of_days", "has_year", "instants", "offsets", "holidays")
        }
        return {**super().get_config(), **own}


def following_times(times: tf.Tensor, steps: int, frequency: Frequency) -> tf.Tensor:
    """The times of the next `steps` steps after `times` `[batch]`, int64 `[batch, steps]`; see `Frequency.after`."""
    return _times_at(times, tf.range(1, steps + 1, dtype=tf.int64), frequency)


def preceding_times(times: tf.Tensor, steps: int, frequency: Frequency) -> tf.Tensor:
    """The last `steps` times up to and with `times` `[batch]`, int64 `[batch, steps]`."""
    return _times_at(times, tf.range(1 - steps, 1, dtype=tf.int64), frequency)


def _times_at(times: tf.Tensor, steps: tf.Tensor, frequency: Frequency) -> tf.Tensor:
    """The times that many steps `[steps]` after, or before, `times` `[batch]`."""
    apart, times = frequency.count * steps, tf.cast(times, tf.int64)[:, None]
    if frequency.unit == "second":
        return times + apart
    days = _after_business_days if frequency.unit == "business day" else _after_months
    return days(times // DAY, apart) * DAY


def _after_business_days(day: tf.Tensor, ahead: tf.Tensor) -> tf.Tensor:
    """Business days after a day; what falls on a weekend counts as the Friday before."""
    monday = day - (day + _FIRST_WEEKDAY) % _WEEK
    weekday = tf.minimum((day + _FIRST_WEEKDAY) % _WEEK, 4)
    total = weekday + ahead
    return monday + total // 5 * _WEEK + total % 5


def _after_months(day: tf.Tensor, ahead: tf.Tensor) -> tf.Tensor:
    """The same day of later months, or their last day; a month's last day stays its last."""
    month, day_of_month = _month_of(day)
    is_last = day_of_month == _length(month) - 1
    later = month + ahead
    last = _length(later) - 1
    return _first_day(later) + tf.where(is_last, last, tf.minimum(day_of_month, last))


def _length(month: tf.Tensor) -> tf.Tensor:
    return _first_day(month + 1) - _first_day(month)


def _first_day(month: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01 of the first day of a month, counted from January of the year 0.

    Years begin in March, so that the day that leap years add is the last: 153 days are in each five months from there.
    """
    year = (month - 2) // _MONTHS
    from_march = (month - 2) % _MONTHS
    era = year // _YEARS_OF_ERA
    of_era = year % _YEARS_OF_ERA
    day_of_year = (153 * from_march + 2) // 5
    return era * _DAYS_OF_ERA + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - _DAYS_TO_1970


def _month_of(day: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The month, counted from January of the year 0, and the day in it from 0."""
    # A guess from the mean length is at most one month off.
    guess = (
        tf.cast(tf.floor(tf.cast(day + _DAYS_TO_1970, tf.float64) / (_DAYS_OF_ERA / 4800.0)), tf.int64) + 2
    )
    month = tf.where(_first_day(guess) > day, guess - 1, guess)
    month = tf.where(_first_day(month + 1) <= day, month + 1, month)
    return month, day - _first_day(month)
