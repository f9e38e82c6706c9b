"""Recordings that a predictor's script is given: files, folders, archives, or standard input."""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np

from common.audio.files import decode_audio
from common.audio.folders import is_recording
from common.predicting.input_files import STANDARD_INPUT, find_files

NO_RECORDINGS = "no recordings; expected audio files, folders of them, or an audio file on standard input"


def recordings_at(argument: str) -> list[tuple[str, Callable[[], np.ndarray]]]:
    """The names of the recordings that an argument stands for, and functions that give the waveform of each.

    Raises:
        UserError: there is none.
    """
    if argument == STANDARD_INPUT:
        return [(argument, lambda: decode_audio(sys.stdin.buffer.read(), "standard input"))]
    files = find_files(argument, is_recording, "a recording", ".wav, .flac, .ogg, .mp3, .m4a or other audio")
    return [(name, partial(_decoded, name, read)) for name, read in files]


def _decoded(name: str, read: Callable[[], bytes]) -> np.ndarray:
    return decode_audio(read(), name)
