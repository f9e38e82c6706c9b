"""Waveforms changed at random, so that a model learns what a word sounds like rather than how it was recorded.

A waveform is float32 mono `[samples]` at 16,000 Hz, from -1 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import soxr
from numpy.typing import NDArray

from common.audio.files import SAMPLE_RATE
from common.checks import SHARE, AtLeast, check_ranges, flag
from common.errors import FlagError

Waveform = NDArray[np.float32]

_GRID = SAMPLE_RATE // 100
_HOP = 256
_TOLERANCE = 128
_QUALITY = "MQ"
_TINY = 1e-9


@dataclass(frozen=True)
class Augmentation:
    """How far a training clip may be changed; each value is drawn evenly from its range."""

    shift: Annotated[float, AtLeast(0)] = 0.1
    """Seconds by which a clip begins earlier or later at most; zeros come in."""
    speed: tuple[Annotated[float, AtLeast(0.1)], Annotated[float, AtLeast(0.1)]] = (0.9, 1.1)
    """Range of the speed, which changes the pitch as well (Ko et al. 2015)."""
    pitch: Annotated[float, AtLeast(0)] = 2.0
    """Semitones by which the pitch rises or falls at most, the speed kept."""
    pitch_share: Annotated[float, SHARE] = 0.3
    """Share of the clips whose pitch is changed."""
    gain: tuple[float, float] = (-10.0, 6.0)
    """Range of the gain, in dB."""
    noise_share: Annotated[float, SHARE] = 0.7
    """Share of the clips over which a background recording is heard, where there are any."""
    noise_ratio: tuple[float, float] = (0.0, 30.0)
    """Range of a clip's power over that of the noise, in dB."""

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in ("speed", "gain", "noise_ratio"):
            lowest, highest = getattr(self, name)
            if not lowest <= highest:
                raise FlagError(f"{flag(name)} {lowest} {highest}: expected the lower bound first")


def augment(
    waveform: Waveform,
    samples: int,
    noises: Sequence[Waveform],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Waveform:
    """A clip as it might have sounded: faster, higher, earlier, over noise, louder, or the opposite.

    Args:
        waveform: `[any]`.
        samples: length of the result.
        noises: background recordings, each `[any]`; none for no noise.
        augmentation: the ranges.
        rng: what is drawn depends on its state alone.

    Returns:
        `[samples]`, clipped to -1 to 1.
    """
    waveform = change_voice(waveform, augmentation, rng)
    reach = round(augmentation.shift * SAMPLE_RATE)
    waveform = shift(fit_length(waveform, samples), int(rng.integers(-reach, reach + 1)))
    if len(noises) and rng.random() < augmentation.noise_share:
        noise = noises[int(rng.integers(len(noises)))]
        waveform = mix_noise(waveform, noise, rng.uniform(*augmentation.noise_ratio), rng)
    return np.clip(gain(waveform, rng.uniform(*augmentation.gain)), -1, 1)


def change_voice(waveform: Waveform, augmentation: Augmentation, rng: np.random.Generator) -> Waveform:
    """`[samples]` -> about as many: the speed changed, and of some clips the pitch."""
    waveform = change_speed(waveform, rng.uniform(*augmentation.speed))
    if rng.random() < augmentation.pitch_share:
        waveform = change_pitch(waveform, rng.uniform(-augmentation.pitch, augmentation.pitch))
    return waveform


def fit_length(waveform: Waveform, samples: int) -> Waveform:
    """`[any]` -> `[samples]`: zeros follow a shorter waveform; of a longer one the loudest window is taken, among those
    that begin at a whole 10 ms, and the first of equals; as `common.audio.features.FitLength` does in the graph."""
    if len(waveform) <= samples:
        return np.pad(waveform, (0, samples - len(waveform)))
    starts = np.arange(0, len(waveform) - samples + 1, _GRID)
    energy = _cumulative_energy(np.rint(np.clip(waveform, -1, 1) * 32_768))
    start = int(starts[np.argmax(energy[starts + samples] - energy[starts])])
    return waveform[start : start + samples]


def shift(waveform: Waveform, samples: int) -> Waveform:
    """The waveform `samples` later, or earlier where negative, as long as before: what leaves is lost, zeros enter."""
    shifted = np.zeros_like(waveform)
    if samples >= 0:
        shifted[samples:] = waveform[: max(len(waveform) - samples, 0)]
    else:
        shifted[:samples] = waveform[-samples:]
    return shifted


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """`[samples]` -> about `[samples / factor]`: played `factor` times as fast, and as much higher (Ko et al. 2015)."""
    if factor == 1 or not len(waveform):
        return waveform
    played: Waveform = soxr.resample(waveform, SAMPLE_RATE * factor, SAMPLE_RATE, _QUALITY)
    return played


def change_pitch(waveform: Waveform, semitones: float) -> Waveform:
    """The waveform that much higher, or lower where negative, as long and as fast as before."""
    if semitones == 0:
        return waveform
    return stretch(change_speed(waveform, 2 ** (semitones / 12)), len(waveform))


def stretch(waveform: Waveform, samples: int) -> Waveform:
    """`[any]` -> `[samples]`, faster or slower, at the same pitch.

    Overlapping Hann windows of 32 ms are moved nearer to each other or further apart; each is taken from where, within
    8 ms of its place, it goes on most like the one before it (WSOLA, Verhelst and Roelands 1993).
    """
    window = np.hanning(2 * _HOP + 1)[:-1].astype(np.float32)
    frames = samples // _HOP + 2
    margin = _HOP + _TOLERANCE
    padded = np.pad(waveform, (margin, margin + 3 * _HOP))
    places = np.arange(frames) * _HOP * (len(waveform) / max(samples, 1))
    places = np.minimum(places.astype(np.int64) + _TOLERANCE, len(padded) - 3 * _HOP - _TOLERANCE)
    energy = _cumulative_energy(padded)
    stretched = np.zeros((frames + 1) * _HOP, np.float32)
    start = int(places[0])
    for frame, place in enumerate(places):
        if frame:
            first = max(place - _TOLERANCE, 0)
            expected = padded[start + _HOP : start + 3 * _HOP]
            around = padded[first : place + _TOLERANCE + len(expected)]
            likeness = np.correlate(around, expected, "valid")
            ends = np.arange(first, first + len(likeness)) + len(expected)
            likeness /= np.sqrt(energy[ends] - energy[ends - len(expected)] + _TINY)
            start = first + int(np.argmax(likeness))
        stretched[frame * _HOP : (frame + 2) * _HOP] += window * padded[start : start + 2 * _HOP]
    return stretched[_HOP : _HOP + samples]


def mix_noise(waveform: Waveform, noise: Waveform, ratio: float, rng: np.random.Generator) -> Waveform:
    """The waveform over a random excerpt of a noise.

    Args:
        waveform: `[samples]`.
        noise: `[any]`.
        ratio: the waveform's power over the excerpt's, in dB. Over digital silence no noise is heard, whatever its
            ratio.
        rng: draws the excerpt.
    """
    background = excerpt(noise, len(waveform), rng)
    power, noise_power = _power(waveform), _power(background)
    if not power or not noise_power:
        return waveform
    return waveform + np.float32(np.sqrt(power / noise_power) * 10 ** (-ratio / 20)) * background


def with_noise(
    waveforms: Sequence[Waveform], noises: Sequence[Waveform], ratio: float, seed: int
) -> list[Waveform]:
    """Recordings over noise, to measure how well they are still understood.

    The same seed takes the same excerpt for a recording whatever the ratio, and whatever the other recordings.

    Args:
        waveforms: each `[samples]`.
        noises: background recordings, each `[any]`, at least one.
        ratio: power of a recording, its pauses included, over that of the noise, in dB; infinite for no noise.
        seed: which noise each recording has, and which part of it.

    Returns:
        Each `[samples]`; what would be louder than full scale is softer as a whole, so that nothing is clipped.
    """
    noisy = []
    for index, waveform in enumerate(waveforms):
        rng = np.random.default_rng((seed, index))
        mixed = mix_noise(waveform, noises[int(rng.integers(len(noises)))], ratio, rng)
        loudest = np.max(np.abs(mixed), initial=1.0)
        noisy.append(mixed / np.float32(loudest))
    return noisy


def excerpt(waveform: Waveform, samples: int, rng: np.random.Generator) -> Waveform:
    """`[any]` -> `[samples]` from a random place; a shorter waveform is repeated."""
    if len(waveform) <= samples:
        return np.resize(np.roll(waveform, rng.integers(max(len(waveform), 1))), samples)
    start = rng.integers(len(waveform) - samples + 1)
    return waveform[start : start + samples]


def gain(waveform: Waveform, decibels: float) -> Waveform:
    """The waveform louder, or softer where negative."""
    return waveform * np.float32(10 ** (decibels / 20))


def _power(waveform: Waveform) -> float:
    return float(np.dot(waveform, waveform)) / max(len(waveform), 1)


def _cumulative_energy(waveform: Waveform) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
