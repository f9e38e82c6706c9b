"""The project, installed from a wheel, is used from any folder: with the models of a checkout, or of one's own."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("applications", "common")
VARIABLE = "RECURRENT_APPLICATIONS_MODELS"
TEXT = "Two dogs are playing in the snow."


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing of it is left in the checkout, and nothing of a build before gets in."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", built, source)
    (file,) = built.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the installed project; what it depends on is this environment's."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel)
    return folder


@pytest.fixture
def command(installed, tmp_path):
    """Runs the console script in an empty folder, with the environment variable set or not -> what came of it."""

    def run(*arguments, models=None):
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        environment.pop(VARIABLE, None)
        if models is not None:
            environment[VARIABLE] = str(models)
        script = installed / "bin" / "recurrent-applications"
        return subprocess.run(
            [script, *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300
        )

    return run


def test_the_wheel_holds_all_files_of_the_packages_and_no_models(wheel):
    packaged = {
        str(path.relative_to(REPOSITORY))
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == packaged
    assert "applications/sentiment_analysis/sample.tsv" in packaged
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_a_sentence_is_translated_by_the_model_that_the_environment_names(command):
    done = command("translation", "predict", TEXT, models=REPOSITORY / "saved_models")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Zwei Hunde spielen im Schnee.\n", "")


def test_a_review_is_judged_by_the_model_in_the_working_folder(command, tmp_path):
    (tmp_path / "saved_models").symlink_to(REPOSITORY / "saved_models")
    done = command("sentiment_analysis", "predict", "A delight from start to finish.")
    assert (done.returncode, done.stdout.split("\t")[0], done.stderr) == (0, "positive", "")


def test_without_a_model_the_line_says_where_it_was_looked_for(command, tmp_path):
    done = command("translation", "predict", TEXT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: no model of translation: looked in {VARIABLE} (not set), ./saved_models, the checkout (there is none "
        "here); expected <application>/<version>/ in one of them, or a model named with --model\n"
    )
    assert not list(tmp_path.iterdir())


def test_an_installed_server_says_where_it_looked_for_models(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    environment.pop(VARIABLE, None)
    command = [sys.executable, "-m", "common.serving.server", "--rest-port", "0", "--grpc-port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"error: no folder of models: looked for {VARIABLE} (not set), ./saved_models"
    )
    assert done.stderr.count("\n") == 1


def test_the_list_and_a_wrong_name(command):
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    assert "\ntranslation\n    a text in, its translation" in done.stdout
    assert command("translatoin", "predict").returncode == 2
