"""The sample: words in the project's own alphabet, drawn by made-up writers.

No writer and no word is in two parts.

python -m applications.handwriting.sample --output words --count 5
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np

from applications.handwriting.ink import Ink, Writings, points_of
from applications.handwriting.ink_json import to_json
from applications.handwriting.inkml import to_inkml
from applications.handwriting.rendering import render
from applications.handwriting.sample_words import draw_word
from applications.handwriting.writers import Style, draw_style, write
from common import cli
from common.checks import AtLeast, check_ranges
from common.files import atomic_write
from common.images.files import encode_png

COUNTS = {"train": 2_000, "validation": 200, "test": 400}
WRITERS = {"train": 120, "validation": 20, "test": 40}

_SEEDS = {"train": 1, "validation": 2, "test": 3}


class Writing(NamedTuple):
    """A word as drawn."""

    ink: Ink
    text: str
    writer: str
    origin: str


@cache
def sample(part: str) -> Writings:
    """The words of a part (train, validation or test), each drawn by one of its writers.

    Made on the first call, within seconds, then kept. The parts hold 2,000, 200 and 400 words by 120, 20 and 40
    writers.
    """
    columns = zip(*(writing(part, number) for number in range(COUNTS[part])), strict=True)
    return Writings(f"sample ({part})", *columns)


def writing(part: str, number: int) -> Writing:
    """The word of that number, from 0, of a part; there is one of every number."""
    rng = np.random.default_rng((_SEEDS[part], number))
    text = draw_word(part, rng)
    writer = int(rng.integers(WRITERS[part]))
    ink = write(text, _style(part, writer), rng)
    return Writing(ink, text, f"{part}_writer_{writer}", f"{part} word {number} ({text})")


@cache
def _style(part: str, writer: int) -> Style:
    return draw_style(np.random.default_rng((_SEEDS[part], 2**32, writer)))


@dataclass(frozen=True)
class Options:
    """Which words to draw, and where to."""

    output: Path
    """Folder for the files: <writer>_<number>.inkml or .png of each word, or words.jsonl of all."""
    part: Literal["train", "validation", "test"] = "test"
    """Part of the sample that they are of."""
    count: Annotated[int, AtLeast(1)] = 5
    """How many: the first ones of the part, and as many more as wanted."""
    format: Literal["inkml", "jsonl", "png"] = "inkml"
    """inkml: W3C Ink Markup Language, a file for each word. jsonl: JSON lines of the points of pointer events, a word
    in each. png: a picture of each word."""

    def __post_init__(self) -> None:
        check_ranges(self)


def main(options: Options) -> None:
    """Writes words of the sample as files of ink with what is written, as pen strokes of your own would be."""
    made = [writing(options.part, number) for number in range(options.count)]
    if options.format == "jsonl":
        lines = [to_json(one.ink, one.text, one.writer) + "\n" for one in made]
        atomic_write(options.output / "words.jsonl", "".join(lines))
    else:
        for number, one in enumerate(made):
            path = options.output / f"{one.writer}_{number}.{options.format}"
            if options.format == "png":
                atomic_write(path, encode_png(render(points_of(one.ink), np.random.default_rng(number))))
            else:
                atomic_write(path, to_inkml(one.ink, one.text, one.writer))
    cli.console().print(f"{cli.counted(options.count, 'word')} written to {options.output}", markup=False)


if __name__ == "__main__":
    cli.run(main, Options)
