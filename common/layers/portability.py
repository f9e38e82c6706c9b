"""Keeps cuDNN's operations out of a graph, so that it runs on CPU and GPU alike, or lets them into one for GPUs.

And keeps the project's own loops out of one for other runtimes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

PLAIN = "runs_plain_loop"
"""The attribute of a recurrent layer that says whether Keras's own loop is to run, see `plain_loops`."""


def make_portable(model: keras.layers.Layer) -> None:
    """Sets `use_cudnn=False` on every recurrent layer of `model`, however deeply nested.

    Keras chooses cuDNN's kernels where a GPU is visible while a graph is traced, and a graph with such a
    kernel fails on a CPU; so this must come before the trace of an export. `use_cudnn` is no entry of a
    layer's configuration: a model read from a `.keras` file must be made portable anew.
    """
    for layer in model._flatten_layers():
        if hasattr(layer, "use_cudnn"):
            layer.use_cudnn = False


@contextmanager
def cudnn_kernels(model: keras.layers.Layer) -> Iterator[None]:
    """Lets the recurrent layers of a portable `model` choose cuDNN's kernels for what is traced meanwhile.

    They do where a GPU is visible and the kernels compute the same function (Keras's defaults do; masks must be
    right-padded).
    """
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "use_cudnn")]
    try:
        for layer in layers:
            layer.use_cudnn = "auto"
        yield
    finally:
        for layer in layers:
            layer.use_cudnn = False


@contextmanager
def plain_loops(model: keras.layers.Layer) -> Iterator[None]:
    """Lets the recurrent layers of a portable `model` run Keras's own loop in what is traced meanwhile.

    Other runtimes know that loop: ONNX has one operation for it, LiteRT runs it as it is. Of the loops that are faster
    in TensorFlow they lack an operation (BlockLSTMV2), or the choice among them by the number of rows.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]
    before = [getattr(layer, PLAIN, False) for layer in layers]
    try:
        for layer in layers:
            setattr(layer, PLAIN, True)
        yield
    finally:
        for layer, was_plain in zip(layers, before, strict=True):
            setattr(layer, PLAIN, was_plain)
