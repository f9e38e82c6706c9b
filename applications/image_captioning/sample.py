"""The sample: drawn scenes with five sentences each; what is tested was never seen together in training.

python -m applications.image_captioning.sample --output scenes --count 20
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, islice, product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from applications.image_captioning.scenes import COLOURS, SHAPES, Scene, draw, random_scene
from applications.image_captioning.sentences import describe
from common import cli
from common.checks import AtLeast, check_ranges
from common.data.splits import stable_split
from common.files import atomic_write
from common.images.captioned import CaptionedImages
from common.images.files import encode_png

COUNTS = {"train": 8_000, "validation": 400, "test": 500}
SHARES = {"test": 0.1, "validation": 0.1, "train": 0.8}
"""Which share of all pairs of kinds may be together in scenes of each part, and in no other."""

_THINGS = {1: 0.15, 2: 0.45, 3: 0.4}
_THINGS_HELD_OUT = {2: 0.5, 3: 0.5}

Kind = tuple[str, str]
_KINDS: list[Kind] = list(product(COLOURS, SHAPES))


def make_scenes(part: str, count: int | None = None) -> list[Scene]:
    """The scenes of a part: train, validation or test, always the same.

    Whatever has the same colour and shape is of one kind. Two kinds that are together in a scene of validation or test
    are never together in one of train, so nothing there is known by heart; a scene of one thing is in train only.

    Args:
        part: train, validation or test.
        count: how many; `COUNTS` unless given.
    """
    return list(islice(_scenes(part), COUNTS[part] if count is None else count))


def sample(part: str, size: int = 128, count: int | None = None) -> CaptionedImages:
    """The pictures of the scenes of a part (of `make_scenes`, in their order), with five sentences each.

    Args:
        part: train, validation or test.
        size: side of the pictures in pixels.
        count: how many; `COUNTS` unless given.
    """
    scenes = make_scenes(part, count)
    rng = random.Random(f"{part} sentences")
    return CaptionedImages(
        name=f"sample ({part})",
        images=np.stack([draw(scene, size) for scene in scenes]),
        captions=[describe(scene, rng) for scene in scenes],
        origins=[f"{part} scene {number}" for number in range(1, len(scenes) + 1)],
    )


def _scenes(part: str) -> Iterator[Scene]:
    rng = random.Random(part)
    shares = _THINGS if part == "train" else _THINGS_HELD_OUT
    while True:
        count = rng.choices(list(shares), list(shares.values()))[0]
        yield random_scene(rng, _kinds(rng, part, count))


def _kinds(rng: random.Random, part: str, count: int) -> list[Kind]:
    parts = _parts_of_pairs()
    while True:
        kinds = rng.sample(_KINDS, count)
        if all(parts[frozenset(pair)] == part for pair in combinations(kinds, 2)):
            return kinds


@cache
def _parts_of_pairs() -> dict[frozenset[Kind], str]:
    pairs = list(combinations(_KINDS, 2))
    names = [" and ".join(" ".join(kind) for kind in pair) for pair in pairs]
    return {frozenset(pair): part for pair, part in zip(pairs, stable_split(names, SHARES), strict=True)}


@dataclass(frozen=True)
class Options:
    """Which scenes to draw, and where to."""

    output: Path
    """Folder for the pictures, and for captions.tsv with their sentences."""
    part: Literal["train", "validation", "test"] = "test"
    """Part of the sample that they are of."""
    count: Annotated[int, AtLeast(1)] = 3
    """How many: the first ones of the part."""
    size: Annotated[int, AtLeast(16)] = 128
    """Side of the pictures in pixels."""

    def __post_init__(self) -> None:
        check_ranges(self)


def main(options: Options) -> None:
    """Draws scenes of the sample as PNG files, which can be captioned, or trained on as pictures of your own."""
    drawn = sample(options.part, options.size, options.count)
    lines = ["image\tcaption"]
    for number, (pixels, captions) in enumerate(zip(drawn.images, drawn.captions, strict=True), start=1):
        name = f"scene_{number}.png"
        atomic_write(options.output / name, encode_png(pixels))
        lines += [f"{name}\t{caption}" for caption in captions]
    atomic_write(options.output / "captions.tsv", "\n".join(lines) + "\n")
    count = f"{len(drawn):,} picture{'' if len(drawn) == 1 else 's'}"
    cli.console().print(f"{count} written to {options.output}", markup=False)


if __name__ == "__main__":
    cli.run(main, Options)
