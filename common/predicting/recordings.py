"""Recordings that a predictor is called with from Python: files, waveforms, and what Hugging Face makes of them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soxr

from common.audio.files import SAMPLE_RATE, decode_audio, to_mono
from common.audio.streams import duration_of, file_blocks
from common.audio.waveforms import EXPECTED, checked_rate, frames_of, waveform_of
from common.errors import UserError
from common.predicting.examples import (
    Column,
    content_of,
    described,
    is_file,
    numbers_of,
    require_several,
    several_of,
)
from common.predicting.input_files import printable
from common.predicting.progress import progress_of

GivenRecording: TypeAlias = Any
"""A path, the bytes of an audio file, an open one, a waveform (see `common.audio.waveforms`), or the `{"array",
"sampling_rate"}` of Hugging Face."""

_ONE_EXPECTED = (
    f"expected a path, an audio file's bytes, an open one, {EXPECTED}, or {{'array', 'sampling_rate'}}"
)
RECORDINGS_EXPECTED = f"{_ONE_EXPECTED}; or a list"


def is_one_recording(recordings: Any) -> bool:
    """Whether it is one recording rather than several."""
    return is_file(recordings) or _is_decoder(recordings) or numbers_of(recordings) is not None


def recordings_of(
    recordings: Any, sample_rate: float = SAMPLE_RATE, column: Column = None
) -> list[np.ndarray]:
    """The waveforms, float32 `[samples]` at 16,000 Hz, of one recording alone or of several.

    Args:
        recordings: one, several, or a table.
        sample_rate: samples per second of what are arrays; files and what Hugging Face gives tell their own.
        column: of a table.

    Raises:
        UserError: naming what is no recording, or cannot be used, and why.
    """
    if column is None and is_one_recording(recordings):
        return [recording_of(recordings, "recording", sample_rate)]
    several = several_of(recordings, column, "recordings", RECORDINGS_EXPECTED)
    return [recording_of(one, name, sample_rate) for name, one in several]


def recording_of(recording: GivenRecording, name: str, sample_rate: float = SAMPLE_RATE) -> np.ndarray:
    """The waveform, float32 `[samples]` at 16,000 Hz, of one recording.

    Raises:
        UserError: naming what is no recording, or cannot be used, and why.
    """
    file = content_of(recording, name, "a recording")
    if file is not None:
        return decode_audio(file[1], file[0])
    samples: Any = recording
    if isinstance(recording, Mapping):
        samples, sample_rate = recording.get("array"), recording.get("sampling_rate", sample_rate)
    elif _is_decoder(recording):
        decoded = recording.get_all_samples()
        samples, sample_rate = decoded.data, decoded.sample_rate
    array = _array_of(samples) if samples is not recording else numbers_of(recording)
    if array is None:
        raise UserError(f"{name}: got {described(recording)}; {RECORDINGS_EXPECTED}")
    return waveform_of(array, name, sample_rate)


def stream_of(
    recording: GivenRecording,
    sample_rate: float = SAMPLE_RATE,
    size: int = 3 * SAMPLE_RATE,
    show_progress: bool | None = None,
) -> Iterator[np.ndarray]:
    """The waveform of a recording in blocks, float32 `[samples]` at 16,000 Hz.

    Of a file little is in memory at a time, unless only all of it can be decoded (M4A, AIFF).

    Args:
        recording: as of `recording_of`, or an iterable of blocks, waveforms of any length, which may never end.
        sample_rate: of a waveform, or of the blocks.
        size: of the blocks of what is one whole.
        show_progress: of how much of a file has been taken; see `common.predicting.progress`.

    Raises:
        UserError: naming what is no recording, or cannot be used, and why.
    """
    if isinstance(recording, str | os.PathLike) and (blocks := _file_blocks(recording, size, show_progress)):
        yield from blocks
        return
    if is_one_recording(recording):
        waveform = recording_of(recording, "recording", sample_rate)
        yield from (waveform[first : first + size] for first in range(0, len(waveform), size))
        return
    require_several(recording, "recording", f"{_ONE_EXPECTED}; or blocks of a waveform")
    rate = checked_rate(sample_rate, "recording")
    resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", "HQ")
    for index, block in enumerate(recording):
        samples = numbers_of(block)
        if samples is None:
            raise UserError(f"block {index}: got {described(block)}; expected {EXPECTED}")
        mono = to_mono(frames_of(samples, f"block {index}"), f"block {index}")
        if len(mono):
            yield np.clip(mono if resampler is None else resampler.resample_chunk(mono), -1, 1)
    if resampler is not None:
        yield np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1)


def _file_blocks(
    file: str | os.PathLike[str], size: int, show_progress: bool | None
) -> Iterator[np.ndarray] | None:
    path = Path(os.path.expanduser(file))
    blocks = file_blocks(path, size / SAMPLE_RATE, str(file))
    if blocks is None:
        return None
    seconds = duration_of(path)
    if not seconds:
        return blocks
    title = printable(path.name)
    return iter(progress_of(blocks, title, seconds, lambda block: len(block) / SAMPLE_RATE, show_progress))


def _is_decoder(recording: Any) -> bool:
    """Whether it is a sound that Hugging Face's data sets decode when it is asked for."""
    return callable(getattr(recording, "get_all_samples", None))


def _array_of(samples: Any) -> np.ndarray | None:
    """The samples in what Hugging Face gives: an array or a list, and its channels come first."""
    try:
        array = numbers_of(np.asarray(samples))
    except (ValueError, TypeError, RuntimeError):
        return None
    is_turned = array is not None and array.ndim == 2 and array.shape[0] < array.shape[1]
    return array.T if array is not None and is_turned else array
