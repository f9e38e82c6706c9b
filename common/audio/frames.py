"""Sound that comes in blocks of any length, as whole frames. Imports no Keras and no TensorFlow."""

from collections.abc import Iterable, Iterator

import numpy as np


class FrameCutter:
    """Cuts blocks of any length into whole frames; what is left over waits for the next block.

    Args:
        frame: samples of a frame.

    Example:
        >>> cutter = FrameCutter(2)
        >>> cutter.cut(np.ones(3, np.float32)).shape, cutter.cut(np.ones(1, np.float32)).shape
        ((2,), (2,))
    """

    def __init__(self, frame: int) -> None:
        self._frame, self._waiting = frame, np.zeros(0, np.float32)

    def cut(self, block: np.ndarray) -> np.ndarray:
        """The samples of the whole frames that there are with the block, `[any]`; none if it completes no frame."""
        audio = np.concatenate([self._waiting, block])
        whole = len(audio) // self._frame * self._frame
        self._waiting = audio[whole:]
        return audio[:whole]


def whole_frames(blocks: Iterable[np.ndarray], frame: int) -> Iterator[np.ndarray]:
    """The blocks as blocks of whole frames; what is left over at the end is dropped.

    >>> [len(block) for block in whole_frames([np.zeros(3), np.zeros(1), np.zeros(0), np.zeros(3)], frame=2)]
    [2, 2, 2]
    """
    cutter = FrameCutter(frame)
    for block in blocks:
        audio = cutter.cut(block)
        if len(audio):
            yield audio
