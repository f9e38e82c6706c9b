"""The sample: drawn scenes with five sentences each; what is tested was never seen together in training.

python -m applications.image_captioning.sample --output scenes --count 20
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from applications.image_captioning.scenes import (
    ABOVE,
    COLOURS,
    INSIDE,
    LEFT,
    SHAPES,
    Scene,
    draw,
    holds,
    random_scene,
)
from applications.image_captioning.sentences import describe
from common import cli
from common.checks import require_at_least
from common.data.captioned_images import CaptionedImages
from common.data.splits import stable_split
from common.files import atomic_write

COUNTS = {"train": 4_000, "validation": 400, "test": 500}
SHARES = {"test": 0.1, "validation": 0.1, "train": 0.8}

_THINGS = {1: 0.15, 2: 0.45, 3: 0.4}

Kind = tuple[str, str]
Combination = tuple[Kind, str, Kind]


def kinds_of(part: str) -> list[Kind]:
    """The (colour, shape) pairs that are in scenes of this part alone, or for train, in scenes of all parts.

    Each colour and each shape is in one pair of the test, in another of the validation, and in six of train.
    """
    sides = {0: "test", 3: "validation"}
    return [
        (colour, shape)
        for row, colour in enumerate(COLOURS)
        for column, shape in enumerate(SHAPES)
        if sides.get((row - column) % len(SHAPES), "train") == part
    ]


def combinations(scene: Scene) -> set[Combination]:
    """The pairs of kinds in a scene, each with a relation that they are in."""
    return {
        ((a.thing.colour, a.thing.shape), relation, (b.thing.colour, b.thing.shape))
        for a in scene.placed
        for b in scene.placed
        for relation in (LEFT, ABOVE, INSIDE)
        if holds(relation, a, b)
    }


def make_scenes(part: str, count: int | None = None) -> list[Scene]:
    """The scenes of a part: train, validation or test, always the same.

    Each scene of validation and test holds at least one thing of a colour and shape that no scene of train has
    together, and no two things whose kinds are in the same relation in a scene of train.

    Args:
        part: train, validation or test.
        count: how many; `COUNTS` unless given.
    """
    return list(islice(_scenes(part), COUNTS[part] if count is None else count))


def make_sample(part: str, size: int = 128, count: int | None = None) -> CaptionedImages:
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
    while True:
        count = rng.choices(list(_THINGS), list(_THINGS.values()))[0]
        scene = random_scene(rng, _kinds(rng, part, count))
        while not _belongs(scene, part):
            scene = random_scene(rng, _kinds(rng, part, count))
        yield scene


def _kinds(rng: random.Random, part: str, count: int) -> list[Kind]:
    new, known = kinds_of(part), kinds_of("train")
    kinds = [rng.choice(new)]
    while len(kinds) < count:
        kind = rng.choice(rng.choice((new, known)))
        if kind not in kinds:
            kinds.append(kind)
    rng.shuffle(kinds)
    return kinds


def _belongs(scene: Scene, part: str) -> bool:
    known = set(kinds_of("train"))
    seen = [
        f"{' '.join(a)} {relation} {' '.join(b)}"
        for a, relation, b in sorted(combinations(scene))
        if {a, b} <= known
    ]
    return set(stable_split(seen, SHARES)) <= {part}


@dataclass(frozen=True)
class Options:
    """Which scenes to draw, and where to."""

    output: Path
    """Folder for the pictures, and for captions.tsv with their sentences."""
    part: Literal["train", "validation", "test"] = "test"
    """Part of the sample that they are of."""
    count: int = 3
    """How many: the first ones of the part."""
    size: int = 128
    """Side of the pictures in pixels."""

    def __post_init__(self) -> None:
        require_at_least(1, count=self.count)
        require_at_least(16, size=self.size)


def main(options: Options) -> None:
    """Draws scenes of the sample as PNG files, which can be captioned, or trained on as pictures of your own."""
    drawn = make_sample(options.part, options.size, options.count)
    lines = ["image\tcaption"]
    for number, (pixels, captions) in enumerate(zip(drawn.images, drawn.captions, strict=True), start=1):
        name, file = f"scene_{number}.png", io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        atomic_write(options.output / name, file.getvalue())
        lines += [f"{name}\t{caption}" for caption in captions]
    atomic_write(options.output / "captions.tsv", "\n".join(lines) + "\n")
    count = f"{len(drawn):,} picture{'' if len(drawn) == 1 else 's'}"
    cli.console().print(f"{count} written to {options.output}", markup=False)


if __name__ == "__main__":
    cli.run(main, Options)
