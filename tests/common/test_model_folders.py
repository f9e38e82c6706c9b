"""Models are found where --model, the environment, the working folder and the checkout say, in this order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications import catalogue
from common import model_folders
from common.errors import UserError
from common.model_folders import SHIPPED_MODELS, VARIABLE, model_folder, models_folder
from common.serving.server.local_server import ServerOptions


def with_version(models: Path, application: str, number: str = "1") -> Path:
    (models / application / number).mkdir(parents=True)
    return models / application


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working folder outside of the checkout, and no variable."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv(VARIABLE, raising=False)
    return folder


@pytest.fixture
def installed(elsewhere, monkeypatch):
    """The same, of a package that was installed from a wheel."""
    monkeypatch.setattr(model_folders, "SHIPPED_MODELS", elsewhere.parent / "site-packages" / "saved_models")
    return elsewhere


def test_the_checkout_has_the_models_of_the_applications(elsewhere):
    shipped = [name for name in catalogue() if (SHIPPED_MODELS / name).is_dir()]
    assert len(shipped) >= 7
    assert {name: model_folder(name) for name in shipped} == {name: SHIPPED_MODELS / name for name in shipped}


def test_the_first_place_with_a_version_wins(elsewhere, tmp_path, monkeypatch):
    assert model_folder("translation") == SHIPPED_MODELS / "translation"
    with_version(elsewhere / "saved_models", "translation")
    assert model_folder("translation").resolve() == elsewhere / "saved_models" / "translation"
    named = with_version(tmp_path / "named", "translation", "12")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert model_folder("translation") == named
    # The other applications are still found where they are.
    assert model_folder("sentiment_analysis") == SHIPPED_MODELS / "sentiment_analysis"


@pytest.mark.parametrize("left", ["", ".tmp-ab12", "1.txt", "latest"])
def test_a_folder_without_a_numbered_version_is_passed_over(elsewhere, left):
    (elsewhere / "saved_models" / "translation" / left).mkdir(parents=True)
    assert model_folder("translation") == SHIPPED_MODELS / "translation"


def test_an_empty_variable_is_none_and_a_tilde_is_the_home_folder(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert model_folder("translation") == SHIPPED_MODELS / "translation"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "~/models")
    assert with_version(tmp_path / "models", "translation") == model_folder("translation")
    assert models_folder() == tmp_path / "models"


@pytest.mark.parametrize("find", [models_folder, lambda: model_folder("translation")])
@pytest.mark.parametrize("is_file", [True, False])
def test_a_variable_that_names_no_folder_is_said(elsewhere, monkeypatch, find, is_file):
    named = elsewhere / "models"
    if is_file:
        named.write_text("")
    monkeypatch.setenv(VARIABLE, str(named))
    with pytest.raises(UserError, match=f"^{VARIABLE}={named}: no such folder; expected .*<version>"):
        find()


def test_where_there_is_no_model_the_line_names_each_place(installed, tmp_path, monkeypatch):
    with pytest.raises(UserError) as raised:
        model_folder("translation")
    assert str(raised.value) == (
        "no model of translation: looked in RECURRENT_APPLICATIONS_MODELS (not set), ./saved_models, the checkout "
        "(there is none here); expected <application>/<version>/ in one of them, or a model named with --model"
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=rf"{VARIABLE} \({tmp_path}\), \./saved_models"):
        model_folder("translation")


def test_the_server_takes_the_first_folder_that_is_there(installed, tmp_path, monkeypatch):
    options = ServerOptions()
    with pytest.raises(UserError, match=rf"^no folder of models: .*{VARIABLE} \(not set\).* --models$"):
        options.folder  # noqa: B018
    (installed / "saved_models").mkdir()
    assert options.folder.resolve() == installed / "saved_models"
    (tmp_path / "named").mkdir()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert options.folder == tmp_path / "named"
    assert ServerOptions(models=tmp_path / "given").folder == tmp_path / "given"


@given(st.sets(st.sampled_from(["named", "working", "checkout"])))
def test_any_set_of_places_gives_the_first_of_them(tmp_path_factory, present):
    root = tmp_path_factory.mktemp("places")
    places = {
        "named": root / "named",
        "working": root / "working" / "saved_models",
        "checkout": root / "checkout" / "saved_models",
    }
    for place in places.values():
        place.mkdir(parents=True)
    (root / "checkout" / "pyproject.toml").touch()
    for name in present:
        with_version(places[name], "translation")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root / "working")
        patch.setenv(VARIABLE, str(places["named"]))
        patch.setattr(model_folders, "SHIPPED_MODELS", places["checkout"])
        if present:
            first = next(place for name, place in places.items() if name in present)
            assert model_folder("translation").resolve() == first / "translation"
        else:
            with pytest.raises(UserError):
                model_folder("translation")


@pytest.mark.parametrize("script", ["predict", "evaluate"])
@pytest.mark.parametrize("application", catalogue())
def test_a_model_is_looked_for_when_it_is_asked_for(application, script, installed):
    """Not when the module is imported, which must not fail where there is no model."""
    module = __import__(f"applications.{application}.{script}", fromlist=["Options"])
    options = module.Options()
    assert getattr(options, "given", options).model is None


def test_nothing_here_imports_tensorflow():
    code = "import sys, common.model_folders; print({'tensorflow', 'keras'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(SHIPPED_MODELS.parent)}
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=environment) == "set()\n"
