"""A recording of any length, through the signature `step` of a streaming model: samples in, text out, bit by bit."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from common.audio.frames import whole_frames
from common.inference.refused_rows import require_answered
from common.inference.runner import SavedModelRunner
from common.inference.states import first_states
from common.predicting.predictor import decoded


def written_in(
    blocks: Iterable[np.ndarray], runner: SavedModelRunner, frame: int, settling: int
) -> Iterator[str]:
    """The text of a recording, piece by piece, as soon as it is written.

    Args:
        blocks: waveforms `[any]`, one after another; any cutting gives the same text.
        runner: of a model with the signature `step`.
        frame: samples of a frame.
        settling: samples of silence that follow the end, in which the last words are written.
    """
    states = first_states(runner, "step", but="audio")
    has_text = False
    # So much that the frame in which the recording and the silence end is whole.
    silence = np.zeros(settling + frame - 1, np.float32)
    for audio in whole_frames(chain(blocks, [silence]), frame):
        outputs = require_answered(runner.run("step", audio=audio[None], **states), ["recording"])
        states = {name: outputs[name] for name in states}
        text = decoded(outputs["text"][0])
        # Before the first word there is nothing to keep apart.
        text = text if has_text else text.lstrip()
        if text:
            has_text = True
            yield text
