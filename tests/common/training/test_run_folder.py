"""A run's folder holds its configuration, is never silently overwritten, and is resumed with its own flags."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.run_folder import from_json, load_config, load_finished, open_run, to_json


@dataclass(frozen=True)
class Config:
    training: TrainingOptions = field(default_factory=TrainingOptions)
    words: tuple[str, ...] = ("a", "b")
    path: Path | None = None
    units: int = 3


def config(tmp_path, **training):
    return Config(TrainingOptions(runs=tmp_path, name="first", **training))


def test_a_configuration_reads_back_as_it_was_written(tmp_path):
    for wanted in (config(tmp_path), replace(config(tmp_path), path=Path("x.csv"), words=())):
        assert from_json(Config, to_json(wanted)) == wanted
    folder = open_run("app", wanted, wanted.training)
    assert load_config(folder, Config) == wanted
    assert folder == tmp_path / "app" / "first"


def test_an_earlier_run_is_replaced_only_when_told(tmp_path):
    wanted = config(tmp_path)
    folder = open_run("app", wanted, wanted.training)
    (folder / "log.csv").write_text("precious")
    with pytest.raises(UserError, match=r"--resume.*--overwrite.*--name"):
        open_run("app", wanted, wanted.training)
    assert (folder / "log.csv").exists()
    again = config(tmp_path, overwrite=True)
    open_run("app", again, again.training)
    assert not (folder / "log.csv").exists()


def test_a_folder_that_holds_something_else_is_never_deleted(tmp_path):
    wanted = config(tmp_path, overwrite=True)
    (tmp_path / "app" / "first").mkdir(parents=True)
    (tmp_path / "app" / "first" / "report.json").write_text("precious")
    with pytest.raises(UserError, match="holds something that is no training run; take another --name"):
        open_run("app", wanted, wanted.training)
    assert (tmp_path / "app" / "first" / "report.json").exists()


def test_resuming_needs_a_run_begun_with_the_same_flags(tmp_path):
    resuming = config(tmp_path, resume=True)
    with pytest.raises(UserError, match="no run to resume"):
        open_run("app", resuming, resuming.training)
    open_run("app", config(tmp_path), config(tmp_path).training)
    assert open_run("app", resuming, resuming.training) == tmp_path / "app" / "first"
    with pytest.raises(UserError, match="started with --units 3, not 4"):
        open_run("app", replace(resuming, units=4), resuming.training)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}: not a training run"):
        load_config(tmp_path, Config)


def test_a_run_may_be_resumed_for_more_epochs_and_not_for_fewer_than_are_done(tmp_path):
    begun = config(tmp_path, epochs=4)
    folder = open_run("app", begun, begun.training)
    (folder / "log.csv").write_text("epoch,loss\n1,3.0\n2,2.0\n3,1.0\n")
    (folder / "outcome.json").write_text("{}")
    fewer, same, more = (config(tmp_path, epochs=epochs, resume=True) for epochs in (2, 4, 9))
    with pytest.raises(UserError, match=r"--epochs 2: .*first has done 3 epochs; expected 3 or more"):
        open_run("app", fewer, fewer.training)
    open_run("app", same, same.training)
    assert (load_config(folder, Config), (folder / "outcome.json").exists()) == (begun, True)
    open_run("app", more, more.training)
    assert load_config(folder, Config) == config(tmp_path, epochs=9)
    assert not (folder / "outcome.json").exists(), "what came of 4 epochs is not what comes of 9"


def test_a_run_of_an_older_version_is_resumed_with_the_defaults_of_what_is_new(tmp_path):
    begun = config(tmp_path)
    folder = open_run("app", begun, begun.training)
    old = (folder / "config.json").read_text().replace('"units": 3', '"removed": 1')
    (folder / "config.json").write_text(old)
    again = config(tmp_path, resume=True)
    assert open_run("app", again, again.training) == folder
    with pytest.raises(UserError, match="started with --units 3, not 4"):
        open_run("app", replace(again, units=4), again.training)


def test_a_run_of_another_application_is_refused_and_an_unfinished_one_of_ones_own_is_said_to_be(tmp_path):
    wanted = config(tmp_path)
    folder = open_run("app", wanted, wanted.training)
    (folder / "preprocessing.json").write_text('{"labels": ["yes", "no"]}')
    with pytest.raises(
        UserError,
        match=f"^{folder}: a model of another application, whose training made labels; expected .* symbols$",
    ):
        load_finished(folder, Config, ["symbols"])
    with pytest.raises(UserError, match="this training is not finished; go on with train --resume"):
        load_finished(folder, Config, ["labels"])
