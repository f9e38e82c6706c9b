"""Words in a recording, from the posteriors of a streaming model: smoothed, then one detection per word spoken."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.audio.labelled import SILENCE, UNKNOWN
from common.checks import Above, AtLeast, Between, check_ranges

_TINY = 1e-6


@dataclass(frozen=True)
class DetectionOptions:
    """When a word counts as heard."""

    smoothing: Annotated[float, AtLeast(0)] = 0.2
    """Seconds over which the posteriors are averaged."""
    threshold: Annotated[float, Above(0), Between(0, 1)] = 0.9
    """Averaged posterior from which on a word is heard, from 0 to 1."""
    refractory: Annotated[float, AtLeast(0)] = 0.6
    """Seconds after a detection in which nothing else is detected."""

    def __post_init__(self) -> None:
        check_ranges(self)


class Detection(NamedTuple):
    """A word that was heard.

    Attributes:
        time: when, in seconds.
        label: the word.
        probability: its averaged posterior.
    """

    time: float
    label: str
    probability: float


class Detector:
    """Hears a recording frame by frame and says which words it holds.

    The posteriors are averaged over the last frames (Chen et al. 2014, equation 2). A word is heard when its average
    reaches the threshold, and followed until the averages fall, for as long as the smoothing takes at most; the peak
    decides on label and probability. Then follows the refractory time. The same word is heard anew only after its
    average was below the threshold. `_silence_` and `_unknown_` are never detected.

    Args:
        classes: names of the classes.
        options: smoothing, threshold and refractory time.
    """

    def __init__(self, classes: Sequence[str], options: DetectionOptions) -> None:
        self._classes = list(classes)
        self._is_word = np.array([name not in (SILENCE, UNKNOWN) for name in classes])
        self._is_armed = np.ones(len(self._classes), bool)
        self._options = options
        self._recent: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._crossed = -np.inf
        self._followed: Detection | None = None

    def feed(self, posteriors: ArrayLike, times: Sequence[float] | NDArray[np.float64]) -> list[Detection]:
        """Hears on.

        Args:
            posteriors: probabilities of the next frames, `[frames, classes]`.
            times: seconds at the end of each frame, ascending from call to call, `[frames]`.

        Returns:
            The detections that became certain.
        """
        frames = np.asarray(posteriors, np.float64).reshape(-1, len(self._classes))
        detections_of_frames = [
            self._hear(frame, float(time)) for frame, time in zip(frames, times, strict=True)
        ]
        return [detection for detections in detections_of_frames for detection in detections]

    def finish(self) -> list[Detection]:
        """The detection that more frames would have made certain, if there is one."""
        if self._followed is None:
            return []
        detection, self._followed = self._followed, None
        self._is_armed[self._classes.index(detection.label)] = False
        return [detection]

    def _hear(self, frame: NDArray[np.float64], time: float) -> list[Detection]:
        average = np.where(self._is_word, self._average(frame, time), 0.0)
        reaches = average >= self._options.threshold
        self._is_armed |= ~reaches
        best = int(np.argmax(np.where(self._is_armed, average, 0.0)))
        if self._followed is not None:
            return self._follow(best, float(average[best]), time)
        is_ready = time >= self._crossed + self._options.refractory - _TINY
        if is_ready and reaches[best] and self._is_armed[best]:
            self._crossed = time
            self._followed = Detection(time, self._classes[best], float(average[best]))
        return []

    def _follow(self, best: int, probability: float, time: float) -> list[Detection]:
        assert self._followed is not None
        is_over = time >= self._crossed + self._options.smoothing - _TINY
        if probability < self._followed.probability:
            is_over = True
        elif probability > self._followed.probability:
            self._followed = Detection(self._crossed, self._classes[best], probability)
        return self.finish() if is_over else []

    def _average(self, frame: NDArray[np.float64], time: float) -> NDArray[np.float64]:
        self._recent.append((time, frame))
        while len(self._recent) > 1 and self._recent[0][0] <= time - self._options.smoothing + _TINY:
            self._recent.popleft()
        average: NDArray[np.float64] = np.mean([recent for _, recent in self._recent], axis=0)
        return average
