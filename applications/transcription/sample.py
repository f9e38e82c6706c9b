"""The sample: sentences made by rule, spoken by espeak-ng in many voices, rooms and noises.

No speaker (a voice variant of espeak-ng, in whatever accent) and no sentence is in two parts.

python -m applications.transcription.sample --output sentences --count 5
"""

import csv
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np

from applications.transcription.sentences import draw_sentence
from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.made_noises import draw_background, make_noises
from common.audio.rooms import in_room, placed
from common.audio.synthesis import synthesize
from common.audio.utterances import Utterances
from common.audio.voices import draw_voice
from common.checks import AtLeast, check_ranges
from common.files import atomic_write

COUNTS = {"train": 1_500, "validation": 150, "test": 300}

_NOISES_OF_A_KIND = {"train": 4, "validation": 1, "test": 2}
_BABBLED_SENTENCES = 40
_SEEDS = {"train": 1, "validation": 2, "test": 3}
# Transforms of round lengths are several times as fast as of any, so an utterance lasts so many samples, or twice, ...
_STEP = SAMPLE_RATE // 10


class Utterance(NamedTuple):
    """A sentence as recorded."""

    waveform: np.ndarray
    text: str
    speaker: str
    origin: str


@cache
def sample(part: str) -> Utterances:
    """The utterances of a part (train, validation or test): a sentence each, with a little silence around it, in noise.

    Made on the first call, then kept. `speakers` names the voice. The parts hold 1,500, 150 and 300 utterances, as
    many of each kind of sentence as chance has it.
    """
    waveforms, texts, speakers, origins = zip(
        *(utterance(part, number) for number in range(COUNTS[part])), strict=True
    )
    return Utterances(f"sample ({part})", waveforms, texts, speakers, origins)


@cache
def noises(part: str) -> list[np.ndarray]:
    """Background recordings of a part: white, pink and brown noise, mains hum and babble, 8 seconds each.

    The babble is of sentences and voices of the part.
    """
    rng = np.random.default_rng((_SEEDS[part], 2**32))
    spoken = [draw_sentence(part, rng)[1] for _ in range(_BABBLED_SENTENCES)]
    return make_noises(part, spoken, _NOISES_OF_A_KIND[part], rng)


def utterance(part: str, number: int) -> Utterance:
    """The utterance of that number, from 0, of a part; there is one of every number."""
    rng = np.random.default_rng((_SEEDS[part], number))
    _, text = draw_sentence(part, rng)
    voice = draw_voice(part, rng)
    speech = synthesize(text, voice)
    before, after = rng.integers(SAMPLE_RATE // 10, SAMPLE_RATE // 2, size=2)
    samples = -(-(before + len(speech) + after) // _STEP) * _STEP
    background = draw_background(noises(part), samples, rng)
    waveform = in_room(placed(speech, before, samples), background, rng)
    return Utterance(waveform, text, voice.speaker, f"{part} utterance {number} ({text})")


@dataclass(frozen=True)
class Options:
    """Which utterances to make, and where to."""

    output: Path
    """Folder for the recordings, <voice>_<number>.wav, and metadata.csv: the path, text and speaker of each."""
    part: Literal["train", "validation", "test"] = "test"
    """Part of the sample that they are of."""
    count: Annotated[int, AtLeast(1)] = 5
    """How many: the first ones of the part, and as many more as wanted."""

    def __post_init__(self) -> None:
        check_ranges(self)


def main(options: Options) -> None:
    """Writes utterances of the sample as WAV files with a table of what is said, as recordings of your own would be."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("path", "text", "speaker"))
    for number in range(options.count):
        made = utterance(options.part, number)
        path = f"{made.speaker}_{number}.wav"
        atomic_write(options.output / path, encode_wav(made.waveform))
        rows.writerow((path, made.text, made.speaker))
    atomic_write(options.output / "metadata.csv", table.getvalue())
    count = f"{options.count:,} recording{'' if options.count == 1 else 's'}"
    cli.console().print(f"{count} written to {options.output}", markup=False)


if __name__ == "__main__":
    cli.run(main, Options)
