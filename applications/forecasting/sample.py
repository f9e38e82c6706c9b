"""The sample: the made demand for electricity of three places, half an hour after half an hour.

Each has two seasons (day and week), a trend, less demand on the holidays of Victoria, demand that follows a made
temperature, shifts of its level, noise whose spread depends on the hour, and gaps. So the truth is known: what can be
forecast, and how wide an honest interval is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.data.sources import SAMPLE
from common.series.collection import Columns, Series, SeriesCollection
from common.series.frequency import DAY, Frequency
from common.series.holiday_dates import holiday_dates
from common.series.noise import persistent_noise

FREQUENCY = Frequency(1800)
TIME_ZONE, HOLIDAYS = "Australia/Melbourne", "AU-VIC"
COLUMNS = Columns(targets=("demand",), past=("temperature",))
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}

_FIRST_DAY = "2023-01-02"
_STEPS_OF_DAY = DAY // FREQUENCY.count
_DAYS = 7 * 60
# Melbourne's wall time without its summer time, which the made series do not keep.
_OFFSET = 10 * 3600


@dataclass(frozen=True)
class _Place:
    """How the demand of a place behaves, as shares of its level.

    Attributes:
        name: of the series.
        level: mean demand in MW.
        growth: in a year.
        evening: height of the evening's peak.
        weekend: what a weekend takes off.
        heat: what a degree above or below 18 adds.
        shift: of the level, from some day on.
    """

    name: str
    level: float
    growth: float
    evening: float
    weekend: float
    heat: float
    shift: float


_PLACES = (
    _Place("city", 900.0, 0.03, 0.25, 0.15, 0.012, 0.06),
    _Place("coast", 240.0, 0.06, 0.35, -0.08, 0.016, -0.10),
    _Place("hills", 60.0, -0.02, 0.30, 0.05, 0.022, 0.12),
)


def sample(part: str) -> SeriesCollection:
    """The steps of a part, train, validation or test, one after another in time."""
    first, last = _bounds(part)
    series = [_made(place, seed).between(first, last) for seed, place in enumerate(_PLACES)]
    return SeriesCollection(SAMPLE, series, COLUMNS, FREQUENCY)


def last_weeks(place: int = 0, weeks: int = 3) -> pd.DataFrame:
    """The last weeks of a place's made series, as a table of `time`, `series`, `demand` and `temperature`."""
    series = _made(_PLACES[place], place)
    recent = series.between(len(series) - weeks * 7 * _STEPS_OF_DAY, len(series))
    return pd.DataFrame(
        {
            "time": pd.to_datetime(recent.times, unit="s", utc=True),
            "series": recent.name,
            "demand": recent.targets[:, 0].round(2),
            "temperature": recent.past[:, 0],
        }
    )


def _bounds(part: str) -> tuple[int, int]:
    names = list(SHARES)
    ends = np.round(np.cumsum([0.0, *SHARES.values()]) * _DAYS).astype(int) * _STEPS_OF_DAY
    place = names.index(part)
    return int(ends[place]), int(ends[place + 1])


def _made(place: _Place, seed: int) -> Series:
    """All steps of a place."""
    rng = np.random.default_rng(seed)
    steps = np.arange(_DAYS * _STEPS_OF_DAY)
    start = int(np.datetime64(_FIRST_DAY, "s").astype(np.int64)) - _OFFSET
    times = start + steps * FREQUENCY.count
    local = times + _OFFSET
    hour, day = local % DAY / 3600, local // DAY
    weekday = (day + 3) % 7
    temperature = _temperature(day, hour, rng)
    year = (day - day[0]) / 365.25
    holidays = np.isin(day, holiday_dates(HOLIDAYS, 2022, 2025))
    shape = (
        0.9
        + place.evening * np.exp(-(((hour - 18.5) / 2.4) ** 2))
        + 0.15 * np.exp(-(((hour - 8) / 1.8) ** 2))
        - 0.25 * np.exp(-(((hour - 3.5) / 2.6) ** 2))
        + 0.06 * np.cos(2 * np.pi * (year - 0.55))
    )
    free = np.where((weekday >= 5) | holidays, 1 - place.weekend * ((hour > 6) & (hour < 19)), 1)
    comfort = 1 + place.heat * np.maximum(np.abs(temperature - 18) - 4, 0)
    shifted = 1 + place.shift * (steps > len(steps) * (0.3 + 0.1 * seed))
    noise = 0.012 * (1 + (hour > 6)) * persistent_noise(rng, len(steps), 0.8)
    demand = place.level * (1 + place.growth * year) * shape * free * comfort * shifted * (1 + noise)
    demand[_gaps(rng, len(steps))] = np.nan
    return Series(
        place.name,
        times.astype(np.int64),
        demand[:, None].astype(np.float32),
        temperature[:, None].astype(np.float32),
        np.zeros((len(steps), 0), np.float32),
    )


def _temperature(day: np.ndarray, hour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Degrees Celsius: a year, a day, and weather that lasts some days."""
    season = 16 + 6 * np.cos(2 * np.pi * ((day % 365.25) / 365.25 - 0.06))
    daily = 5 * np.cos(2 * np.pi * (hour - 15) / 24)
    days = persistent_noise(rng, _DAYS + 1, 0.7)
    weather = np.interp(np.arange(len(hour)) / _STEPS_OF_DAY, np.arange(_DAYS + 1), 4 * days)
    degrees: np.ndarray = season + daily + weather + 0.3 * rng.standard_normal(len(hour))
    return degrees.round(1)


def _gaps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Whether each step is missing: single ones, and some hours to two days at a time."""
    is_missing = rng.random(count) < 0.004
    for start in rng.integers(0, count, 18):
        is_missing[start : start + int(rng.integers(4, 2 * _STEPS_OF_DAY))] = True
    return is_missing
