"""Recordings block by block: long files, and those still being written, such as a microphone's through a pipe."""

import os
import queue
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from common.audio.compressed import compressed_format
from common.audio.error import AudioError
from common.audio.files import (
    ENCODINGS_OF_LIBSNDFILE,
    SAMPLE_RATE,
    decode_samples,
    require_rate,
    to_mono,
)
from common.audio.wav_files import (
    KNOWN_CHUNKS,
    LENGTH_NOT_KNOWN,
    MOST_CHUNKS,
    WavLayout,
    is_chunk_name,
    is_wav,
    read_layout,
    too_many_chunks,
)

_HEADER = 8
_BEGINNING = 12
_COPIED_BYTES = 65_536
_WAITING_BLOCKS = 2

Samples = tuple[np.ndarray, int]


def read_blocks(file: int, seconds: float, name: str) -> Iterator[np.ndarray]:
    """The waveform of an audio file that is still being written, such as a microphone's through a pipe, as it comes.

    Args:
        file: descriptor of a pipe or an open file: WAV, AU or another format that can be read without seeking.
        seconds: length of a block.
        name: what messages call the recording.

    Yields:
        Blocks `[samples]`, which joined are what `decode_audio` gives of the whole file.

    Raises:
        AudioError: it is not audio, or has samples that are NaN, infinite or far out of range.
    """
    resampler = None
    for samples, rate in _blocks(_Source(file), seconds, name):
        require_rate(rate, name)
        resampler = resampler or soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", "HQ")
        yield np.clip(resampler.resample_chunk(to_mono(samples, name)), -1, 1)
    if resampler is not None:
        yield np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1)


def file_blocks(path: Path, seconds: float, name: str) -> Iterator[np.ndarray] | None:
    """The waveform of a file as `read_blocks` gives it, of which little is in memory at a time; None for a file that is
    no whole one, or of a format that can only be decoded as a whole.

    Args:
        path: of the file.
        seconds: length of a block.
        name: what messages call the recording.
    """

    def blocks() -> Iterator[np.ndarray]:
        with path.open("rb") as file:
            yield from read_blocks(file.fileno(), seconds, name)

    return blocks() if _can_be_cut(path, name) else None


def duration_of(path: Path) -> float:
    """Seconds of a file that libsndfile reads, by its header; 0 where that cannot tell."""
    try:
        return float(soundfile.info(str(path)).duration)
    except soundfile.LibsndfileError:
        return 0.0


def _can_be_cut(path: Path, name: str) -> bool:
    try:
        with path.open("rb") as file:
            beginning = file.read(_COPIED_BYTES)
            if is_wav(beginning):
                return _has_whole_samples(file, path.stat().st_size, name)
    except (OSError, ValueError, AudioError):
        return False
    # An AIFF must be whole before it is read, see `decode_audio`.
    return bool(beginning) and beginning[:4] != b"FORM" and not compressed_format(beginning)


def _has_whole_samples(file: BinaryIO, size: int, name: str) -> bool:
    """Whether a WAV has samples in an encoding that libsndfile reads, and as many as it tells."""
    file.seek(0)
    if file.read(_BEGINNING)[:4] != b"RIFF":
        return False
    is_known = False
    for _ in range(MOST_CHUNKS):
        header = file.read(_HEADER)
        if len(header) < _HEADER:
            return False
        kind, length = struct.unpack("<4sI", header)
        if kind == b"data":
            return is_known and 0 < length <= size - file.tell()
        if kind == b"fmt ":
            content = file.read(min(length, size))
            is_known = read_layout(content, name).encoding in ENCODINGS_OF_LIBSNDFILE
        else:
            file.seek(length, os.SEEK_CUR)
        if length % 2:
            return False
    return False


class _Source:
    """Bytes from a descriptor, some of which may be looked at before they are read."""

    def __init__(self, file: int) -> None:
        self.file = file
        self._waiting = b""

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end, which are read again later."""
        while len(self._waiting) < size and (read := os.read(self.file, size - len(self._waiting))):
            self._waiting += read
        return self._waiting[:size]

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        content = self.peek(size)
        self._waiting = self._waiting[size:]
        return content

    def skip(self, size: int) -> None:
        """Passes over `size` bytes."""
        while size and (passed := len(self.read(min(size, _COPIED_BYTES)))):
            size -= passed

    def unread(self) -> bytes:
        """What was looked at and not read."""
        return self._waiting


def _blocks(source: _Source, seconds: float, name: str) -> Iterator[Samples]:
    beginning = source.peek(_BEGINNING)
    if beginning[:4] == b"RIFF" and beginning[8:] == b"WAVE":
        source.skip(_BEGINNING)
        yield from _wav_blocks(source, seconds, name)
    else:
        yield from _in_background(_blocks_of_libsndfile(_descriptor(source), seconds, name))


def _wav_blocks(source: _Source, seconds: float, name: str) -> Iterator[Samples]:
    """The samples of a WAV whose first bytes were read, by the rules of `wav_files`."""
    layout: WavLayout | None = None
    has_samples = False
    for number in count():
        header = source.read(_HEADER)
        if len(header) < _HEADER or (has_samples and not is_chunk_name(header[:4])):
            break
        if number == MOST_CHUNKS:
            raise too_many_chunks(name)
        kind, size = struct.unpack("<4sI", header)
        if kind == b"fmt " and layout is None:
            layout = read_layout(source.read(size), name)
        elif kind != b"data":
            source.skip(size)
        elif layout is None:
            raise AudioError(name, "not audio", "a WAV file without a format before its samples")
        else:
            is_open = size >= LENGTH_NOT_KNOWN or (size == 0 and source.peek(4) not in KNOWN_CHUNKS)
            yield from _samples(source, layout, None if is_open else size, seconds, name)
            has_samples = True
        if size % 2 and source.peek(4) not in KNOWN_CHUNKS:
            source.skip(1)
    if not has_samples:
        raise AudioError(name, "not audio", "not audio, or damaged: a WAV file without samples")


def _samples(
    source: _Source, layout: WavLayout, size: int | None, seconds: float, name: str
) -> Iterator[Samples]:
    """The samples of a data chunk of `size` bytes, or of all that comes."""
    blocks = max(round(seconds * layout.rate / layout.frames_per_block), 1)
    left = size
    while left is None or left > 0:
        wanted = blocks * layout.block if left is None else min(blocks * layout.block, left)
        content = source.read(wanted)
        whole = content[: len(content) // layout.block * layout.block]
        if whole:
            yield decode_samples(layout, whole, name)
        if len(content) < wanted:
            return
        left = None if left is None else left - wanted


class _ReadOnwards(soundfile.SoundFile):
    """A file that is read from its beginning to its end.

    After each block soundfile seeks to where it is, for which an MP3's decoder forgets the samples that the next ones
    overlap with.
    """

    def seekable(self) -> bool:
        """No."""
        return False


def _blocks_of_libsndfile(file: int, seconds: float, name: str) -> Iterator[Samples]:
    try:
        with os.fdopen(file, "rb") as owned, _ReadOnwards(owned.fileno(), closefd=False) as audio:
            frames = max(round(seconds * audio.samplerate), 1)
            while len(samples := audio.read(frames, dtype="float32", always_2d=True)):
                yield samples, audio.samplerate
    except soundfile.LibsndfileError:
        raise AudioError(
            name, "not audio", "not audio, or damaged; expected WAV or another format that can be piped"
        ) from None


def _descriptor(source: _Source) -> int:
    """A new descriptor that gives all of a source's bytes, also those that were looked at."""
    own = os.dup(source.file)
    try:
        os.lseek(own, -len(source.unread()), os.SEEK_CUR)
    except OSError:
        out, into = os.pipe()
        threading.Thread(target=_copy, args=(source.unread(), own, into), daemon=True).start()
        return out
    return own


def _copy(beginning: bytes, file: int, into: int) -> None:
    """Writes the bytes of a beginning and then those of a descriptor into another, and closes both."""
    with suppress(BrokenPipeError), os.fdopen(file, "rb", 0) as rest, os.fdopen(into, "wb", 0) as copied:
        content = beginning
        while content:
            copied.write(content)
            content = rest.read(_COPIED_BYTES)


def _in_background(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The blocks, made by a thread: libsndfile waits for bytes without ever letting Ctrl-C end it."""
    made: queue.Queue[Samples | BaseException | None] = queue.Queue(_WAITING_BLOCKS)

    def make() -> None:
        try:
            for block in blocks:
                made.put(block)
            made.put(None)
        except BaseException as error:
            made.put(error)

    threading.Thread(target=make, daemon=True).start()
    while (block := made.get()) is not None:
        if isinstance(block, BaseException):
            raise block
        yield block
