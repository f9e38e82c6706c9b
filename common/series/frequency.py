"""Steps of time: of equal length, of months, or of business days. Imports neither pandas nor TensorFlow."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

DAY = 86_400
Unit = Literal["second", "business day", "month"]


@dataclass(frozen=True)
class Frequency:
    """The step from one row of a series to the next.

    Attributes:
        count: how many units a step has.
        unit: seconds (a day has 86,400, a week seven of these), business days (Monday to Friday), or months of the
            calendar (a quarter has three, a year twelve).

    Example:
        >>> Frequency(1800).name, Frequency(1, "month").name
        ('30 minutes', '1 month')
        >>> times = Frequency(3, "month").after(0, np.arange(3)).astype("datetime64[s]")
        >>> times.astype("datetime64[D]").astype(str).tolist()
        ['1970-01-01', '1970-04-01', '1970-07-01']
    """

    count: int
    unit: Unit = "second"

    @property
    def name(self) -> str:
        """In words."""
        count, unit = self.count, str(self.unit)
        for seconds, longer in ((7 * DAY, "week"), (DAY, "day"), (3600, "hour"), (60, "minute")):
            if self.unit == "second" and count % seconds == 0:
                count, unit = count // seconds, longer
                break
        return f"{count} {unit}{'' if count == 1 else 's'}"

    @property
    def is_of_days(self) -> bool:
        """Whether times are dates: a step is a whole number of days or longer."""
        return self.unit != "second" or self.count % DAY == 0

    def after(self, time: int, steps: np.ndarray) -> np.ndarray:
        """The times, Unix seconds, that many steps after a time (of dates: midnights, as if in UTC)."""
        if self.unit == "second":
            return time + self.count * np.asarray(steps, np.int64)
        day = np.datetime64(time // DAY, "D")
        if self.unit == "business day":
            days = np.busday_offset(day, self.count * np.asarray(steps), roll="backward")
        else:
            days = _after_months(day, self.count * np.asarray(steps))
        return np.asarray(days.astype("datetime64[D]").astype(np.int64) * DAY, np.int64)


def _after_months(day: np.datetime64, months: np.ndarray) -> np.ndarray:
    """The same day of later months, or their last day where they are too short; a month's last day stays its last."""
    month = day.astype("datetime64[M]")
    of_month = (day - month.astype("datetime64[D]")).astype(int)
    is_last = (day + 1).astype("datetime64[M]") != month
    begins = (month + months).astype("datetime64[D]")
    lasts = (month + months + 1).astype("datetime64[D]") - 1
    return np.asarray(lasts if is_last else np.minimum(begins + of_month, lasts))
