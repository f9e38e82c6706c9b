"""What the runner of SavedModels promises, held against TensorFlow's own Python loader."""

import resource
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from common.errors import UserError
from common.inference import runner as runner_module
from common.inference.runner import SavedModelError, SavedModelRunner, TensorInfo, latest_version

pytestmark = pytest.mark.slow

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")


class Everything(tf.Module):
    """A model with each kind of tensor, a variable, and a lookup table whose start-up op must have run."""

    def __init__(self):
        self.weights = tf.Variable([[1.0, -1.0], [0.5, 2.0], [0.0, 3.0]])
        pairs = tf.lookup.KeyValueTensorInitializer(["good", "naïve"], tf.constant([7, 8], tf.int64))
        self.table = tf.lookup.StaticHashTable(pairs, default_value=-1)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, name="x"),
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None], tf.bool, name="upper"),
            tf.TensorSpec([None], tf.int32, name="count"),
        ]
    )
    def serve(self, x, text, upper, count):
        return {
            "y": tf.matmul(x, self.weights),
            "shouted": tf.where(upper, tf.strings.upper(text), text),
            "id": self.table.lookup(text),
            "longer": tf.strings.length(text) > count,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="number")])
    def positive(self, number):
        with tf.control_dependencies([tf.debugging.assert_positive(number, "numbers must be positive")]):
            return {"number": tf.identity(number)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def slow(self, steps):
        return {
            "total": tf.map_fn(lambda n: tf.while_loop(lambda i: i < n, lambda i: (i + 1,), [0])[0], steps)
        }


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everything") / "3"
    model = Everything()
    signatures = {"serving_default": model.serve, "positive": model.positive, "slow": model.slow}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def runner(everything):
    with SavedModelRunner(everything) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    """A model that gives back what it gets, one signature for each type, of any shape."""
    folder = tmp_path_factory.mktemp("identities")
    module = tf.Module()
    signatures = {}
    for dtype in (*DTYPES, "string", "bfloat16"):
        spec = tf.TensorSpec(None, tf.as_dtype(dtype), name="value")
        function = tf.function(lambda value: {"same": tf.identity(value)}, input_signature=[spec])
        signatures[dtype] = function.get_concrete_function()
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(folder), signatures=signatures)
    with SavedModelRunner(folder) as loaded:
        yield loaded


REQUEST = {
    "x": np.array([[1, 2, 3], [0.5, 0, -1]], np.float32),
    "text": np.array(["good", "naïve"], object),
    "upper": np.array([True, False]),
    "count": np.array([4, 4], np.int32),
}


def test_signatures_tell_names_types_and_shapes(runner):
    signature = runner.signatures["serving_default"]
    assert set(runner.signatures) == {"serving_default", "positive", "slow"}
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs == {
        "x": TensorInfo("float32", (None, 3)),
        "text": TensorInfo("string", (None,)),
        "upper": TensorInfo("bool", (None,)),
        "count": TensorInfo("int32", (None,)),
    }
    assert signature.outputs["y"] == TensorInfo("float32", (None, 2))
    assert signature.outputs["id"].dtype == "int64"


def test_a_shape_of_any_rank_is_none(identities):
    assert identities.signatures["float32"].inputs["value"] == TensorInfo("float32", None)


@pytest.mark.parametrize("rows", [2, 1, 0])
def test_answers_are_those_of_the_python_loader(everything, runner, rows):
    request = {name: value[:rows] for name, value in REQUEST.items()}
    python = tf.saved_model.load(str(everything)).signatures["serving_default"]
    expected = python(**{name: tf.constant(value, tf.string if value.dtype == object else None, value.shape)
                         for name, value in request.items()})  # fmt: skip
    answer = runner.run("serving_default", **request)
    assert answer.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(answer[name], value.numpy())
        assert answer[name].dtype == value.numpy().dtype


def test_plain_lists_are_taken_as_well(runner):
    answer = runner.run("serving_default", x=[[1, 2, 3]], text=["good"], upper=[True], count=[4])
    np.testing.assert_array_equal(answer["y"], [[2, 12]])
    assert answer["shouted"].tolist() == [b"GOOD"]
    assert answer["id"].tolist() == [7]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_arrays_come_back_as_they_went_in(identities, data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    array = data.draw(arrays.arrays(dtype, shapes))
    laid_out = array.T if data.draw(st.booleans()) else array
    same = identities.run(dtype, value=laid_out)["same"]
    assert same.dtype == laid_out.dtype
    np.testing.assert_array_equal(same, laid_out)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.binary() | st.text(), min_size=2, max_size=2), max_size=5))
def test_strings_come_back_as_they_went_in(identities, rows):
    same = identities.run("string", value=rows)["same"]
    expected = [[value.encode() if isinstance(value, str) else value for value in row] for row in rows]
    assert same.tolist() == expected


@pytest.mark.parametrize("length", [0, 1, 21, 22, 23, 24, 63, 64, 200])
def test_strings_of_every_length_are_tensorflows_own(runner, length):
    text = "abcdefghij" * 20
    request = {"x": np.ones((2, 3), np.float32), "upper": [True, False], "count": [length, length - 1]}
    answer = runner.run("serving_default", text=[text[:length], text[:length]], **request)
    assert answer["shouted"].tolist() == [text[:length].upper().encode(), text[:length].encode()]
    assert answer["longer"].tolist() == [False, True]


def test_large_strings_unicode_and_nuls(identities):
    texts = ["x" * 10_000_000, "日本語 🎭 é", "a\0b\0", "", b"\xff\xfe"]
    same = identities.run("string", value=texts)["same"]
    assert same.tolist() == [text.encode() if isinstance(text, str) else text for text in texts]


@pytest.mark.parametrize(
    ("signature", "changes", "message"),
    [
        ("serving", {}, "no signature 'serving'.*positive, serving_default, slow"),
        (
            "serving_default",
            {"y": [1]},
            "takes the inputs count, text, upper, x; got count, text, upper, x, y",
        ),
        ("serving_default", {"x": None}, "got count, text, upper$"),
        ("serving_default", {"text": "good"}, r"input 'text'.*expected the shape \[any\], got \[\]"),
        ("serving_default", {"text": [1, 2]}, "input 'text'.*expected string, got int 1"),
        ("serving_default", {"text": ["\ud800", "b"]}, "input 'text'.*expected string, 'utf-8'"),
        ("serving_default", {"x": np.zeros([2, 3])}, "input 'x'.*expected float32, got float64"),
        (
            "serving_default",
            {"x": np.zeros([2, 4], np.float32)},
            r"expected the shape \[any, 3\], got \[2, 4\]",
        ),
        ("serving_default", {"x": [[1, 2, 3], [1]]}, "input 'x'.*expected float32, "),
        ("serving_default", {"x": [["a", "b", "c"]]}, "input 'x'.*expected float32, got <U1"),
        ("serving_default", {"count": [1.5, 2]}, "input 'count'.*expected int32, got float64"),
        (
            "serving_default",
            {"count": [2**31, 2]},
            "input 'count'.*expected int32, got numbers out of its range",
        ),
        ("serving_default", {"upper": [1, 0]}, "input 'upper'.*expected bool, got int64"),
    ],
)
def test_a_wrong_request_is_refused_in_one_clear_line(runner, signature, changes, message):
    request = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match=message) as caught:
        runner.run(signature, **request)
    assert "\n" not in str(caught.value)


def test_of_inputs_as_given_the_graph_says_which_shapes_it_takes(runner):
    with pytest.raises(SavedModelError, match=r"Invalid reduction dimension \(0 for input with 0 dimension"):
        runner.run_as_given("positive", number=5)
    with pytest.raises(ValueError, match=r"input 'number'.*expected the shape"):
        runner.run("positive", number=5)
    with pytest.raises(ValueError, match=r"input 'number'.*expected int32, got float64"):
        runner.run_as_given("positive", number=[1.5])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda info: info.coo_sparse.SetInParent() or setattr(info.coo_sparse, "values_tensor_name", "x:0"),
         "expected dense tensors, 'number' is a sparse one"),
        (lambda info: setattr(info.composite_tensor.type_spec, "type_spec_class_name", "RaggedTensorSpec"),
         "expected dense tensors, 'number' is a composite one"),
        (lambda info: setattr(info, "dtype", 11), "'number': tensors of type qint8 cannot be sent"),
        (lambda info: setattr(info, "dtype", 120), "'number': tensors of type resource_ref cannot be sent"),
        (lambda info: setattr(info, "name", "absent:0"), "'number': no tensor 'absent:0' in the graph"),
        (lambda info: setattr(info, "name", info.name.replace(":0", ":9")), "'number': no tensor "),
    ],
    ids=["sparse", "composite", "quantised", "reference", "absent", "absent output"],
)  # fmt: skip
def test_a_signature_of_other_tensors_leaves_the_others_alone(everything, tmp_path, change, reason):
    folder = tmp_path / "1"
    shutil.copytree(everything, folder)
    file = folder / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    change(model.meta_graphs[0].signature_def["positive"].inputs["number"])
    file.write_bytes(model.SerializeToString())
    with SavedModelRunner(folder) as runner:
        assert set(runner.unusable) == {"positive"}
        assert runner.unusable["positive"].startswith(f"signature 'positive': {reason}")
        with pytest.raises(ValueError, match=r"^signature 'positive': "):
            runner.run("positive", number=[1])
        assert runner.run("serving_default", **REQUEST)["y"].shape == (2, 2)


def test_bfloat16_is_run_like_any_other_type(identities):
    array = np.array([[1.5], [-2]], tf.bfloat16.as_numpy_dtype)
    answer = identities.run("bfloat16", value=array)["same"]
    assert answer.dtype == array.dtype
    assert answer.tolist() == array.tolist()


def test_an_error_inside_the_graph_carries_its_message(runner):
    assert runner.run("positive", number=[1, 2])["number"].tolist() == [1, 2]
    with pytest.raises(SavedModelError, match="numbers must be positive"):
        runner.run("positive", number=[1, -2])
    assert runner.run("positive", number=[3])["number"].tolist() == [3]


def test_many_threads_get_their_own_answers(runner):
    def ask(number):
        text = f"text {number} " * (number % 7)
        answer = runner.run("serving_default", x=[[number] * 3], text=[text], upper=[True], count=[number])
        return answer["shouted"][0] == text.upper().encode() and answer["y"][0, 0] == 1.5 * number

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))


def test_closing_waits_for_the_calls_under_way_and_refuses_later_ones(everything):
    runner = SavedModelRunner(everything)
    answers = []
    ask = threading.Thread(target=lambda: answers.append(runner.run("slow", steps=[30_000])), daemon=True)
    ask.start()
    while not (runner._running or answers):
        time.sleep(0)
    close = threading.Thread(target=runner.close, daemon=True)
    close.start()
    close.join(60)
    assert not close.is_alive()
    ask.join(60)
    assert answers[0]["total"].tolist() == [30_000]
    runner.close()
    with pytest.raises(SavedModelError, match="closed"):
        runner.run("positive", number=[1])


def test_threads_can_be_limited(everything):
    with SavedModelRunner(everything, threads=1) as runner:
        assert runner.run("positive", number=[1])["number"].tolist() == [1]
    with SavedModelRunner(everything, intra_op_threads=1) as runner:
        assert runner.run("positive", number=[1])["number"].tolist() == [1]
    for name in ("threads", "intra_op_threads"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1"):
            SavedModelRunner(everything, **{name: 0})


@pytest.mark.parametrize(
    ("asked", "threads"),
    [
        ({}, (0, 0, False)),
        ({"threads": 3}, (3, 3, True)),
        ({"intra_op_threads": 1}, (1, 0, False)),
        ({"threads": 4, "intra_op_threads": 2}, (2, 4, True)),
    ],
)
def test_tensorflow_is_told_how_many_threads_it_may_use(everything, monkeypatch, asked, threads):
    configured = []
    load = runner_module._load
    monkeypatch.setattr(
        runner_module, "_load", lambda path, config: configured.append(config) or load(path, config)
    )
    SavedModelRunner(everything, **asked).close()
    config = ConfigProto.FromString(configured[0])
    assert threads == (
        config.intra_op_parallelism_threads,
        config.inter_op_parallelism_threads,
        config.use_per_session_threads,
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory in use from /proc")
def test_memory_does_not_grow_with_the_calls(identities):
    def mebibytes_after(calls):
        for _ in range(calls):
            identities.run("string", value=[b"x" * 2**20])
            identities.run("float32", value=np.zeros(2**18, np.float32))
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    before = mebibytes_after(20)
    assert mebibytes_after(150) - before < 75, "MiB more after 300 MiB of requests"


def alone(script: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False
    )


ASK = """
import sys
from pathlib import Path
from common.inference.runner import SavedModelRunner
def ask():
    with SavedModelRunner(Path(sys.argv[1])) as runner:
        answer = runner.run("serving_default", x=[[1, 2, 3]], text=["naïve"], upper=[True], count=[1])
        print(answer["id"].tolist())
"""


@pytest.mark.parametrize("level", ["", "3"])
def test_no_tensorflow_package_is_imported_and_nothing_is_said(everything, monkeypatch, level):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    done = alone(ASK + "ask(); print(sorted({'tensorflow', 'keras'} & set(sys.modules)))", everything)
    assert done.stdout == "[8]\n[]\n"
    assert done.stderr == ""


def test_a_user_who_asks_for_tensorflows_log_gets_it(everything, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    assert "Reading SavedModel from" in alone(ASK + "ask()", everything).stderr


def test_works_before_tensorflow_is_imported_and_beside_it(everything):
    then_python = (
        ASK
        + """
ask()
import tensorflow as tf
print(tf.saved_model.load(sys.argv[1]).signatures["positive"](number=tf.constant([5]))["number"].numpy())
ask()
"""
    )
    done = alone(then_python, everything)
    assert done.stdout == "[8]\n[5]\n[8]\n", done.stderr


def test_a_folder_without_a_model_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match=f"{folder}: expected a SavedModel folder"):
            SavedModelRunner(folder)


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "no weights", "cut weights"])
def test_a_damaged_model_is_refused_in_one_line(everything, tmp_path, damage):
    folder = tmp_path / "1"
    shutil.copytree(everything, folder)
    graph = folder / "saved_model.pb"
    if damage == "cut":
        graph.write_bytes(graph.read_bytes()[:1000])
    elif damage == "noise":
        graph.write_bytes(bytes(range(256)) * 10)
    elif damage == "empty":
        graph.write_bytes(b"")
    elif damage == "no weights":
        shutil.rmtree(folder / "variables")
    else:
        data = next((folder / "variables").glob("*.data*"))
        data.write_bytes(data.read_bytes()[:5])
    reason = "TensorFlow cannot load this SavedModel: |expected the model's weights"
    with pytest.raises(UserError, match=f"{folder}: ({reason})") as caught:
        SavedModelRunner(folder)
    assert "\n" not in str(caught.value)


def test_latest_version_is_the_highest_number_or_the_model_itself(everything, tmp_path):
    for name in ("2", "10", "9", ".tmp-11", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "12").touch()
    assert latest_version(tmp_path) == tmp_path / "10"
    assert latest_version(everything) == everything
    assert latest_version(everything.parent) == everything


def test_latest_version_says_what_it_expected(tmp_path):
    with pytest.raises(UserError, match="absent: no such folder"):
        latest_version(tmp_path / "absent")
    with pytest.raises(UserError, match=r"expected a SavedModel .* or numbered versions"):
        latest_version(tmp_path)
    (tmp_path / "1").mkdir()
    with pytest.raises(UserError, match="1: expected a SavedModel folder"):
        latest_version(tmp_path)
