"""Images that a predictor is called with: files, pixels and images of Pillow's from Python, files of the script; and
what a model answers about each."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from common.data.file_trees import Read
from common.errors import ROW_ERROR, UserError
from common.images.files import decode_image, encode_png, is_image, rgb_of
from common.images.pixels import EXPECTED, pixels_of
from common.inference.runner import SavedModelError
from common.predicting.examples import Column, content_of, described, is_file, numbers_of, several_of
from common.predicting.input_files import STANDARD_INPUT, find_files
from common.predicting.predictor import Answer, decoded
from common.predicting.progress import progress
from common.predicting.texts import chunks

GivenImage: TypeAlias = Any
"""A path, the bytes of an image file, an open one, an image of Pillow's, or pixels (see `common.images.pixels`)."""

IMAGES_EXPECTED = (
    f"expected a path, an image file's bytes, an open one, a Pillow image, or {EXPECTED}; or a list"
)
_SEVERAL = 4

Ask: TypeAlias = Callable[[Sequence[bytes]], list[Answer]]
"""From the bytes of image files to each one's row of a model's outputs."""


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


def images_at(argument: str) -> list[tuple[str, Read]]:
    """The names and readers of the images that an argument of a script stands for.

    Raises:
        UserError: there is none.
    """
    if argument == STANDARD_INPUT:
        return [("standard input", sys.stdin.buffer.read)]
    return find_files(argument, is_image, "an image", ".jpg, .png, .gif, .bmp, .webp or .tiff")


def ask_of_images(
    ask: Ask,
    images: Any,
    column: Column,
    batch_size: int,
    title: str,
    show_progress: bool | None,
    name: str = "image",
) -> Any:
    """The row of outputs of one image, a list of them for several.

    Args:
        ask: the model.
        images: one, see `GivenImage`; a list of these, pixels `[images, height, width, channels]`, or a data frame.
        column: of a data frame.
        batch_size: images that are asked about at once.
        title: of the bar.
        show_progress: see `common.predicting.progress`.
        name: what messages call an image.

    Raises:
        UserError: naming what is no image, or is refused by the model, and why.
    """
    if column is None and is_one_image(images):
        return _answered(ask, [image_file_of(images, name)])[0]
    named = several_of(images, column, f"{name}s", IMAGES_EXPECTED)
    batches = list(chunks(named, batch_size))
    return [
        row
        for batch in progress(batches, title, show_progress)
        for row in _answered(ask, [image_file_of(image, place) for place, image in batch])
    ]


def outcomes_of_images(ask: Ask, files: Sequence[ImageFile]) -> list[Answer | UserError]:
    """Each file's row of outputs, or what is wrong with it; one bad file leaves the others their answers."""
    if not files:
        return []
    outcomes: list[Any] = _rows(ask, [file.content for file in files])
    pixels: dict[int, bytes] = {}
    for index, file in enumerate(files):
        if outcomes[index] is None:
            # What only Pillow can read goes as its pixels; what it cannot read either, it names.
            try:
                pixels[index] = encode_png(decode_image(file.content, file.name))
            except UserError as error:
                outcomes[index] = error
    if pixels:
        for index, row in zip(pixels, ask([*pixels.values()]), strict=True):
            fault = decoded(row.get(ROW_ERROR, b""))
            outcomes[index] = UserError(f"{files[index].name}: {fault}") if fault else row
    return outcomes


def _answered(ask: Ask, files: Sequence[ImageFile]) -> list[Answer]:
    rows = []
    for row in outcomes_of_images(ask, files):
        if isinstance(row, UserError):
            raise row
        rows.append(row)
    return rows


def _rows(ask: Ask, contents: Sequence[bytes]) -> list[Answer | None]:
    """Each file's row of outputs, None where the model does not read it."""
    try:
        rows = ask(contents)
    except SavedModelError:
        # A model exported before there was `error` fails the batch.
        if len(contents) == 1:
            return [None]
        return [row for content in contents for row in _rows(ask, [content])]
    return [None if row.get(ROW_ERROR) else row for row in rows]
