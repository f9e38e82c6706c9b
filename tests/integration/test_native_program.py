"""No Python is needed to answer: a C program on TensorFlow's C library gives the same answers as the runner."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "saved_models"
QUESTIONS = {
    "a string of bytes": (MODELS / "speech_commands" / "1", "serving_default"),
    "tables of numbers, times and a name": (MODELS / "forecasting" / "1", "serving_default"),
    "a number and states": (MODELS / "text_generation" / "1", "step"),
}
"""By what is asked: the program knows kinds of tensors and no model, so each kind is asked of one model."""

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and shutil.which("cc") and shutil.which("make")),
    reason="needs Linux, a C compiler and make",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    command = (
        "make",
        "-C",
        REPOSITORY / "deployment" / "native",
        f"PYTHON={sys.executable}",
        f"BUILD={folder}",
    )
    subprocess.run(command, check=True, capture_output=True)
    return folder / "answer"


def ask(program, *arguments):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, env=environment, timeout=300)


def first_row(version, signature):
    """The first row of the first warm-up request for the signature."""
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    for record in records.as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        if request.model_spec.signature_name == signature:
            return {name: tf.make_ndarray(value)[:1] for name, value in request.inputs.items()}
    raise AssertionError(f"{version}: no warm-up request for {signature}")


def as_arguments(row, folder):
    """Strings and large arrays as files of their bytes, other numbers as text."""
    for name, array in row.items():
        if array.dtype != object and array.size < 10:
            yield f"{name}={','.join(map(str, array.ravel().tolist()))}"
        else:
            file = folder / name
            file.write_bytes(array.item() if array.dtype == object else array.tobytes())
            yield f"{name}=@{file}"


def as_text(values):
    return [as_text(value) if isinstance(value, list) else value.decode("utf-8") for value in values]


@pytest.mark.parametrize(("version", "signature"), QUESTIONS.values(), ids=QUESTIONS)
def test_it_answers_as_the_runner_does(program, loaded_once, tmp_path, version, signature):
    row = first_row(version, signature)
    done = ask(program, version, "--signature", signature, *as_arguments(row, tmp_path))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    expected = loaded_once(version).run(signature, **row)
    assert answer.keys() == expected.keys()
    for name, array in expected.items():
        if array.dtype == object:
            assert answer[name] == as_text(array.tolist())
        else:
            np.testing.assert_allclose(np.array(answer[name], array.dtype), array, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "x"), "nowhere: "),
        (
            (MODELS / "sentiment_analysis" / "1", "--signature", "guess", "x"),
            "the model has no signature guess",
        ),
        ((MODELS / "sentiment_analysis" / "1", "@nowhere"), "nowhere: No such file"),
        (
            (
                MODELS / "text_generation" / "1",
                *["prefix=a", "length=1.5", "temperature=1", "top_k=0", "top_p=1", "seed=7"],
            ),
            "length: expected whole numbers of 32 bits, got 1.5",
        ),
    ],
)
def test_what_cannot_be_answered_is_told(program, arguments, message):
    done = ask(program, *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines()[-1].startswith(f"error: {message}")


def test_without_a_request_it_tells_its_use(program):
    done = ask(program, MODELS / "sentiment_analysis" / "1")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[-1].startswith("usage: ")
