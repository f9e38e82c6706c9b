"""Pixels as programs hold them, Pillow's images and NumPy's arrays, as the pixels of an image file are: RGB, 8 bits."""

import numpy as np
from PIL import Image

from common.images.files import MAX_PIXELS, ImageError, Pixels, rgb_of

EXPECTED = (
    "pixels [height, width] or [height, width, 1 to 4 channels] of uint8, uint16, bool, or float from 0 to 1"
)
# What interpolation leaves beyond the range; pixels from 0 to 255 or -1 to 1 are further off.
_OVERSHOOT = 0.1
_MOST_CHANNELS = 4


def pixels_of(pixels: np.ndarray, name: str) -> Pixels:
    """The pixels `[height, width, 3]` of pixels of 1 to 4 channels: grey, grey and opacity, RGB, RGB and opacity.

    White shines through what is transparent, and of 16 bits the upper 8 remain, as in files.

    Args:
        pixels: `[height, width]` or `[height, width, channels]`: uint8, uint16, bool (white is true), or float of any
            precision, from 0 to 1; up to 0.1 beyond that is clipped.
        name: what messages call the image.

    Raises:
        ImageError: they are of another shape or type, or beyond the range.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or not pixels.size or not 1 <= channels <= _MOST_CHANNELS:
        raise ImageError(
            name, "not an image", f"got {pixels.dtype} {list(pixels.shape)}; expected {EXPECTED}"
        )
    height, width = pixels.shape[:2]
    if height * width > MAX_PIXELS:
        size = f"{width:,} x {height:,} pixels"
        raise ImageError(name, "too large", f"{size}; expected at most {MAX_PIXELS:,} in all")
    bytes_of_8_bits = _of_8_bits(pixels, name)
    squeezed = bytes_of_8_bits.reshape(height, width) if channels == 1 else bytes_of_8_bits
    return rgb_of(Image.fromarray(np.ascontiguousarray(squeezed)), name)


def _of_8_bits(pixels: np.ndarray, name: str) -> Pixels:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "u" and pixels.itemsize == 2:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype.kind == "b":
        return pixels * np.uint8(255)
    if pixels.dtype.kind != "f":
        raise ImageError(
            name, "not an image", f"got {pixels.dtype} {list(pixels.shape)}; expected {EXPECTED}"
        )
    lowest, highest = float(pixels.min()), float(pixels.max())
    if not -_OVERSHOOT <= lowest <= highest <= 1 + _OVERSHOOT:
        problem = f"{pixels.dtype} pixels from {lowest:g} to {highest:g}"
        raise ImageError(name, "out of range", f"{problem}; expected uint8, or float from 0 to 1")
    return np.round(np.clip(pixels.astype(np.float32), 0, 1) * 255).astype(np.uint8)
