"""A tiny captioner, trained and exported once for all tests of the application, and files as users have them."""

import io
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from applications.image_captioning.config import PRESETS
from applications.image_captioning.export import export
from applications.image_captioning.train import train
from common.export.script import ExportOptions, SearchOptions
from common.images.captioned import CaptionSource

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 60, 220), "yellow": (240, 220, 30)}
PATTERNS = ("plain", "striped")
KINDS = tuple(product(COLOURS, PATTERNS))
BEAM_WIDTH, LENGTH_PENALTY = 3, 0.7


def captions_of(colour, pattern):
    return f"A {pattern} {colour} picture.", f"The picture is {pattern}, and it's {colour}."


def drawing(colour, pattern, variant=0, size=(40, 32)):
    """A picture of one colour, or of stripes of it on grey: uint8 `[height, width, 3]`."""
    width, height = size
    rng = np.random.default_rng(variant)
    pixels = np.empty((height, width, 3), np.float32)
    pixels[:] = COLOURS[colour]
    if pattern == "striped":
        pixels[np.arange(height) * 4 // height % 2 == 0] = rng.integers(90, 160)
    return np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)


def file_of(pixels, kind="PNG", mode="RGB", **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def draw():
    """From a colour, `plain` or `striped`, a variant and a size `(width, height)` to a picture's pixels."""
    return drawing


@pytest.fixture(scope="session")
def encoded():
    """From pixels, a format of Pillow's and a mode to the bytes of a file."""
    return file_of


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder of 64 pictures of different sizes and formats, and a TSV with two captions of each."""
    folder = tmp_path_factory.mktemp("data")
    lines = ["image\tn\tcaption"]
    (folder / "pictures").mkdir()
    for number, (variant, (colour, pattern)) in enumerate(product(range(8), KINDS)):
        name = f"{number:02d}.{('png', 'jpg')[number % 2]}"
        pixels = drawing(colour, pattern, variant, (32 + variant, 40))
        (folder / "pictures" / name).write_bytes(file_of(pixels, ("PNG", "JPEG")[number % 2]))
        lines += [f"{name}\t{n}\t{text}" for n, text in enumerate(captions_of(colour, pattern))]
    (folder / "captions.tsv").write_text("\n".join([*lines, ""]), "utf-8")
    return folder / "pictures", folder / "captions.tsv"


@pytest.fixture(scope="session")
def source(files):
    return CaptionSource(images=files[0], captions=files[1])


@pytest.fixture(scope="session")
def tiny_config(source, tmp_path_factory):
    tiny = PRESETS["tiny"]
    return replace(
        tiny,
        source=source,
        training=replace(
            tiny.training,
            runs=tmp_path_factory.mktemp("runs"),
            epochs=14,
            patience=14,
            learning_rate=0.01,
        ),
        validation_fraction=0.2,
        channels=(8, 16),
        smallest_crop=1.0,
        jitter=0.0,
        pretraining_epochs=8,
        pretraining_batch_size=8,
        pretraining_learning_rate=0.01,
        pretraining_mixup=0.0,
        min_count=1,
        max_words=12,
        embedding_units=16,
        units=32,
        word_dropout=0.0,
        embedding_dropout=0.0,
        feature_dropout=0.0,
        dropout=0.0,
        label_smoothing=0.0,
    )


@pytest.fixture(scope="session")
def finished_run(tiny_config):
    return train(tiny_config)


@pytest.fixture(scope="session")
def exported(finished_run, tmp_path_factory):
    """The exported version of the tiny captioner: <folder>/image_captioning/1."""
    output = tmp_path_factory.mktemp("saved_models") / "image_captioning"
    return export(SearchOptions(ExportOptions(finished_run, output), BEAM_WIDTH, LENGTH_PENALTY))
