"""Plays a version's warm-up requests to it before it serves, as TensorFlow Serving does.

The first request of each signature pays for the optimisation of the graph; it is not to be a user's.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from common.data.tf_records import tf_records
from common.errors import UserError, one_line
from common.inference.extra_files import WARMUP_FILE
from common.inference.runner import SavedModelRunner
from common.inference.signatures import DEFAULT_SIGNATURE


def warm_up(runner: SavedModelRunner) -> None:
    """Asks a model what its warm-up requests ask; nothing if it has none.

    Raises:
        UserError: naming the request that the model does not answer, or that is none.
    """
    for number, (signature, inputs) in enumerate(warmup_questions(runner.path), start=1):
        try:
            runner.run(signature, **inputs)
        except Exception as error:
            raise _unanswered(runner.path, number, error) from error


def warmup_questions(version: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The signature and the inputs of each warm-up request of a SavedModel; none if it has no such file.

    Raises:
        UserError: naming the request that is none.
    """
    path = version / WARMUP_FILE
    for number, record in enumerate(tf_records(path) if path.is_file() else (), start=1):
        try:
            if record is None:
                raise ValueError("its check sum is not that of its bytes")
            question = _question(PredictionLog.FromString(record))
        except Exception as error:
            raise _unanswered(version, number, error) from error
        yield question


def _unanswered(version: Path, number: int, error: Exception) -> UserError:
    return UserError(f"{version / WARMUP_FILE}: request {number}: {one_line(error)}")


def _question(log: PredictionLog) -> tuple[str, dict[str, np.ndarray]]:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
    elif kind in ("classify_log", "regress_log"):
        request = getattr(log, kind).request
        examples = [example.SerializeToString() for example in request.input.example_list.examples]
        inputs = {"inputs": np.array(examples, dtype=object)}
    else:
        raise ValueError(f"expected a predict, classify or regress request, got {kind}")
    return request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs
