"""What a forecaster knows of its series beside the weights: found in the training data, and kept with the model."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from common.errors import UserError
from common.series.collection import SeriesCollection
from common.series.frequency import Frequency
from common.series.scaling import statistics


@dataclass(frozen=True)
class Facts:
    """What a model is built from beside its configuration.

    Attributes:
        frequency: from one step to the next.
        series: names of the known series.
        targets: names of the columns that are forecast.
        past: names of those that are known up to the origin.
        known: names of those that are known ahead.
        means: of each series and target, `[series, targets]`, of the training part.
        deviations: the standard deviations.
        covariate_means: of each past and then each known column.
        covariate_deviations: the standard deviations.
        seasons: steps of the seasons that the step's length suggests, the shortest first.
        season: the one of them by which the training part repeats itself best.
        season_errors: the mean absolute difference from a season before, `[series, targets]`, of the training part.
        has_year: whether the time of year is looked at: the training part has two years at least.
        instants: at which the offset of the calendar's zone changes, see `CalendarFeatures`.
        offsets: from these instants on.
        holidays: days since 1970-01-01.
        time_zone: whose calendar it is; "" for UTC, and for dates.
        utc: whether times without an offset were in UTC.
        series_column: that names the series; "" for the names that are tried.
        holiday_code: of the country or region whose holidays they are; "" for none.
    """

    frequency: Frequency
    series: list[str]
    targets: list[str]
    past: list[str]
    known: list[str]
    means: list[list[float]]
    deviations: list[list[float]]
    covariate_means: list[float]
    covariate_deviations: list[float]
    seasons: list[int]
    season: int
    season_errors: list[list[float]]
    has_year: bool
    instants: list[int]
    offsets: list[int]
    holidays: list[int]
    time_zone: str = ""
    utc: bool = False
    series_column: str = ""
    holiday_code: str = ""

    def numbers(self, collection: SeriesCollection) -> list[int]:
        """The number of each series to the model, from 1; 0 for those that it does not know."""
        known = {name: number for number, name in enumerate(self.series, start=1)}
        return [known.get(series.name, 0) for series in collection.series]

    def to_json(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """From what `to_json` gave."""
        return cls(**{**value, "frequency": Frequency(**value["frequency"])})


def column_statistics(collection: SeriesCollection) -> dict[str, list[Any]]:
    """The means and the standard deviations of a collection's columns, by their names in `Facts`."""
    own = [statistics(series.targets.astype(np.float64)) for series in collection.series]
    covariates = np.concatenate(
        [np.concatenate([series.past, series.known], axis=1) for series in collection.series]
    )
    means, deviations = statistics(covariates.astype(np.float64))
    return {
        "means": [mean.tolist() for mean, _ in own],
        "deviations": [deviation.tolist() for _, deviation in own],
        "covariate_means": means.tolist(),
        "covariate_deviations": deviations.tolist(),
    }


def inherited_facts(facts: Facts, train: SeriesCollection) -> Facts:
    """The facts of a model that is trained on with other data of the same columns and the same step.

    Raises:
        UserError: the data has other columns or another step.
    """
    columns, frequency = train.columns, train.frequency
    for kind, had, has in (
        ("target", facts.targets, columns.targets),
        ("past", facts.past, columns.past),
        ("known", facts.known, columns.known),
    ):
        if list(has) != had:
            names = [", ".join(one) or "none" for one in (has, had)]
            raise UserError(
                f"{train.name}: {kind} columns {names[0]}; expected {names[1]}, as --init-from was trained on"
            )
    if frequency != facts.frequency:
        raise UserError(
            f"{train.name}: steps of {frequency.name}; expected {facts.frequency.name}, as --init-from was trained on"
        )
    return facts
