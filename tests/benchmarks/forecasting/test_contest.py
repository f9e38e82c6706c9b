"""Contenders that are not installed are named and left out; the others take turns, and nothing of a warm-up counts."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.forecasting import contest
from benchmarks.forecasting.contest import (
    ENTRANTS,
    OURS,
    Entrant,
    forecasts,
    installed,
    seconds_of_script,
    trained,
)
from benchmarks.forecasting.task import Facts, Steps, Task, Window, write_task
from common.errors import UserError

WORKER = """
import sys
from benchmarks.forecasting.workers.protocol import serve

def train(task):
    log = open({log!r}, "a")
    print("t" + sys.argv[1], file=log, flush=True)
    def forecast(window):
        print("noise of a library")
        print(window.name + sys.argv[1], file=log, flush=True)
        return window.steps.targets[-1][None, :, None] + float(sys.argv[1])
    return forecast, "note " + sys.argv[1]

serve(train)
"""
WINDOWS = 3


@pytest.fixture
def entrants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Entrant]:
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs" / "json_worker.py").write_text(WORKER.format(log=str(tmp_path / "log")))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(contest, "_WORKERS", "stubs")
    return [Entrant(name, "json", Path(sys.executable), name == "1") for name in ("1", "2")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    steps = Steps(np.array([[5.0, 7.0]]), np.zeros((1, 0)), np.zeros((2, 0)))
    windows = [Window(str(place), np.zeros(1), steps) for place in range(WINDOWS)]
    write_task(tmp_path, Task(Facts(1, 1, (0.5,), (1,), 1, 0, 1, 1, 1), {}, windows))
    return tmp_path


def test_contenders_train_one_after_another_and_forecast_in_turn(
    entrants: list[Entrant], folder: Path
) -> None:
    with trained(entrants, folder, folder / "model", threads=1) as workers:
        answers = forecasts({name: ready.worker for name, ready in workers.items()}, WINDOWS)
        seconds = [ready.seconds for ready in workers.values()]
        assert [ready.note for ready in workers.values()] == ["note 1", "note 2"]
    order = (folder / "log").read_text().split()
    # Both train, both warm up on the first window, and then each window is forecast by one after the other.
    assert order == ["t1", "t2", "01", "02", "01", "02", "11", "12", "21", "22"]
    assert seconds[0] is not None
    assert seconds[0] > 0
    assert seconds[1] is None
    for name, (milliseconds, quantiles) in answers.items():
        assert len(milliseconds) == WINDOWS
        assert quantiles.shape == (WINDOWS, 1, 2, 1)
        np.testing.assert_array_equal(quantiles[0, 0, :, 0], [5 + int(name), 7 + int(name)])


def test_a_contender_that_fails_is_named(entrants: list[Entrant], folder: Path) -> None:
    broken = replace(entrants[0], package="no_such")
    with (
        pytest.raises(UserError, match="contender 1: its process ended"),
        trained([broken], folder, folder, 1),
    ):
        pass


def test_contenders_that_are_not_installed_are_named_and_left_out(tmp_path: Path) -> None:
    absent = Entrant("AutoETS", "statsforecast", tmp_path / "environment" / "bin" / "python", False)
    lacking = Entrant("GRU", "no_such_package", Path(sys.executable), True)
    there = Entrant("there", "json", Path(sys.executable), True)
    ours = next(one for one in ENTRANTS if one.name == OURS)
    ready, left_out = installed([ours, absent, lacking, there])
    assert [one.name for one in ready] == [OURS, "there"]
    assert left_out[0] == (
        "AutoETS: left out, statsforecast is not installed in environment; `make bench-forecasting` installs it"
    )
    assert left_out[1].startswith("GRU: left out, no_such_package is not installed")


def test_a_script_is_timed_and_its_failure_named(capfd: pytest.CaptureFixture) -> None:
    assert seconds_of_script("calendar", ["2024"], 1) > 0
    with pytest.raises(UserError, match="python -m calendar --no-such-flag: failed"):
        seconds_of_script("calendar", ["--no-such-flag"], 1)


def test_the_packages_of_all_peers_are_among_the_requirements() -> None:
    text = (Path(contest.__file__).parent / "requirements.txt").read_text()
    names = {line.split("=")[0].split(">")[0] for line in text.splitlines()}
    assert {one.package for one in ENTRANTS if one.name != OURS} <= names
