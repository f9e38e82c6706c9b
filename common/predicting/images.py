"""Images that a predictor is called with from Python: files, pixels, and images of Pillow's."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from common.errors import UserError
from common.images.files import encode_png, rgb_of
from common.images.pixels import EXPECTED, pixels_of
from common.predicting.examples import content_of, described, is_file, numbers_of

GivenImage: TypeAlias = Any
"""A path, the bytes of an image file, an open one, an image of Pillow's, or pixels (see `common.images.pixels`)."""

IMAGES_EXPECTED = (
    f"expected a path, an image file's bytes, an open one, a Pillow image, or {EXPECTED}; or a list"
)
_SEVERAL = 4


class ImageFile(NamedTuple):
    """The bytes of an image file, and its name for messages."""

    name: str
    content: bytes


def is_one_image(images: Any) -> bool:
    """Whether it is one image rather than several; pixels `[images, height, width, channels]` are several."""
    if is_file(images) or isinstance(images, Image.Image):
        return True
    pixels = numbers_of(images)
    return pixels is not None and pixels.ndim != _SEVERAL


def image_file_of(image: GivenImage, name: str) -> ImageFile:
    """An image as the file that is sent to a model: files as they are, pixels as a PNG of them.

    Raises:
        UserError: naming what is no image, or cannot be read.
    """
    file = content_of(image, name, "an image")
    if file is not None:
        return ImageFile(*file)
    if isinstance(image, Image.Image):
        return ImageFile(name, encode_png(rgb_of(image, name)))
    pixels = numbers_of(image)
    if not isinstance(pixels, np.ndarray):
        raise UserError(f"{name}: got {described(image)}; {IMAGES_EXPECTED}")
    return ImageFile(name, encode_png(pixels_of(pixels, name)))
