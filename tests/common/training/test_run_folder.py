"""A run's folder holds its configuration, is never silently overwritten, and is resumed with its own flags."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.run_folder import from_json, load_config, open_run, to_json


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
