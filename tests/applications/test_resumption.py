"""A training that is interrupted, or killed, and resumed ends as if nothing had happened.

The loop of all trainings keeps after each epoch what the next begins with, as its own tests hold. Two trainings, one of
them in two phases, are stopped here by signals. Each application is asked for what the loop relies on: that all of its
phases are that loop's, and that what the loop does not keep follows from the flags and the epoch.
"""

import importlib
import json
import shutil
import signal
from itertools import islice
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from applications import catalogue


@pytest.fixture(scope="module", params=sorted(catalogue()))
def application(request):
    """The name of an application."""
    return request.param


def outcome_of(folder):
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    return {name: value for name, value in outcome.items() if name not in ("training_seconds", "hardware")}


@pytest.mark.parametrize("application", ["sentiment_analysis", "text_generation"], indirect=True)
def test_interrupted_and_killed_in_the_middle_of_epochs_and_resumed_it_ends_as_if_nothing_had_happened(
    made, stop, epochs_of
):
    """Ctrl-C in the first of several phases, SIGKILL in the last: the same log, but for the seconds, and the same
    outcome."""
    whole, folder = made.finished_run, made.finished_run.with_name("stopped")
    command = ("train", *made.training_flags, "--name", folder.name)
    first, last = (folder / made.case.PHASES[place] for place in (0, -1))
    resumed = ()
    if first != last:
        status, _, err = stop(made.begin(*command), first, 1, signal.SIGINT)
        assert status == 130
        assert err.startswith("error: interrupted; 1 of ")
        assert err.endswith("go on with the same command and --resume\n")
        assert err.count("\n") == 1
        assert len(epochs_of(first)) == 1
        resumed = ("--resume",)
    stop(made.begin(*command, *resumed), last, 2, signal.SIGKILL)
    assert len(epochs_of(last)) == 2
    assert not (folder / "outcome.json").exists()
    shown = made.run_quickly(*command, "--resume")
    assert (shown.status, shown.err) == (0, "")
    for phase in made.case.PHASES:
        resumed, uninterrupted = (epochs_of(run / phase) for run in (folder, whole))
        assert len(resumed) == len(uninterrupted) >= 2
        # On some processors a sum depends in its last digit on where its numbers lie in memory.
        for one, other in zip(resumed, uninterrupted, strict=True):
            assert one == pytest.approx(other, rel=1e-6)
    assert outcome_of(folder) == pytest.approx(outcome_of(whole), rel=1e-6)


class Phase(NamedTuple):
    """What the loop is given of a phase."""

    folder: Any
    options: Any
    model: Any
    batches: Any


@pytest.fixture
def resumed(application, made, in_process, monkeypatch, tmp_path):
    """A copy of the finished run, resumed up to its loops, which are only looked at: its folder, what the script shows,
    and its phases."""
    folder, phases = tmp_path / application / made.finished_run.name, []
    shutil.copytree(made.finished_run, folder)
    (folder / "preprocessing.json").unlink()

    def fit(model, batches, validation, options, folder, **_):
        phases.append(Phase(folder, options, model, batches))
        if len(phases) == len(made.case.PHASES):
            raise KeyboardInterrupt("the loop was reached")
        return []

    train, config = (
        importlib.import_module(f"applications.{application}.{name}") for name in ("train", "config")
    )
    monkeypatch.setattr(train, "fit", fit)
    shown = in_process(train.main, config.PRESETS, *made.training_flags, "--runs", tmp_path, "--resume")
    return folder, shown, phases


def test_every_phase_goes_on_in_the_loop_of_all_trainings_with_the_batches_and_draws_it_would_have_had(
    made, resumed
):
    folder, (status, _, err), phases = resumed
    assert (status, err) == (130, "error: the loop was reached\n")
    assert (folder / "config.json").is_file(), "a run with finished epochs is kept"
    assert [phase.folder for phase in phases] == [folder / name for name in made.case.PHASES]
    assert all(phase.options.resume for phase in phases)
    before, now = ((run / "preprocessing.json").read_bytes() for run in (made.finished_run, folder))
    assert now == before
    for phase in phases:
        assert_same_batches(phase.batches)
        assert_draws_follow_from_variables(phase.model, phase.batches)


def assert_same_batches(batches):
    """The second epoch is the same after the first and alone."""
    both, steps = batches(range(2))
    alone, as_many = batches(range(1, 2))
    assert as_many == steps
    whole, resumed = (list(islice(dataset.as_numpy_iterator(), 2 * steps)) for dataset in (both, alone))
    assert (len(whole), len(resumed)) == (2 * steps, steps)
    for expected, found in zip(whole[steps:], resumed, strict=True):
        for one, other in zip(*map(keras.tree.flatten, (found, expected)), strict=True):
            np.testing.assert_array_equal(one, other)


def assert_draws_follow_from_variables(model, batches):
    """What the loop keeps of a model decides what dropout and its like draw next."""
    inputs = next(iter(batches(range(1))[0]))[0]
    before = [np.array(variable) for variable in model.variables]
    outputs = []
    for _ in range(2):
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        outputs.append(keras.tree.flatten(model(inputs, training=True)))
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)
