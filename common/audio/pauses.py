"""Long recordings cut at pauses, into what a recogniser can read at once.

A waveform is float32 mono `[samples]` at 16,000 Hz, from -1 to 1.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.audio.files import SAMPLE_RATE
from common.audio.loudness import HOP, Chunk, with_thresholds, with_thresholds_so_far

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
    blocks: Iterable[NDArray[np.float32]],
    longest_seconds: float = 15.0,
    shortest_pause: float = 0.3,
    answer_after: float | None = None,
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
        blocks: the recording in order, in blocks of any length. No more than some 9 seconds of silence and one segment
            are in memory.
        longest_seconds: of a segment, at least 2.
        shortest_pause: seconds of quiet that divide two segments, at least 0.2: within words there are shorter ones.
        answer_after: seconds of quiet after which a segment comes, at least the shortest pause, for a recording that is
            heard while it is made: up to 0.2 s pass beyond them. The seconds after a frame are then those that were
            heard so far, so that a noise which begins is taken for speech for up to some four seconds. Unless given,
            segments come some 9 seconds after their end, when all of those seconds were heard.

    Raises:
        ValueError: a length is less than that.
    """
    if longest_seconds < _SHORTEST_SEGMENT_SECONDS or shortest_pause < _SHORTEST_PAUSE_SECONDS:
        raise ValueError(
            f"segments of up to {longest_seconds} s and pauses from {shortest_pause} s; "
            f"expected at least {_SHORTEST_SEGMENT_SECONDS} and {_SHORTEST_PAUSE_SECONDS}"
        )
    if answer_after is None:
        return _segments(with_thresholds(blocks), longest_seconds, shortest_pause, shortest_pause)
    if answer_after < shortest_pause:
        raise ValueError(
            f"answers after {answer_after} s of quiet; expected at least the shortest pause, {shortest_pause}"
        )
    return _segments(with_thresholds_so_far(blocks), longest_seconds, shortest_pause, answer_after)


def _segments(
    heard: Iterable[tuple[Chunk, NDArray[np.float32], bool]],
    longest_seconds: float,
    shortest_pause: float,
    answer_after: float,
) -> Iterator[Segment]:
    context = round(min(_CONTEXT_SECONDS, shortest_pause / 2) * SAMPLE_RATE)
    pause, quiet = (round(seconds * SAMPLE_RATE / HOP) for seconds in (shortest_pause, answer_after))
    most_frames = int((longest_seconds * SAMPLE_RATE - 2 * context) // HOP) - 1
    unread = _Unread(context)
    for chunk, thresholds, is_last in heard:
        unread.append(chunk, thresholds)
        while (sound := unread.first_sound(pause, 0 if is_last else quiet)) is not None:
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

    def append(self, chunk: Chunk, thresholds: NDArray[np.float32]) -> None:
        """Goes on with the next chunk, and forgets the silence before it that can no longer become loud.

        Args:
            chunk: what follows.
            thresholds: above which the last frames are loud, those of the chunk and any before them.
        """
        loud = np.flatnonzero(self._is_loud)
        silent = int(loud[0]) if len(loud) else len(self._is_loud)
        decided = len(self.levels) + len(chunk.levels) - len(thresholds)
        self._forget(min(silent, max(decided, 0)), 0)
        self.levels = np.concatenate([self.levels, chunk.levels])
        self._waveform = np.concatenate([self._waveform, chunk.waveform])
        count = min(len(thresholds), len(self.levels))
        stays = len(self.levels) - count
        is_loud = self.levels[stays:] > thresholds[len(thresholds) - count :]
        self._is_loud = np.concatenate([self._is_loud[:stays], is_loud])

    def first_sound(self, pause: int, quiet: int) -> tuple[int, int, bool] | None:
        """The first frame of the first sound, the one after its last, and whether it is over: a pause and another sound
        follow it, or more than so many quiet frames do."""
        loud = np.flatnonzero(self._is_loud)
        if not len(loud):
            return None
        pauses = np.flatnonzero(np.diff(loud) > pause)
        if len(pauses):
            return int(loud[0]), int(loud[pauses[0]]) + 1, True
        return int(loud[0]), int(loud[-1]) + 1, len(self._is_loud) - int(loud[-1]) > quiet

    def take(self, start: int, end: int, cut: int | None) -> Segment | None:
        """The segment of the frames from `start` to `end`, which no longer wait; None if there was but a click.

        Args:
            start: its first loud frame.
            end: the frame after its last one.
            cut: the frame before which all of it lies, where it was cut off.
        """
        loud = start + np.flatnonzero(self._is_loud[start:end])
        first = max(self._before + start * HOP - self._context, 0)
        last = self._before + (int(loud[-1]) + 2) * HOP + self._context
        if cut is not None:
            last = min(last, self._before + cut * HOP)
        segment = Segment(self._sample - self._before + first, self._waveform[first:last].copy())
        is_whole = cut is None and not self._goes_on
        is_click = is_whole and len(loud) < _SHORTEST_SOUND
        self._goes_on = cut is not None
        taken = 0 if is_click else last
        self._forget(end, self._before + end * HOP if cut is not None else taken)
        return None if is_click else segment

    def _forget(self, frames: int, taken: int) -> None:
        """Drops the first frames, but for the context of the next sound, which reads no sample before `taken`."""
        place = self._before + frames * HOP
        first = min(max(place - self._context, taken, 0), len(self._waveform))
        self._waveform = self._waveform[first:]
        self._before, self._sample = place - first, self._sample + frames * HOP
        self.levels, self._is_loud = self.levels[frames:], self._is_loud[frames:]


def _quietest(levels: NDArray[np.float32]) -> int:
    """The middle of the quietest 0.2 s, not too near the beginning."""
    means = np.convolve(levels, np.full(_CUT_FRAMES, 1 / _CUT_FRAMES), "valid")
    earliest = round(_SHORTEST_PIECE_SECONDS * SAMPLE_RATE / HOP)
    return earliest + int(np.argmin(means[earliest - _CUT_FRAMES // 2 :]))
