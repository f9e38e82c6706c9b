"""What the tests of every application share: how its scripts are run, and stopped in the middle of an epoch."""

import csv
import importlib
import io
import os
import signal
import subprocess
import sys
import time
from functools import cache
from typing import NamedTuple

import pytest

from common import cli
from common.inference.runner import SavedModelRunner

loaded_once = cache(SavedModelRunner)


class Shown(NamedTuple):
    """What a script exits with, prints and complains of."""

    status: int
    out: str
    err: str


def rows_of(folder):
    """What the log tells of each epoch, but for how long it took."""
    with (folder / "log.csv").open() as file:
        return [
            {name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]


def run_script(script):
    return subprocess.run(script, capture_output=True, text=True, timeout=600)


def stop_script(script, folder, epochs, stop_signal):
    """Sends the signal as soon as the folder's log tells of so many epochs; the exit status and what stderr got."""
    process = subprocess.Popen(
        script,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A shell lets what it starts in the background ignore Ctrl-C, and the tests may have been started so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    log, deadline = folder / "log.csv", time.monotonic() + 400
    while not (log.exists() and log.read_text().count("\n") > epochs):
        assert process.poll() is None, "the training ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(stop_signal)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


@pytest.fixture
def script(request, exported, monkeypatch, capsys):
    """Runs `predict` of the application whose tests these are, as a shell would start it but in this process."""
    module = f"applications.{request.path.parent.name}.predict"
    predict = importlib.import_module(module)
    monkeypatch.setattr("common.predicting.predictor.SavedModelRunner", loaded_once)

    def run(*arguments, data=b"", model=exported):
        monkeypatch.setattr(sys, "argv", ["predict", "--model", str(model), *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        # What a fixture printed as it trained in this test is not the script's.
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.run(predict.main, predict.Options)
        return Shown(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def epochs_of():
    """From a run's folder to the rows of its log, but for how long each epoch took."""
    return rows_of


@pytest.fixture(scope="session")
def run():
    """Runs a script to its end."""
    return run_script


@pytest.fixture(scope="session")
def stop():
    """Runs a script until the log in a folder tells of so many epochs, and sends it a signal."""
    return stop_script


@pytest.fixture(scope="session")
def kill_and_resume():
    """Runs a training's script to its end, killed in the middle of the epoch after each of `stops`: (phase, epochs)."""

    def train(script, folder, *stops):
        resumed = []
        for phase, epochs in stops:
            stop_script([*script, *resumed], folder / phase, epochs, signal.SIGKILL)
            assert not (folder / "outcome.json").exists()
            resumed = ["--resume"]
        result = run_script([*script, "--resume"])
        assert (result.returncode, result.stderr) == (0, "")

    return train
