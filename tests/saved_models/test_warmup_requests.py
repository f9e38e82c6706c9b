"""Each shipped model brings warm-up requests that TensorFlow Serving can play to it, for each of its signatures."""

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

MODELS = Path(__file__).parents[2] / "saved_models"
VERSIONS = sorted(path.parent for path in MODELS.glob("*/*/saved_model.pb"))


def signatures_of(version):
    graph = SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs[0]
    return {name: value for name, value in graph.signature_def.items() if not name.startswith("__")}


def requests_of(version):
    """Name of the model, name of the signature and inputs of each request; examples stand for `inputs`."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = PredictionLog.FromString(record)
        if log.WhichOneof("log_type") == "classify_log":
            request = log.classify_log.request
            examples = [value.SerializeToString() for value in request.input.example_list.examples]
            yield request.model_spec, {"inputs": tf.make_tensor_proto(examples)}
        else:
            assert log.WhichOneof("log_type") == "predict_log"
            yield log.predict_log.request.model_spec, log.predict_log.request.inputs


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: "/".join(version.parts[-2:]))
def test_each_signature_is_asked_with_its_inputs(version):
    signatures, requests = signatures_of(version), list(requests_of(version))
    assert 1 <= len(requests) <= 1_000, "as many as TensorFlow Serving plays"
    assert {model.name for model, _ in requests} == {version.parent.name}
    assert {model.signature_name for model, _ in requests} == signatures.keys()
    for model, inputs in requests:
        expected = signatures[model.signature_name].inputs
        assert set(inputs) == set(expected)
        for name, value in inputs.items():
            assert value.dtype == expected[name].dtype
            assert tf.TensorShape(value.tensor_shape).is_compatible_with(
                tf.TensorShape(expected[name].tensor_shape)
            )
        rows = {value.tensor_shape.dim[0].size for value in inputs.values()}
        assert len(rows) == 1, "every input has a row for each row of the others"
