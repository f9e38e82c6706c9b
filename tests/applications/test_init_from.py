"""Every application can go on from a model's weights and vocabulary on other data, or says why it cannot."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import applications
from applications import catalogue
from common.errors import UserError
from common.training.exported_run import read_run
from common.training.init_from import begin_from
from common.training.run_folder import load_config

MODELS = Path(applications.__file__).parents[1] / "saved_models"


@pytest.fixture(scope="module", params=sorted(catalogue()))
def application(request):
    """The name of an application."""
    return request.param


@pytest.fixture(scope="module")
def rooms(application):
    """Its modules `config` and `train`."""
    return tuple(
        importlib.import_module(f"applications.{application}.{name}") for name in ("config", "train")
    )


@pytest.fixture
def begun(application, rooms):
    """From a path, a preset and changes to what `begin_from` makes of them."""
    config, _ = rooms

    def begin(path, preset="tiny", **changes):
        one = config.PRESETS[preset]
        training = replace(one.training, init_from=path)
        return begin_from(replace(one, training=training, **changes), config.INHERITANCE, config.PRESETS)

    return begin


class LoopReachedError(Exception):
    """The training was about to begin."""


@pytest.fixture
def begin_with(rooms, made, tmp_path, capsys, monkeypatch):
    """Begins a training from a model, and ends it as its loop is reached -> what the loop would validate first, and the
    log of what the model was trained to, by the names of the validation figures."""
    room, script = rooms
    reached = []

    def measure(model, batches, validation, options, folder, *, loss, metrics=(), monitor="val_loss", **how):
        model.compile(loss=loss, weighted_metrics=[*metrics], jit_compile=False)
        figures = model.evaluate(validation, verbose=0, return_dict=True)
        reached.append(({f"val_{name}": value for name, value in figures.items()}, monitor, how.get("mode")))
        raise LoopReachedError

    def begin(origin, **options):
        monkeypatch.setattr(script, "fit", measure)
        config = began(origin, room, made, tmp_path, **options)
        with pytest.raises(LoopReachedError):
            script.train(config)
        assert f"weights: those of {origin}\n" in capsys.readouterr().out
        return reached[-1]

    return begin


def began(origin, room, made, runs, **options):
    """The configuration of a training from `origin` that has no phase before the training proper."""
    inherited = {name: getattr(room.PRESETS["tiny"], name) for name in room.INHERITANCE.architecture}
    config = replace(made.config, **inherited, **dict.fromkeys(room.INHERITANCE.phases, 0))
    training = replace(config.training, init_from=origin, runs=runs, averaging=0.0, name="b", **options)
    return replace(config, training=training)


def require_as_good(begin_with, epochs_of, made, origin, **options):
    """Before its first step it is what the log tells of the epoch that was kept."""
    figures, monitor, mode = begin_with(origin, **options)
    choose = max if mode == "max" else min
    best = choose(epochs_of(made.finished_run), key=lambda epoch: epoch[monitor])
    assert figures == pytest.approx({name: best[name] for name in figures}, rel=1e-3, abs=1e-4)


def require_inherited(rooms, made, run):
    written = load_config(run, rooms[0].Config)
    for name in rooms[0].INHERITANCE.architecture:
        assert getattr(written, name) == getattr(made.config, name), name
    before, now = (
        json.loads((one / "preprocessing.json").read_text("utf-8")) for one in (made.finished_run, run)
    )
    assert now == before


def test_a_model_is_at_once_as_good_as_the_one_it_begins_with(
    application, rooms, begin_with, epochs_of, made, tmp_path
):
    require_as_good(begin_with, epochs_of, made, made.exported)
    require_inherited(rooms, made, tmp_path / application / "b")


# A finished run is read as an export reads it, which the tests of exports do in every application; and what is begun
# goes through the loop of all trainings.
@pytest.mark.parametrize("application", ["sentiment_analysis"], indirect=True)
def test_a_finished_run_may_be_begun_with_too_and_trained_to_its_end(rooms, made, tmp_path):
    """One epoch, at a learning rate of almost nothing, leaves the weights as they are."""
    room, script = rooms
    options = {"epochs": 1, "learning_rate": 1e-12}
    run = script.train(began(made.finished_run, room, made, tmp_path, **options))
    before, now = (json.loads((one / "outcome.json").read_text("utf-8")) for one in (made.finished_run, run))
    figures = [name for name in before if name.startswith("validation")]
    assert [now[name] for name in figures] == pytest.approx([before[name] for name in figures], rel=1e-3)
    require_inherited(rooms, made, run)


@pytest.mark.parametrize("application", ["keyboard", "text_generation"], indirect=True)
def test_a_model_of_streams_goes_on_with_batches_of_another_size(begin_with, epochs_of, made):
    size = made.config.training.batch_size - 3
    require_as_good(begin_with, epochs_of, made, made.exported, batch_size=size)


def shipped_model(application):
    """The version that is shipped."""
    if not (MODELS / application).is_dir():
        pytest.skip(f"{application} ships no model yet")
    return MODELS / application / "1"


def test_sizes_come_from_the_shipped_model_whatever_the_preset(application, rooms, begun):
    shipped = shipped_model(application)
    # What came to be configured after its training has the value that all had before.
    told = vars(rooms[0].Config()) | read_run(shipped)["configuration"]
    config, origin = begun(shipped)
    for name in rooms[0].INHERITANCE.architecture:
        value = getattr(config, name)
        assert (list(value) if isinstance(value, tuple) else value) == told[name], name
    assert [getattr(config, name) for name in rooms[0].INHERITANCE.phases] == [0] * len(
        rooms[0].INHERITANCE.phases
    )
    assert origin.path == shipped
    untouched = rooms[0].PRESETS["base"]
    assert begin_from(untouched, rooms[0].INHERITANCE, rooms[0].PRESETS) == (untouched, None)


def test_a_flag_that_asks_for_another_size_is_refused_with_both(application, begun, monkeypatch):
    name = "decoder_units" if application == "translation" else "units"
    flag = f"--{name.replace('_', '-')}"
    shipped = shipped_model(application)
    with pytest.raises(UserError, match=rf"1: it was trained with {flag} \d+, not 12345"):
        begun(shipped, **{name: 12345})
    monkeypatch.setattr("sys.argv", ["train", "tiny", f"{flag}=16"])
    with pytest.raises(UserError, match=rf"--init-from .*: it was trained with {flag} \d+, not \d+"):
        begun(shipped)


def test_a_model_of_another_application_or_none_at_all_is_refused(application, begun, tmp_path):
    for other in sorted(catalogue()):
        if other != application and (MODELS / other).is_dir():
            with pytest.raises(
                UserError, match=rf"{other}/1: a model of another application; expected saved_models"
            ):
                begun(MODELS / other / "1")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "gone"):
        with pytest.raises(UserError, match="neither a SavedModel nor a training run; expected saved_models"):
            begun(path)


def test_a_training_that_is_not_finished_is_refused(made, begun, tmp_path):
    shutil.copytree(made.finished_run, tmp_path / "run")
    (tmp_path / "run" / "outcome.json").unlink()
    with pytest.raises(UserError, match=r"no outcome\.json, so this training is not finished"):
        begun(tmp_path / "run")
