"""Makes files of other runtimes from traced functions of TensorFlow."""

import contextlib
import importlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import tensorflow as tf

from common.errors import UserError
from common.export.runtimes.core import Graph

Format = Literal["litert", "onnx"]
Quantization = Literal["none", "int8"]
SUFFIXES = {"litert": ".tflite", "onnx": ".onnx"}
OPSET = 18
"""The version of ONNX's operations that is written; ONNX Runtime reads it since 1.14."""
_PACKAGES = {"litert": ("ai_edge_litert",), "onnx": ("tf2onnx", "onnx", "onnxruntime")}


def require_packages(target: Format) -> None:
    """Checks that what converts and proves is installed.

    Raises:
        UserError: naming the extra that installs it.
    """
    for package in _PACKAGES[target]:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UserError(
                f"--format {target}: {package} is not installed; expected the extra {target}: "
                f"pip install 'recurrent-applications[{target}]'"
            ) from error


def write_graph(graph: Graph, path: Path, quantization: Quantization) -> None:
    """Converts a graph to the file `path`, whose suffix says to what.

    Under `int8` the weights of products and tables are kept in eight bits, and all else is computed in float32
    (dynamic-range quantisation): recurrent states lose too much in eight bits.

    Raises:
        ValueError: the runtime lacks an operation of the graph.
    """
    traced = graph.traced()
    with _quiet():
        if path.suffix == SUFFIXES["litert"]:
            _write_litert(traced, path, quantization)
        else:
            _write_onnx(graph, traced, path, quantization)


def _write_litert(
    traced: tf.types.experimental.ConcreteFunction, path: Path, quantization: Quantization
) -> None:
    # By way of a SavedModel, which alone keeps the names of inputs and outputs.
    root = tf.Module()
    root.weights = list(traced.variables)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(root, folder, signatures={path.stem: traced})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[path.stem])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantization == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            converted = converter.convert()
        except Exception as error:
            raise ValueError(f"graph {path.stem!r}: LiteRT cannot hold it: {_reason(error)}") from error
    path.write_bytes(converted)


def _write_onnx(
    graph: Graph, traced: tf.types.experimental.ConcreteFunction, path: Path, quantization: Quantization
) -> None:
    import onnx
    import tf2onnx

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in graph.inputs.items()]

    @tf.function(input_signature=specs, autograph=False)
    def in_order(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs: dict[str, tf.Tensor] = traced(**dict(zip(graph.inputs, inputs, strict=True)))
        return outputs

    try:
        model, _ = tf2onnx.convert.from_function(in_order, input_signature=specs, opset=OPSET)
        # An operation that it does not know is passed on under its name.
        onnx.checker.check_model(model)
    except Exception as error:
        raise ValueError(f"graph {graph.name!r}: ONNX cannot hold it: {_reason(error)}") from error
    path.write_bytes(model.SerializeToString())
    if quantization == "int8":
        _quantize_onnx(path)


def _quantize_onnx(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = path.with_name(f"whole-{path.name}")
    path.rename(whole)
    try:
        # Of eight bits seven are used: sums of products of eight overflow on processors without VNNI.
        quantize_dynamic(whole, path, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    finally:
        whole.unlink()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the converters print of their progress, from Python and from C++."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow", "root", "")]
    levels = [logger.level for logger in loggers]
    kept = os.dup(2)
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "op is neither" in line or "Unsupported ops" in line]
    return (named or lines or [type(error).__name__])[0]
