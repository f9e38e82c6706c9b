"""The pictures of the tiny captioner that all tests of the application share."""

import pytest

from common.images.captioned import CaptionSource


@pytest.fixture(scope="session")
def draw(made_of):
    """From a colour, `plain` or `striped`, a variant and a size `(width, height)` to a picture's pixels."""
    return made_of("image_captioning").case.draw


@pytest.fixture(scope="session")
def encoded(made_of):
    """From pixels, a format of Pillow's and a mode to the bytes of a file."""
    return made_of("image_captioning").case.encoded


@pytest.fixture(scope="module")
def source(made):
    """64 pictures with two captions each."""
    return CaptionSource(images=made.data_folder / "pictures", captions=made.data_folder / "captions.tsv")
