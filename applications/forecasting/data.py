"""Where series come from, and how they become windows."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from applications.forecasting.config import Config
from applications.forecasting.facts import Facts, column_statistics, inherited_facts
from applications.forecasting.sample import HOLIDAYS, TIME_ZONE, sample
from common.data.sources import SAMPLE
from common.series.collection import SeriesCollection
from common.series.frequency import DAY, Frequency
from common.series.holiday_dates import holiday_dates
from common.series.parts import require_length, split_by_time, with_history
from common.series.tables import SeriesSource, load
from common.series.time_zones import offset_table
from common.series.windows import Windows, origins_of

# Years before and after those of the training data that a model knows the holidays and the offsets of.
_YEARS_BEFORE, _YEARS_AFTER = 2, 25
_WEEK, _TWO_YEARS = 7 * DAY, 2 * 365 * DAY
_SEASONS_OF_DAYS = {"business day": [5], "month": [12]}


def training_examples(config: Config) -> tuple[SeriesCollection, SeriesCollection]:
    """The training part, and the steps that follow it, to validate on.

    Raises:
        UserError: the data cannot be read, or a part is too short for one window.
    """
    source = config.source
    if config.validation is not None:
        train = load(source, _whole)
        validation = load(with_data(source, config.validation), _whole)
    elif source.data == SAMPLE:
        train, validation = sample("train"), sample("validation")
    else:
        whole = load(source, _whole)
        train, validation, _ = split_by_time(whole, config.validation_fraction, config.test_fraction)
    require_length(train, config.segment + config.horizon, "a segment and a horizon to train on")
    require_length(validation, config.horizon, "a horizon to validate on")
    return train, validation


def evaluation_examples(
    source: SeriesSource, history: Path | None, test_fraction: float, lookback: int
) -> tuple[SeriesCollection, list[int]]:
    """The series to measure on, and of each how many of its steps are looked back on but not scored.

    Raises:
        UserError: the data cannot be read.
    """
    if history is not None:
        before = load(with_data(source, history), _whole)
        return with_history(load(source, _whole), before, lookback)
    if source.data == SAMPLE:
        return with_history(sample("test"), sample("validation"), lookback)
    whole = load(source, _whole)
    if not test_fraction:
        return whole, [0] * len(whole.series)
    before, _, test = split_by_time(whole, 0.0, test_fraction)
    return with_history(test, before, lookback)


def _whole() -> SeriesCollection:
    """The training part of the sample, for whoever gives a table of his own to validate or to measure on."""
    return sample("train")


def with_data(source: SeriesSource, path: Path) -> SeriesSource:
    """The same flags for another table."""
    return dataclasses.replace(source, data=str(path))


def facts_of(config: Config, train: SeriesCollection, inherited: Mapping[str, Any] | None = None) -> Facts:
    """What a model must know of the training data.

    Args:
        config: whose flags name the zone and the holidays.
        train: the training part.
        inherited: the facts of the model that a fine-tuning begins with: its series and its calendar are kept.

    Raises:
        UserError: the data has other columns than the model that is fine-tuned.
    """
    if inherited is not None:
        return inherited_facts(Facts.from_json(inherited), train)
    source, columns, frequency = config.source, train.columns, train.frequency
    zone, code = source.time_zone or "", source.holidays or ""
    if source.data == SAMPLE:
        zone, code = TIME_ZONE, HOLIDAYS
    years = [
        int(str(np.datetime64(int(time), "s"))[:4])
        for series in train.series
        for time in series.times[[0, -1]]
    ]
    first, last = min(years) - _YEARS_BEFORE, max(years) + _YEARS_AFTER
    has_offsets = bool(zone) and not frequency.is_of_days
    instants, offsets = offset_table(zone, first, last) if has_offsets else (np.zeros(0), np.zeros(0))
    seasons = [config.season] if config.season else seasons_of(frequency)
    statistics = column_statistics(train)
    season, errors = best_season(train, seasons, np.array(statistics["deviations"]))
    return Facts(
        frequency=frequency,
        series=[series.name for series in train.series],
        targets=list(columns.targets),
        past=list(columns.past),
        known=list(columns.known),
        **statistics,
        seasons=seasons,
        season=season,
        season_errors=errors,
        has_year=any(series.times[-1] - series.times[0] > _TWO_YEARS for series in train.series),
        instants=instants.astype(int).tolist(),
        offsets=offsets.astype(int).tolist(),
        holidays=holiday_dates(code, first, last) if code else [],
        time_zone=zone,
        utc=source.utc,
        series_column=source.series_column or "",
        holiday_code=code,
    )


def seasons_of(frequency: Frequency) -> list[int]:
    """The steps of the seasons that a step suggests: a day and a week of seconds to hours, a week of days, a year of
    months."""
    if frequency.unit != "second":
        return [max(steps // frequency.count, 1) for steps in _SEASONS_OF_DAYS[frequency.unit]]
    steps = [length // frequency.count for length in (DAY, _WEEK) if length % frequency.count == 0]
    return [count for count in steps if count > 1] or [1]


def best_season(
    train: SeriesCollection, seasons: list[int], deviations: np.ndarray
) -> tuple[int, list[list[float]]]:
    """The season by which the training part repeats itself best, and the mean absolute difference from a season before,
    `[series, targets]`."""
    errors = {season: season_errors(train, season) for season in seasons}
    scaled = {
        season: np.nanmean(values / np.maximum(deviations, 1e-9)) if np.isfinite(values).any() else np.inf
        for season, values in errors.items()
    }
    season = min(scaled, key=lambda one: scaled[one])
    return season, np.nan_to_num(errors[season]).tolist()


def season_errors(collection: SeriesCollection, season: int) -> np.ndarray:
    """The mean absolute difference of each series and target from a season before, `[series, targets]`, NaN where there
    is none."""
    differences = [np.abs(series.targets[season:] - series.targets[:-season]) for series in collection.series]
    return np.stack([_mean(one) for one in differences])


def _mean(values: np.ndarray) -> np.ndarray:
    is_there = ~np.isnan(values)
    count = is_there.sum(axis=0)
    means = np.where(is_there, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    return np.where(count > 0, means, np.nan)


def training_part(config: Config, facts: Facts, train: SeriesCollection) -> Windows:
    """The windows to train on."""
    origins = origins_of(train, config.lookback, config.horizon)
    return Windows(train, facts.numbers(train), config.lookback, config.horizon, origins)


def validation_part(
    config: Config, facts: Facts, validation: SeriesCollection, train: SeriesCollection
) -> Windows:
    """The windows to validate on: what they look back on may lie in the training part."""
    joined, _ = with_history(validation, train, config.lookback)
    origins = origins_of(joined, config.lookback, config.horizon)
    return Windows(joined, facts.numbers(joined), config.lookback, config.horizon, origins)
