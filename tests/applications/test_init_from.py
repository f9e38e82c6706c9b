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


def figures_of(run):
    outcome = json.loads((run / "outcome.json").read_text("utf-8"))
    return {name: value for name, value in outcome.items() if name.startswith("validation")}


def test_a_model_is_at_once_as_good_as_the_one_it_begins_with(rooms, made, tmp_path, capsys):
    require_as_good(made.exported, rooms, made, tmp_path, capsys)


# A finished run is read as an export reads it, which the tests of exports do in every application.
@pytest.mark.parametrize("application", ["sentiment_analysis"], indirect=True)
def test_a_finished_run_may_be_begun_with_too(rooms, made, tmp_path, capsys):
    require_as_good(made.finished_run, rooms, made, tmp_path, capsys)


@pytest.mark.parametrize("application", ["keyboard", "text_generation"], indirect=True)
def test_a_model_of_streams_goes_on_with_batches_of_another_size(rooms, made, tmp_path, capsys):
    size = made.config.training.batch_size - 3
    require_as_good(made.exported, rooms, made, tmp_path, capsys, batch_size=size)


def require_as_good(origin, rooms, made, tmp_path, capsys, **options):
    """Trains one epoch from `origin`, at a learning rate of almost nothing, which leaves the weights as they are;
    running means of normalisation still move."""
    room, script = rooms
    inherited = {name: getattr(room.PRESETS["tiny"], name) for name in room.INHERITANCE.architecture}
    config = replace(made.config, **inherited, **dict.fromkeys(room.INHERITANCE.phases, 0))
    training = replace(
        config.training,
        init_from=origin,
        epochs=1,
        learning_rate=1e-12,
        runs=tmp_path,
        averaging=0.0,
        name="b",
        **options,
    )
    run = script.train(replace(config, training=training))
    assert f"weights: those of {origin}\n" in capsys.readouterr().out
    assert figures_of(run) == pytest.approx(figures_of(made.finished_run), rel=0.05, abs=0.02)
    written = load_config(run, room.Config)
    for name in room.INHERITANCE.architecture:
        assert getattr(written, name) == getattr(made.config, name), name
    made_before, made_now = (
        json.loads((one / "preprocessing.json").read_text("utf-8")) for one in (made.finished_run, run)
    )
    assert made_now == made_before


def shipped_model(application):
    """The version that is shipped."""
    if not (MODELS / application).is_dir():
        pytest.skip(f"{application} ships no model yet")
    return MODELS / application / "1"


def test_sizes_come_from_the_shipped_model_whatever_the_preset(application, rooms, begun):
    shipped = shipped_model(application)
    told = read_run(shipped)["configuration"]
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
