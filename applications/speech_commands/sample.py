"""The sample: ten command words, other words and noise, spoken by espeak-ng in many voices and rooms.

No speaker (a voice variant of espeak-ng, in whatever accent) is in two parts, and half of the other words of
validation and test are words that training never holds.

python -m applications.speech_commands.sample --output words --count 5
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.labelled import SILENCE, UNKNOWN, Clips
from common.audio.made_noises import draw_background, make_noises
from common.audio.rooms import as_loud_as, in_room, placed
from common.audio.synthesis import synthesize
from common.audio.voices import draw_voice
from common.checks import AtLeast, check_ranges
from common.files import atomic_write


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COMMANDS = _words("yes no up down left right on off stop go")
OTHER_WORDS = _words(
    "backward bed bird boat cat cow day dog door eight five forward four green happy hello house lamp later learn "
    "light low music nine often one open river seat seven six tell three top two under week zero"
)
NEW_WORDS = {
    "train": (),
    "validation": _words("follow gone tree water yard"),
    "test": _words("goat lemon lift marvin ride sheila town visual wow yet"),
}
COUNTS = {
    "train": {"word": 160, UNKNOWN: 240, SILENCE: 160},
    "validation": {"word": 20, UNKNOWN: 30, SILENCE: 20},
    "test": {"word": 40, UNKNOWN: 60, SILENCE: 40},
}

_SAMPLES = SAMPLE_RATE
_NOISES_OF_A_KIND = {"train": 4, "validation": 1, "test": 2}
_SEEDS = {"train": 1, "validation": 2, "test": 3}


@cache
def sample(part: str) -> Clips:
    """The clips of a part (train, validation or test): words at a random place in a second of noise, and noise alone.

    Made on the first call, then kept. `speakers` names the voice; silence has none. The parts hold 2,000, 250 and 500
    clips, as many of each command word as of silence, and half as many again of other words.
    """
    return _spoken(part, _texts(part))


def _spoken(part: str, spoken: Sequence[tuple[str, str]]) -> Clips:
    """The clips of the labels and texts with which a part begins."""
    clips = [
        _clip(text, part, np.random.default_rng((_SEEDS[part], number)))
        for number, (_, text) in enumerate(spoken)
    ]
    return Clips(
        name=f"sample ({part})",
        waveforms=[waveform for waveform, _ in clips],
        labels=[label for label, _ in spoken],
        speakers=[speaker for _, speaker in clips],
        origins=[
            f"{part} clip {number}" + (f" ({text})" if text else "")
            for number, (_, text) in enumerate(spoken)
        ],
    )


@cache
def noises(part: str) -> list[np.ndarray]:
    """Background recordings of a part: white, pink and brown noise, mains hum and babble, 8 seconds each.

    The babble is of the part's own voices, and none of its words is a command.
    """
    rng = np.random.default_rng((_SEEDS[part], 2**32))
    return make_noises(part, OTHER_WORDS, _NOISES_OF_A_KIND[part], rng)


def _texts(part: str) -> list[tuple[str, str]]:
    """The label and the text of each clip of a part, shuffled; silence has no text."""
    counts, new = COUNTS[part], NEW_WORDS[part]
    labelled = [(word, word) for word in COMMANDS for _ in range(counts["word"])]
    of_new = counts[UNKNOWN] // 2 if new else 0
    for words, count in ((new, of_new), (OTHER_WORDS, counts[UNKNOWN] - of_new)):
        labelled += [(UNKNOWN, words[number % len(words)]) for number in range(count)]
    labelled += [(SILENCE, "")] * counts[SILENCE]
    order = np.random.default_rng(_SEEDS[part]).permutation(len(labelled))
    return [labelled[index] for index in order]


def _clip(text: str, part: str, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    background = draw_background(noises(part), _SAMPLES, rng)
    if not text:
        return as_loud_as(background, rng.uniform(-70, -20)), ""
    voice = draw_voice(part, rng)
    word = synthesize(text, voice)[:_SAMPLES]
    start = int(rng.integers(0, _SAMPLES - len(word) + 1))
    return in_room(placed(word, start, _SAMPLES), background, rng), voice.speaker


@dataclass(frozen=True)
class Options:
    """Which clips to make, and where to."""

    output: Path
    """Folder for the recordings: <label>/<voice>_nohash_<number>.wav."""
    part: Literal["train", "validation", "test"] = "test"
    """Part of the sample that they are of."""
    count: Annotated[int, AtLeast(1)] = 5
    """How many: the first ones of the part."""

    def __post_init__(self) -> None:
        check_ranges(self)


def main(options: Options) -> None:
    """Writes clips of the sample as WAV files, to be recognised, or trained on as recordings of your own."""
    clips = _spoken(options.part, _texts(options.part)[: options.count])
    for number, waveform in enumerate(clips.waveforms):
        name = f"{clips.speakers[number] or 'nobody'}_nohash_{number}.wav"
        atomic_write(options.output / clips.labels[number] / name, encode_wav(waveform))
    count = f"{len(clips):,} recording{'' if len(clips) == 1 else 's'}"
    cli.console().print(f"{count} written to {options.output}", markup=False)


if __name__ == "__main__":
    cli.run(main, Options)
