"""Long recordings cut at pauses, into what a recogniser can read at once.

A waveform is float32 mono `[samples]` at 16,000 Hz, from -1 to 1.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.audio.files import SAMPLE_RATE

_HOP = SAMPLE_RATE // 100
_WINDOW = np.hanning(2 * _HOP + 1)[:-1].astype(np.float32)
_LOWEST_HERTZ, _HIGHEST_HERTZ = 200, 3800
_LOWEST_LEVEL = -100.0
"""Decibels below full scale: a third of the smallest step of 16 bits. All that is softer is silence."""
_CHUNK_FRAMES = 100
_SIDE_CHUNKS = 8
_QUANTILES = (0.05, 0.95)
_STEADY_DECIBELS = 6.0
"""Between these quantiles of noise alone, at most; between those of speech there are 20 and more."""
_DECIBELS_ABOVE_NOISE = 6.0
_SPEECH_DECIBELS = 40.0
"""From the loudest frames of speech to its softest ones."""
_CONTEXT_SECONDS = 0.15
_SHORTEST_SOUND = 5
"""Loud frames that a sound has at least: a click has two or three."""
_CUT_FRAMES = 20
_SHORTEST_PIECE_SECONDS = 0.5
_SHORTEST_SEGMENT_SECONDS = 2.0
_SHORTEST_PAUSE_SECONDS = 0.2


class Segment(NamedTuple):
    """What was spoken between two pauses.

    Attributes:
        start_sample: of the recording, where the segment begins.
        waveform: `[samples]`.
    """

    start_sample: int
    waveform: NDArray[np.float32]


def segments(
    blocks: Iterable[NDArray[np.float32]], longest_seconds: float = 15.0, shortest_pause: float = 0.3
) -> Iterator[Segment]:
    """The parts of a recording in which somebody speaks, in order; none overlaps another.

    A frame of 20 ms is loud where its power from 200 to 3,800 Hz, which neither a DC offset nor mains hum has a part
    in, is 6 dB above the noise and less than 40 dB below the speech. The noise is the level that one in twenty frames
    of 8 seconds stays below, even while somebody speaks (Stahl et al. 2000, "Quantile based noise estimation for
    spectral subtraction and Wiener filtering"), but no lower than 100 dB below full scale; the speech is the level that
    one in twenty exceeds. The seconds before and those after give a threshold each, of which the lower one counts, so
    that no speech is lost; but where one side holds a steady noise and nothing else, it decides, so that a noise which
    begins or ends is not taken for speech for longer than about a second.

    Loud frames with shorter pauses between them make a segment, with up to 0.15 s before and after; clicks make none.
    A segment that would become too long is cut at the quietest 0.2 s in it, and there the parts have no context of
    each other's sound.

    What never changes for 8 seconds, such as a tone, is taken for noise however loud it is; music is taken for speech.

    >>> rng = np.random.default_rng(0)
    >>> waveform = rng.normal(0, 1e-3, 5 * SAMPLE_RATE).astype(np.float32)
    >>> waveform[2 * SAMPLE_RATE : 3 * SAMPLE_RATE] *= 100
    >>> [(one.start_sample / SAMPLE_RATE, len(one.waveform) / SAMPLE_RATE) for one in segments([waveform])]
    [(1.84, 1.32)]

    Args:
        blocks: the recording in order, in blocks of any length. Segments come some 9 seconds after their end; no more
            than that and one segment is in memory.
        longest_seconds: of a segment, at least 2.
        shortest_pause: seconds of quiet that divide two segments, at least 0.2: within words there are shorter ones.

    Raises:
        ValueError: a length is less than that.
    """
    if longest_seconds < _SHORTEST_SEGMENT_SECONDS or shortest_pause < _SHORTEST_PAUSE_SECONDS:
        raise ValueError(
            f"segments of up to {longest_seconds} s and pauses from {shortest_pause} s; "
            f"expected at least {_SHORTEST_SEGMENT_SECONDS} and {_SHORTEST_PAUSE_SECONDS}"
        )
    return _segments(blocks, longest_seconds, shortest_pause)


def _segments(
    blocks: Iterable[NDArray[np.float32]], longest_seconds: float, shortest_pause: float
) -> Iterator[Segment]:
    context = round(min(_CONTEXT_SECONDS, shortest_pause / 2) * SAMPLE_RATE)
    pause = round(shortest_pause * SAMPLE_RATE / _HOP)
    most_frames = int((longest_seconds * SAMPLE_RATE - 2 * context) // _HOP) - 1
    unread = _Unread(context)
    for chunk, threshold, is_last in _with_thresholds(_with_levels(_chunks(blocks))):
        unread.append(chunk, chunk.levels > threshold)
        while (sound := unread.first_sound(pause, is_last)) is not None:
            start, end, is_over = sound
            if end - start > most_frames:
                cut = start + _quietest(unread.levels[start : start + most_frames])
                segment = unread.take(start, cut, cut)
            elif is_over:
                segment = unread.take(start, end, None)
            else:
                break
            if segment is not None:
                yield segment


class _Chunk(NamedTuple):
    """A second of a recording, or what is left at its end, and the level in dB of each of its frames."""

    waveform: NDArray[np.float32]
    levels: NDArray[np.float32]


class _Unread:
    """The end of a recording from which no segment was taken yet; frames are counted from where it begins."""

    def __init__(self, context: int) -> None:
        self.levels = np.zeros(0, np.float32)
        self._is_loud = np.zeros(0, np.bool_)
        self._waveform = np.zeros(0, np.float32)
        self._context = context
        self._before = 0
        """Samples in the waveform before frame 0; negative where the beginning of that frame was taken."""
        self._sample = 0
        """Of the recording, where frame 0 begins."""
        self._goes_on = False
        """Whether the sound before frame 0 was cut off there."""

    def append(self, chunk: _Chunk, is_loud: NDArray[np.bool_]) -> None:
        """Goes on with the next chunk, and forgets the silence before it."""
        loud = np.flatnonzero(self._is_loud)
        self._forget(int(loud[0]) if len(loud) else len(self._is_loud), 0)
        self.levels = np.concatenate([self.levels, chunk.levels])
        self._is_loud = np.concatenate([self._is_loud, is_loud])
        self._waveform = np.concatenate([self._waveform, chunk.waveform])

    def first_sound(self, pause: int, is_last: bool) -> tuple[int, int, bool] | None:
        """The first frame of the first sound, the one after its last, and whether a pause or the end follows it."""
        loud = np.flatnonzero(self._is_loud)
        if not len(loud):
            return None
        pauses = np.flatnonzero(np.diff(loud, append=len(self._is_loud)) > pause)
        if len(pauses):
            return int(loud[0]), int(loud[pauses[0]]) + 1, True
        return int(loud[0]), int(loud[-1]) + 1, is_last

    def take(self, start: int, end: int, cut: int | None) -> Segment | None:
        """The segment of the frames from `start` to `end`, which no longer wait; None if there was but a click.

        Args:
            start: its first loud frame.
            end: the frame after its last one.
            cut: the frame before which all of it lies, where it was cut off.
        """
        loud = start + np.flatnonzero(self._is_loud[start:end])
        first = max(self._before + start * _HOP - self._context, 0)
        last = self._before + (int(loud[-1]) + 2) * _HOP + self._context
        if cut is not None:
            last = min(last, self._before + cut * _HOP)
        segment = Segment(self._sample - self._before + first, self._waveform[first:last].copy())
        is_whole = cut is None and not self._goes_on
        is_click = is_whole and len(loud) < _SHORTEST_SOUND
        self._goes_on = cut is not None
        taken = 0 if is_click else last
        self._forget(end, self._before + end * _HOP if cut is not None else taken)
        return None if is_click else segment

    def _forget(self, frames: int, taken: int) -> None:
        """Drops the first frames, but for the context of the next sound, which reads no sample before `taken`."""
        place = self._before + frames * _HOP
        first = min(max(place - self._context, taken, 0), len(self._waveform))
        self._waveform = self._waveform[first:]
        self._before, self._sample = place - first, self._sample + frames * _HOP
        self.levels, self._is_loud = self.levels[frames:], self._is_loud[frames:]


def _quietest(levels: NDArray[np.float32]) -> int:
    """The middle of the quietest 0.2 s, not too near the beginning."""
    means = np.convolve(levels, np.full(_CUT_FRAMES, 1 / _CUT_FRAMES), "valid")
    earliest = round(_SHORTEST_PIECE_SECONDS * SAMPLE_RATE / _HOP)
    return earliest + int(np.argmin(means[earliest - _CUT_FRAMES // 2 :]))


def _chunks(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The same samples in blocks of a second; the last may be shorter."""
    size = _CHUNK_FRAMES * _HOP
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


def _with_levels(chunks: Iterable[NDArray[np.float32]]) -> Iterator[_Chunk]:
    previous = None
    for chunk in chunks:
        if previous is not None:
            yield _Chunk(previous, _levels(np.concatenate([previous, chunk[:_HOP]])))
        previous = chunk
    if previous is not None:
        yield _Chunk(previous, _levels(previous))


def _levels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The level of each frame in decibels below full scale; the last sample stands for those that lack."""
    hops = -(-len(samples) // _HOP)
    frames = min(hops, _CHUNK_FRAMES)
    padded = np.pad(samples, (0, (frames + 1) * _HOP - len(samples)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HOP)[::_HOP] * _WINDOW
    bins = slice(_LOWEST_HERTZ * 2 * _HOP // SAMPLE_RATE, _HIGHEST_HERTZ * 2 * _HOP // SAMPLE_RATE + 1)
    spectrum = np.fft.rfft(windows, axis=-1)[:, bins]
    power = 2 * (spectrum.real**2 + spectrum.imag**2).sum(axis=-1) / (2 * _HOP * np.sum(_WINDOW**2))
    levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power, 10 ** (_LOWEST_LEVEL / 10)))
    return levels.astype(np.float32)


def _with_thresholds(chunks: Iterable[_Chunk]) -> Iterator[tuple[_Chunk, float, bool]]:
    """Each chunk with the level above which its frames are loud, and whether it is the last one."""
    around: deque[_Chunk] = deque(maxlen=2 * _SIDE_CHUNKS - 1)
    ahead = 0
    for chunk in chunks:
        around.append(chunk)
        ahead += 1
        if ahead == _SIDE_CHUNKS:
            yield around[-ahead], _threshold([one.levels for one in around], ahead), False
            ahead -= 1
    for left in range(ahead, 0, -1):
        yield around[-left], _threshold([one.levels for one in around], left), left == 1


def _threshold(levels: Sequence[NDArray[np.float32]], ahead: int) -> float:
    """The level above which frames are loud in the `ahead`-th chunk from the end, by the chunks before and after it."""
    middle = len(levels) - ahead
    sides = levels[max(middle + 1 - _SIDE_CHUNKS, 0) : middle + 1], levels[middle:]
    long_enough = [side for side in sides if 2 * len(side) >= _SIDE_CHUNKS] or [levels]
    ranges = [np.quantile(np.concatenate(side), _QUANTILES) for side in long_enough]
    steady = [(low, high) for low, high in ranges if high - low < _STEADY_DECIBELS]
    limits = (max(low + _DECIBELS_ABOVE_NOISE, high - _SPEECH_DECIBELS) for low, high in steady or ranges)
    return float(min(limits))
