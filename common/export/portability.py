"""Refuses a SavedModel that would not run everywhere, or not in batches."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from common.inference.runner import INTERNAL_SIGNATURES

GPU_SIGNATURE = "serving_gpu"
"""The one signature whose graph may hold cuDNN's kernels."""

_PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def check_portable(saved_model_folder: Path) -> None:
    """Checks that every operation runs on CPU and GPU alike, and that every served tensor has the batch first.

    What only `serving_gpu` calls may hold cuDNN's kernels.

    The whole graph is read, with the functions that it calls. An operation passes if TensorFlow itself publishes it
    (in `tf.raw_ops`, which custom operations do not join) and it is neither one of cuDNN's kernels, nor a Python
    function, nor pinned to a GPU. A served tensor passes if its dimension 0 has no fixed size.

    Raises:
        ValueError: naming what does not pass, in one line.
    """
    saved_model = saved_model_pb2.SavedModel.FromString((saved_model_folder / "saved_model.pb").read_bytes())
    for meta_graph in saved_model.meta_graphs:
        faults = sorted({*_operation_faults(meta_graph), *_signature_faults(meta_graph)})
        if faults:
            raise ValueError(f"this graph is not portable: {'; '.join(faults)}")


def operations_of(graph: graph_pb2.GraphDef) -> set[str]:
    """The names of all operations of a graph and of its functions."""
    return {node.op for nodes in (graph.node, *_functions(graph).values()) for node in nodes}


Nodes = Iterable[node_def_pb2.NodeDef]


def _functions(graph: graph_pb2.GraphDef) -> dict[str, Nodes]:
    return {function.signature.name: function.node_def for function in graph.library.function}


def _operation_faults(meta_graph: meta_graph_pb2.MetaGraphDef) -> Iterator[str]:
    functions, for_gpus = _functions(meta_graph.graph_def), _functions_for_gpus(meta_graph)
    every_node: list[tuple[str | None, Nodes]] = [(None, meta_graph.graph_def.node), *functions.items()]
    for function, nodes in every_node:
        for node in nodes:
            if node.op.startswith("Cudnn"):
                if function not in for_gpus:
                    yield f"{node.op} runs on NVIDIA GPUs only (trace recurrent layers with use_cudnn=False)"
            elif node.op in _PYTHON_OPS:
                yield f"{node.op} calls a Python function, which a SavedModel does not hold"
            elif node.op not in functions and not hasattr(tf.raw_ops, node.op):
                yield f"{node.op} is not one of TensorFlow's own operations"
            if "GPU" in node.device.upper():
                yield f"{node.op} is pinned to {node.device}"


def _functions_for_gpus(meta_graph: meta_graph_pb2.MetaGraphDef) -> set[str]:
    """The functions that `serving_gpu` calls, and no other signature."""
    if GPU_SIGNATURE not in meta_graph.signature_def:
        return set()
    outputs = meta_graph.signature_def[GPU_SIGNATURE].outputs.values()
    names = {tensor.name.partition(":")[0] for tensor in outputs}
    nodes, functions = meta_graph.graph_def.node, _functions(meta_graph.graph_def)
    called = _called((node for node in nodes if node.name in names), functions)
    return called - _called((node for node in nodes if node.name not in names), functions)


def _called(nodes: Nodes, functions: Mapping[str, Nodes]) -> set[str]:
    """The names of the functions that nodes call, and that these call in turn."""
    reached: set[str] = set()
    remaining = list(nodes)
    while remaining:
        node = remaining.pop()
        attributes = node.attr.values()
        names = {node.op, *(attribute.func.name for attribute in attributes)}
        names |= {function.name for attribute in attributes for function in attribute.list.func}
        new = names & functions.keys() - reached
        reached |= new
        remaining += [inner for name in new for inner in functions[name]]
    return reached


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
