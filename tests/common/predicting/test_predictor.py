"""A predictor is pickled by its path, closed by a block, and of no use in a forked process, which it says."""

import multiprocessing
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications import load
from common.audio.error import AudioError
from common.errors import FlagError, UserError
from common.images.files import ImageError
from common.inference.refused_rows import RefusedRowsError
from common.inference.runner import SavedModelError
from common.predicting.predictor import LoadedModel, classified

pytestmark = pytest.mark.slow

FORKED = """
import multiprocessing, os, sys
from applications import load
classify = load("sentiment_analysis")
classify("great")
with multiprocessing.get_context("fork").Pool(1) as pool:
    try:
        pool.map(classify, ["dull"])
    except Exception as error:
        print(type(error).__name__, error, flush=True)
child = os.fork()
if child:
    sys.exit(os.waitpid(child, 0)[1])
for use in (lambda: classify("dull"), lambda: load("translation")):
    try:
        use()
    except Exception as error:
        print(type(error).__name__, error, flush=True)
classify.close()
del classify
print("closed", flush=True)
os._exit(0)
"""
LATER = """
import os, sys
from applications import load
child = os.fork()
if child:
    sys.exit(os.waitpid(child, 0)[1])
print(load("sentiment_analysis")("a delight")["label"], flush=True)
os._exit(0)
"""
REFUSAL = (
    "this process was forked after a model was loaded, and TensorFlow does not work in it; expected one that starts by "
    "spawn: multiprocessing.get_context('spawn')"
)


def run(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def classify():
    with load("sentiment_analysis") as predictor:
        yield predictor


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_in_forked_processes_it_and_new_ones_are_refused_and_closing_does_nothing():
    in_a_pool, used, loaded, closed = run(FORKED)
    for line in (in_a_pool, used):
        assert line.startswith("UserError ")
        assert line.endswith(f"sentiment_analysis/1: {REFUSAL}")
    assert loaded.startswith("UserError ")
    assert loaded.endswith(f"translation/1: {REFUSAL}")
    assert closed == "closed"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_model_that_is_loaded_after_the_fork_answers():
    assert run(LATER) == ["positive"]


def test_in_spawned_processes_it_answers_and_its_errors_come_back(classify):
    expected = classify(["a delight", "dull"])
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        answers = pool.submit(classify, ["a delight", "dull"]).result(timeout=120)
        with pytest.raises(UserError, match=r"^texts: got 7 \(int\)"):
            pool.submit(classify, 7).result(timeout=120)
    assert [one["label"] for one in answers] == [one["label"] for one in expected]


def test_a_block_gives_it_and_closes_it():
    with load("sentiment_analysis") as predictor:
        assert predictor("a delight")["label"] == "positive"
    with pytest.raises(SavedModelError, match="this model is closed"):
        predictor("a delight")
    predictor.close()


def test_a_block_that_fails_closes_it_too():
    with pytest.raises(ZeroDivisionError), LoadedModel("sentiment_analysis", None, 1) as loaded:
        1 / 0  # noqa: B018
    with pytest.raises(SavedModelError, match="closed"):
        loaded._runner.run("serving_default", text=["a delight"])


def test_several_threads_may_ask_it(classify):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(classify("a delight")["label"])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["positive"] * 4


def test_a_home_folder_may_hold_the_model(monkeypatch):
    monkeypatch.setenv("HOME", str(Path(__file__).parents[3]))
    with load("sentiment_analysis", "~/saved_models/sentiment_analysis") as predictor:
        assert predictor.path.name == "1"
    with pytest.raises(UserError, match=r"^~no_such_user/models: no such folder"):
        load("sentiment_analysis", "~no_such_user/models")


@pytest.mark.parametrize(
    "error",
    [
        UserError("a: b"),
        FlagError("--a: b"),
        ImageError("a.png", "damaged image", "damaged"),
        AudioError("a.wav", "empty", "no samples"),
        RefusedRowsError({1: "empty"}, {"x": np.zeros(2)}, None, ""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_whole_out_of_another_process(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again).keys() == vars(error).keys()
    assert getattr(again, "reason", None) == getattr(error, "reason", None)


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8),
    st.one_of(st.none(), st.integers(1, 10)),
)
def test_so_many_of_the_most_probable_classes_are_told_in_their_order(probabilities, top_k):
    labels = [f"class {index}" for index in range(len(probabilities))]
    answer = classified(np.array(probabilities, np.float32), labels, top_k)
    assert answer["probability"] == max(probabilities)
    assert answer["label"] == labels[probabilities.index(max(probabilities))]
    assert list(answer) == ["label", "probability", "probabilities"]
    ranked = sorted(zip(labels, probabilities, strict=True), key=lambda one: -one[1])
    expected = list(zip(labels, probabilities, strict=True)) if top_k is None else ranked[:top_k]
    assert list(answer["probabilities"].items()) == expected
