"""A second graph over the same weights, in which cuDNN's kernels run whole sequences at once on NVIDIA GPUs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import keras
import tensorflow as tf

from common.errors import UserError
from common.export.portability import GPU_SIGNATURE, operations_of
from common.export.saved_model import Signature
from common.layers.portability import cudnn_kernels


def with_gpu_signature(
    signatures: Callable[[], Sequence[Signature]], model: keras.layers.Layer, is_wanted: bool
) -> list[Signature]:
    """The signatures, and if wanted `serving_gpu`, which answers as `serving_default` does and runs on GPUs only.

    The kernels compute what the layers do, so the weights are the same, and a server loads both graphs wherever it
    runs; only a request to `serving_gpu` fails without a GPU. It is proved at the export as every signature is, which
    needs a GPU, and is not among the warm-up requests, which a server on a CPU answers too.

    Args:
        signatures: makes the signatures, the first of them `serving_default`, with functions not yet traced.
        model: holds the recurrent layers.
        is_wanted: whether to add it.

    Raises:
        UserError: TensorFlow sees no GPU, or no layer of the model can use the kernels.
    """
    served = list(signatures())
    if not is_wanted:
        return served
    if not tf.config.list_logical_devices("GPU"):
        raise UserError(
            f"--gpu-signature: TensorFlow sees no GPU, and {GPU_SIGNATURE} is proved on one before it is published"
        )
    # Of their own, for the functions that a signature calls are traced once and kept.
    portable = signatures()[0]

    def serve(**inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        with cudnn_kernels(model):
            return portable.function(**inputs)

    traced = tf.function(serve).get_concrete_function(**portable.inputs)
    if not any(name.startswith("Cudnn") for name in operations_of(traced.graph.as_graph_def())):
        raise UserError("--gpu-signature: no layer of this model runs whole sequences, as cuDNN's kernels do")
    return [*served, replace(portable, name=GPU_SIGNATURE, function=serve)]
