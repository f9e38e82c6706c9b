"""The SavedModel takes raw strings and gives final answers, anywhere, the same alone or in a batch."""

import json

import numpy as np
import tensorflow as tf

from applications.sentiment_analysis.export import load_run, main
from common.export.script import ExportOptions
from common.text.tf_examples import serialized_example

TEXTS = [
    "a fine film",
    "I hated this book",
    "",
    "what an awful " + "very " * 40 + "long song !",
    "<br />très bon 👍",
]


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


def test_a_signature_for_gpus_is_not_published_where_none_can_prove_it(in_process, finished_run, tmp_path):
    flags = ("--run", finished_run, "--output", tmp_path / "sentiment_analysis", "--gpu-signature")
    status, out, err = in_process(main, ExportOptions, *flags)
    assert (status, out) == (1, "")
    assert err.startswith("error: --gpu-signature: TensorFlow sees no GPU")
    assert err.count("\n") == 1
    assert not (tmp_path / "sentiment_analysis").exists()
