"""What the conformance test is to know of image captioning: data, a training of seconds, and what to ask."""

import io
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 60, 220), "yellow": (240, 220, 30)}
KINDS = tuple(product(COLOURS, ("plain", "striped")))


def draw(colour, pattern, variant=0, size=(40, 32)):
    """A picture of one colour, or of stripes of it on grey: uint8 `[height, width, 3]`."""
    width, height = size
    rng = np.random.default_rng(variant)
    pixels = np.empty((height, width, 3), np.float32)
    pixels[:] = COLOURS[colour]
    if pattern == "striped":
        pixels[np.arange(height) * 4 // height % 2 == 0] = rng.integers(90, 160)
    return np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)


def encoded(pixels, kind="PNG", mode="RGB", **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


PHASES = ("pretraining", ".")
TRAINING = (
    *("--epochs", "14", "--patience", "14", "--learning-rate", "0.01", "--validation-fraction", "0.2"),
    *("--pretraining-epochs", "8", "--pretraining-batch-size", "8", "--pretraining-learning-rate", "0.01"),
    *("--pretraining-mixup", "0", "--channels", "8", "16", "--smallest-crop", "0.9", "--jitter", "0.1"),
    *("--min-count", "1", "--max-words", "12", "--embedding-units", "16", "--units", "32"),
    *("--word-dropout", "0", "--embedding-dropout", "0", "--feature-dropout", "0", "--dropout", "0.05"),
    *("--label-smoothing", "0"),
)
EXPORT = ("--beam-width", "3", "--length-penalty", "0.7")
EXAMPLES = (
    encoded(draw("red", "plain")),
    encoded(draw("blue", "striped", 9, (90, 70)), "JPEG", quality=95),
    encoded(draw("yellow", "plain", 10, (33, 120)), "GIF"),
    encoded(draw("green", "striped", 11, (1, 1)), "BMP"),
    encoded(np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8)),
)


def write_data(folder: Path, variants: int = 8) -> tuple[str, ...]:
    """A folder of 64 pictures of different sizes and formats, and a TSV with two captions of each."""
    lines = ["image\tn\tcaption"]
    (folder / "pictures").mkdir()
    for number, (variant, (colour, pattern)) in enumerate(product(range(variants), KINDS)):
        name = f"{number:02d}.{('png', 'jpg')[number % 2]}"
        pixels = draw(colour, pattern, variant, (32 + variant, 40))
        (folder / "pictures" / name).write_bytes(encoded(pixels, ("PNG", "JPEG")[number % 2]))
        captions = f"A {pattern} {colour} picture.", f"The picture is {pattern}, and it's {colour}."
        lines += [f"{name}\t{n}\t{text}" for n, text in enumerate(captions)]
    (folder / "captions.tsv").write_text("\n".join([*lines, ""]), "utf-8")
    return "--images", str(folder / "pictures"), "--captions", str(folder / "captions.tsv")


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """Captions of other images than there are, and how the line that refuses them begins."""
    images, captions = folder / "pictures", folder / "captions.tsv"
    images.mkdir()
    (images / "red.png").write_bytes(EXAMPLES[0])
    captions.write_text("image\tcaption\nelsewhere.jpg\tA dog.\n", "utf-8")
    return ("--images", str(images), "--captions", str(captions)), f"{images}: no image can be used"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """A picture of each kind."""
    return write_data(folder, variants=1)


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    path = folder / "red.png"
    path.write_bytes(encoded(draw("red", "plain", 20)))
    return (str(path),), rf"[a-z' ]+\t{path}\n"
