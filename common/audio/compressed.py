"""Sound that libsndfile does not read, such as M4A, AAC, WMA, WebM and AMR, through PyAV where that is installed.

What a file is, its content tells, not its name.
"""

import io
from types import ModuleType
from typing import Any

import numpy as np

from common.audio.error import AudioError

EXTRA = "compressed_audio"
_INSTALL = f"install the extra: pip install 'recurrent-applications[{EXTRA}]'"

_BEGINNINGS = (
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (4, b"wide", "MP4"),
    (0, bytes.fromhex("1a45dfa3"), "Matroska"),
    (0, bytes.fromhex("3026b2758e66cf11"), "ASF"),
    (0, b"#!AMR-WB\n", "AMR-WB"),
    (0, b"#!AMR\n", "AMR"),
    (0, b"ADIF", "AAC"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV\x01", "FLV"),
    (0, bytes.fromhex("000001ba"), "MPEG video"),
    (0, b".RMF", "RealMedia"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"DSD ", "DSD"),
    (0, bytes.fromhex("0b77"), "AC-3"),
    (28, b"aac ", "CAF"),
    (28, b"opus", "CAF"),
)
_ENCODINGS = {
    "MP4": (
        *((b"mp4a", "AAC"), (b"alac", "ALAC"), (b"Opus", "Opus"), (b"samr", "AMR"), (b"sawb", "AMR-WB")),
        *((b"ac-3", "AC-3"), (b"ec-3", "E-AC-3"), (b"fLaC", "FLAC"), (b".mp3", "MP3"), (b"sowt", "PCM")),
    ),
    "Matroska": (
        *((b"A_OPUS", "Opus"), (b"A_VORBIS", "Vorbis"), (b"A_AAC", "AAC"), (b"A_MPEG/L3", "MP3")),
        *((b"A_FLAC", "FLAC"), (b"A_AC3", "AC-3"), (b"A_PCM", "PCM"), (b"A_ALAC", "ALAC")),
    ),
    "CAF": ((b"aac ", "AAC"), (b"opus", "Opus")),
}
_TRANSPORT_PACKET = 188
# A container's duration may count what the encoder put before and after the sound.
_SECONDS_NOT_HEARD = 0.1
_SHARE_NOT_HEARD = 0.01


def compressed_format(content: bytes) -> str:
    """The name of a file's format, such as "AAC in MP4", if PyAV reads it and libsndfile does not; else ""."""
    content = content[_tag_bytes(content) :]
    container = _container(content)
    if container == "ASF":
        return "Windows Media Audio"
    if container in _ENCODINGS:
        names = _ENCODINGS[container]
        encoding = next((name for mark, name in names if mark in content), "")
        is_web = container == "Matroska" and b"webm" in content[:64]
        shown = "WebM" if is_web else container
        return f"{encoding} in {shown}" if encoding else shown
    return container


def decode_compressed(content: bytes, kind: str, name: str) -> tuple[np.ndarray, int]:
    """The mean of the channels of the first sound in a file, float32 `[frames, 1]`, and its rate.

    Args:
        content: the bytes of the file.
        kind: the name of its format.
        name: what messages call the file.

    Raises:
        AudioError: PyAV is not installed, there is no sound, or it is damaged or truncated.
    """
    av = _library(kind, name)
    try:
        with av.open(io.BytesIO(content), metadata_errors="ignore") as container:
            if not container.streams.audio and container.streams.video:
                raise AudioError(name, "no sound", f"{kind} without sound; expected audio")
            stream = container.streams.audio[0]
            # Known before the decoding, for it is guessed anew as that goes on.
            promised = _seconds(container, stream)
            resampler = av.AudioResampler(format="fltp")
            frames = [frame for decoded in container.decode(stream) for frame in resampler.resample(decoded)]
            frames += resampler.resample(None) if frames else []
            # The number of channels may change within a file.
            blocks = [frame.to_ndarray().mean(axis=0, dtype=np.float32) for frame in frames]
    except (av.FFmpegError, ValueError, IndexError, MemoryError):
        raise AudioError(name, "damaged", f"{kind}, damaged or truncated; expected a whole file") from None
    rate = frames[0].sample_rate if frames else 1
    samples = np.concatenate([np.zeros(0, np.float32), *blocks])
    decoded_seconds = len(samples) / rate
    if decoded_seconds < promised * (1 - _SHARE_NOT_HEARD) - _SECONDS_NOT_HEARD:
        raise AudioError(
            name,
            "truncated",
            f"truncated: the header promises {promised:.1f} seconds, {decoded_seconds:.1f} are there",
        )
    if not len(samples):
        raise AudioError(name, "empty", f"{kind} without samples; expected audio")
    return samples[:, None], rate


def _library(kind: str, name: str) -> ModuleType:
    try:
        import av
    except ImportError:
        raise AudioError(name, f"{kind} (needs the extra {EXTRA})", f"{kind}; {_INSTALL}") from None
    return av


def _seconds(container: Any, stream: Any) -> float:
    """How long the sound is by the file's own word, which may be a guess; 0 if it has none."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    has_video = bool(container.streams.video)
    return 0.0 if has_video or container.duration is None else container.duration / 1e6


def _container(content: bytes) -> str:
    for start, mark, name in _BEGINNINGS:
        if content[start : start + len(mark)] == mark:
            return name
    if content[:4] == b"OggS":
        return (
            "Speex in Ogg"
            if b"Speex   " in content[:64]
            else "Ogg video"
            if b"theora" in content[:64]
            else ""
        )
    if content[:1] == b"G" and content[_TRANSPORT_PACKET : _TRANSPORT_PACKET + 1] == b"G":
        return "MPEG transport stream"
    # The first bits of an ADTS frame are those of an MP3's, but for the layer.
    return "AAC" if len(content) > 1 and content[0] == 0xFF and content[1] & 0xF6 == 0xF0 else ""


def _tag_bytes(content: bytes) -> int:
    """The bytes of an ID3 tag at the beginning."""
    if content[:3] != b"ID3" or len(content) < 10:
        return 0
    size = sum((digit & 0x7F) << (7 * place) for place, digit in enumerate(content[9:5:-1]))
    return 10 + size
