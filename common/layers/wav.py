"""Recordings as waveforms, in the graph: WAV files are decoded, and what cannot be read is refused in one clear line.

Rows are counted from 0 in the lines that name them.
"""

import tensorflow as tf

from common.row_errors import first_fault, refuse_first

_SAMPLE_RATE = 16_000
_BYTES = 2
_STEPS_PER_UNIT = 2**15
_MOST_CHUNKS = 100
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
_PCM = 1


def decode_wav(audio_bytes: tf.Tensor, sample_rate: int = _SAMPLE_RATE) -> tuple[tf.Tensor, tf.Tensor]:
    """WAV files of 16-bit PCM as waveforms.

    Several channels are averaged. Bytes after the samples, and chunks that tell of something else, are passed over.

    Args:
        audio_bytes: `[batch]` strings, each a whole WAV file.
        sample_rate: the rate that each must have, in hertz.

    Returns:
        The waveforms `[batch, longest]` in float32, from -1 to 1, followed by zeros; and how many samples each has,
        `[batch]` int32.

    Raises:
        tf.errors.InvalidArgumentError: the first row that is not such a file, and what is wrong with it.
    """
    content = tf.convert_to_tensor(audio_bytes)
    with tf.name_scope("decode_wav"):
        format_at, data_at = _find_chunks(content)
        channels = _number(content, format_at + 10, 2)
        size = tf.where(data_at > 0, _number(content, data_at + 4, 4), 0)
        frame = _BYTES * channels
        lengths = tf.math.floordiv(size, tf.maximum(frame, 1))
        faults = _faults(content, format_at, data_at, size, lengths, sample_rate)
        # Nothing is made of a refused file's numbers, which may promise more samples than the memory holds.
        with tf.control_dependencies([refuse_first(faults)]):
            samples = tf.strings.substr(content, data_at + 8, lengths * frame)
            lengths, channels = tf.identity(lengths), tf.identity(channels)
        return _average_channels(samples, lengths, channels), tf.cast(lengths, tf.int32)


def check_waveform(waveform: tf.Tensor) -> tf.Tensor:
    """The waveforms `[batch, samples]` as they are, if all samples are numbers from -1 to 1 (or little beyond).

    Raises:
        tf.errors.InvalidArgumentError: the first row that is not such a waveform, and what is wrong with it.
    """
    finite = tf.reduce_all(tf.math.is_finite(waveform), axis=1)
    loudest = tf.reduce_max(tf.abs(waveform), axis=1)
    faults = first_fault(
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
    with tf.control_dependencies([refuse_first(faults)]):
        return tf.identity(waveform)


def _find_chunks(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each file's chunks "fmt " and "data" begin, `[batch]` int64 each; 0 where there is none."""
    end = _length(content)
    nowhere = tf.zeros_like(end)

    def is_inside(at: tf.Tensor, data_at: tf.Tensor) -> tf.Tensor:
        return (data_at == 0) & (at + 8 <= end)

    def walk(at: tf.Tensor, format_at: tf.Tensor, data_at: tf.Tensor) -> tuple[tf.Tensor, ...]:
        inside, name, size = is_inside(at, data_at), _text(content, at, 4), _number(content, at + 4, 4)
        format_at = tf.where(inside & (name == "fmt ") & (format_at == 0), at, format_at)
        data_at = tf.where(inside & (name == "data"), at, data_at)
        # A chunk of an odd size is followed by a byte that belongs to none.
        return tf.where(inside, at + 8 + size + size % 2, at), format_at, data_at

    _, format_at, data_at = tf.while_loop(
        lambda at, _, data_at: tf.reduce_any(is_inside(at, data_at)),
        walk,
        (nowhere + 12, nowhere, nowhere),
        maximum_iterations=_MOST_CHUNKS,
    )
    return format_at, data_at


def _faults(
    content: tf.Tensor,
    format_at: tf.Tensor,
    data_at: tf.Tensor,
    size: tf.Tensor,
    lengths: tf.Tensor,
    sample_rate: int,
) -> tf.Tensor:
    """What keeps each file from being read, `[batch]`; an empty string if nothing does."""
    length = _length(content)
    is_wav = (_text(content, tf.zeros_like(length), 4) == "RIFF") & (
        _text(content, tf.zeros_like(length) + 8, 4) == "WAVE"
    )
    encoding, channels = _number(content, format_at + 8, 2), _number(content, format_at + 10, 2)
    rate, bits = _number(content, format_at + 12, 4), _number(content, format_at + 22, 2)
    found = tf.strings.join([tf.strings.as_string(bits), "-bit ", _format_name(encoding)])
    there = tf.maximum(length - data_at - 8, 0)
    return first_fault(
        (length == 0, "expected a WAV file, got no bytes"),
        (~is_wav, "expected a WAV file (one that begins with RIFF and WAVE), got other bytes"),
        ((format_at == 0) | (format_at + 24 > length), "expected a WAV file with a format, found none in it"),
        (
            (encoding != _PCM) | (bits != 8 * _BYTES),
            tf.strings.join(["expected a WAV file of 16-bit PCM, got ", found]),
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
        (data_at == 0, "expected a WAV file with samples, found none in it"),
        (
            size > there,
            tf.strings.join(
                [
                    "truncated WAV file: its header promises ",
                    tf.strings.as_string(size),
                    " bytes of samples, it holds ",
                    tf.strings.as_string(there),
                ]
            ),
        ),
        (lengths == 0, "expected a WAV file with samples, got none"),
    )


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
    digits = tf.io.decode_raw(_text(content, at, size), tf.uint8, fixed_length=size)
    return tf.reduce_sum(tf.cast(digits, tf.int64) * [256**place for place in range(size)], axis=1)
