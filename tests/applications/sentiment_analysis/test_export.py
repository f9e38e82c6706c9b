"""The SavedModel takes raw strings and gives final answers, anywhere, the same alone or in a batch."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.sentiment_analysis.config import PRESETS
from applications.sentiment_analysis.export import export, load_run
from common.errors import UserError
from common.export.script import ExportOptions
from common.inference.runner import SavedModelRunner
from common.text.tf_examples import serialized_example
from common.training.run_folder import open_run

TEXTS = [
    "a fine film",
    "I hated this book",
    "",
    "what an awful " + "very " * 40 + "long song !",
    "<br />très bon 👍",
]


@pytest.fixture(scope="module")
def runner(exported):
    with SavedModelRunner(exported) as model:
        yield model


def test_the_signatures_are_named_for_what_they_take_and_give(runner):
    described = {
        name: (
            {key: info.dtype for key, info in one.inputs.items()},
            {key: info.shape for key, info in one.outputs.items() if key != "error"},
        )
        for name, one in runner.signatures.items()
    }
    assert described == {
        "serving_default": ({"text": "string"}, {"label": (None,), "probabilities": (None, 2)}),
        "explain": (
            {"text": "string"},
            {
                "label": (None,),
                "probabilities": (None, 2),
                "tokens": (None, None),
                "contributions": (None, None),
                "mask": (None, None),
            },
        ),
        "classify": ({"inputs": "string"}, {"classes": (None, 2), "scores": (None, 2)}),
    }
    assert runner.signatures["classify"].method_name == "tensorflow/serving/classify"


@pytest.mark.parametrize("signature", ["serving_default", "explain"])
def test_a_text_has_the_same_answer_alone_and_in_a_batch(runner, signature):
    together = runner.run(signature, text=TEXTS)
    for row, text in enumerate(TEXTS):
        for name, alone in runner.run(signature, text=[text]).items():
            value = together[name][row]
            if alone.ndim > 1 and name != "probabilities":
                value = value[: alone.shape[1]]
            if alone.dtype == np.float32:
                np.testing.assert_allclose(value, alone[0], atol=1e-5)
            else:
                np.testing.assert_array_equal(value, alone[0])


@pytest.mark.parametrize("size", [0, 1, 3, 70])
def test_any_batch_size(runner, size):
    answers = runner.run("serving_default", text=(TEXTS * 20)[:size])
    assert answers["probabilities"].shape == (size, 2)
    assert answers["label"].shape == (size,)


def test_the_answers_are_those_of_the_trained_model_with_its_calibration(runner, finished_run):
    trained = load_run(finished_run)
    logits = np.asarray(trained.model(trained.features(tf.constant(TEXTS)), training=False))
    scaled = np.exp(logits / trained.run.outcome["temperature"])
    answers = runner.run("serving_default", text=TEXTS)
    np.testing.assert_allclose(answers["probabilities"], scaled / scaled.sum(1, keepdims=True), atol=1e-5)
    assert [label.decode() for label in answers["label"]] == [trained.labels[one] for one in logits.argmax(1)]


def test_contributions_add_up_to_the_calibrated_lead_of_the_label_less_that_of_the_bias(runner, finished_run):
    trained = load_run(finished_run)
    outputs = runner.run("explain", text=TEXTS)
    logits = np.asarray(trained.model(trained.features(tf.constant(TEXTS)), training=False))
    leads = np.diff(logits - np.asarray(trained.model.get_layer("logits").bias))[:, 0]
    signs = np.where(outputs["label"] == b"positive", 1, -1)
    expected = signs * leads / trained.run.outcome["temperature"]
    np.testing.assert_allclose(outputs["contributions"].sum(axis=1), expected, rtol=1e-4)
    assert not outputs["contributions"][~outputs["mask"]].any()


def test_classify_takes_serialised_examples(runner):
    answers = runner.run("classify", inputs=[serialized_example(text) for text in TEXTS])
    np.testing.assert_allclose(
        answers["scores"], runner.run("serving_default", text=TEXTS)["probabilities"], atol=1e-6
    )
    assert answers["classes"].tolist() == [[b"negative", b"positive"]] * len(TEXTS)


def test_the_vocabulary_labels_card_and_warm_up_travel_with_the_model(exported):
    extra = exported / "assets.extra"
    assert json.loads((extra / "labels.json").read_text("utf-8")) == {
        "labels": ["negative", "positive"],
        "label_map": {"0": "negative", "1": "positive"},
    }
    manifest = json.loads((extra / "manifest.json").read_text("utf-8"))
    assert manifest["training_examples"] > 60
    assert manifest["data"] == "reviews.csv"
    assert manifest["vocabulary_sha256"]
    assert "/" not in json.dumps(manifest["configuration"])
    assert (extra / "README.md").read_text("utf-8").startswith("# sentiment_analysis")
    assert (extra / "tf_serving_warmup_requests").stat().st_size > 0


def test_trained_where_a_gpu_is_seen_it_holds_no_operation_of_a_gpu_alone(
    finished_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules["keras.src.backend.tensorflow.rnn"], "_is_gpu_available", lambda: True)
    version = export(ExportOptions(finished_run, tmp_path / "sentiment_analysis"))
    assert b"Cudnn" not in (version / "saved_model.pb").read_bytes()


def test_a_signature_for_gpus_is_not_published_where_none_can_prove_it(run, finished_run, tmp_path):
    script = [sys.executable, "-m", "applications.sentiment_analysis.export", "--run", str(finished_run)]
    result = run([*script, "--output", str(tmp_path / "sentiment_analysis"), "--gpu-signature"])
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: --gpu-signature: TensorFlow sees no GPU")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "sentiment_analysis").exists()


def test_the_next_export_is_the_next_version(finished_run, exported):
    assert exported.name == "1"
    assert export(ExportOptions(finished_run, exported.parent)).name == "2"
    (exported.parent / "2").rename(exported.parent.parent / "second")


def test_a_failed_export_leaves_nothing_behind(finished_run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.export.saved_model.write_warmup", fail)
    with pytest.raises(OSError, match="No space left"):
        export(ExportOptions(finished_run, tmp_path / "sentiment_analysis"))
    assert list(tmp_path.rglob("*")) == []


def test_a_run_that_is_not_finished_is_not_exported(tmp_path):
    config = PRESETS["tiny"]
    training = replace(config.training, runs=tmp_path)
    folder = open_run("sentiment_analysis", replace(config, training=training), training)
    with pytest.raises(UserError, match="this training is not finished; go on with train --resume"):
        export(ExportOptions(folder, tmp_path / "out"))


def test_a_savedmodel_can_be_exported_anew_when_its_run_is_gone(exported, tmp_path):
    described = ExportOptions(exported, tmp_path / "sentiment_analysis", training_note="begun twice")
    once = export(described)
    again = export(ExportOptions(once, tmp_path / "sentiment_analysis"))
    texts = ["great", "a dull film", ""]
    with SavedModelRunner(exported) as first, SavedModelRunner(again) as last:
        for name, values in first.run("serving_default", text=texts).items():
            np.testing.assert_array_equal(last.run("serving_default", text=texts)[name], values)
    weights = "variables/variables.data-00000-of-00001"
    assert (again / weights).read_bytes() == (exported / weights).read_bytes()
    cards = [
        json.loads((version / "assets.extra" / "manifest.json").read_text()) for version in (once, again)
    ]
    for card in cards:
        del card["created"]
    assert cards[0] == cards[1]
    assert cards[1]["training_note"] == "begun twice"
