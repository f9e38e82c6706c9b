"""Warm-up requests are what TensorFlow Serving's own messages say they are."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from common.export.saved_model import Signature, export_saved_model
from common.export.warmup import classify_request, predict_request, tensor_proto
from common.inference.extra_files import WARMUP_FILE
from common.inference.runner import SavedModelRunner


def test_a_predict_request_is_tensorflow_servings_own():
    arrays = {"text": np.array([b"a", b"\0\xff"], object), "beam_width": np.array([3, 4], np.int32)}
    expected = PredictionLog()
    request = expected.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "translation", "serving_default"
    for name, array in arrays.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    assert PredictionLog.FromString(predict_request("translation", "serving_default", arrays)) == expected


def test_a_classify_request_is_tensorflow_servings_own():
    examples = [tf.train.Example(), tf.train.Example()]
    examples[0].features.feature["text"].bytes_list.value.append(b"good")
    expected = PredictionLog()
    request = expected.classify_log.request
    request.model_spec.name, request.model_spec.signature_name = "sentiment", "classify"
    request.input.example_list.examples.extend(examples)
    serialized = np.array([example.SerializeToString() for example in examples], object)
    assert PredictionLog.FromString(classify_request("sentiment", "classify", serialized)) == expected


def test_an_exported_model_answers_each_of_its_warm_up_requests(tmp_path):
    examples = {"text": ["a", "naïve"], "count": np.array([[1], [2]], np.int64)}
    signature = Signature(
        "serving_default",
        lambda text, count: {"longer": tf.strings.length(text)[:, None] > tf.cast(count, tf.int32)},
        {"text": tf.TensorSpec([None], tf.string), "count": tf.TensorSpec([None, 1], tf.int64)},
        examples,
    )
    folder = export_saved_model([signature], tmp_path / "lengths")
    records = tf.data.TFRecordDataset(str(folder / WARMUP_FILE))
    requests = [
        PredictionLog.FromString(record).predict_log.request for record in records.as_numpy_iterator()
    ]
    sizes = []
    with SavedModelRunner(folder) as runner:
        for request in requests:
            assert request.model_spec.name == "lengths"
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            sizes.append(len(runner.run(request.model_spec.signature_name, **inputs)["longer"]))
    assert sizes == [1, 2]


NUMBERS = npst.arrays(
    st.sampled_from([np.int8, np.int32, np.int64, np.float32, np.bool_]),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    elements={"min_value": 0, "max_value": 1},
)
STRINGS = npst.arrays(
    object, npst.array_shapes(max_dims=2, max_side=4), elements=st.sampled_from([b"", b"a", b"b"])
)


@settings(max_examples=200, deadline=None)
@given(NUMBERS | STRINGS)
def test_a_request_holds_every_value_of_a_tensor(array):
    message = tensor_proto(array).SerializeToString()
    decoded = tf.io.parse_tensor(message, tf.as_dtype(array.dtype)).numpy()
    np.testing.assert_array_equal(decoded, array)
    assert np.shape(decoded) == array.shape


def test_a_request_of_a_tensor_that_is_empty_but_for_its_beginning_is_small():
    counts = np.zeros((1, 8192), np.int32)
    counts[0, :3] = 300
    assert len(tensor_proto(counts).SerializeToString()) < 60
