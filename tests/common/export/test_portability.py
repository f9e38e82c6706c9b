"""A graph that would not run everywhere, or not in batches, is refused by name."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from common.export.portability import check_portable


def save(folder, function, *specs):
    module = tf.Module()
    module.serve = tf.function(
        function, input_signature=specs or [tf.TensorSpec([None], tf.float32, name="x")]
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def edit(folder, change):
    """Applies `change` to the nodes of one of the saved graph's functions."""
    path = folder / "saved_model.pb"
    model = SavedModel.FromString(path.read_bytes())
    nodes = [
        node
        for function in model.meta_graphs[0].graph_def.library.function
        for node in function.node_def
        if node.op == "Cos"
    ]
    assert nodes
    for node in nodes:
        change(node)
    path.write_bytes(model.SerializeToString())
    return folder


def test_stock_operations_with_control_flow_pass(tmp_path):
    def loop(x):
        total = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.math.cos(y) + y), [0, x])[1]
        return {"y": tf.cond(tf.size(x) > 1, lambda: total, lambda: -total)}

    check_portable(save(tmp_path, loop))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: {"y": tf.ensure_shape(tf.py_function(tf.math.cos, [x], tf.float32), [None])},
            "EagerPyFunc",
        ),
        (lambda x: {"y": tf.ensure_shape(tf.numpy_function(np.cos, [x], tf.float32), [None])}, "PyFunc"),
    ],
)
def test_python_functions_are_refused(tmp_path, function, message):
    with pytest.raises(ValueError, match=f"{message} calls a Python function"):
        check_portable(save(tmp_path, function))


@pytest.mark.parametrize("operation", ["CudnnRNNV3", "CudnnRNN"])
def test_a_cudnn_kernel_inside_a_function_is_refused(tmp_path, operation):
    folder = save(tmp_path, lambda x: {"y": tf.math.cos(x)})
    edit(folder, lambda node: setattr(node, "op", operation))
    with pytest.raises(ValueError, match=f"{operation} runs on NVIDIA GPUs only"):
        check_portable(folder)


@pytest.mark.parametrize("operation", ["SentencepieceOp", "Addons>Cos", "XlaLaunch"])
def test_operations_that_are_not_tensorflows_own_are_refused(tmp_path, operation):
    folder = save(tmp_path, lambda x: {"y": tf.math.cos(x)})
    edit(folder, lambda node: setattr(node, "op", operation))
    with pytest.raises(ValueError, match=f"{operation} is not one of TensorFlow's own"):
        check_portable(folder)


def test_an_operation_pinned_to_a_gpu_is_refused(tmp_path):
    folder = save(tmp_path, lambda x: {"y": tf.math.cos(x)})
    edit(folder, lambda node: setattr(node, "device", "/job:localhost/device:GPU:0"))
    with pytest.raises(ValueError, match="Cos is pinned to /job:localhost/device:GPU:0"):
        check_portable(folder)


@pytest.mark.parametrize(
    ("function", "spec", "message"),
    [
        (
            lambda x: {"y": x + 1},
            tf.TensorSpec([2], tf.float32, name="x"),
            "input 'x'.* its shape is \\(2,\\)",
        ),
        (lambda x: {"y": x + 1}, tf.TensorSpec([], tf.float32, name="x"), "input 'x'.* its shape is \\(\\)"),
        (lambda x: {"y": x + 1}, tf.TensorSpec(None, tf.float32, name="x"), "its shape is <unknown>"),
        (
            lambda x: {"y": tf.zeros([3])},
            tf.TensorSpec([None], tf.float32, name="x"),
            "output 'y'.* \\(3,\\)",
        ),
    ],
)
def test_a_served_tensor_without_a_free_batch_dimension_is_refused(tmp_path, function, spec, message):
    with pytest.raises(ValueError, match=message):
        check_portable(save(tmp_path, function, spec))


def test_all_faults_are_named_in_one_line(tmp_path):
    folder = save(tmp_path, lambda x: {"y": tf.math.cos(x), "z": tf.zeros([])})
    edit(folder, lambda node: setattr(node, "op", "Custom"))
    with pytest.raises(ValueError, match=r"Custom is not one.*; signature 'serving_default'.*'z'") as caught:
        check_portable(folder)
    assert "\n" not in str(caught.value)
