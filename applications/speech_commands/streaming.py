"""Long recordings, block by block, through the signatures of an exported model: samples in, posteriors out."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from common.audio.files import SAMPLE_RATE
from common.audio.frames import FrameCutter
from common.inference.refused_rows import require_answered
from common.inference.runner import SavedModelRunner
from common.inference.states import first_states

_WINDOW_HOP = SAMPLE_RATE // 10


class Frames(NamedTuple):
    """What a model answered.

    Attributes:
        posteriors: `[frames, classes]`.
        times: the end of each frame in seconds from the beginning of the recording, `[frames]`.
    """

    posteriors: np.ndarray
    times: np.ndarray


class Listener(Protocol):
    """Hears one recording."""

    def process(self, block: np.ndarray) -> Frames:
        """The frames that end in the next samples `[any]`; any cutting into blocks gives the same ones."""


class StepListener:
    """Hears with a streaming model, whose states it keeps from block to block.

    Args:
        runner: of a model with the signature `step`.
        hop: samples of a frame.
    """

    def __init__(self, runner: SavedModelRunner, hop: int) -> None:
        self._runner, self._cutter = runner, _Cutter(hop)
        self._states = first_states(runner, "step", but="audio")
        classes = (runner.signatures["step"].outputs["posteriors"].shape or (None,))[-1]
        self._nothing = np.zeros((0, classes or 0), np.float32)

    def process(self, block: np.ndarray) -> Frames:
        """See `Listener`."""
        audio, times = self._cutter.cut(block)
        if not len(audio):
            return Frames(self._nothing, times)
        outputs = require_answered(self._runner.run("step", audio=audio[None], **self._states), ["recording"])
        self._states = {name: outputs[name] for name in self._states}
        return Frames(outputs["posteriors"][0], times)


class WindowListener:
    """Hears with a model of whole clips: one ends every 0.1 s, before the recording there is silence.

    Args:
        runner: of a model with the signature `waveform`.
        samples: of a clip.
        batch_size: clips that are heard at once.
    """

    def __init__(self, runner: SavedModelRunner, samples: int, batch_size: int) -> None:
        self._runner, self._samples, self._batch_size = runner, samples, batch_size
        self._cutter = _Cutter(_WINDOW_HOP)
        self._before = np.zeros(max(samples - _WINDOW_HOP, 0), np.float32)
        classes = (runner.signatures["waveform"].outputs["probabilities"].shape or (None,))[-1]
        self._nothing = np.zeros((0, classes or 0), np.float32)

    def process(self, block: np.ndarray) -> Frames:
        """See `Listener`."""
        audio, times = self._cutter.cut(block)
        samples = np.concatenate([self._before, audio])
        self._before = samples[len(audio) :]
        if not len(audio):
            return Frames(self._nothing, times)
        windows = sliding_window_view(samples, self._samples)[::_WINDOW_HOP]
        posteriors = []
        for first in range(0, len(windows), self._batch_size):
            clips = windows[first : first + self._batch_size]
            outputs = require_answered(
                self._runner.run("waveform", waveform=clips), ["recording"] * len(clips)
            )
            posteriors.append(outputs["probabilities"])
        return Frames(np.concatenate(posteriors), times)


class _Cutter:
    """Cuts blocks into whole frames, and tells when each ends."""

    def __init__(self, hop: int) -> None:
        self._hop, self._frames, self._cutter = hop, 0, FrameCutter(hop)

    def cut(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the whole frames that there are now, and when each ends in seconds."""
        audio = self._cutter.cut(block)
        frames = len(audio) // self._hop
        times = (self._frames + 1 + np.arange(frames)) * (self._hop / SAMPLE_RATE)
        self._frames += frames
        return audio, times
