"""Pictures as the tests look at them."""

import warnings

import matplotlib.image
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def picture():
    """Reads a PNG file of a reasonable size: `[height, width, 3]`, from 0 to 1."""

    def read(path):
        assert path.read_bytes().startswith(b"\x89PNG")
        pixels = matplotlib.image.imread(path)[..., :3]
        assert min(pixels.shape[:2]) > 300
        return pixels

    return read


@pytest.fixture
def coloured():
    """Finds rows and columns of the pixels of a colour."""

    def find(pixels, colour):
        return np.nonzero(np.abs(pixels - np.array(colour) / 255).max(axis=-1) < 0.05)

    return find
