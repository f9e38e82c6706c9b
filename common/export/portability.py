"""Refuses a SavedModel that would not run everywhere, or not in batches."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from common.serving.runner import INTERNAL_SIGNATURES

_PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def check_portable(saved_model_folder: Path) -> None:
    """Checks that every operation runs on CPU and GPU alike, and that every served tensor has the batch first.

    The whole graph is read, with the functions that it calls. An operation passes if TensorFlow itself publishes it
    (in `tf.raw_ops`, which custom operations do not join) and it is neither one of cuDNN's kernels, nor a Python
    function, nor pinned to a GPU. A served tensor passes if its dimension 0 has no fixed size.

    Raises:
        ValueError: naming what does not pass, in one line.
    """
    saved_model = saved_model_pb2.SavedModel.FromString((saved_model_folder / "saved_model.pb").read_bytes())
    for meta_graph in saved_model.meta_graphs:
        faults = sorted({*_operation_faults(meta_graph.graph_def), *_signature_faults(meta_graph)})
        if faults:
            raise ValueError(f"this graph is not portable: {'; '.join(faults)}")


def _operation_faults(graph: tf.compat.v1.GraphDef) -> Iterator[str]:
    functions = {function.signature.name: function for function in graph.library.function}
    for nodes in (graph.node, *(function.node_def for function in functions.values())):
        for node in nodes:
            if node.op.startswith("Cudnn"):
                yield f"{node.op} runs on NVIDIA GPUs only (trace recurrent layers with use_cudnn=False)"
            elif node.op in _PYTHON_OPS:
                yield f"{node.op} calls a Python function, which a SavedModel does not hold"
            elif node.op not in functions and not hasattr(tf.raw_ops, node.op):
                yield f"{node.op} is not one of TensorFlow's own operations"
            if "GPU" in node.device.upper():
                yield f"{node.op} is pinned to {node.device}"


def _signature_faults(meta_graph: meta_graph_pb2.MetaGraphDef) -> Iterator[str]:
    for name, signature in meta_graph.signature_def.items():
        if name in INTERNAL_SIGNATURES:
            continue
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            for tensor_name, tensor in tensors.items():
                shape = tf.TensorShape(tensor.tensor_shape)
                if not shape.rank or shape[0] is not None:
                    yield (
                        f"signature {name!r}: expected {kind} {tensor_name!r} to have the batch as dimension 0, "
                        f"of no fixed size; its shape is {shape}"
                    )
