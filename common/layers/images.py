"""Images in the graph: brought to one size."""

import tensorflow as tf


def fit_square(images: tf.Tensor, size: int) -> tf.Tensor:
    """Images stretched to a square by bilinear interpolation; where they shrink, all of their pixels have a say.

    An image that is such a square already stays as it is.

    Args:
        images: uint8 `[height, width, 3]`, or `[batch, height, width, 3]`.
        size: height and width of the result.

    Returns:
        uint8 `[size, size, 3]`, or `[batch, size, size, 3]`.
    """
    # Only the CPU has a kernel for it.
    with tf.device("/CPU:0"):
        return tf.cast(tf.round(tf.image.resize(images, (size, size), antialias=True)), tf.uint8)
