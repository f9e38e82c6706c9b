"""Recordings as waveforms, in the graph: WAV files are decoded, and a row that cannot be read gets a line of its own.

What a WAV file is stands in `common/audio/wav_files.py`, whose rules the decoder here keeps to the letter.
"""

from typing import NamedTuple

import tensorflow as tf

from common.audio.wav_files import EXTENSIBLE, EXTENSION, KNOWN_CHUNKS, LENGTH_NOT_KNOWN, MOST_CHUNKS, PCM
from common.row_errors import first_fault, neutral_where

_SAMPLE_RATE = 16_000
_BYTES = 2
_STEPS_PER_UNIT = 2**15
_HEADER = 8
_MOST_CHANNELS = 32
_LOUDEST = 1.5
_FORMATS = {
    1: "PCM",
    2: "Microsoft ADPCM",
    3: "float",
    6: "A-law",
    7: "mu-law",
    17: "IMA ADPCM",
    80: "MPEG",
    85: "MP3",
    0xFFFE: "WAVE_FORMAT_EXTENSIBLE",
}
_OTHER_WAVS = {"RF64": "RF64", "BW64": "BW64", "RIFX": "RIFX, whose numbers are big-endian"}


def decode_wav(
    audio_bytes: tf.Tensor, sample_rate: int = _SAMPLE_RATE
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """WAV files of 16-bit PCM as waveforms.

    Several channels are averaged. Bytes after the samples, and chunks that tell of something else, are passed over.
    Nothing is raised, whatever a row holds: a row that cannot be read has no samples, and a text that says why.

    Args:
        audio_bytes: `[batch]` strings, each a whole WAV file.
        sample_rate: the rate that each must have, in hertz.

    Returns:
        The waveforms `[batch, longest]` in float32, from -1 to 1, followed by zeros; how many samples each has,
        `[batch]` int32; and what keeps it from being read, `[batch]` strings, empty where nothing does.
    """
    content = tf.convert_to_tensor(audio_bytes)
    with tf.name_scope("decode_wav"):
        chunks = _find_chunks(content)
        channels = _number(content, chunks.format_at + 10, 2)
        frame = tf.maximum(_BYTES * channels, 1)[:, None]
        there = tf.clip_by_value(_length(content)[:, None] - chunks.starts, 0, chunks.sizes)
        whole = there // frame * frame
        error = _faults(content, chunks, there, whole, sample_rate)
        # Nothing is made of a refused file's numbers, which may promise more samples than the memory holds.
        is_bad = error != ""
        whole, channels = neutral_where(is_bad, whole), tf.where(is_bad, tf.ones_like(channels), channels)
        lengths = tf.reduce_sum(whole, axis=1) // (_BYTES * channels)
        samples = _joined(content, chunks.starts, whole)
        return _average_channels(samples, lengths, channels), tf.cast(lengths, tf.int32), error


def check_waveform(waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The waveforms `[batch, samples]` whose samples are all numbers from -1 to 1 (or little beyond), zeros in place of
    others; and what is wrong with each of those, `[batch]` strings, empty where nothing is."""
    finite = tf.reduce_all(tf.math.is_finite(waveform), axis=1)
    loudest = tf.reduce_max(tf.abs(waveform), axis=1)
    error = first_fault(
        (~finite, "expected samples from -1 to 1, got NaN or an infinite number"),
        (
            loudest > _LOUDEST,
            tf.strings.join(
                [
                    "expected samples from -1 to 1, got one of magnitude ",
                    tf.strings.as_string(loudest, shortest=True),
                    " (divide 16-bit samples by 32768)",
                ]
            ),
        ),
        (tf.fill(tf.shape(loudest), tf.shape(waveform)[1] == 0), "expected samples, got none"),
    )
    return neutral_where(error != "", waveform), error


class _Chunks(NamedTuple):
    """Where each file's chunks begin, in int64.

    Attributes:
        format_at: the first "fmt ", `[batch]`; 0 where there is none.
        starts: the content of each chunk that was passed, `[batch, chunks]`.
        sizes: bytes that it promises if it is a data chunk, or else 0, `[batch, chunks]`.
        has_data: whether there is a data chunk, `[batch]`.
        has_more: whether there are more chunks than are looked at, `[batch]`.
    """

    format_at: tf.Tensor
    starts: tf.Tensor
    sizes: tf.Tensor
    has_data: tf.Tensor
    has_more: tf.Tensor


class _Headers(NamedTuple):
    """What stands at a place of each row, read as the header of a chunk: `[batch]` each."""

    name: tf.Tensor
    size: tf.Tensor
    is_name: tf.Tensor
    is_known: tf.Tensor
    is_chunk: tf.Tensor


def _find_chunks(content: tf.Tensor) -> _Chunks:
    end = _length(content)
    nowhere, never = tf.zeros_like(end), tf.zeros_like(end, tf.bool)
    none = tf.zeros([tf.shape(end)[0], 0], tf.int64)

    def walk(at: tf.Tensor, chunks: _Chunks) -> tuple[tf.Tensor, _Chunks]:
        header = _headers(_digits(content, at, _HEADER), at, end)
        start = at + _HEADER
        is_data = chunks.has_more & (header.name == _code(b"data"))
        is_format = chunks.has_more & (header.name == _code(b"fmt ")) & (chunks.format_at == 0)
        after = _digits(content, start + header.size, _HEADER + 1)
        unpadded = _headers(after[:, :_HEADER], start + header.size, end)
        padded = _headers(after[:, 1:], start + header.size + 1, end)
        reaches_end = (header.size >= LENGTH_NOT_KNOWN) | ((header.size == 0) & ~unpadded.is_chunk)
        size = tf.where(is_data & reaches_end, end - start, header.size)
        is_odd = (header.size % 2 == 1) & ~(is_data & reaches_end)
        has_padding = is_odd & ~(unpadded.is_known | (unpadded.is_chunk & ~padded.is_chunk))
        has_data = chunks.has_data | is_data
        following = start + size + tf.cast(has_padding, tf.int64)
        is_next = tf.where(has_padding, padded.is_name, unpadded.is_name) | ~has_data
        return following, _Chunks(
            tf.where(is_format, at, chunks.format_at),
            tf.concat([chunks.starts, start[:, None]], axis=1),
            tf.concat([chunks.sizes, tf.where(is_data, size, 0)[:, None]], axis=1),
            has_data,
            chunks.has_more & (following + _HEADER <= end) & is_next,
        )

    beginning = nowhere + 12
    chunks: _Chunks
    _, chunks = tf.while_loop(
        lambda _, chunks: tf.reduce_any(chunks.has_more),
        walk,
        (beginning, _Chunks(nowhere, none, none, never, beginning + _HEADER <= end)),
        shape_invariants=(
            beginning.shape,
            _Chunks(
                end.shape, tf.TensorShape([None, None]), tf.TensorShape([None, None]), end.shape, end.shape
            ),
        ),
        maximum_iterations=MOST_CHUNKS,
    )
    return chunks


def _headers(digits: tf.Tensor, at: tf.Tensor, end: tf.Tensor) -> _Headers:
    """The bytes `[batch, 8]` at a place of each row as the header of a chunk."""
    name, size = _little_endian(digits[:, :4]), _little_endian(digits[:, 4:])
    known = tf.constant([_code(one) for one in KNOWN_CHUNKS], tf.int64)
    has_room = at + _HEADER <= end
    is_name = tf.reduce_all((digits[:, :4] >= 0x20) & (digits[:, :4] <= 0x7E), axis=1)
    is_known = has_room & tf.reduce_any(name[:, None] == known, axis=1)
    return _Headers(name, size, is_name, is_known, is_known | (is_name & (at + _HEADER + size <= end)))


def _faults(
    content: tf.Tensor, chunks: _Chunks, there: tf.Tensor, whole: tf.Tensor, sample_rate: int
) -> tf.Tensor:
    """What keeps each file from being read, `[batch]`; an empty string if nothing does."""
    length, format_at = _length(content), chunks.format_at
    beginning, kind = _text(content, tf.zeros_like(length), 4), _text(content, tf.zeros_like(length) + 8, 4)
    has_format = (format_at > 0) & (_number(content, format_at + 4, 4) >= 16) & (format_at + 24 <= length)
    encoding, channels = _encoding(content, format_at), _number(content, format_at + 10, 2)
    rate, bits = _number(content, format_at + 12, 4), _number(content, format_at + 22, 2)
    encoding_name = tf.strings.join([tf.strings.as_string(bits), "-bit ", _format_name(encoding)])
    promised, present = tf.reduce_sum(chunks.sizes, axis=1), tf.reduce_sum(there, axis=1)
    return first_fault(
        (length == 0, "expected a WAV file, got no bytes"),
        *(
            (
                (beginning == other) & (kind == "WAVE"),
                f"expected a WAV file that begins with RIFF, got {name}",
            )
            for other, name in _OTHER_WAVS.items()
        ),
        (
            (beginning != "RIFF") | (kind != "WAVE"),
            "expected a WAV file (one that begins with RIFF and WAVE), got other bytes",
        ),
        (chunks.has_more, f"expected a WAV file of at most {MOST_CHUNKS} chunks, got more"),
        (~has_format, "expected a WAV file with a format, found none in it"),
        (
            (encoding != PCM) | (bits != 8 * _BYTES),
            tf.strings.join(["expected a WAV file of 16-bit PCM, got ", encoding_name]),
        ),
        (
            rate != sample_rate,
            tf.strings.join([tf.strings.as_string(rate), f" Hz; expected {sample_rate} Hz"]),
        ),
        (
            (channels == 0) | (channels > _MOST_CHANNELS),
            tf.strings.join(
                [
                    f"expected a WAV file of 1 to {_MOST_CHANNELS} channels, got ",
                    tf.strings.as_string(channels),
                ]
            ),
        ),
        (~chunks.has_data, "expected a WAV file with samples, found none in it"),
        (
            promised > present,
            tf.strings.join(
                [
                    "truncated WAV file: its header promises ",
                    tf.strings.as_string(promised),
                    " bytes of samples, it holds ",
                    tf.strings.as_string(present),
                ]
            ),
        ),
        (tf.reduce_sum(whole, axis=1) == 0, "expected a WAV file with samples, got none"),
    )


def _encoding(content: tf.Tensor, format_at: tf.Tensor) -> tf.Tensor:
    """The number of each file's encoding, `[batch]`; of an extensible file the one that its sub-format names."""
    encoding, start = _number(content, format_at + 8, 2), format_at + 8
    is_named = (_number(content, format_at + 4, 4) >= 40) & (
        _text(content, start + 26, len(EXTENSION)) == EXTENSION
    )
    return tf.where((encoding == EXTENSIBLE) & is_named, _number(content, start + 24, 2), encoding)


def _joined(content: tf.Tensor, starts: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """The bytes of all of each file's data chunks, `[batch]`; `starts` and `sizes` are `[batch, chunks]`."""
    is_data = tf.reduce_any(sizes > 0, axis=0)
    starts, sizes = tf.boolean_mask(starts, is_data, axis=1), tf.boolean_mask(sizes, is_data, axis=1)
    length = _length(content)

    def append(chunk: tf.Tensor, joined: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        samples = tf.strings.substr(content, tf.minimum(starts[:, chunk], length), sizes[:, chunk])
        return chunk + 1, tf.strings.join([joined, samples])

    empty = tf.fill(tf.shape(content), "")
    return tf.while_loop(lambda chunk, _: chunk < tf.shape(starts)[1], append, (tf.constant(0), empty))[1]


def _average_channels(samples: tf.Tensor, lengths: tf.Tensor, channels: tf.Tensor) -> tf.Tensor:
    """Interleaved samples as bytes, `[batch]`, to waveforms `[batch, longest]`."""
    most = tf.reduce_max(tf.concat([[1], lengths * channels], axis=0))
    interleaved = tf.io.decode_raw(samples, tf.int16, fixed_length=tf.cast(most * _BYTES, tf.int32))
    time = tf.range(tf.reduce_max(tf.concat([[0], lengths], axis=0)))

    def add(channel: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        places = time * channels[:, None] + channel
        is_sample = (time < lengths[:, None]) & (channel < channels[:, None])
        values = tf.gather(interleaved, tf.where(is_sample, places, 0), batch_dims=1)
        return channel + 1, total + tf.where(is_sample, tf.cast(values, tf.float32), 0.0)

    def mixed() -> tf.Tensor:
        silence = tf.zeros(tf.stack([tf.shape(samples)[0], tf.shape(time)[0]]))
        first = tf.constant(0, tf.int64)
        return tf.while_loop(lambda channel, _: tf.reduce_any(channel < channels), add, (first, silence))[1]

    def alone() -> tf.Tensor:
        return tf.cast(interleaved[:, : tf.shape(time)[0]], tf.float32)

    total = tf.cond(tf.reduce_all(channels == 1), alone, mixed)
    return total / tf.cast(channels * _STEPS_PER_UNIT, tf.float32)[:, None]


def _format_name(encoding: tf.Tensor) -> tf.Tensor:
    name = tf.strings.join(["format ", tf.strings.as_string(encoding)])
    for number, known in _FORMATS.items():
        name = tf.where(encoding == number, known, name)
    return name


def _length(content: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(content), tf.int64)


def _text(content: tf.Tensor, at: tf.Tensor, size: int) -> tf.Tensor:
    """Bytes of each row, `[batch]`, fewer where the row ends."""
    return tf.strings.substr(
        content, tf.minimum(at, _length(content)), tf.fill(tf.shape(at), tf.cast(size, at.dtype))
    )


def _number(content: tf.Tensor, at: tf.Tensor, size: int) -> tf.Tensor:
    """An unsigned little-endian number of `size` bytes in each row: `[batch]` int64."""
    return _little_endian(_digits(content, at, size))


def _digits(content: tf.Tensor, at: tf.Tensor, size: int) -> tf.Tensor:
    """The `size` bytes from a place of each row on, `[batch, size]` uint8; zeros beyond its end."""
    return tf.io.decode_raw(_text(content, at, size), tf.uint8, fixed_length=size)


def _little_endian(digits: tf.Tensor) -> tf.Tensor:
    """The number that the bytes `[batch, size]` make, the lowest first: `[batch]` int64."""
    return tf.reduce_sum(tf.cast(digits, tf.int64) * [256**place for place in range(digits.shape[1])], axis=1)


def _code(name: bytes) -> int:
    return int.from_bytes(name, "little")
