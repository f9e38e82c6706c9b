"""What contenders are given comes through the file unchanged, and gaps are filled for those that refuse them."""

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.forecasting.task import (
    Facts,
    Steps,
    Task,
    Window,
    filled,
    from_first_value,
    read_task,
    write_task,
)

VALUES = st.lists(st.one_of(st.just(np.nan), st.integers(-9, 9).map(float)), min_size=1, max_size=12)


def _steps(count: int, ahead: int = 0) -> Steps:
    rng = np.random.default_rng(count)
    targets = rng.normal(size=(count, 2)).astype(np.float32)
    targets[0] = np.nan
    return Steps(targets, np.zeros((count, 0), np.float32), rng.normal(size=(count + ahead, 1)))


def test_a_task_is_read_as_it_was_written(tmp_path: Path) -> None:
    facts = Facts(3, 2, (0.1, 0.5, 0.9), (24, 168), 168, 4, 5, 60, 2)
    training = {"north/1": _steps(6), "": _steps(9)}
    written = Task(facts, training, [Window("north/1", np.arange(5) * 60, _steps(5, 2))])
    write_task(tmp_path, written)
    task = read_task(tmp_path)
    assert task.facts == facts
    assert list(task.training) == list(training)
    pairs = [(one, task.training[name]) for name, one in training.items()]
    pairs += [(written.windows[0].steps, task.windows[0].steps)]
    for one, other in pairs:
        for name in ("targets", "past", "known"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert task.windows[0].name == "north/1"
    np.testing.assert_array_equal(task.windows[0].times, written.windows[0].times)


@given(VALUES)
def test_gaps_are_filled_as_pandas_interpolates(values: list[float]) -> None:
    expected = pd.Series(values, dtype=float).interpolate(limit_direction="both").fillna(0.0)
    np.testing.assert_allclose(filled(np.array(values)), expected, atol=1e-12)


@given(VALUES)
def test_what_lies_before_the_first_value_is_no_history(values: list[float]) -> None:
    series = pd.Series(values, dtype=float)
    first = series.first_valid_index()
    expected = series.interpolate().iloc[first:] if first is not None else series.fillna(0.0)
    np.testing.assert_allclose(from_first_value(np.array(values)), expected, atol=1e-12)
