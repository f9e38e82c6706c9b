"""Speech as a microphone in a made room records it: echoes, background noise and a level."""

import math

import numpy as np

from common.audio.files import SAMPLE_RATE

_LOWEST_FREQUENCY = 40
_SHARE_WITH_ECHOES = 0.7
_LONGEST_TAIL = 0.6


def placed(speech: np.ndarray, start: int, samples: int) -> np.ndarray:
    """Silence of `samples` samples, float32, with the speech at a mean power of 1 from `start` on."""
    surrounded = np.zeros(samples, np.float32)
    surrounded[start : start + len(speech)] = speech / np.sqrt(np.mean(speech**2))
    return surrounded


def in_room(speech: np.ndarray, background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech (`placed`) in a room, over the background (of as many samples) at a ratio of 5 to 35 dB.

    Returns:
        float32 `[samples]`, at a level from -35 to -15 dB below full scale.
    """
    speech = _without_drift(speech)
    if rng.random() < _SHARE_WITH_ECHOES:
        speech = _reverberated(speech, rng)
    ratio = rng.uniform(5, 35)
    mixed = speech + background / np.sqrt(np.mean(background**2)) * 10 ** (-ratio / 20)
    return as_loud_as(mixed, rng.uniform(-35, -15))


def as_loud_as(waveform: np.ndarray, decibels: float) -> np.ndarray:
    """The waveform at a level in decibels below full scale, or as near to it as the range from -1 to 1 allows."""
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    scale = min(10 ** (decibels / 20) / level, 1 / np.abs(waveform).max())
    scaled: np.ndarray = (waveform * scale).astype(np.float32)
    return scaled


def _without_drift(speech: np.ndarray) -> np.ndarray:
    """The speech without what is below 40 Hz, which the breath of some made voices has."""
    spectrum = np.fft.rfft(speech)
    spectrum[: math.ceil(_LOWEST_FREQUENCY * len(speech) / SAMPLE_RATE)] = 0
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
