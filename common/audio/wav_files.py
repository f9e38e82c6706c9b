"""The chunks of a WAV file, by the rules that the decoder in the graph follows too (`common/audio/wav.py`).

A file is "RIFF", a size, "WAVE" and chunks: four letters, a size, that many bytes, and a zero byte where these are odd.
Programs that write to a pipe, or break off, leave files that keep no such rule; they are read so:

- The size after "RIFF" is not looked at.
- A data chunk whose size cannot be (`LENGTH_NOT_KNOWN` or more), or is 0 and followed by what is no chunk, reaches to
  the end of the file.
- The samples of several data chunks are joined. The last bytes of one, if too few for each channel, are dropped.
- The zero byte after an odd chunk may be missing, where a chunk begins in its place.
- After a data chunk, what is no name of a chunk ends the file.
"""

import struct
from dataclasses import dataclass

from common.audio.error import AudioError

MOST_CHUNKS = 100
LENGTH_NOT_KNOWN = 0x7FFFF000
"""Recorders that write to a pipe cannot know the length; they leave a number near 2^31 or 2^32 in its place."""
KNOWN_CHUNKS = tuple(
    b"fmt |data|fact|LIST|bext|cue |smpl|inst|plst|PEAK|JUNK|junk|PAD |FLLR|id3 |ID3 |iXML|axml|_PMX|cart|chna|acid|"
    b"DISP|ds64".split(b"|")
)
PCM, EXTENSIBLE = 1, 0xFFFE
EXTENSION = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the encoding's number in the sub-format of `EXTENSIBLE`."""

_HEADER = 8
_BEGINNING = 12
_LAYOUT_BYTES = 16
_PLAIN_BITS = 16
# ADPCM of Microsoft and of IMA, GSM 6.10.
_COMPRESSED = (2, 0x11, 0x31)
_BYTE_ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}


@dataclass(frozen=True)
class WavLayout:
    """What the chunk "fmt " tells.

    Attributes:
        encoding: 1 for PCM; of `EXTENSIBLE` files the one that their sub-format names, if it names one.
        channels: how many samples are heard at once.
        rate: samples of each channel per second.
        block: bytes that are decoded together, at least 1: a frame, unless the encoding compresses.
        bits: of a sample.
        content: the chunk's bytes.
        byte_order: of all numbers, as `struct` writes it.
    """

    encoding: int
    channels: int
    rate: int
    block: int
    bits: int
    content: bytes
    byte_order: str

    @property
    def is_plain(self) -> bool:
        """Whether the samples are PCM of 16 bits."""
        return (self.encoding, self.bits, self.byte_order) == (PCM, _PLAIN_BITS, "<")

    @property
    def frames_per_block(self) -> int:
        """How many frames are decoded together."""
        is_compressed = self.encoding in _COMPRESSED and len(self.content) >= 20
        return max(int.from_bytes(self.content[18:20], "little"), 1) if is_compressed else 1


@dataclass(frozen=True)
class WavFile:
    """A WAV file's layout, its samples as bytes, and how many bytes of them its header promises.

    `facts` is the content of the chunk "fact", which some compressed encodings need; None without it.
    """

    layout: WavLayout
    samples: bytes
    promised: int
    present: int
    facts: bytes | None


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    start: int
    size: int


def is_wav(content: bytes) -> bool:
    """Whether a file begins as a WAV does, be it of 64 bits or of the other byte order."""
    return content[:4] in _BYTE_ORDERS and content[8:12] == b"WAVE"


def read_wav(content: bytes, name: str) -> WavFile:
    """The layout and the samples of the WAV file that messages call `name`.

    Raises:
        AudioError: it has no format, no samples or too many chunks.
    """
    byte_order = _BYTE_ORDERS[content[:4]]
    chunks = _chunks(content, byte_order, name)
    first = {chunk.name: content[chunk.start : chunk.start + chunk.size] for chunk in reversed(chunks)}
    layout = read_layout(first.get(b"fmt ", b""), name, byte_order)
    data = [(chunk.start, chunk.size) for chunk in chunks if chunk.name == b"data"]
    if not data:
        raise AudioError(name, "not audio", "not audio, or damaged: a WAV file without samples")
    parts = [content[start : start + size] for start, size in data]
    whole = [part[: len(part) // layout.block * layout.block] for part in parts]
    promised = sum(size for _, size in data)
    return WavFile(layout, b"".join(whole), promised, sum(map(len, parts)), first.get(b"fact"))


def read_layout(content: bytes, name: str, byte_order: str = "<") -> WavLayout:
    """What the content of the chunk "fmt " tells.

    Raises:
        AudioError: it is too short, or there are no channels.
    """
    if len(content) < _LAYOUT_BYTES:
        raise AudioError(name, "not audio", "not audio, or damaged: a WAV file without a format")
    encoding, channels, rate, _, block, bits = struct.unpack_from(f"{byte_order}HHIIHH", content)
    if encoding == EXTENSIBLE and byte_order == "<" and content[26:40] == EXTENSION:
        (encoding,) = struct.unpack_from("<H", content, 24)
    if not channels:
        raise AudioError(name, "no channels", "a WAV file of 0 channels; expected at least 1")
    is_plain = (encoding, bits, byte_order) == (PCM, _PLAIN_BITS, "<")
    # Some programs write the frame of another format; of plain samples it is known.
    block = channels * _PLAIN_BITS // 8 if is_plain else max(block, 1)
    return WavLayout(encoding, channels, rate, block, bits, content, byte_order)


def write_wav(layout: WavLayout, samples: bytes, facts: bytes | None = None) -> bytes:
    """A WAV file of nothing but the format, the facts and the samples, of which there may be too many for a header."""
    chunks = [
        (b"fmt ", layout.content),
        *([(b"fact", facts)] if facts is not None else []),
        (b"data", samples),
    ]

    def size(content: bytes) -> bytes:
        return struct.pack(f"{layout.byte_order}I", min(len(content), 0xFFFFFFFF))

    body = b"".join(name + size(content) + content + bytes(len(content) % 2) for name, content in chunks)
    magic = b"RIFX" if layout.byte_order == ">" else b"RIFF"
    return magic + size(body + b"WAVE") + b"WAVE" + body


def is_chunk_name(name: bytes) -> bool:
    """Whether the four bytes may be a chunk's name: printable ASCII."""
    return all(0x20 <= letter <= 0x7E for letter in name)


def too_many_chunks(name: str) -> AudioError:
    """The error of a file with more chunks than are looked at."""
    return AudioError(
        name, "too many chunks", f"expected a WAV file of at most {MOST_CHUNKS} chunks, got more"
    )


def _chunks(content: bytes, byte_order: str, file_name: str) -> list[_Chunk]:
    """All chunks; the size of one that reaches to the end of the file is what is there."""
    chunks: list[_Chunk] = []
    at, has_data, end = _BEGINNING, False, len(content)
    is_long = content[:4] in (b"RF64", b"BW64")
    while at + _HEADER <= end and not (has_data and not is_chunk_name(content[at : at + 4])):
        if len(chunks) == MOST_CHUNKS:
            raise too_many_chunks(file_name)
        name, size = struct.unpack_from(f"{byte_order}4sI", content, at)
        start = at + _HEADER
        if name == b"data":
            has_data = True
            if is_long and size == 0xFFFFFFFF:
                size = _long_size(content, chunks)
            is_unknown = size >= LENGTH_NOT_KNOWN and not is_long
            if is_unknown or (size == 0 and not _is_chunk(content, start, byte_order)):
                size = end - start
        chunks.append(_Chunk(name, start, size))
        at = start + size
        if size % 2 and not _follows_without_padding(content, at, byte_order):
            at += 1
    return chunks


def _long_size(content: bytes, chunks: list[_Chunk]) -> int:
    """The size of the samples that the chunk "ds64" tells; 0 if there is none, or it tells none."""
    start = next((chunk.start for chunk in chunks if chunk.name == b"ds64" and chunk.size >= 16), None)
    return 0 if start is None else int.from_bytes(content[start + 8 : start + 16], "little")


def _follows_without_padding(content: bytes, at: int, byte_order: str) -> bool:
    is_known = at + _HEADER <= len(content) and content[at : at + 4] in KNOWN_CHUNKS
    return is_known or (_is_chunk(content, at, byte_order) and not _is_chunk(content, at + 1, byte_order))


def _is_chunk(content: bytes, at: int, byte_order: str) -> bool:
    """Whether a chunk seems to begin: one of a known name, or any name of one that fits into the file."""
    if at + _HEADER > len(content):
        return False
    name, size = struct.unpack_from(f"{byte_order}4sI", content, at)
    return name in KNOWN_CHUNKS or (is_chunk_name(name) and at + _HEADER + size <= len(content))
