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

from applications.speech_commands.synthesis import Voice, synthesize
from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.labelled import SILENCE, UNKNOWN, Clips
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

ACCENTS = _words("en en-029 en-gb-scotland en-gb-x-gbclan en-gb-x-gbcwmd en-gb-x-rp en-us en-us-nyc")
# Variants that differ in little else than their tone are in one part, or left out.
VARIANTS = {
    "train": _words(
        "Alex Alicia Andrea Andy Diogo Henrique Hugo Mario Michael Mike Nguyen Storm Tweaky adam anika antonio aunty "
        "belinda benjamin boris david edward edward2 f3 f4 grandma grandpa gustave john klatt3 klatt4 klatt5 klatt6 "
        "linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel mike2 norbert pedro quincy sandro travis whisper "
        "whisperf zac"
    ),
    "validation": _words("Annie ed f1 paul shelby"),
    "test": _words("Denis Gene f2 f5 iven klatt2 pablo rob steph victor"),
}

_SAMPLES = SAMPLE_RATE
_NOISE_SECONDS = 8
_NOISES_OF_A_KIND = {"train": 4, "validation": 1, "test": 2}
_SEEDS = {"train": 1, "validation": 2, "test": 3}
_NOISE_LEVEL = 0.1
_LONGEST_TAIL = 0.6


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
    samples = _NOISE_SECONDS * SAMPLE_RATE
    return [
        _drifting(noise, rng)
        for _ in range(_NOISES_OF_A_KIND[part])
        for noise in (
            *(_coloured(samples, slope, rng) for slope in (0.0, 1.0, 2.0)),
            _hum(samples, rng),
            _babble(samples, part, rng),
        )
    ]


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
    background = _background(part, rng)
    if not text:
        return _as_loud_as(background, rng.uniform(-70, -20)), ""
    voice = _draw_voice(part, rng)
    word = synthesize(text, voice)[:_SAMPLES]
    start = rng.integers(0, _SAMPLES - len(word) + 1)
    speech = np.zeros(_SAMPLES, np.float32)
    speech[start : start + len(word)] = word / np.sqrt(np.mean(word**2))
    speech = _without_drift(speech)
    if rng.random() < 0.7:
        speech = _reverberated(speech, rng)
    ratio = rng.uniform(5, 35)
    mixed = speech + background / np.sqrt(np.mean(background**2)) * 10 ** (-ratio / 20)
    return _as_loud_as(mixed, rng.uniform(-35, -15)), voice.speaker


def _draw_voice(part: str, rng: np.random.Generator) -> Voice:
    return Voice(
        language=str(rng.choice(ACCENTS)),
        variant=str(rng.choice(VARIANTS[part])),
        pitch=int(rng.integers(30, 71)),
        pitch_range=int(rng.integers(20, 81)),
        words_per_minute=int(rng.integers(120, 221)),
    )


def _background(part: str, rng: np.random.Generator) -> np.ndarray:
    """An excerpt of one of the part's noises, or of two together."""
    chosen = rng.choice(len(noises(part)), size=rng.integers(1, 3), replace=False)
    excerpts = []
    for noise in (noises(part)[index] for index in chosen):
        start = rng.integers(0, len(noise) - _SAMPLES + 1)
        excerpts.append(noise[start : start + _SAMPLES] * rng.uniform(0.3, 1))
    mixed: np.ndarray = np.sum(excerpts, axis=0)
    return mixed


def _coloured(samples: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Noise from 20 Hz up whose power falls with frequency to the power of `slope`: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    gains = (frequencies >= 20) * np.maximum(frequencies, 20) ** (-slope / 2)
    noise: np.ndarray = np.fft.irfft(spectrum * gains, samples)
    return noise


def _hum(samples: int, rng: np.random.Generator) -> np.ndarray:
    """The mains: 50 or 60 Hz and its harmonics, some of them stronger than others, over a little pink noise."""
    harmonics = rng.choice((50, 60)) * np.arange(1, 13)
    strengths = rng.exponential(size=12) / np.arange(1, 13)
    phases = rng.uniform(0, 2 * np.pi, 12)
    times = np.arange(samples) / SAMPLE_RATE
    tones = strengths @ np.sin(2 * np.pi * harmonics[:, None] * times + phases[:, None])
    pink = _coloured(samples, 1.0, rng)
    hum: np.ndarray = tones / tones.std() + 0.1 * pink / pink.std()
    return hum


def _babble(samples: int, part: str, rng: np.random.Generator) -> np.ndarray:
    """Five people talking at once, each near or far."""
    mixed = np.zeros(samples)
    for strength in rng.uniform(0.3, 1, 5):
        voice, end = _draw_voice(part, rng), 0
        while end < samples:
            start = end + int(rng.uniform(0, 0.3) * SAMPLE_RATE)
            word = synthesize(str(rng.choice(OTHER_WORDS)), voice)[: max(samples - start, 0)]
            end = start + len(word)
            mixed[start:end] += strength * word
    return mixed


def _drifting(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The noise at a loudness that swings by some decibels every few seconds."""
    times = np.arange(len(noise)) / SAMPLE_RATE
    swing = rng.uniform(0, 5) * np.sin(2 * np.pi * (times / rng.uniform(2, 6) + rng.random()))
    swinging = noise / noise.std() * 10 ** (swing / 20)
    scale = min(_NOISE_LEVEL / swinging.std(), 1 / np.abs(swinging).max())
    scaled: np.ndarray = (swinging * scale).astype(np.float32)
    return scaled


def _without_drift(speech: np.ndarray) -> np.ndarray:
    """A second of speech as a microphone hears it: without what is below 40 Hz, which the breath of some voices has."""
    spectrum = np.fft.rfft(speech)
    spectrum[:40] = 0
    steady: np.ndarray = np.fft.irfft(spectrum, len(speech))
    return steady


def _reverberated(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The speech in a room: the direct sound, followed by noise that falls by 60 dB in 0.1 to 0.6 seconds.

    Source: Polack, La transmission de l'énergie sonore dans les salles, 1988 (late reverberation as decaying noise).
    """
    times = np.arange(int(rng.uniform(0.1, _LONGEST_TAIL) * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / times[-1])
    tail[: rng.integers(16, 160)] = 0
    tail *= 10 ** (rng.uniform(-18, -3) / 20) / np.linalg.norm(tail)
    tail[0] = 1
    # Transforms of one round length are several times as fast as of any.
    length = len(speech) + int(_LONGEST_TAIL * SAMPLE_RATE)
    echoing: np.ndarray = np.fft.irfft(np.fft.rfft(speech, length) * np.fft.rfft(tail, length), length)
    return echoing[: len(speech)]


def _as_loud_as(waveform: np.ndarray, decibels: float) -> np.ndarray:
    """The waveform at a level in decibels below full scale, or as near to it as the range from -1 to 1 allows."""
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    scale = min(10 ** (decibels / 20) / level, 1 / np.abs(waveform).max())
    scaled: np.ndarray = (waveform * scale).astype(np.float32)
    return scaled


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
