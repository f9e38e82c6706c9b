"""A training that comes to nothing leaves nothing that stands in the way of the next start."""

from dataclasses import dataclass, field

import pytest

from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.run_folder import open_run
from common.training.script import discarding_unbegun


@dataclass(frozen=True)
class Config:
    training: TrainingOptions = field(default_factory=TrainingOptions)


def start(tmp_path, error, *, state=False, **options):
    """Makes a run, and ends in an error."""
    training = TrainingOptions(runs=tmp_path, name="first", **options)
    with discarding_unbegun("app", training):
        folder = open_run("app", Config(training), training)
        if state:
            (folder / "pretraining").mkdir()
            (folder / "pretraining" / "state.npz").write_bytes(b"an epoch")
        raise error


@pytest.mark.parametrize(
    "error", [UserError("pairs.tsv: too long"), OSError(28, "full"), KeyboardInterrupt()]
)
def test_a_run_that_ended_before_its_first_epoch_can_be_started_again(tmp_path, error):
    for _ in range(2):
        with pytest.raises(type(error)) as raised:
            start(tmp_path, error)
        assert not (tmp_path / "app" / "first").exists()
    if isinstance(error, KeyboardInterrupt):
        assert str(raised.value) == "interrupted before an epoch was done: no run is kept"


def test_an_interrupt_that_tensorflow_made_an_error_of_is_an_interrupt(tmp_path):
    error = RuntimeError("LSTM.call(): pybind11: InvalidArgumentError REPLACED BY KeyboardInterrupt: <EMPTY>")
    with pytest.raises(KeyboardInterrupt, match=r"^interrupted before an epoch was done: no run is kept$"):
        start(tmp_path, error)


def test_a_run_with_an_epoch_in_any_phase_is_kept(tmp_path):
    with pytest.raises(KeyboardInterrupt, match=r"^go on with --resume$"):
        start(tmp_path, KeyboardInterrupt("go on with --resume"), state=True)
    assert (tmp_path / "app" / "first" / "config.json").exists()


def test_a_run_that_another_start_made_is_left_alone(tmp_path):
    training = TrainingOptions(runs=tmp_path, name="first")
    folder = open_run("app", Config(training), training)
    with pytest.raises(UserError, match="this run exists"):
        start(tmp_path, KeyboardInterrupt())
    assert (folder / "config.json").exists()
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, KeyboardInterrupt(), resume=True)
    assert (folder / "config.json").exists()
