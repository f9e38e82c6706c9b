"""What the served graph and the Python loader make of damaged image files: does anything raise, and do they agree?

python -m benchmarks.damaged_images
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.timing import table
from common import cli
from common.checks import require_at_least
from common.images.decoding import decode_images, fit
from common.images.files import ImageError, decode_image
from common.predicting.texts import chunks

KINDS = ("JPEG", "PNG", "GIF", "BMP")
DAMAGES = ("cut", "bits flipped", "bytes zeroed", "part removed", "part doubled")
_SIZE = 32
_BATCH = 50
_TOLERANCE = 2.0
RAISED, NEITHER = "raised", "none reads"
ALIKE, UNLIKE = "both read alike", "both read, not alike"
LOADER, GRAPH = "the loader alone reads", "the graph alone reads"
OUTCOMES = (RAISED, NEITHER, ALIKE, UNLIKE, LOADER, GRAPH)


@dataclass(frozen=True)
class Options:
    """How many files are damaged."""

    files: int = 1000
    """Damaged files of each kind."""
    seed: int = 0
    """What is drawn and damaged depends on it alone."""

    def __post_init__(self) -> None:
        require_at_least(1, files=self.files)


def whole_file(kind: str, rng: np.random.Generator) -> bytes:
    """An image file of random size, mode and options."""
    height, width = rng.integers(1, 90, 2)
    blocks = rng.integers(0, 256, (*rng.integers(1, 8, 2), 3), np.uint8)
    image = Image.fromarray(blocks).resize((int(width), int(height)), Image.Resampling.BILINEAR)
    modes = {
        "JPEG": ("RGB", "L", "CMYK"),
        "PNG": ("RGB", "L", "RGBA", "LA", "P", "1"),
        "BMP": ("RGB", "L", "P", "1"),
    }
    image = image.convert(str(rng.choice(modes.get(kind, ("P",)))))
    options: dict[str, object] = {}
    if kind == "JPEG":
        exif = Image.Exif()
        exif[0x0112] = int(rng.integers(1, 9))
        options = {"progressive": bool(rng.integers(2)), "quality": int(rng.integers(30, 99))}
        options |= {"exif": exif, "comment": b"a comment"} if rng.integers(2) else {}
    elif kind in ("PNG", "GIF") and image.mode == "P" and rng.integers(2):
        options = {"transparency": 0}
    if kind == "GIF" and rng.integers(2):
        options |= {"save_all": True, "append_images": [image.rotate(90)], "comment": b"a comment"}
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def damaged(content: bytes, damage: str, rng: np.random.Generator) -> bytes:
    """A file with one kind of damage, somewhere."""
    spoilt = np.frombuffer(content, np.uint8).copy()
    begin, end = sorted(rng.integers(0, len(spoilt), 2))
    end = min(end, begin + int(rng.integers(1, 64))) + 1
    if damage == "cut":
        return content[:end]
    if damage == "part removed":
        return content[:begin] + content[end:]
    if damage == "part doubled":
        return content[:end] + content[begin:]
    if damage == "bytes zeroed":
        spoilt[begin:end] = 0
    else:
        places = rng.integers(0, len(spoilt), rng.integers(1, 9))
        spoilt[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return spoilt.tobytes()


def damaged_files(kind: str, count: int, seed: int) -> Iterator[bytes]:
    """Files of a kind, each with one kind of damage, in turn."""
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    for number in range(count):
        yield damaged(whole_file(kind, rng), DAMAGES[number % len(DAMAGES)], rng)


def compared(kind: str, count: int, seed: int) -> Counter[str]:
    """How often each of `OUTCOMES` came, over damaged files of a kind."""
    decode = _served_decoder()
    outcomes: Counter[str] = Counter()
    for files in chunks(damaged_files(kind, count, seed), _BATCH):
        try:
            squares, errors = decode(tf.constant(files, tf.string))
        except tf.errors.OpError:
            outcomes[RAISED] += len(files)
            continue
        for content, square, error in zip(files, squares.numpy(), errors.numpy(), strict=True):
            outcomes[_outcome(content, np.round(square * 255), bool(error))] += 1
    return outcomes


@cache
def _served_decoder() -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """The pixels and the errors of files `[batch]`, in one graph for files of all kinds."""
    graph: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] = tf.function(
        partial(decode_images, size=_SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    return graph


def main(options: Options) -> None:
    """Sends damaged files through the served decoder in batches and through the Python loader, and prints how many
    raised and failed their neighbours too, and of the others how many both, either or none of the two read."""
    title = f"{options.files:,} damaged files of each kind"
    shown = table(title, "", *OUTCOMES)
    for kind in KINDS:
        outcomes = compared(kind, options.files, options.seed)
        shown.add_row(kind, *(f"{outcomes[outcome]:,}" for outcome in OUTCOMES))
    cli.console().print(shown)


def _outcome(content: bytes, square: np.ndarray, is_refused: bool) -> str:
    try:
        pixels = fit(decode_image(content, "file"), _SIZE).astype(np.float32)
    except ImageError:
        return NEITHER if is_refused else GRAPH
    if is_refused:
        return LOADER
    return ALIKE if np.abs(pixels - square).mean() < _TOLERANCE else UNLIKE


if __name__ == "__main__":
    cli.run(main, Options)
