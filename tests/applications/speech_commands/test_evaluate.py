"""The evaluation measures the exported model and writes the report that the other tools of the field would."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, det_curve, precision_score, recall_score

from applications.speech_commands.evaluate import Options, evaluate
from applications.speech_commands.predict import Predictor
from common.audio.labelled import AudioSource, load_evaluation
from common.errors import UserError

PICTURES = {"confusion_matrix.png", "reliability.png", "rejection.png"}


@pytest.fixture(scope="module")
def source(recordings):
    return AudioSource(str(recordings))


@pytest.fixture(scope="module")
def report(exported, source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(Options(exported.parent, source, stream_minutes=0.5, output=folder, batch_size=7))
    return folder


@pytest.fixture(scope="module")
def metrics(report):
    return json.loads((report / "metrics.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def answers(exported, source):
    """The test clips' labels, as indices, and the model's probabilities."""
    clips, predictor = load_evaluation(source, lambda _: None), Predictor(exported)
    labels = np.array([predictor.labels.index(label) for label in clips.labels])
    return labels, predictor.probabilities(clips.waveforms)


def test_the_metrics_are_those_of_scikit_learn_on_the_models_own_answers(metrics, answers):
    labels, probabilities = answers
    predicted = probabilities.argmax(axis=1)
    assert metrics["examples"] == len(labels) == 36
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert metrics["accuracy"] > 0.8
    for index, name in enumerate(("_silence_", "_unknown_", "high", "low")):
        row = metrics["per_class"][name]
        settings = {"labels": [index], "average": "micro", "zero_division": 0}
        assert row["precision"] == pytest.approx(precision_score(labels, predicted, **settings))
        assert row["recall"] == pytest.approx(recall_score(labels, predicted, **settings))
    assert metrics["clips_per_second"] > 0
    assert metrics["left_out"] == {}
    assert {"macro_f1", "log_loss", "expected_calibration_error"} <= metrics.keys()


def test_the_equal_error_rate_is_that_of_words_against_strangers(metrics, answers):
    labels, probabilities = answers
    accepted, refused, _ = det_curve(labels >= 2, probabilities[:, 2:].max(axis=1))
    nearest = np.argmin(np.abs(accepted - refused))
    step = 1 / 12
    assert min(accepted[nearest], refused[nearest]) - step <= metrics["equal_error_rate"]
    assert metrics["equal_error_rate"] <= max(accepted[nearest], refused[nearest]) + step


def test_words_are_detected_in_a_recording_composed_of_the_clips(metrics):
    stream = metrics["stream"]
    assert stream["seconds"] == 30
    assert stream["hits"] + stream["misses"] == stream["events"] > 5
    assert stream["recall"] == stream["hits"] / stream["events"] > 0.5
    assert stream["false_alarms_per_hour"] == stream["false_alarms"] * 120
    assert stream["per_class"].keys() == {"high", "low"}
    assert (stream["threshold"], stream["smoothing"], stream["refractory"]) == (0.9, 0.2, 0.6)


def test_a_streaming_model_is_measured_alike(exported_stream, source, tmp_path):
    metrics = evaluate(Options(exported_stream, source, stream_minutes=0.5, output=tmp_path))
    assert metrics["stream"]["recall"] > 0.5
    assert metrics["examples"] == 36


def test_the_report_holds_pictures_and_the_worst_mistakes_first(report, exported, recordings, tmp_path):
    assert {path.name for path in report.glob("*.png")} == PICTURES
    assert all((report / name).read_bytes().startswith(b"\x89PNG") for name in PICTURES)
    swapped = tmp_path / "swapped"
    (swapped / "high").mkdir(parents=True)
    for label in ("high", "low"):
        clip = next((recordings / "test" / label).iterdir())
        (swapped / "high" / f"{label}.wav").write_bytes(clip.read_bytes())
    evaluate(Options(exported, AudioSource(str(swapped)), output=tmp_path / "report", stream_minutes=0))
    with (tmp_path / "report" / "worst_mistakes.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["clip"], row["label"], row["predicted"]) for row in rows] == [
        ("high/low.wav", "high", "low")
    ]


def test_without_strangers_and_streams_there_is_no_curve_and_no_detection(exported, recordings, tmp_path):
    words = AudioSource(str(recordings / "test" / "high"), name_pattern="(?P<label>)")
    with pytest.raises(UserError, match="no label"):
        evaluate(Options(exported, words, output=tmp_path))
    for label in ("high", "low"):
        (tmp_path / "words" / label).mkdir(parents=True)
        clip = next((recordings / "test" / label).iterdir())
        (tmp_path / "words" / label / "a.wav").write_bytes(clip.read_bytes())
    options = Options(
        exported, AudioSource(str(tmp_path / "words")), stream_minutes=0, output=tmp_path / "report"
    )
    metrics = evaluate(options)
    assert metrics["stream"] is metrics["equal_error_rate"] is None
    assert {path.name for path in (tmp_path / "report").glob("*.png")} == PICTURES - {"rejection.png"}


def test_words_that_the_model_has_no_class_of_are_unknown(exported, recordings, tmp_path):
    clip = next((recordings / "test" / "_unknown_").iterdir()).read_bytes()
    for label in ("hiss", "shush", "_unknown_"):
        (tmp_path / "words" / label).mkdir(parents=True)
        (tmp_path / "words" / label / "a.wav").write_bytes(clip)
    options = Options(
        exported, AudioSource(str(tmp_path / "words")), stream_minutes=0, output=tmp_path / "report"
    )
    assert evaluate(options)["per_class"]["_unknown_"]["support"] == 3
    known = replace(options, source=AudioSource(str(tmp_path / "words"), labels=("hiss",)))
    with pytest.raises(UserError, match="label 'hiss' was not seen in training"):
        evaluate(known)
