"""What `evaluate` is asked must fit the model; what does not is said before the model's graph is loaded."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest

import applications
from applications import catalogue
from common.audio.files import encode_wav

MODELS = Path(applications.__file__).parents[1] / "saved_models"


@pytest.fixture
def evaluated(tmp_path, in_process):
    """Runs an application's `evaluate` with a model that has the shipped one's facts and no graph."""

    def run(application, *arguments):
        version = tmp_path / application / "1"
        version.mkdir(parents=True)
        (version / "saved_model.pb").write_bytes(b"no graph")
        shutil.copytree(MODELS / application / "1" / "assets.extra", version / "assets.extra")
        room = importlib.import_module(f"applications.{application}.evaluate")
        return in_process(room.main, room.Options, "--model", version, *arguments)

    return run


def test_a_label_that_a_text_classifier_does_not_know(evaluated, tmp_path):
    (tmp_path / "r.csv").write_text("text,label\nfine,positive\nwell,splendid\n", "utf-8")
    shown = evaluated("sentiment_analysis", "--data", tmp_path / "r.csv")
    assert shown.status == 1
    assert "r.csv, line 3: label 'splendid' was not seen in training; the model knows" in shown.err
    assert shown.err.count("\n") == 1


def test_a_word_that_a_recogniser_does_not_know(evaluated, tmp_path):
    for label in ("yes", "abracadabra"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        (tmp_path / "clips" / label / "1.wav").write_bytes(encode_wav(np.zeros(16_000)))
    flags = ("--data", tmp_path / "clips", "--labels", "yes", "abracadabra")
    shown = evaluated("speech_commands", *flags)
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "abracadabra/1.wav: label 'abracadabra' was not seen in training; the model knows" in shown.err


def test_the_wrong_direction_even_where_the_files_are_not_there(evaluated):
    shown = evaluated("translation", "--source", "train.de.gz", "--target", "train.en.gz")
    assert (shown.status, shown.out) == (1, "")
    assert shown.err == (
        "error: --source train.de.gz --target train.en.gz: this model translates from train.en.gz to train.de.gz\n"
    )


def test_an_image_that_is_to_be_drawn_and_is_not_there(evaluated):
    shown = evaluated("image_captioning", "--attention", "1000000")
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "--attention 1000000" in shown.err


@pytest.mark.parametrize("application", sorted(catalogue()))
def test_a_report_that_could_not_be_written_is_refused_before_it_is_measured(
    application, tmp_path, in_process
):
    (tmp_path / "taken").write_text("precious")
    room = importlib.import_module(f"applications.{application}.evaluate")
    shown = in_process(room.main, room.Options, "--output", tmp_path / "taken")
    assert shown.status == 2
    # The line is broken to the width of the terminal, inside a frame.
    assert "is a file; expected a folder" in " ".join(shown.err.replace("│", " ").split())
    assert (tmp_path / "taken").read_text() == "precious"
