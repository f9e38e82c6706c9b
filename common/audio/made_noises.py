"""Made background recordings: white, pink and brown noise, mains hum and babble, and excerpts of them."""

from collections.abc import Sequence

import numpy as np

from common.audio.files import SAMPLE_RATE
from common.audio.synthesis import synthesize
from common.audio.voices import draw_voice

_SECONDS = 8
_LEVEL = 0.1


def make_noises(
    part: str, spoken: Sequence[str], of_each_kind: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """White, pink and brown noise, mains hum and babble, again and again, each recording of 8 seconds.

    Args:
        part: train, validation or test: whose voices the babble is of.
        spoken: the words or sentences that the babble is of.
        of_each_kind: how many recordings of each of the five kinds.
        rng: what is drawn from.

    Returns:
        float32 `[samples]` at 16,000 Hz, at most 1 in size, each at a loudness that swings by some decibels.
    """
    samples = _SECONDS * SAMPLE_RATE
    return [
        _drifting(noise, rng)
        for _ in range(of_each_kind)
        for noise in (
            *(_coloured(samples, slope, rng) for slope in (0.0, 1.0, 2.0)),
            _hum(samples, rng),
            _babble(samples, part, spoken, rng),
        )
    ]


def draw_background(noises: Sequence[np.ndarray], samples: int, rng: np.random.Generator) -> np.ndarray:
    """`samples` of one of the noises, or of two together; a noise that is shorter is repeated."""
    chosen = rng.choice(len(noises), size=rng.integers(1, 3), replace=False)
    excerpts = []
    for noise in (noises[index] for index in chosen):
        long_enough = np.resize(noise, max(len(noise), samples))
        start = rng.integers(0, len(long_enough) - samples + 1)
        excerpts.append(long_enough[start : start + samples] * rng.uniform(0.3, 1))
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


def _babble(samples: int, part: str, spoken: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Five people talking at once, each near or far."""
    mixed = np.zeros(samples)
    for strength in rng.uniform(0.3, 1, 5):
        voice, end = draw_voice(part, rng), 0
        while end < samples:
            start = end + int(rng.uniform(0, 0.3) * SAMPLE_RATE)
            said = synthesize(str(rng.choice(spoken)), voice)[: max(samples - start, 0)]
            end = start + len(said)
            mixed[start:end] += strength * said
    return mixed


def _drifting(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The noise at a loudness that swings by some decibels every few seconds."""
    times = np.arange(len(noise)) / SAMPLE_RATE
    swing = rng.uniform(0, 5) * np.sin(2 * np.pi * (times / rng.uniform(2, 6) + rng.random()))
    swinging = noise / noise.std() * 10 ** (swing / 20)
    scale = min(_LEVEL / swinging.std(), 1 / np.abs(swinging).max())
    scaled: np.ndarray = (swinging * scale).astype(np.float32)
    return scaled
