"""All contenders have the same steps: what is trained on comes first, what is forecast comes after it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from applications.forecasting.config import LEVELS, PRESETS, Config
from applications.forecasting.data import facts_of, training_examples
from applications.forecasting.sample import sample
from benchmarks.forecasting.split import names_of, scored_windows, spread, task_of, training_steps
from common.errors import FlagError, UserError
from common.series.tables import SeriesSource

TINY = PRESETS["tiny"]
_SHIFTS = (("north", 0), ("south", 1000))
LOOKBACK, HORIZON, MEMORY = TINY.lookback, TINY.horizon, 100


def _table(path: Path, days: range) -> Path:
    """Hours of two series, whose values tell the hour since the first day; each 7th is missing."""
    hours = np.arange(24 * days.start, 24 * days.stop)
    values = np.where(hours % 7 == 3, np.nan, hours.astype(float))
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h")
    frame = pd.DataFrame(
        {"time": stamps, "a": values, "b": values + 10_000, "warmth": hours * 2.0, "price": hours * 3.0}
    )
    frame.to_csv(path, index=False)
    return path


def _config(folder: Path, **changes: object) -> Config:
    source = SeriesSource(
        data=str(_table(folder / "train.csv", range(0, 10))),
        target_columns=("a", "b"),
        past_columns=("warmth",),
        known_columns=("price",),
    )
    return replace(TINY, source=source, **changes)


def test_the_sample_is_trained_on_and_tested_in_its_own_parts() -> None:
    steps, validation = training_steps(TINY)
    train, held_out, test = (sample(part) for part in ("train", "validation", "test"))
    windows = scored_windows(TINY, None, MEMORY, origins=3, series=0)
    assert list(steps) == [one.name for one in train.series]
    assert validation == len(held_out.series[0])
    for first, second, one in zip(train.series, held_out.series, steps.values(), strict=True):
        np.testing.assert_array_equal(one.targets, np.concatenate([first.targets, second.targets]))
    truth = windows.batch(range(len(windows)))["truth"].reshape(len(test.series), 3, HORIZON)
    for series, rows in zip(test.series, truth, strict=True):
        last = len(series) - HORIZON
        for origin, row in zip((0, last // 2, last), rows, strict=True):
            np.testing.assert_array_equal(row, series.targets[origin : origin + HORIZON, 0])


def test_windows_of_a_table_lie_behind_validation_and_look_back_into_it(tmp_path: Path) -> None:
    config = _config(tmp_path, validation=_table(tmp_path / "validation.csv", range(10, 15)))
    test = _table(tmp_path / "test.csv", range(15, 20))
    windows = scored_windows(config, test, MEMORY, origins=4, series=0)
    train, _ = training_examples(config)
    task = task_of(config, facts_of(config, train), windows, training_steps(config), (0, 60), 1)
    (trained,) = task.training.values()
    assert len(trained.targets) == 15 * 24
    assert task.facts.validation == 5 * 24
    origins = [15 * 24, 15 * 24 + 37, 15 * 24 + 75, 20 * 24 - HORIZON]
    for window, origin in zip(task.windows, origins, strict=True):
        hours = np.arange(origin - MEMORY, origin + HORIZON)
        np.testing.assert_array_equal(window.steps.past[:, 0], 2 * hours[:MEMORY])
        np.testing.assert_array_equal(window.steps.known[:, 0], 3 * hours)
        np.testing.assert_array_equal(
            window.steps.targets[:, 1], np.where(hours % 7 == 3, np.nan, hours + 10_000)[:MEMORY]
        )
        assert window.times[-1] == pd.Timestamp("2024-01-01").timestamp() + 3600 * (origin - 1)


def test_series_without_times_go_on_where_those_of_the_training_table_end(tmp_path: Path) -> None:
    steps = np.arange(200.0)
    for name, part in (("train", steps[:180]), ("test", steps[180:])):
        rows = [f"{series},{' '.join(str(value + shift) for value in part)}" for series, shift in _SHIFTS]
        (tmp_path / f"{name}.csv").write_text("\n".join(["series,values", *rows]) + "\n")
    source = SeriesSource(data=str(tmp_path / "train.csv"), frequency="h")
    windows = scored_windows(replace(TINY, source=source), tmp_path / "test.csv", 60, origins=2, series=0)
    batch = windows.batch(range(len(windows)))
    shifts = np.repeat([shift for _, shift in _SHIFTS], 2)[:, None]
    origins = np.tile([180, 200 - HORIZON], 2)[:, None]
    ahead = np.arange(HORIZON)
    np.testing.assert_array_equal(batch["truth"][:, :, 0], shifts + origins + ahead)
    np.testing.assert_array_equal(batch["values"][:, :, 0], shifts + origins + np.arange(-60, 0))
    np.testing.assert_array_equal(batch["times"][:, 60:], 3600 * (origins + ahead))


def test_the_last_share_of_one_table_is_never_trained_on(tmp_path: Path) -> None:
    config = _config(tmp_path, test_fraction=0.2, validation_fraction=0.2)
    windows = scored_windows(config, None, MEMORY, origins=2, series=0)
    ((_, trained),) = training_steps(config)[0].items()
    assert trained.past[-1, 0] == 2 * (8 * 24 - 1)
    assert windows.batch([0])["past"][0, -1, 0] == trained.past[-1, 0]
    assert windows.batch([1])["known"][0, -1, 0] == 3 * (10 * 24 - 1)


def test_memory_may_be_shorter_than_what_a_trained_model_looks_back_on() -> None:
    assert scored_windows(TINY, None, 1, origins=1, series=1).lookback == LOOKBACK


def test_series_and_origins_are_thinned_at_equal_distances() -> None:
    windows = scored_windows(TINY, None, MEMORY, origins=5, series=2)
    names = [one.name for one in sample("test").series]
    assert list(names_of(windows)) == [names[0]] * 5 + [names[-1]] * 5
    assert spread(np.arange(3), 7).tolist() == [0, 1, 2]
    assert spread(np.arange(101), 5).tolist() == [0, 25, 50, 75, 100]


def test_contenders_are_asked_for_the_quantiles_and_seasons_of_our_training() -> None:
    train, _ = training_examples(TINY)
    windows = scored_windows(TINY, None, MEMORY, origins=1, series=1)
    trained = facts_of(TINY, train)
    facts = task_of(TINY, trained, windows, training_steps(TINY), (9, 60), 2).facts
    assert (facts.levels, facts.seasons, facts.horizon, facts.lookback) == (
        LEVELS,
        tuple(trained.seasons),
        HORIZON,
        LOOKBACK,
    )
    assert facts.season == trained.season
    assert (facts.steps, facts.seconds, facts.threads) == (9, 60, 2)


def test_data_without_a_test_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"train\.csv: nothing to test on; expected a table \(--test\)"):
        scored_windows(_config(tmp_path), None, MEMORY, origins=1, series=0)
    short = tmp_path / "short.csv"
    _table(short, range(10, 11))
    lines = short.read_text().splitlines(keepends=True)
    short.write_text("".join(lines[: HORIZON - 2]))
    with pytest.raises(UserError, match=f"no series has {HORIZON} steps behind its history"):
        scored_windows(_config(tmp_path), short, MEMORY, origins=1, series=0)
