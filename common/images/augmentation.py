"""Batches of images changed at random, so that a model learns what is seen rather than how it was framed and lit.

Everything drawn follows from the seeds alone, so that a training that resumes sees what it would have seen.
"""

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_SAYS_SIDES = re.compile(r"\b(left|right|(counter|anti)?-?clockwise\b)")
_CROPS, _FLIPS, _COLOURS = range(3)


def mirrors(captions: Sequence[str]) -> bool:
    """Whether the captions of an image are as true of its mirror image: none of them says left or right."""
    return not any(_SAYS_SIDES.search(caption.lower()) for caption in captions)


def random_half(candidates: tf.Tensor, seed: Any) -> tf.Tensor:
    """Each true element stays so with a probability of one half: bool `[batch]` -> bool `[batch]`."""
    draws = tf.random.stateless_uniform(tf.shape(candidates), _seed(seed, _FLIPS))
    return candidates & (draws < 0.5)


def random_crops(
    images: tf.Tensor,
    seed: Any,
    size: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    flip: tf.Tensor,
) -> tf.Tensor:
    """A rectangle of each image, anywhere in it, stretched to a square by bilinear interpolation (Szegedy et al. 2015).

    Args:
        images: uint8 `[batch, height, width, 3]`.
        seed: two integers that fix what is drawn.
        size: height and width of the result.
        scale: range of the rectangle's share of the image's area, drawn evenly.
        ratio: range of the rectangle's width over its height, where the image is taken for a square; the logarithm is
            drawn evenly. A rectangle that would reach beyond the image is cut to it.
        flip: bool `[batch]`, the images that are mirrored, left for right.

    Returns:
        float32 `[batch, size, size, 3]` from 0 to 1.
    """
    batch = tf.shape(images)[0]
    draws = tf.unstack(tf.random.stateless_uniform([4, batch], _seed(seed, _CROPS)))
    area = scale[0] + (scale[1] - scale[0]) * draws[0]
    aspect = ratio[0] * (ratio[1] / ratio[0]) ** draws[1]
    height, width = (tf.minimum(tf.sqrt(share), 1.0) for share in (area / aspect, area * aspect))
    top, left = (1 - height) * draws[2], (1 - width) * draws[3]
    right = left + width
    boxes = tf.stack([top, tf.where(flip, right, left), top + height, tf.where(flip, left, right)], axis=1)
    # Rounding may carry a box a hair beyond the image, where there is only black.
    boxes = tf.clip_by_value(boxes, 0.0, 1.0)
    return tf.image.crop_and_resize(images, boxes, tf.range(batch), [size, size]) / 255


def colour_jitter(images: tf.Tensor, seed: Any, strength: float) -> tf.Tensor:
    """The images in other light: brightness, then contrast, then saturation of each times a number of its own.

    Args:
        images: float32 `[batch, height, width, 3]` from 0 to 1.
        seed: two integers that fix what is drawn; those of `random_crops` may serve again.
        strength: the numbers are drawn evenly from 1 - `strength` to 1 + `strength`.

    Returns:
        As `images`, clipped to 0 to 1.
    """
    shape = [3, tf.shape(images)[0], 1, 1, 1]
    low, high = 1 - strength, 1 + strength
    factors = tf.random.stateless_uniform(shape, _seed(seed, _COLOURS), low, high)
    brightness, contrast, saturation = tf.unstack(tf.cast(factors, images.dtype))
    images *= brightness
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + contrast * (images - mean)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    return tf.clip_by_value(grey + saturation * (images - grey), 0.0, 1.0)


def _seed(seed: Any, purpose: int) -> tf.Tensor:
    """A seed of its own for each purpose, lest what is drawn for two go together."""
    return tf.random.fold_in(tf.cast(seed, tf.int32), purpose)
