"""An exported model is proved before it takes its place: laws 4 to 6 of the house, on a small string-in model."""

import resource
import signal
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from common.export import saved_model, versions
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelError, SavedModelRunner, TensorInfo

TEXTS = ["a good film", "bad", "", "the good the bad and the naïve"]
TEXT = {"text": tf.TensorSpec([None], tf.string)}


class Classifier:
    """Words to probabilities: StringLookup, Embedding, bidirectional LSTM, Dense."""

    def __init__(self, **lstm_options):
        self.lookup = keras.layers.StringLookup(vocabulary=["good", "bad", "film", "the"], mask_token="")
        self.model = keras.Sequential(
            [
                keras.Input([None], dtype="int64"),
                keras.layers.Embedding(6, 4, mask_zero=True),
                keras.layers.Bidirectional(keras.layers.LSTM(3, **lstm_options)),
                keras.layers.Dense(2, activation="softmax"),
            ]
        )

    def tokens(self, text):
        return tf.strings.split(tf.strings.join([text, " ."])).to_tensor()

    def serve(self, text):
        probabilities = self.model(self.lookup(self.tokens(text)))
        label = tf.gather(tf.constant(["negative", "positive"]), tf.argmax(probabilities, axis=-1))
        return {"label": label, "probabilities": probabilities}

    def explain(self, text):
        tokens = self.tokens(text)
        mask = tokens != ""
        return {"tokens": tokens, "mask": mask, "weights": tf.where(mask, self.lookup(tokens), 0)}

    def classify(self, inputs):
        feature = {"text": tf.io.FixedLenFeature([], tf.string)}
        scores = self.serve(tf.io.parse_example(inputs, feature)["text"])["probabilities"]
        classes = tf.tile([["negative", "positive"]], [tf.shape(scores)[0], 1])
        return {"classes": classes, "scores": scores}

    def signatures(self):
        examples = [
            tf.train.Example(
                features=tf.train.Features(
                    feature={"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))}
                )
            ).SerializeToString()
            for text in TEXTS
        ]
        return [
            Signature("serving_default", self.serve, TEXT, {"text": TEXTS}),
            Signature("explain", self.explain, TEXT, {"text": TEXTS}),
            Signature(
                "classify",
                self.classify,
                {"inputs": tf.TensorSpec([None], tf.string)},
                {"inputs": examples},
                method="classify",
            ),
        ]


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(1)
    return Classifier(use_cudnn=False)


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "sentiment"
    return export_saved_model(
        classifier.signatures(),
        folder,
        resources=[classifier.lookup],
        files={"README.md": "# naïve", "pictures/curve.png": b"\x89PNG"},
    )


@pytest.fixture(scope="module")
def runner(exported):
    with SavedModelRunner(exported) as loaded:
        yield loaded


def lengths(**overrides):
    """A signature of stock operations alone, quick to export."""
    fields = {
        "name": "serving_default",
        "function": lambda text: {"length": tf.strings.length(text)},
        "inputs": TEXT,
        "examples": {"text": TEXTS},
    }
    return Signature(**(fields | overrides))


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_served_answers_are_the_live_ones(classifier, runner):
    texts = ["film film bad", "an unknown word", "", "good " * 50]
    answer = runner.run("serving_default", text=texts)
    live = classifier.serve(tf.constant(texts))
    np.testing.assert_allclose(answer["probabilities"], live["probabilities"].numpy(), atol=1e-5)
    assert answer["label"].tolist() == live["label"].numpy().tolist()


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_any_batch_size_gives_a_text_the_same_answer(runner, rows):
    alone = runner.run("serving_default", text=["the good film"])["probabilities"][0]
    together = runner.run("serving_default", text=["the good film", *["bad " * 9] * (rows - 1)])[
        "probabilities"
    ]
    assert together.shape == (rows, 2)
    np.testing.assert_allclose(together[0], alone, atol=1e-5)


def test_the_signatures_are_named_as_given(runner):
    assert set(runner.signatures) == {"serving_default", "explain", "classify"}
    assert runner.signatures["serving_default"].inputs == {"text": TensorInfo("string", (None,))}
    assert runner.signatures["serving_default"].outputs == {
        "label": TensorInfo("string", (None,)),
        "probabilities": TensorInfo("float32", (None, 2)),
        "error": TensorInfo("string", (None,)),
    }
    # TensorFlow Serving's classification API knows two outputs only.
    assert runner.signatures["classify"].outputs.keys() == {"classes", "scores"}


def test_a_row_that_cannot_be_answered_is_told_why_and_its_neighbours_are_answered(tmp_path):
    def halve(number, text):
        error = tf.where(number % 2 == 0, "", "expected an even number")
        return {"half": number // 2, "text": text, "error": error}

    inputs = {"number": tf.TensorSpec([None], tf.int32), **TEXT}
    examples = {"number": [2, 3, 4], "text": ["two", "three", "four"]}
    version = export_saved_model([Signature("serving_default", halve, inputs, examples)], tmp_path / "halves")
    with SavedModelRunner(version) as runner:
        answer = runner.run("serving_default", number=[6, 7, 8, 9], text=["six", "seven", "eight", "nine"])
        assert answer["half"].tolist() == [3, 0, 4, 0]
        assert answer["text"].tolist() == [b"six", b"", b"eight", b""]
        assert answer["error"].tolist() == [b"", b"expected an even number"] * 2
        with pytest.raises(SavedModelError, match="every input, got number 2, text 1"):
            runner.run("serving_default", number=[6, 7], text=["six"])


def test_classify_is_marked_for_the_classification_api(classifier, runner):
    assert runner.signatures["serving_default"].method_name == "tensorflow/serving/predict"
    assert runner.signatures["classify"].method_name == "tensorflow/serving/classify"
    answer = runner.run("classify", inputs=classifier.signatures()[2].examples["inputs"])
    assert answer["classes"].tolist() == [[b"negative", b"positive"]] * len(TEXTS)
    expected = runner.run("serving_default", text=TEXTS)["probabilities"]
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-5)


def test_weights_are_stored_once(classifier, exported):
    stored = tf.train.load_checkpoint(str(exported / "variables" / "variables"))
    shapes = [
        tuple(shape)
        for name, shape in stored.get_variable_to_shape_map().items()
        if "OBJECT_GRAPH" not in name
    ]
    assert sorted(shapes) == sorted(tuple(weight.shape) for weight in classifier.model.weights)


def test_a_graphs_file_names_an_operation_within_a_function_by_its_kind_and_loads_in_python_too(
    exported, runner
):
    graph = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes()).meta_graphs[0]
    functions = graph.graph_def.library.function
    assert functions
    for function in functions:
        assert [node.name for node in function.node_def] == [
            f"{node.op}_{number}" for number, node in enumerate(function.node_def)
        ]
    loaded = tf.saved_model.load(str(exported)).signatures["serving_default"]
    texts = ["good", "two dogs"]
    expected = runner.run("serving_default", text=texts)
    for name, values in loaded(text=tf.constant(texts)).items():
        if values.dtype == tf.float32:
            np.testing.assert_allclose(values, expected[name], atol=1e-5)


def test_files_are_written_beside_the_model(exported):
    extra = exported / "assets.extra"
    assert (extra / "README.md").read_text(encoding="utf-8") == "# naïve"
    assert (extra / "pictures" / "curve.png").read_bytes() == b"\x89PNG"


def test_versions_count_up_from_the_highest(tmp_path):
    (tmp_path / "9").mkdir()
    (tmp_path / "drafts").mkdir()
    assert export_saved_model([lengths()], tmp_path) == tmp_path / "10"
    assert export_saved_model([lengths()], tmp_path) == tmp_path / "11"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["10", "11", "9", "drafts"]


def test_a_stock_lstm_traced_where_a_gpu_is_visible_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["keras.src.backend.tensorflow.rnn"], "_is_gpu_available", lambda: True)
    for options, accepted in (({}, False), ({"use_cudnn": False}, True)):
        classifier = Classifier(**options)
        signatures = classifier.signatures()[:1]
        if accepted:
            export_saved_model(signatures, tmp_path / "sentiment", resources=[classifier.lookup])
        else:
            with pytest.raises(ValueError, match=r"CudnnRNN.* runs on NVIDIA GPUs only"):
                export_saved_model(signatures, tmp_path / "sentiment", resources=[classifier.lookup])
            assert everything_in(tmp_path) == []


def test_weights_that_only_pythons_loader_finds_are_refused(classifier, tmp_path, monkeypatch):
    def save_the_keras_model(traced, folder, resources, variable_order):
        root = tf.Module()
        root.model, root.lookup = classifier.model, classifier.lookup
        tf.saved_model.save(root, str(folder), signatures=dict(traced))

    monkeypatch.setattr(saved_model, "_save", save_the_keras_model)
    with pytest.raises(
        ValueError, match=r"exported model fails where the live one answers.*Could not find variable"
    ):
        export_saved_model(classifier.signatures()[:1], tmp_path / "sentiment")
    assert everything_in(tmp_path) == []


def test_an_answer_that_depends_on_the_other_rows_is_refused(tmp_path):
    def share_of_the_batch(x):
        return {"share": x / tf.reduce_sum(x)}

    signature = lengths(
        function=share_of_the_batch,
        inputs={"x": tf.TensorSpec([None], tf.float32)},
        examples={"x": [1.0, 2.0]},
    )
    with pytest.raises(ValueError, match=r"output 'share', 3 rows: .* got .*0.25.*, not .*0.33"):
        export_saved_model([signature], tmp_path)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("as_traced", "as_live", "accepted"),
    [
        (1.0, 1.000001, True),
        (1.0, 1.001, False),
        (100_000.0, 100_000.5, True),
        (0.0, float("nan"), False),
        (3, 4, False),
        (True, False, False),
        ("yes", "no", False),
    ],
)
def test_an_exported_answer_must_be_the_live_one(tmp_path, as_traced, as_live, accepted):
    def answer(text):
        value = as_live if tf.executing_eagerly() else as_traced
        return {"answer": tf.fill([tf.shape(text)[0]], value)}

    if accepted:
        assert export_saved_model([lengths(function=answer)], tmp_path).name == "1"
    else:
        with pytest.raises(ValueError, match=r"output 'answer', all rows: expected .* as the live one, got"):
            export_saved_model([lengths(function=answer)], tmp_path)
        assert everything_in(tmp_path) == []


@pytest.mark.parametrize(("padding", "accepted"), [("", True), ("<pad>", False)])
def test_a_shorter_row_may_be_narrower_alone_if_the_rest_is_padding(tmp_path, padding, accepted):
    signature = lengths(function=lambda text: {"tokens": tf.strings.split(text).to_tensor(padding)})
    if accepted:
        export_saved_model([signature], tmp_path)
    else:
        with pytest.raises(ValueError, match="row 0 alone"):
            export_saved_model([signature], tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_nothing_is_left_after_a_failure_or_an_interrupt(tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(saved_model, "write_warmup", fail)
    (tmp_path / "existing" / "1").mkdir(parents=True)
    for folder in (tmp_path / "new", tmp_path / "existing"):
        with pytest.raises(error):
            export_saved_model([lengths()], folder)
    assert everything_in(tmp_path) == ["existing", "existing/1"]


def test_nothing_is_left_when_the_disk_is_full(classifier, tmp_path):
    """A limit on the size of files stands for the full disk: writing the graph fails half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises((OSError, tf.errors.OpError)):
            export_saved_model(classifier.signatures(), tmp_path / "new", resources=[classifier.lookup])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert everything_in(tmp_path) == []


def test_an_export_that_ends_during_another_keeps_its_version(tmp_path, monkeypatch):
    check, others = saved_model.check_portable, []

    def export_another_meanwhile(folder):
        check(folder)
        if not others:
            others.append(None)
            others[0] = export_saved_model([lengths()], tmp_path)

    monkeypatch.setattr(saved_model, "check_portable", export_another_meanwhile)
    signature = lengths(function=lambda text: {"half": tf.strings.length(text) / 2})
    assert export_saved_model([signature], tmp_path) == tmp_path / "2"
    assert others == [tmp_path / "1"]
    with SavedModelRunner(tmp_path / "1") as first, SavedModelRunner(tmp_path / "2") as second:
        assert set(first.signatures["serving_default"].outputs) == {"length", "error"}
        assert set(second.signatures["serving_default"].outputs) == {"half", "error"}


def test_versions_published_at_the_same_time_never_clobber_one_another(tmp_path):
    count = 24
    start = threading.Barrier(count)
    published = {}

    def publish(number):
        temporary = tmp_path / f".tmp-{number}"
        temporary.mkdir()
        (temporary / "saved_model.pb").write_text(str(number))
        start.wait()
        published[number] = versions.publish(temporary, tmp_path)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {int(path.name) for path in published.values()} == set(range(1, count + 1))
    assert all((path / "saved_model.pb").read_text() == str(number) for number, path in published.items())


def test_a_table_that_was_not_handed_over_is_named_as_the_cause(classifier, tmp_path):
    with pytest.raises(ValueError, match="not in `resources`"):
        export_saved_model(classifier.signatures()[:1], tmp_path)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"inputs": {"text": tf.TensorSpec([], tf.string)}}, "dimension 0 is None"),
        ({"inputs": {"text": tf.TensorSpec([2], tf.string)}}, "dimension 0 is None"),
        ({"inputs": {"text": tf.TensorSpec(None, tf.string)}}, "dimension 0 is None"),
        ({"inputs": {}, "examples": {}}, "dimension 0 is None"),
        ({"examples": {"texts": TEXTS}}, "examples for the inputs text"),
        ({"examples": {"text": ["one"]}}, "two rows of examples or more"),
    ],
)
def test_a_signature_that_cannot_be_served_or_proved_is_refused(overrides, message):
    with pytest.raises(ValueError, match=message):
        lengths(**overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"function": tf.strings.length}, "return a dict of dense tensors"),
        ({"function": lambda text: {"words": tf.strings.split(text)}}, "return a dict of dense tensors"),
        ({"method": "classify"}, "classify takes `inputs`"),
        (
            {"function": lambda text: {"count": tf.size(text)}},
            "output 'count' to have the batch as dimension 0",
        ),
    ],
)
def test_a_function_that_does_not_fit_its_signature_is_refused(tmp_path, overrides, message):
    if "function" in overrides and overrides["function"] is tf.strings.length:
        overrides = {"function": lambda text: tf.strings.length(text)}
    with pytest.raises(ValueError, match=message):
        export_saved_model([lengths(**overrides)], tmp_path)
    assert everything_in(tmp_path) == []


def test_signatures_need_different_names(tmp_path):
    for signatures in ([], [lengths(), lengths()]):
        with pytest.raises(ValueError, match="signatures of different names"):
            export_saved_model(signatures, tmp_path)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../../up", "tf_serving_warmup_requests"])
def test_files_stay_below_their_folder(tmp_path, name):
    with pytest.raises(ValueError, match="files: expected a name below"):
        export_saved_model([lengths()], tmp_path / "model", files={name: "x"})
    assert not Path(tmp_path / "model").exists()
