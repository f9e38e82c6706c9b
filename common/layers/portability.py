"""Keeps cuDNN's operations out of a graph, so that it runs on CPU and GPU alike, or lets them into one for GPUs."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


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
