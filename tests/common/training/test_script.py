"""A training begins with a folder and a line for each part of its data, and ends with its outcome."""

import json
from dataclasses import dataclass, field

import pytest

from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.script import begin_run, finish_run


class Texts(list):
    def describe(self):
        return f"{len(self)} texts"


@dataclass(frozen=True)
class Config:
    training: TrainingOptions = field(default_factory=TrainingOptions)
    units: int = 3


def begun(folder, **options):
    config = Config(TrainingOptions(runs=folder, name="mine", **options))
    return begin_run("letters", config, Texts("abc"), Texts("d"))


def test_the_folder_holds_the_configuration_and_the_parts_are_told(tmp_path, capsys):
    folder = begun(tmp_path)
    assert folder == tmp_path / "letters" / "mine"
    assert json.loads((folder / "config.json").read_text("utf-8"))["units"] == 3
    assert capsys.readouterr().out == "training: 3 texts\nvalidation: 1 texts\n"


def test_a_run_of_that_name_is_not_overwritten_unasked(tmp_path):
    begun(tmp_path)
    with pytest.raises(UserError, match="this run exists"):
        begun(tmp_path)
    assert begun(tmp_path, overwrite=True).is_dir()


def test_the_outcome_adds_up_the_seconds_of_all_phases_and_says_how_to_export(tmp_path, capsys):
    folder = begun(tmp_path)
    capsys.readouterr()
    epochs = [{"seconds": 1.4}, {"seconds": 2.0}, {"seconds": 0.2}]
    assert finish_run(folder, "letters", 3, epochs, {"validation_accuracy": 0.5}) == folder
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    assert (outcome["training_seconds"], outcome["training_examples"]) == (4, 3)
    assert outcome["validation_accuracy"] == 0.5
    assert outcome["hardware"]["cores"] >= 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "validation: accuracy 0.5000",
        f"kept in {folder}; export it with: python -m applications.letters.export --run {folder}",
    ]


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        ("", "validation is all of one class, so no temperature is fitted and probabilities are as trained"),
        (
            "words",
            "in validation all words are right or all are wrong, so no temperature is fitted and their",
        ),
        (
            "words and letters",
            "in validation all words and letters are right or all are wrong, so no temperature",
        ),
    ],
)
def test_why_nothing_was_calibrated_is_said_of_classes_and_of_words_in_their_own_terms(
    tmp_path, capsys, judged, expected
):
    finish_run(begun(tmp_path), "letters", 3, [{"seconds": 1}], {}, is_calibrated=False, judged=judged)
    said = capsys.readouterr().out
    assert f"calibration: {expected}" in said
    assert not judged or "class" not in said


def test_a_temperature_that_was_fitted_is_not_spoken_of(tmp_path, capsys):
    finish_run(begun(tmp_path), "letters", 3, [{"seconds": 1}], {}, is_calibrated=True, judged="words")
    assert "calibration" not in capsys.readouterr().out
