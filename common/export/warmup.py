"""Requests that TensorFlow Serving plays to a model before it serves it, so that the first user need not wait.

Without them the first request of each signature pays for the optimisation of the graph.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from common.inference.extra_files import WARMUP_FILE
from common.inference.protobuf import declare_messages

# tensorflow_serving/apis: prediction_log.proto, predict.proto, classification.proto, input.proto, model.proto. Tensors
# and examples, which TensorFlow itself serialises, stay bytes.
_MESSAGES = declare_messages("""
    message PredictionLog { ClassifyLog classify_log = 2; PredictLog predict_log = 6; }
    message PredictLog { PredictRequest request = 1; }
    message PredictRequest { ModelSpec model_spec = 1; map<string, bytes> inputs = 2; }
    message ClassifyLog { ClassificationRequest request = 1; }
    message ClassificationRequest { ModelSpec model_spec = 1; Input input = 2; }
    message Input { ExampleList example_list = 1; }
    message ExampleList { repeated bytes examples = 1; }
    message ModelSpec { string name = 1; string signature_name = 3; }
""")


def predict_request(model: str, signature: str, inputs: Mapping[str, npt.ArrayLike]) -> bytes:
    """A serialised `PredictionLog` that asks a `predict` signature."""
    log = _MESSAGES["PredictionLog"]()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, array in inputs.items():
        request.inputs[name] = tensor_proto(np.asarray(array)).SerializeToString()
    return bytes(log.SerializeToString())


def tensor_proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    """A tensor as a message in which equal values at its end stand once, as a decoder repeats the last one.

    >>> tensor_proto(np.zeros((1000, 1000), np.float32)).ByteSize() < 50
    True
    """
    values = array.reshape(-1)
    differs = np.flatnonzero(values != values[-1]) if values.size else values
    distinct = values[: int(differs[-1]) + 2] if differs.size else values[:1]
    # A list of values takes up to ten bytes each, raw content as many as in memory.
    if array.dtype != object and 10 * distinct.size > array.nbytes:
        return tf.make_tensor_proto(array)
    return tf.make_tensor_proto(distinct, tf.as_dtype(array.dtype), array.shape)


def classify_request(model: str, signature: str, examples: np.ndarray) -> bytes:
    """A serialised `PredictionLog` that asks a `classify` signature; `examples` are serialised `tf.train.Example`s."""
    log = _MESSAGES["PredictionLog"]()
    request = log.classify_log.request
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.input.example_list.examples.extend(examples)
    return bytes(log.SerializeToString())


def write_warmup(saved_model_folder: Path, requests: list[bytes]) -> None:
    """Writes requests (at most 1,000, says TensorFlow Serving) where TensorFlow Serving looks for them."""
    path = saved_model_folder / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request)
