"""Recordings of any format, rate and depth as waveforms: float32 `[samples]`, mono, 16,000 Hz, from -1 to 1."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from common.errors import UserError

SAMPLE_RATE = 16_000
_RATES = (1_000, 768_000)
_LOUDEST = 4.0
# Recorders that write to a pipe cannot know the length; they leave a number near 2^31 or 2^32 in its place.
_LENGTH_NOT_KNOWN = 0x7FFFF000


class AudioError(UserError):
    """Audio that cannot be used; `reason` says why in a word or two, so that such files can be counted."""

    def __init__(self, name: str, reason: str, explanation: str) -> None:
        super().__init__(f"{name}: {explanation}")
        self.reason = reason


def read_audio(path: Path) -> np.ndarray:
    """The waveform of a file; see `decode_audio`.

    Raises:
        UserError: there is no such file, or what `decode_audio` refuses.
    """
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise AudioError(str(path), "unreadable", f"{error.strerror}; expected an audio file") from None
    return decode_audio(content, str(path))


def decode_audio(content: bytes, name: str) -> np.ndarray:
    """The waveform of an audio file's bytes: WAV, FLAC, OGG, MP3 and whatever else libsndfile reads.

    Args:
        content: the bytes of the file.
        name: what messages call the file.

    Returns:
        float32 `[samples]` at 16,000 Hz: channels averaged, resampled with soxr's high quality, clipped to -1 to 1.

    Raises:
        AudioError: it is not audio, has no samples, ends before its header says, or has samples that are NaN, infinite
            or far out of range.
    """
    if not content:
        raise AudioError(name, "empty", "the file is empty; expected audio")
    promised, present = _promised_bytes(content)
    if promised > present:
        raise AudioError(
            name,
            "truncated",
            f"truncated: the header promises {promised:,} bytes of samples, {present:,} are there",
        )
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            return to_waveform(file.read(dtype="float32", always_2d=True), file.samplerate, name)
    except soundfile.LibsndfileError:
        raise AudioError(
            name, "not audio", "not audio, or damaged; expected WAV, FLAC, OGG, MP3 or another of libsndfile"
        ) from None


def to_waveform(samples: np.ndarray, rate: int, name: str) -> np.ndarray:
    """The waveform of samples of any rate and number of channels.

    Args:
        samples: floating point `[frames, channels]`, full scale from -1 to 1.
        rate: frames per second.
        name: what messages call the recording.

    Returns:
        float32 `[samples]` at 16,000 Hz: channels averaged, resampled with soxr's high quality, clipped to -1 to 1.

    Raises:
        AudioError: there are no samples, the rate is absurd, or samples are NaN, infinite or far out of range.
    """
    lowest, highest = _RATES
    if not lowest <= rate <= highest:
        raise AudioError(
            name, "absurd rate", f"{rate:,} samples per second; expected from {lowest:,} to {highest:,}"
        )
    mono = _mono(samples, name)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ")
    if not len(mono):
        raise AudioError(name, "empty", "no samples; expected audio")
    return np.clip(mono, -1.0, 1.0)


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
    try:
        with soundfile.SoundFile(file, closefd=False) as audio:
            resampler = soxr.ResampleStream(audio.samplerate, SAMPLE_RATE, 1, "float32", "HQ")
            frames = max(round(seconds * audio.samplerate), 1)
            while len(samples := audio.read(frames, dtype="float32", always_2d=True)):
                yield np.clip(resampler.resample_chunk(_mono(samples, name)), -1, 1)
            yield np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1)
    except soundfile.LibsndfileError:
        raise AudioError(
            name, "not audio", "not audio, or damaged; expected WAV or another format that can be piped"
        ) from None


def encode_wav(waveform: np.ndarray) -> bytes:
    """A waveform `[samples]` as a WAV file: PCM of 16 bits, mono, 16,000 Hz; values beyond -1 to 1 are clipped."""
    integers = np.clip(np.rint(np.asarray(waveform, np.float64) * 32768), -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    soundfile.write(buffer, integers, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _mono(samples: np.ndarray, name: str) -> np.ndarray:
    """The mean of the channels of samples `[frames, channels]`, if all are numbers in range."""
    if not np.isfinite(samples).all():
        raise AudioError(name, "NaN or infinite samples", "samples that are NaN or infinite")
    loudest = float(np.abs(samples).max(initial=0))
    if loudest > _LOUDEST:
        raise AudioError(
            name,
            "out of range",
            f"samples up to {loudest:,.0f}; expected from -1 to 1 (divide 16-bit samples by 32768)",
        )
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def _promised_bytes(content: bytes) -> tuple[int, int]:
    """How many bytes of samples the header of a WAV or AIFF promises, and how many are there; (0, 0) of others.

    libsndfile reads what is there without a word.
    """
    byte_order = {b"RIFF": "<", b"FORM": ">"}.get(content[:4])
    if byte_order is None:
        return 0, 0
    start = 12
    while start + 8 <= len(content):
        kind, size = struct.unpack_from(f"{byte_order}4sI", content, start)
        start += 8
        if kind in (b"data", b"SSND"):
            return (size if size < _LENGTH_NOT_KNOWN else 0), len(content) - start
        start += size + size % 2
    return 0, 0
