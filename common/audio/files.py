"""Recordings of any format, rate and depth as waveforms: float32 `[samples]`, mono, 16,000 Hz, from -1 to 1."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from common.audio.compressed import compressed_format, decode_compressed
from common.audio.error import AudioError
from common.audio.wav_files import LENGTH_NOT_KNOWN, WavLayout, is_wav, read_wav, write_wav

SAMPLE_RATE = 16_000
_RATES = (1_000, 768_000)
_LOUDEST = 4.0
_PLAIN_STEPS = 2**15
# PCM, ADPCM of Microsoft, float, A-law, mu-law, ADPCM of IMA, GSM 6.10, G.721, MP3, and sub-formats of unknown name.
ENCODINGS_OF_LIBSNDFILE = (1, 2, 3, 6, 7, 0x11, 0x31, 0x40, 0x55, 0xFFFE)


def read_audio(path: Path) -> np.ndarray:
    """The waveform of a file; see `decode_audio`.

    Raises:
        UserError: there is no such file, or what `decode_audio` refuses.
    """
    try:
        content = Path(os.path.expanduser(path)).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(str(path), "unreadable", f"{reason}; expected an audio file") from None
    return decode_audio(content, str(path))


def decode_audio(content: bytes, name: str) -> np.ndarray:
    """The waveform of an audio file's bytes: WAV, FLAC, OGG, MP3 and whatever else libsndfile reads; M4A,
    AAC, WMA, WebM and others where PyAV is installed.

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
    samples, rate = _decoded_wav(content, name) if is_wav(content) else _decoded(content, name)
    return to_waveform(samples, rate, name)


def read_recording(read: Callable[[], bytes], name: str) -> np.ndarray:
    """The waveform of the bytes that a function reads; see `decode_audio`.

    Raises:
        AudioError: they cannot be read, or what `decode_audio` refuses.
    """
    try:
        return decode_audio(read(), name)
    except OSError as error:
        raise AudioError(name, "unreadable", str(error.strerror)) from None


def _decoded_wav(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """A WAV file's samples, float32 `[frames, channels]`, and their rate."""
    file = read_wav(content, name)
    _require_whole(file.promised, file.present, name)
    if file.layout.encoding not in ENCODINGS_OF_LIBSNDFILE:
        return decode_compressed(content, f"WAV of format {file.layout.encoding}", name)
    return decode_samples(file.layout, file.samples, name, file.facts)


def decode_samples(
    layout: WavLayout, samples: bytes, name: str, facts: bytes | None = None
) -> tuple[np.ndarray, int]:
    """The samples of a WAV file, float32 `[frames, channels]`, and their rate.

    Args:
        layout: how they are encoded.
        samples: their bytes, whole frames.
        name: what messages call the file.
        facts: the content of its chunk "fact".

    Raises:
        AudioError: libsndfile does not read the encoding, or the samples.
    """
    if layout.is_plain:
        integers = np.frombuffer(samples, "<i2").reshape(-1, layout.channels)
        return integers / np.float32(_PLAIN_STEPS), layout.rate
    return _read_by_libsndfile(write_wav(layout, samples, facts), name)


def _decoded(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """The samples of a file that is no WAV, float32 `[frames, channels]`, and their rate."""
    _require_whole(*_promised_bytes(content), name)
    kind = compressed_format(content)
    return decode_compressed(content, kind, name) if kind else _read_by_libsndfile(content, name)


def _read_by_libsndfile(content: bytes, name: str) -> tuple[np.ndarray, int]:
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            return file.read(dtype="float32", always_2d=True), file.samplerate
    except soundfile.LibsndfileError:
        raise AudioError(
            name,
            "not audio",
            "not audio, or damaged; expected WAV, FLAC, OGG, MP3 or another of libsndfile or PyAV",
        ) from None


def _require_whole(promised: int, present: int, name: str) -> None:
    if promised > present:
        raise AudioError(
            name,
            "truncated",
            f"truncated: the header promises {promised:,} bytes of samples, {present:,} are there",
        )


def to_waveform(samples: np.ndarray, rate: float, name: str) -> np.ndarray:
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
    require_rate(rate, name)
    mono = to_mono(samples, name)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ")
    if not len(mono):
        raise AudioError(name, "empty", "no samples; expected audio")
    clipped: np.ndarray = np.clip(mono, -1.0, 1.0)
    return clipped


def encode_wav(waveform: np.ndarray) -> bytes:
    """A waveform `[samples]` as a WAV file: PCM of 16 bits, mono, 16,000 Hz; values beyond -1 to 1 are clipped."""
    integers = np.clip(np.rint(np.asarray(waveform, np.float64) * 32768), -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    soundfile.write(buffer, integers, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def require_rate(rate: float, name: str) -> None:
    """Refuses rates at which nothing is recorded.

    Raises:
        AudioError: the rate is absurd.
    """
    lowest, highest = _RATES
    if not lowest <= rate <= highest:
        raise AudioError(
            name, "absurd rate", f"{rate:,} samples per second; expected from {lowest:,} to {highest:,}"
        )


def to_mono(samples: np.ndarray, name: str) -> np.ndarray:
    """The mean of the channels of samples `[frames, channels]`, if all are numbers in range.

    Raises:
        AudioError: samples are NaN, infinite or far out of range.
    """
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
    """How many bytes of samples the header of an AIFF promises, and how many are there; (0, 0) of others.

    libsndfile reads what is there without a word.
    """
    start = 12
    while content[:4] == b"FORM" and start + 8 <= len(content):
        kind, size = struct.unpack_from(">4sI", content, start)
        start += 8
        if kind == b"SSND":
            return (size if size < LENGTH_NOT_KNOWN else 0), len(content) - start
        start += size + size % 2
    return 0, 0
