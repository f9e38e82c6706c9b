"""How many images are captioned per second, and where the time goes: decoding the files, the encoder, or the decoder?

python -m benchmarks.image_captioning
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from applications.image_captioning.predict import DESCRIPTION_FILE
from applications.image_captioning.sample import make_scenes
from applications.image_captioning.scenes import draw
from benchmarks.timing import in_turn, seconds, spread, table
from common import cli
from common.checks import require_at_least
from common.data.file_trees import read_tree
from common.errors import UserError
from common.images.decoding import decode_images
from common.images.files import is_image
from common.inference.extra_files import read_extra
from common.inference.runner import SavedModelRunner, latest_version
from common.model_folders import SHIPPED_MODELS

DECODING, SEEING, CAPTIONING = "decoding the files", "and the encoder", "and the decoder"


@dataclass(frozen=True)
class Options:
    """What is captioned, and how often."""

    model: Path = SHIPPED_MODELS / "image_captioning"
    """An exported captioner: a folder of numbered versions, of which the highest is used, or one version."""
    images: Path | None = None
    """Folder or tar of images; unless given, drawn scenes as JPEG files."""
    side: int = 480
    """Side of the drawn scenes, in pixels."""
    batch_sizes: tuple[int, ...] = (1, 16)
    """Images captioned side by side."""
    calls: int = 8
    """Calls in a row that are timed together."""
    rounds: int = 9
    """Rounds in which all are measured, in turn."""

    def __post_init__(self) -> None:
        for size in self.batch_sizes:
            require_at_least(1, batch_sizes=size)
        require_at_least(1, side=self.side, calls=self.calls, rounds=self.rounds)


def main(options: Options) -> None:
    """Measures the served model from the bytes of files to captions, and the parts of it, in turn, and prints images
    per second and each part's share of the time."""
    files = read_images(options.images) if options.images else drawn_images(options.side)
    version = latest_version(options.model)
    size = read_extra(version, DESCRIPTION_FILE, "image_captioning")["size"]
    title = f"{len(files)} images of {sum(map(len, files)) / len(files) / 1e3:,.0f} kB on average"
    speeds = table(title, "batch", "", "images per second, median", "lowest", "highest", "share of the time")
    with SavedModelRunner(version) as runner:
        for batch_size in options.batch_sizes:
            parts = {
                name: partial(_seconds_per_image, action, files, batch_size, options.calls)
                for name, action in _actions(runner, size).items()
            }
            in_turn(parts, rounds=1)
            timings = in_turn(parts, options.rounds)
            for name, share in shares(timings).items():
                rates = spread([1 / value for value in timings[name]], digits=1)
                speeds.add_row(str(batch_size), name, *rates, f"{share:.0%}")
    cli.console().print(speeds)


def shares(timings: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Of the last one's time, the share that each adds to what those before it take, by medians."""
    medians = [float(np.median(values)) for values in timings.values()]
    return dict(zip(timings, np.diff(medians, prepend=0.0) / medians[-1], strict=True))


def drawn_images(side: int, count: int = 64) -> list[bytes]:
    """Scenes of the sample as JPEG files."""
    return [_jpeg(draw(scene, side)) for scene in make_scenes("test", count)]


def read_images(path: Path) -> list[bytes]:
    """The images of a folder or a tar."""
    files = [read() for read in read_tree(path, is_image).values()]
    if not files:
        raise UserError(f"{path}: no images in it; expected JPEG, PNG, GIF, BMP, WebP or TIFF files")
    return files


def _actions(runner: SavedModelRunner, size: int) -> dict[str, Callable[[list[bytes]], object]]:
    """Each does what the one before it does, and more."""
    decode = tf.function(
        partial(decode_images, size=size), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    return {
        DECODING: lambda batch: decode(tf.constant(batch))[0].numpy(),
        SEEING: lambda batch: runner.run("embed", image_bytes=batch),
        CAPTIONING: lambda batch: runner.run("serving_default", image_bytes=batch),
    }


def _seconds_per_image(
    action: Callable[[list[bytes]], object], files: Sequence[bytes], batch_size: int, calls: int
) -> float:
    """Over calls whose batches begin anew with the first file, so that all parts meet the same files."""
    batches = [
        [files[(call * batch_size + row) % len(files)] for row in range(batch_size)] for call in range(calls)
    ]

    def run() -> None:
        for batch in batches:
            action(batch)

    return seconds(run) / (batch_size * calls)


def _jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    cli.run(main, Options)
