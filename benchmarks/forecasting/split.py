"""The split that all contenders share: the steps to train on are those of our training, and the windows to forecast lie
at equal distances in the test part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from applications.forecasting.config import LEVELS, Config
from applications.forecasting.data import evaluation_examples, training_examples, with_data
from applications.forecasting.facts import Facts
from applications.forecasting.sample import sample
from benchmarks.forecasting import task
from benchmarks.forecasting.task import Steps, Task, Window
from common.data.sources import SAMPLE
from common.errors import FlagError, UserError
from common.series.collection import Series, SeriesCollection
from common.series.parts import with_history
from common.series.tables import load
from common.series.windows import Windows


def training_steps(config: Config) -> tuple[dict[str, Steps], int]:
    """The training part of each series with the validation part behind it, by the name of the series, and how many
    steps the shortest validation part has.

    Raises:
        UserError: the data cannot be read, or a part is too short for one window.
    """
    train, validation = training_examples(config)
    joined, _ = with_history(validation, train, len(train))
    steps = {one.name: Steps(one.targets, one.past, one.known) for one in joined.series}
    return steps, min(map(len, validation.series))


def scored_windows(config: Config, test: Path | None, memory: int, origins: int, series: int) -> Windows:
    """The windows that are scored; `memory` or `lookback` steps, whichever are more, lie before their origins.

    Args:
        config: of our training.
        test: table of the steps that follow those of the validation; without one, the test part of the sample, or the
            last steps of the data, as `test_fraction` of the configuration has it.
        memory: steps before an origin that a contender which is not trained looks back on.
        origins: of each series, at most.
        series: that are scored, at most; 0 for all.

    Raises:
        UserError: the data cannot be read, or no window lies within the test part.
    """
    past = max(memory, config.lookback)
    collection, history = _test_part(config, test, past)
    places = np.arange(len(collection.series))
    chosen: list[int] = (spread(places, series) if series else places).tolist()
    chosen_origins = [
        (place, origin)
        for place in chosen
        for origin in spread(
            _candidates(collection.series[place], history[place], config.lookback, config.horizon), origins
        )
    ]
    if not chosen_origins:
        raise UserError(
            f"{collection.name}: no series has {config.horizon:,} steps behind its history; expected a test part of at "
            "least one horizon"
        )
    return Windows(collection, [0] * len(places), past, config.horizon, np.array(chosen_origins, np.int64))


def spread(values: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the values, at equal distances, the first and the last among them.

    Example:
        >>> spread(np.arange(11), 3).tolist()
        [0, 5, 10]
    """
    if len(values) <= count:
        return values
    chosen: np.ndarray = values[np.linspace(0, len(values) - 1, count).round().astype(int)]
    return chosen


def task_of(
    config: Config,
    facts: Facts,
    windows: Windows,
    training: tuple[dict[str, Steps], int],
    limits: tuple[int, int],
    threads: int,
) -> Task:
    """What contenders are given.

    Args:
        config: of our training.
        facts: that our training found in the data.
        windows: to forecast.
        training: as `training_steps` returns it.
        limits: steps and seconds of the training of peers, see `task.Facts`.
        threads: of each contender.
    """
    stretches, validation = training
    given = task.Facts(
        lookback=config.lookback,
        horizon=config.horizon,
        levels=LEVELS,
        seasons=tuple(facts.seasons),
        season=facts.season,
        validation=validation,
        steps=limits[0],
        seconds=limits[1],
        threads=threads,
    )
    return Task(given, stretches, [_window(windows, row) for row in range(len(windows))])


def names_of(windows: Windows) -> Sequence[str]:
    """The series of each window."""
    return windows.names(np.arange(len(windows)))


def _test_part(config: Config, test: Path | None, past: int) -> tuple[SeriesCollection, list[int]]:
    source = config.source
    if test is not None:
        before = load(with_data(source, config.validation or Path(source.data)), lambda: sample("validation"))
        later = load(with_data(source, test), lambda: sample("test"))
        return with_history(later, before, past)
    if source.data != SAMPLE and not config.test_fraction:
        raise FlagError(
            f"--data {source.data}: nothing to test on; expected a table (--test), or a share of the steps that "
            "training does not look at (--train 'base --test-fraction 0.2')"
        )
    return evaluation_examples(source, None, config.test_fraction, past)


def _candidates(series: Series, history: int, lookback: int, horizon: int) -> np.ndarray:
    """All origins behind the history of a series; without one, behind a lookback."""
    return np.arange(history or lookback, len(series) - horizon + 1)


def _window(windows: Windows, row: int) -> Window:
    batch = windows.batch([row])
    values = batch["values"][0]
    none = np.zeros((len(values) + windows.horizon, 0), np.float32)
    steps = Steps(
        values,
        batch["past"][0] if "past" in batch else none[: len(values)],
        batch["known"][0] if "known" in batch else none,
    )
    return Window(names_of(windows)[row], batch["times"][0, : windows.lookback], steps)
