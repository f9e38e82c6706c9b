"""Convolution over time that never looks ahead, on whole sequences and on streams."""

from typing import Any

import keras
import tensorflow as tf

from common.keras_package import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class CausalConvolution(keras.layers.Layer):
    """Convolution over time: `[batch, time, features]` -> `[batch, time // stride, filters]`.

    Output k reads the `kernel_size` steps that end with step (k + 1) · stride - 1; before the first step there are
    zeros. So each `stride` steps make one output as soon as they are there.

    Args:
        filters: width of the outputs.
        kernel_size: how many steps an output reads; at least `stride`.
        stride: steps from one output to the next.
        activation: Keras's name of a function of the outputs; none if not given.
        use_bias: whether a bias is added.

    Call arguments:
        inputs: `[batch, time, features]`, with `stride` steps or more.

    Example:
        >>> CausalConvolution(filters=8, kernel_size=3, stride=2)(tf.ones([2, 10, 4])).shape.as_list()
        [2, 5, 8]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 < stride <= kernel_size:
            raise ValueError(f"expected a stride from 1 to the kernel's {kernel_size} steps, got {stride}")
        self.filters, self.kernel_size, self.stride = filters, kernel_size, stride
        self.activation, self.use_bias = activation, use_bias
        self.convolution = keras.layers.Conv1D(
            filters, kernel_size, stride, activation=activation, use_bias=use_bias, dtype=self.dtype_policy
        )

    def build(self, inputs_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs `[batch, time, features]`."""
        self.features = inputs_shape[-1]
        self.convolution.build((None, None, self.features))
        self.built = True

    @property
    def context(self) -> int:
        """How many steps before a block its first output reads."""
        return self.kernel_size - self.stride

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves whole sequences; see the class."""
        inputs = tf.cast(inputs, self.compute_dtype)
        return self.convolution(tf.pad(inputs, [[0, 0], [self.context, 0], [0, 0]]))

    def step(self, block: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The next steps of a stream.

        Args:
            block: `[batch, n * stride, features]`.
            state: `[batch, context, features]`, the steps before; at first `zero_states`.

        Returns:
            The outputs `[batch, n, filters]`, and the state after the block in float32.
        """
        steps = tf.concat([tf.cast(state, tf.float32), tf.cast(block, tf.float32)], axis=1)
        return self.convolution(steps), steps[:, tf.shape(block)[1] :]

    def zero_states(self, batch: Any) -> tf.Tensor:
        """Zeros before the first block: `[batch, context, features]`."""
        return tf.zeros([batch, self.context, self.features])

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """`[batch, time // stride, filters]` in the layer's precision."""
        batch, time, _ = inputs.shape
        outputs = None if time is None else time // self.stride
        return keras.KerasTensor((batch, outputs, self.filters), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("filters", "kernel_size", "stride", "activation", "use_bias")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
