"""Ours in float32 and bfloat16, stock Keras, and stock Keras compiled by XLA.

python -m benchmarks.recurrent.workers.keras_worker VARIANT THREADS
"""

import sys
from collections.abc import Callable

from common.startup import quiet_tensorflow

quiet_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.recurrent.cases import Case  # noqa: E402
from benchmarks.recurrent.workers.protocol import serve  # noqa: E402
from common.layers import recurrent  # noqa: E402

VARIANTS = {
    "ours float32": (recurrent, "float32", False),
    "ours bfloat16": (recurrent, "mixed_bfloat16", False),
    "keras": (keras.layers, "float32", False),
    "keras xla": (keras.layers, "float32", True),
}


def build(variant: str, case: Case) -> Callable[[], object]:
    """The case as a traced function; batch and time are free dimensions, as in an application, except under XLA."""
    module, dtype, with_xla = VARIANTS[variant]
    layer = getattr(module, case.cell)(case.units, return_sequences=True, dtype=dtype)
    layer.build((None, None, case.features))
    inputs = tf.random.normal([case.batch, case.time, case.features])
    weights = [weight.value for weight in layer.trainable_weights]
    shape = inputs.shape if with_xla else [None, None, case.features]

    def infer(inputs: tf.Tensor) -> tf.Tensor:
        return layer(inputs, training=False)

    def train(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.cast(layer(inputs, training=True), tf.float32) ** 2)
        gradients: list[tf.Tensor] = tape.gradient(loss, [inputs, *weights])
        return gradients

    traced = tf.function(
        train if case.mode == "training" else infer,
        input_signature=[tf.TensorSpec(shape, tf.float32)],
        jit_compile=with_xla,
    )
    return lambda: traced(inputs)


if __name__ == "__main__":
    threads = int(sys.argv[2])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    serve(lambda case: build(sys.argv[1], case))
