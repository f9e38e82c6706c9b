"""ONNX Runtime, float32, inference only.

python -m benchmarks.recurrent.workers.onnx_worker VARIANT THREADS
"""

import sys
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime

from benchmarks.recurrent.cases import Case
from benchmarks.recurrent.workers.protocol import serve

OPSET = 17
GATES = {"LSTM": 4, "GRU": 3}


def build(case: Case, threads: int) -> Callable[[], object]:
    """The case as a session over one LSTM or GRU node, with the transposes of a batch-first layer."""
    if case.mode != "inference":
        raise NotImplementedError("ONNX Runtime's training is no longer released")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        _model(case).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = np.random.default_rng(0).normal(size=case.shape[:3]).astype(np.float32)
    return lambda: session.run(["outputs"], {"inputs": inputs})


def _model(case: Case) -> onnx.ModelProto:
    generator = np.random.default_rng(0)
    rows = GATES[case.cell] * case.units
    scale = case.units**-0.5

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        values = generator.uniform(-scale, scale, size=shape).astype(np.float32)
        return onnx.numpy_helper.from_array(values, name)

    # `linear_before_reset` is the form of the GRU that Keras, cuDNN and PyTorch compute.
    attributes = {"hidden_size": case.units} | ({"linear_before_reset": 1} if case.cell == "GRU" else {})
    make = onnx.helper.make_node
    nodes = [
        make("Transpose", ["inputs"], ["by_time"], perm=[1, 0, 2]),
        make(case.cell, ["by_time", "W", "R", "B"], ["states"], **attributes),
        make("Squeeze", ["states", "direction"], ["states_by_time"]),
        make("Transpose", ["states_by_time"], ["outputs"], perm=[1, 0, 2]),
    ]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        case.cell,
        [value("inputs", onnx.TensorProto.FLOAT, [None, None, case.features])],
        [value("outputs", onnx.TensorProto.FLOAT, [None, None, case.units])],
        [
            weights("W", 1, rows, case.features),
            weights("R", 1, rows, case.units),
            weights("B", 1, 2 * rows),
            onnx.numpy_helper.from_array(np.array([1]), "direction"),
        ],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


if __name__ == "__main__":
    serve(lambda case: build(case, int(sys.argv[2])))
