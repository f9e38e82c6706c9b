"""How loud each frame of a recording is, and above which level somebody speaks in it.

A waveform is float32 mono `[samples]` at 16,000 Hz, from -1 to 1. A frame has 20 ms, and one begins every 10 ms.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.audio.files import SAMPLE_RATE

HOP = SAMPLE_RATE // 100
"""Samples from the beginning of a frame to that of the next."""

_WINDOW = np.hanning(2 * HOP + 1)[:-1].astype(np.float32)
_LOWEST_HERTZ, _HIGHEST_HERTZ = 200, 3800
_LOWEST_LEVEL = -100.0
"""Decibels below full scale: a third of the smallest step of 16 bits. All that is softer is silence."""
_SECOND = 100
"""Frames."""
_STEP = 10
"""Frames after which thresholds are found anew while a recording is heard; a second has a whole number of steps."""
_SIDE_SECONDS = 8
_QUANTILES = (0.05, 0.95)
_STEADY_DECIBELS = 6.0
"""Between these quantiles of noise alone, at most; between those of speech there are 20 and more."""
_DECIBELS_ABOVE_NOISE = 6.0
_SPEECH_DECIBELS = 40.0
"""From the loudest frames of speech to its softest ones."""


class Chunk(NamedTuple):
    """A stretch of a recording, and the level in dB of each of its frames."""

    waveform: NDArray[np.float32]
    levels: NDArray[np.float32]


def with_thresholds(
    blocks: Iterable[NDArray[np.float32]],
) -> Iterator[tuple[Chunk, NDArray[np.float32], bool]]:
    """Each second of a recording, the levels above which its frames are loud, and whether it is the last one.

    A threshold comes of the 8 seconds up to a frame's own and the 8 from that on (see `segments`), so a second comes
    when they were heard.

    Args:
        blocks: the recording in order, in blocks of any length.
    """
    around: deque[Chunk] = deque(maxlen=2 * _SIDE_SECONDS - 1)
    ahead = 0
    for chunk in _with_levels(blocks, _SECOND):
        around.append(chunk)
        ahead += 1
        if ahead == _SIDE_SECONDS:
            yield around[-ahead], _thresholds([one.levels for one in around], ahead), False
            ahead -= 1
    for left in range(ahead, 0, -1):
        yield around[-left], _thresholds([one.levels for one in around], left), left == 1


def with_thresholds_so_far(
    blocks: Iterable[NDArray[np.float32]],
) -> Iterator[tuple[Chunk, NDArray[np.float32], bool]]:
    """Each tenth of a second of a recording as soon as it is heard; the thresholds of its frames and of those before
    it, the last 8 seconds together, of what was heard so far; and whether it is the last one, which is empty.

    Once 8 seconds from a frame's own on were heard, its threshold is that of `with_thresholds` and no longer changes.

    Args:
        blocks: the recording in order, in blocks of any length.
    """
    seconds: deque[NDArray[np.float32]] = deque(maxlen=2 * _SIDE_SECONDS - 1)
    thresholds = np.zeros(0, np.float32)
    for chunk in _with_levels(blocks, _STEP):
        if seconds and len(seconds[-1]) < _SECOND:
            seconds[-1] = np.concatenate([seconds[-1], chunk.levels])
        else:
            seconds.append(chunk.levels)
        undecided = range(min(len(seconds), _SIDE_SECONDS), 0, -1)
        thresholds = np.concatenate([_thresholds(seconds, ahead) for ahead in undecided])
        yield chunk, thresholds, False
    nothing = np.zeros(0, np.float32)
    yield Chunk(nothing, nothing), thresholds, True


def _chunks(blocks: Iterable[NDArray[np.float32]], frames: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in blocks of so many frames; the last may be shorter."""
    size = frames * HOP
    parts: list[NDArray[np.float32]] = []
    waiting = 0
    for block in blocks:
        parts.append(np.asarray(block, np.float32))
        waiting += len(block)
        if waiting >= size:
            samples = np.concatenate(parts)
            whole = waiting // size * size
            yield from np.split(samples[:whole], whole // size)
            parts, waiting = [samples[whole:].copy()], waiting - whole
    if waiting:
        yield np.concatenate(parts)


def _with_levels(blocks: Iterable[NDArray[np.float32]], frames: int) -> Iterator[Chunk]:
    """The recording in chunks of so many frames, each when the next was heard, whose beginning its last frame has."""
    previous = None
    for chunk in _chunks(blocks, frames):
        if previous is not None:
            yield Chunk(previous, _levels(np.concatenate([previous, chunk[:HOP]]), frames))
        previous = chunk
    if previous is not None:
        yield Chunk(previous, _levels(previous, frames))


def _levels(samples: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """The level of each frame in decibels below full scale; the last sample stands for those that lack."""
    frames = min(-(-len(samples) // HOP), most)
    padded = np.pad(samples, (0, (frames + 1) * HOP - len(samples)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP] * _WINDOW
    bins = slice(_LOWEST_HERTZ * 2 * HOP // SAMPLE_RATE, _HIGHEST_HERTZ * 2 * HOP // SAMPLE_RATE + 1)
    spectrum = np.fft.rfft(windows, axis=-1)[:, bins]
    power = 2 * (spectrum.real**2 + spectrum.imag**2).sum(axis=-1) / (2 * HOP * np.sum(_WINDOW**2))
    levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power, 10 ** (_LOWEST_LEVEL / 10)))
    return levels.astype(np.float32)


def _thresholds(levels: Iterable[NDArray[np.float32]], ahead: int) -> NDArray[np.float32]:
    """The level above which frames are loud, for each frame of the `ahead`-th second from the end."""
    seconds = list(levels)
    return np.full(len(seconds[-ahead]), _threshold(seconds, ahead), np.float32)


def _threshold(levels: Sequence[NDArray[np.float32]], ahead: int) -> float:
    """The level above which frames are loud in the `ahead`-th second from the end, by those before and after it."""
    middle = len(levels) - ahead
    sides = levels[max(middle + 1 - _SIDE_SECONDS, 0) : middle + 1], levels[middle:]
    long_enough = [side for side in sides if 2 * len(side) >= _SIDE_SECONDS] or [levels]
    ranges = [_quantiles(np.concatenate(side)) for side in long_enough]
    steady = [(low, high) for low, high in ranges if high - low < _STEADY_DECIBELS]
    limits = (max(low + _DECIBELS_ABOVE_NOISE, high - _SPEECH_DECIBELS) for low, high in steady or ranges)
    return float(min(limits))


def _quantiles(levels: NDArray[np.float32]) -> tuple[float, float]:
    """What `np.quantile` gives, which takes several times as long, and streams ask for it again and again."""
    ordered = np.sort(levels)
    low, high = np.interp(np.multiply(_QUANTILES, len(ordered) - 1), np.arange(len(ordered)), ordered)
    return float(low), float(high)
